"""Writes rows of the feed into a real QuestDB as the flow does: status each second, latencies, events."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType

import pandas as pd

from flows.domain.frames import LATENCY_STAGES
from flows.storage.client import Address, connect, sender
from flows.storage.schema import FEED_EVENTS, FEED_LATENCY, FEED_STATUS, table_name

Value = str | int | float | pd.Timestamp | None


@dataclass(frozen=True)
class LegRow:
    """How one leg stands; ages in milliseconds before the status."""

    symbol: str
    state: str = "live"
    since_ms: int = 60_000
    detail: str = ""
    age_ms: int | None = 300
    last_id: int = 2_345_678
    held: int = 0
    filled: int = 0
    missing: int = 0
    lead_ms: int = 12


@dataclass
class FeedWriter:
    """Writes into one dataset."""

    address: Address
    dataset: str
    number: int = field(default=0, init=False)

    def status(self, legs: Sequence[LegRow], before_ms: int = 0) -> None:
        """One status of all legs, as of so long ago."""
        now = pd.Timestamp(time.time_ns() - before_ms * 1_000_000)
        rows: list[dict[str, Value]] = [
            {
                "timestamp": now, "symbol": leg.symbol, "state": leg.state, "since": now - pd.Timedelta(leg.since_ms, "ms"),
                "detail": leg.detail, "last_trade_time": None if leg.age_ms is None else now - pd.Timedelta(leg.age_ms + leg.lead_ms, "ms"),
                "received_at": now, "last_id": leg.last_id, "held": leg.held, "filled": leg.filled, "missing": leg.missing,
                "lead_ms": leg.lead_ms,
            }
            for leg in legs
        ]  # fmt: skip
        self._send(FEED_STATUS.name, rows, ("symbol", "state"))

    def latency(self, p95_ms: Sequence[float] = (40.0, 12.0, 3.4, 5.0, 240.0)) -> None:
        """One row for each stage."""
        now = pd.Timestamp(time.time_ns())
        rows: list[dict[str, Value]] = [
            {"timestamp": now, "stage": stage, "p50_ms": p95 / 2, "p95_ms": p95, "p99_ms": p95 * 2, "max_ms": p95 * 3, "count": 600}
            for stage, p95 in zip(LATENCY_STAGES, p95_ms, strict=True)
        ]  # fmt: skip
        self._send(FEED_LATENCY.name, rows, ("stage",))

    def events(self, *events: tuple[str, str, str, int | None, int | None, int | None]) -> None:
        """Events (kind, symbol, detail, from_id, to_id, count), a second apart, the last of them now."""
        rows: list[dict[str, Value]] = []
        for back, (kind, symbol, detail, from_id, to_id, count) in zip(range(len(events))[::-1], events, strict=True):
            self.number += 1
            rows.append({
                "timestamp": pd.Timestamp(time.time_ns() - back * 1_000_000_000), "number": self.number, "kind": kind, "symbol": symbol,
                "detail": detail, "from_id": from_id, "to_id": to_id, "count": count,
            })  # fmt: skip
        self._send(FEED_EVENTS.name, rows, ("kind", "symbol"))

    def await_events(self, deadline_s: float = 10.0) -> None:
        """Return when SQL sees every event written."""
        until = time.monotonic() + deadline_s
        with connect(self.address) as connection:
            query = f"SELECT count() FROM {table_name(FEED_EVENTS.name, self.dataset)}"  # noqa: S608
            while (found := connection.execute(query).fetchone()[0]) < self.number:
                assert time.monotonic() < until, f"{found} of {self.number} events after {deadline_s} s"
                time.sleep(0.02)

    def _send(self, table: str, rows: list[dict[str, Value]], symbols: Sequence[str]) -> None:
        frame = pd.DataFrame(rows)
        for name in ("last_id", "from_id", "to_id", "count"):
            if name in frame:
                frame[name] = frame[name].astype("Int64")
        frame = frame.dropna(axis="columns", how="all")
        with sender(self.address) as out:
            out.dataframe(frame, table_name=table_name(table, self.dataset), symbols=list(symbols), at="timestamp")
            out.flush()


class FeedPulse:
    """A flow's status each `every_s` seconds while the block lasts; `set` changes how a leg stands from the next one on."""

    def __init__(self, writer: FeedWriter, *legs: LegRow, every_s: float = 0.5) -> None:
        self.writer, self.legs, self.every_s = writer, {leg.symbol: leg for leg in legs}, every_s
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def set(self, symbol: str, **changed: object) -> None:
        """Say something else of a leg."""
        self.legs[symbol] = replace(self.legs[symbol], **changed)  # type: ignore[arg-type]

    def __enter__(self) -> "FeedPulse":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(20)
        assert self._error is None, f"the status could not be written: {self._error}"

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.writer.status(list(self.legs.values()))
                self._stop.wait(self.every_s)
        except Exception as error:  # noqa: BLE001 - told by the test that runs it
            self._error = error

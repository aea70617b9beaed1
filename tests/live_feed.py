"""The live source under test: its settings, and a partition that is polled until something has come."""

import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np
from simulated import RunningExchange, ids_by_symbol

from flows.domain.frames import FeedEvents, FeedStatus, Ticks
from flows.settings import BinanceSettings, load
from flows.sources.binance.board import Board
from flows.sources.binance.partition import PARTITION, BinancePartition, LiveState
from flows.sources.binance.source import BinanceSource, Keeping

SYMBOLS = ("ETHUSDT", "BTCUSDT")
PATIENCE_S = 30.0
_PAUSE_S = 0.002
QUICK = {
    "connect_timeout_s": 5.0, "reconnect_min_s": 0.05, "reconnect_max_s": 0.2, "leg_silent_after_s": 0.6,
    "proof_margin_ms": 100, "reorder_ms": 50, "handover_s": 2.0,
}  # fmt: skip
"""What differs from the defaults, so that tests need not wait."""


def binance(exchange: RunningExchange, **changed: Any) -> BinanceSettings:
    """Settings of a feed from this exchange."""
    urls = {"stream_url": exchange.stream_url, "rest_url": exchange.rest_url}
    return replace(load(None, {}).binance, **{**urls, **QUICK, **changed})


class LiveFeed:
    """A partition while the block lasts, and all that came out of it.

    Attributes:
        ticks, events, statuses: frames in order. items: everything, in order.
    """

    def __init__(
        self, settings: BinanceSettings, resume: LiveState | None = None, capture: Keeping | None = None,
        symbols: tuple[str, ...] = SYMBOLS,
    ) -> None:  # fmt: skip
        self.board = Board()
        source = BinanceSource(symbols, settings, capture, None, self.board)
        assert source.list_parts() == [PARTITION]
        self.partition: BinancePartition = source.build_part("ticks", PARTITION, resume)
        self.items: list[Any] = []
        self.ticks: list[Ticks] = []
        self.events: list[FeedEvents] = []
        self.statuses: list[FeedStatus] = []

    def __enter__(self) -> "LiveFeed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.partition.close()

    def poll(self) -> None:
        """Take what is there."""
        for key, chunk in self.partition.next_batch():
            assert key == PARTITION
            self.items.append(chunk)
            kept: Any = {Ticks: self.ticks, FeedEvents: self.events, FeedStatus: self.statuses}.get(type(chunk.rows))
            if kept is not None and len(chunk.rows):
                kept.append(chunk.rows)

    def until(self, what: Callable[["LiveFeed"], Any], wanted: str = "") -> None:
        """Poll until it is so, within the patience of a test."""
        deadline = time.monotonic() + PATIENCE_S
        while not what(self):
            assert time.monotonic() < deadline, (
                f"waited {PATIENCE_S:g} s for {wanted or what}; {self.kinds()}; {self.board.status()}"
            )
            self.poll()
            time.sleep(_PAUSE_S)

    def until_rows(self, more: int) -> None:
        """Poll until so many more trades have come."""
        enough = self.rows + more
        self.until(lambda feed: feed.rows >= enough, f"{more} trades")

    @property
    def rows(self) -> int:
        """Trades so far."""
        return sum(map(len, self.ticks))

    def kinds(self) -> list[str]:
        """Kinds of the events so far, in order."""
        return [kind for events in self.events for kind in events.kind]

    def told(self, kind: str) -> list[tuple[int, str, str]]:
        """Time, symbol and detail of the events of a kind."""
        return [
            (at, symbol, detail)
            for events in self.events
            for at, each, symbol, detail in zip(
                events.time.tolist(), events.kind, events.symbol, events.detail, strict=True
            )
            if each == kind
        ]

    def state(self, symbol: str) -> str:
        """Of a leg, now."""
        return str(next(leg["state"] for leg in self.board.status()["legs"] if leg["symbol"] == symbol))

    def column(self, name: str = "trade_id") -> dict[str, list[int]]:
        """A column of all trades by symbol, in order."""
        symbols = [each.symbol for each in self.ticks[-1].instruments]
        joined = (np.concatenate([getattr(ticks, each) for ticks in self.ticks]).tolist() for each in ("symbol", name))
        return ids_by_symbol(symbols, *joined)

    def assert_whole(self) -> None:
        """Every id once, in order, none missing, and only the first row of each leg marked."""
        for symbol, ids in self.column().items():
            assert ids == list(range(ids[0], ids[0] + len(ids))), f"{symbol}: in order, once, none missing"
        for symbol, gaps in self.column("gap").items():
            assert gaps == [True] + [False] * (len(gaps) - 1), f"{symbol}: nothing but the beginning is a gap"

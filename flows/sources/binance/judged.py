"""From judged rows to frames: what one call of the feed gives out."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from flows.domain.chunk import BEGINNING, Chunk
from flows.domain.frames import BUY, SELL, FeedEvents, Rejects, Ticks
from flows.domain.instrument import Instrument
from flows.domain.scale import UNKNOWN
from flows.sources.binance import clockwork as step
from flows.sources.binance.columns import (
    EVENT,
    FIRST,
    ID,
    LAST,
    MAKER,
    NOT_GIVEN,
    PRICE,
    PRICE_DECIMALS,
    RECEIVED,
    SIZE,
    SIZE_DECIMALS,
    START,
    SYMBOL,
    TIME,
)
from flows.sources.binance.messages import Parsed
from flows.sources.binance.records import Event
from flows.sources.scan import POW10
from flows.sources.symbols import SymbolTable

I64 = NDArray[np.int64]
Verdicts = NDArray[np.int8]
Value = TypeVar("Value", bound=np.generic)

_REASONS = {
    step.AHEAD: "a time too far ahead of the receive time; is the clock of this machine right?",
    step.WRONG_KIND: "expected one kind of stream only: aggregate trades and trades have different ids",
    step.TOO_LARGE: "price or size, or their product, is too large to be summed exactly",
}
_TEXT = 200
_SHOWN = {"a": ID, "T": TIME, "p": PRICE, "decimals": PRICE_DECIMALS, "q": SIZE, "decimals of q": SIZE_DECIMALS}

STREAM, REST = "binance", "rest"
"""Sources of rejects: the line of one is the number of the message or of the answer since the feed began."""


class Judged:
    """Rows, rejects and events in the order in which they came to be.

    Args:
        gaps: whether the ticks tell gaps.
    """

    def __init__(self, gaps: bool) -> None:
        self._gaps = gaps
        self._parts: list[tuple[I64, Verdicts, NDArray[np.bool_]]] = []
        self._rejects: list[tuple[str, int, int, str, str]] = []
        self.events: list[Event] = []
        self.counts = np.zeros(step.VERDICTS, np.int64)

    def add(self, rows: I64, verdicts: Verdicts, gaps: NDArray[np.bool_]) -> None:
        """Rows with what became of them."""
        self.counts += np.bincount(verdicts, minlength=step.VERDICTS)
        self._parts.append((rows, verdicts, gaps))

    def reject_lines(self, parsed: Parsed, start: int, verdicts: Verdicts, filed: I64, source: str, first: int) -> None:
        """Lines of `parsed` from `start` on that are no trades; `first` is the number of its first line."""
        for i in np.flatnonzero(verdicts >= step.FIRST_REJECT).tolist():
            row = start + i
            reason = _REASONS.get(int(verdicts[i])) or parsed.reasons[row]
            self.reject(source, first + row, int(filed[i]), reason, parsed.line(row))

    def reject_rows(self, rows: I64, verdicts: Verdicts, filed: I64) -> None:
        """Rows that are no trades, of which no line is left: they waited, or came from REST. Their START is their number."""
        for i in np.flatnonzero(verdicts >= step.FIRST_REJECT).tolist():
            self.reject_row(rows[i], int(filed[i]), _REASONS[int(verdicts[i])])

    def reject_row(self, row: I64, filed: int, reason: str) -> None:
        """One row of which no line is left."""
        source = REST if row[EVENT] == NOT_GIVEN else STREAM
        text = ", ".join(f"{name} {row[column]}" for name, column in _SHOWN.items())
        self.reject(source, int(row[START]), filed, reason, text)

    def reject(self, source: str, line: int, time: int, reason: str, text: str) -> None:
        """One line, row or answer that could not be read."""
        self._rejects.append((source, line, time, reason, text[:_TEXT]))

    def ticks(self, symbols: SymbolTable, aggregates: bool) -> Ticks | None:
        """The trades among the rows, at the scales of the table; None where there are none."""
        kept = [(part, part[1] <= step.LATE) for part in self._parts]
        kept = [(part, mask) for part, mask in kept if mask.any()]
        if not kept:
            return None
        rows = _joined([part[0][mask] for part, mask in kept])
        verdicts = _joined([part[1][mask] for part, mask in kept])
        gaps = _joined([part[2][mask] for part, mask in kept])
        symbol, event = rows[:, SYMBOL], rows[:, EVENT]
        price_decimals, size_decimals = symbols.price_decimals[symbol], symbols.size_decimals[symbol]
        return Ticks(
            instruments=symbols.instruments,
            symbol=symbol.astype(np.int32),
            time=rows[:, TIME] * 1000,
            trade_id=rows[:, ID].copy(),
            price=rows[:, PRICE] * POW10[price_decimals - rows[:, PRICE_DECIMALS]],
            size=rows[:, SIZE] * POW10[size_decimals - rows[:, SIZE_DECIMALS]],
            side=np.where(rows[:, MAKER] == 1, SELL, BUY),
            late=verdicts == step.LATE,
            first_id=rows[:, FIRST].copy() if aggregates else None,
            last_id=rows[:, LAST].copy() if aggregates else None,
            event_time=np.where(event == NOT_GIVEN, UNKNOWN, event * 1000) if self._gaps else event * 1000,
            received=rows[:, RECEIVED].copy(),
            gap=gaps if self._gaps else None,
        )

    def no_ticks(self, instruments: tuple[Instrument, ...], aggregates: bool) -> Ticks:
        """The rows of a heartbeat."""
        none = np.zeros(0, np.int64)
        ids, no = none if aggregates else None, none.astype(np.bool_)
        return Ticks(
            instruments, none.astype(np.int32), none, none, none, none, none.astype(np.int8), no, ids, ids, none, none,
            gap=no if self._gaps else None,
        )  # fmt: skip

    def rejects(self) -> list[Chunk[Rejects]]:
        """One chunk, or none."""
        if not self._rejects:
            return []
        source, line, time, reason, text = zip(*self._rejects, strict=True)
        at, filed = np.array(line, np.int64), np.array(time, np.int64)
        frame = Rejects(_texts(source), at, filed, _texts(reason), _texts(text))
        return [Chunk(np.array([BEGINNING]), frame)]

    def feed_events(self, number: int) -> list[Chunk[FeedEvents]]:
        """One chunk, or none; `number` is the first event's."""
        if not self.events:
            return []
        ids = np.array([(e.received_us, e.from_id, e.to_id, e.count) for e in self.events], np.int64)
        ids[:, 1:][ids[:, 1:] < 0] = UNKNOWN
        kind, symbol, detail = (
            _texts([getattr(e, name) for e in self.events]) for name in ("kind", "symbol", "detail")
        )
        numbers = np.arange(number, number + len(ids), dtype=np.int64)
        columns = (np.ascontiguousarray(ids[:, c]) for c in range(1, 4))
        frame = FeedEvents(np.ascontiguousarray(ids[:, 0]), numbers, kind, symbol, detail, *columns)
        return [Chunk(np.array([BEGINNING]), frame)]


def blank(count: int) -> tuple[NDArray[np.int8], I64, NDArray[np.bool_]]:
    """Verdicts, filing times and gap flags to be filled."""
    return np.zeros(count, np.int8), np.zeros(count, np.int64), np.zeros(count, np.bool_)


def _joined(arrays: list[NDArray[Value]]) -> NDArray[Value]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _texts(values: Sequence[str]) -> NDArray[np.object_]:
    out = np.empty(len(values), np.object_)
    out[:] = values
    return out

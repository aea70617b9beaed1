"""From the bars of all symbols of a source partition to the legs of each pair."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import F64, I64, Bars, Bools
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN, to_float_by_symbol


@dataclass(frozen=True, slots=True)
class LegBars:
    """Bars of one symbol as one leg of a pair needs them.

    Attributes:
        open_time: increasing, shape (rows,).
        close: as correctly rounded float.
        age_ms: from the last trade to the end of the bar; of a forming bar, to the newest watermark where that is before its end.
        gap: trades are missing from the bar.
        closed_until: microseconds; no bar that ends at or before it follows.
        complete: False for forming bars, which say nothing about what is closed.
    """

    open_time: I64
    close: F64
    age_ms: I64
    trade_count: I64
    gap: Bools
    closed_until: int
    complete: bool = True

    def __len__(self) -> int:
        return len(self.open_time)

    def take(self, rows: slice | I64 | Bools) -> "LegBars":
        """Some of the rows."""
        columns = (self.open_time[rows], self.close[rows], self.age_ms[rows], self.trade_count[rows], self.gap[rows])
        return LegBars(*columns, self.closed_until, self.complete)

    def followed_by(self, other: "LegBars") -> "LegBars":
        """Rows of both in order."""
        if not len(self):
            return other
        return LegBars(
            np.concatenate((self.open_time, other.open_time)),
            np.concatenate((self.close, other.close)),
            np.concatenate((self.age_ms, other.age_ms)),
            np.concatenate((self.trade_count, other.trade_count)),
            np.concatenate((self.gap, other.gap)),
            other.closed_until,
            other.complete,
        )


_NONE = np.empty(0, np.int64)
NO_BARS = LegBars(_NONE, np.empty(0), _NONE, _NONE, np.empty(0, np.bool_), 0)


@dataclass(frozen=True, slots=True)
class PairLegs:
    """What one chunk holds for a pair: bars of either leg, or None where it says nothing new about it."""

    pair: Pair
    interval: Interval
    y: LegBars | None
    x: LegBars | None

    @property
    def complete(self) -> bool:
        """False for forming bars."""
        return all(leg.complete for leg in (self.y, self.x) if leg is not None)


ClosedSlots: TypeAlias = dict[tuple[Interval, str], int]


class LegSplitter:
    """Hands each pair the bars of its legs.

    The rows are grouped once per chunk, so the cost grows with rows + pairs and not with their product. A leg without new rows is
    passed on only when its watermark has closed another bar interval; what was last passed on is the state.
    """

    def __init__(
        self, pairs: tuple[Pair, ...], intervals: tuple[Interval, ...], state: ClosedSlots | None = None
    ) -> None:
        self._intervals = frozenset(intervals)
        self._closed: ClosedSlots = dict(state or {})
        self._pairs_of: dict[str, list[Pair]] = {}
        for pair in pairs:
            self._pairs_of.setdefault(pair.y, []).append(pair)
            self._pairs_of.setdefault(pair.x, []).append(pair)

    def state(self) -> ClosedSlots:
        """A picklable snapshot."""
        return dict(self._closed)

    def split(self, chunk: Chunk[Bars]) -> list[PairLegs]:
        """The legs of every pair that this chunk says something new about, in the order of its symbols."""
        if chunk.rows.interval not in self._intervals:
            return []
        legs = self._legs(chunk)
        pairs = dict.fromkeys(pair for symbol in legs for pair in self._pairs_of[symbol])
        return [PairLegs(pair, chunk.rows.interval, legs.get(pair.y), legs.get(pair.x)) for pair in pairs]

    def _legs(self, chunk: Chunk[Bars]) -> dict[str, LegBars]:
        bars = chunk.rows
        complete = not len(bars) or bool(bars.complete[0])
        if len(bars) and np.any(bars.complete != complete):
            raise ValueError(f"{bars.interval} bars: closed and forming bars in one chunk")
        bars = _grouped(bars)
        closes = to_float_by_symbol(
            bars.close, bars.symbol, [instrument.price_decimals for instrument in bars.instruments]
        )
        ages = _ages_ms(bars, chunk.watermark, complete)
        ends = np.cumsum(np.bincount(bars.symbol, minlength=len(bars.instruments))).tolist()
        closed_until = (chunk.watermark - chunk.watermark % bars.interval.us).tolist()
        legs: dict[str, LegBars] = {}
        for s, instrument in enumerate(bars.instruments):
            if instrument.symbol not in self._pairs_of:
                continue
            slot = (bars.interval, instrument.symbol)
            start, end = ends[s - 1] if s else 0, ends[s]
            news = complete and closed_until[s] > self._closed.get(slot, 0)
            if start < end or news:
                rows = slice(start, end)
                columns = (bars.open_time[rows], closes[rows], ages[rows], bars.trade_count[rows], bars.gap[rows])
                legs[instrument.symbol] = LegBars(*columns, closed_until[s], complete)
            if news:
                self._closed[slot] = closed_until[s]
        return legs


def _grouped(bars: Bars) -> Bars:
    """The rows in order of their symbol, each symbol's in the order they had."""
    if np.any(bars.symbol[1:] < bars.symbol[:-1]):
        return bars.take(np.argsort(bars.symbol, kind="stable"))
    return bars


def _ages_ms(bars: Bars, watermark: I64, complete: bool) -> I64:
    as_of = bars.open_time + bars.interval.us
    if not complete:
        # A forming 5m bar ends minutes from now: its last trade is as old as the time that has come, for a leg that is held back too.
        as_of = np.maximum(np.minimum(as_of, watermark.max(initial=0)), bars.last_trade_time)
    return np.where(bars.last_trade_time == UNKNOWN, UNKNOWN, (as_of - bars.last_trade_time) // 1_000)

"""The legs of the pairs of a group joined by open time."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import I64, PairBars
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.join.kernels import X, Y, first_out_of_order, gather, match, settle, waiting
from flows.join.legs import LegBars, no_bars

_COLUMNS = ("open_time", "close", "vwap", "age_ms", "trade_count", "gap")


@dataclass(frozen=True, slots=True)
class Dropped:
    """Closed bars of each leg that came to no pair bar, row y and row x, shape (2, pairs).

    Attributes:
        alone: the other leg has no bar at that time.
        overflow: the other leg kept them waiting beyond the limit.
    """

    alone: I64
    overflow: I64


@dataclass(frozen=True, slots=True)
class AlignerState:
    """What a restart needs.

    Attributes:
        waiting: bars that a pair still waits to join, of all symbols of the group, and up to when each symbol is closed.
        lowest: open times below it are done with, for y and x of each pair, shape (2, pairs).
    """

    waiting: LegBars
    lowest: I64
    dropped: Dropped


class Aligner:
    """Joins the legs of many pairs, which arrive in any pieces.

    A pair bar is out as soon as both its bars are in, and in time order, since each leg comes in time order. A bar whose partner cannot
    come any more is dropped and counted. A symbol's bars are kept once, for as long as any of its pairs needs them.

    Args:
        pending_limit: bars that one leg may wait for the other; beyond it the oldest are dropped and counted.
    """

    def __init__(
        self, pairs: tuple[Pair, ...], interval: Interval, pending_limit: int, state: AlignerState | None = None
    ) -> None:
        self._pairs, self._interval, self._limit = pairs, interval, pending_limit
        self._symbols = tuple(dict.fromkeys(symbol for pair in pairs for symbol in (pair.y, pair.x)))
        place = {symbol: s for s, symbol in enumerate(self._symbols)}
        self._legs = np.array([[place[pair.y] for pair in pairs], [place[pair.x] for pair in pairs]], np.int64)
        self._state = state or AlignerState(
            no_bars(self._symbols),
            np.zeros_like(self._legs),
            Dropped(np.zeros_like(self._legs), np.zeros_like(self._legs)),
        )
        self._forming = no_bars(self._symbols)  # the newest of each symbol, as symbols may come from two partitions

    @property
    def dropped(self) -> Dropped:
        """Counts since the beginning of the stream."""
        return self._state.dropped

    @property
    def watermark(self) -> I64:
        """Microseconds, shape (pairs,): no bar of the pair that ends at or before it follows."""
        return self._decided(self._state.waiting)

    def state(self) -> AlignerState:
        """A picklable snapshot; forming bars are no part of it."""
        return self._state

    def add(self, legs: LegBars) -> Chunk[PairBars]:
        """The pair bars that these closed bars make possible.

        Raises:
            ValueError: a symbol's bars do not follow those it had before.
        """
        bars = self._followed(self._state.waiting, legs)
        lowest, before = self._state.lowest.copy(), self._state.dropped
        pair, y, x = self._matches(bars, lowest)
        decided = self._decided(bars)
        dropped = Dropped(before.alone.copy(), before.overflow.copy())
        needed = np.empty(len(self._symbols), np.int64)
        matched = np.bincount(pair, minlength=len(self._pairs))
        settle(
            bars.open_time, bars.start, self._legs, lowest, decided, self._limit, matched, dropped.alone,
            dropped.overflow, needed,
        )  # fmt: skip
        self._state = AlignerState(_kept(bars, needed), lowest, dropped)
        return Chunk(decided, self._frame(bars, pair, y, x, complete=True))

    def provisional(self, legs: LegBars) -> PairBars:
        """Pair bars with at least one forming bar in them; what waits is not changed."""
        waits = self._state.waiting
        old = self._forming
        begin, end = self._places(legs)
        heard = np.isin(self._symbols, legs.symbols)
        self._forming = _joined(old, np.where(heard, old.start[1:], old.start[:-1]), old.start[1:], legs, begin, end)
        # of those that are still forming
        forming = _kept(self._forming, waits.closed_until)
        bars = _joined(waits, waits.start[:-1], waits.start[1:], forming, forming.start[:-1], forming.start[1:])
        return self._frame(bars, *self._matches(bars, self._state.lowest), complete=False)

    def _places(self, legs: LegBars) -> tuple[I64, I64]:
        """First row and row after the last of each symbol of the group in `legs`."""
        place = {symbol: s for s, symbol in enumerate(legs.symbols)}
        at = np.array([place.get(symbol, -1) for symbol in self._symbols], np.int64)
        begin = np.where(at < 0, 0, legs.start[at])
        return begin, np.where(at < 0, 0, legs.start[at + 1])

    def _followed(self, waits: LegBars, legs: LegBars) -> LegBars:
        """What waits and the new bars, closed until whatever is later: their end or the watermark."""
        begin, end = self._places(legs)
        wrong = first_out_of_order(legs.open_time, begin, end, waits.closed_until)
        if wrong >= 0:
            raise ValueError(
                f"{self._interval} bars of {self._symbols[wrong]} out of order at open time {legs.open_time[begin[wrong]]}, "
                f"expected {waits.closed_until[wrong]} or later"
            )
        closed_until = waits.closed_until.copy()
        place = {symbol: s for s, symbol in enumerate(self._symbols)}
        for symbol, until in zip(legs.symbols, legs.closed_until.tolist(), strict=True):
            if symbol in place:
                closed_until[place[symbol]] = max(closed_until[place[symbol]], until)
        some = end > begin
        ends = legs.open_time[end[some] - 1] + self._interval.us
        closed_until[some] = np.maximum(closed_until[some], ends)
        bars = _joined(waits, waits.start[:-1], waits.start[1:], legs, begin, end)
        return replace(bars, closed_until=closed_until)

    def _decided(self, bars: LegBars) -> I64:
        """Until when both legs are closed, shape (pairs,)."""
        decided: I64 = bars.closed_until[self._legs].min(axis=0)
        return decided

    def _matches(self, bars: LegBars, lowest: I64) -> tuple[I64, I64, I64]:
        lengths = np.diff(bars.start)
        most = int(np.minimum(lengths[self._legs[Y]], lengths[self._legs[X]]).sum())
        pair, y, x = np.empty((3, most), np.int64)
        count = match(bars.open_time, bars.start, self._legs, lowest, pair, y, x)
        return pair[:count], y[:count], x[:count]

    def _frame(self, bars: LegBars, pair: I64, y: I64, x: I64, *, complete: bool) -> PairBars:
        return PairBars(
            pairs=self._pairs,
            pair=pair.astype(np.int32),
            interval=self._interval,
            open_time=bars.open_time[y],
            y_close=bars.close[y],
            x_close=bars.close[x],
            y_vwap=bars.vwap[y],
            x_vwap=bars.vwap[x],
            y_age_ms=bars.age_ms[y],
            x_age_ms=bars.age_ms[x],
            y_trade_count=bars.trade_count[y],
            x_trade_count=bars.trade_count[x],
            complete=np.full(len(y), complete),
            gap=(bars.gap[y] + 2 * bars.gap[x]).astype(np.int8),
        )


def _joined(old: LegBars, old_begin: I64, old_end: I64, new: LegBars, new_begin: I64, new_end: I64) -> LegBars:
    """Some rows of each symbol of `old` followed by some of `new`; all else is of `old`."""
    rows = int((old_end - old_begin).sum() + (new_end - new_begin).sum())
    order, start = np.empty(rows, np.int64), np.empty(len(old.symbols) + 1, np.int64)
    behind = len(old)
    gather(old_begin, old_end, new_begin + behind, new_end + behind, order, start)
    columns: dict[str, Any] = {}
    for name in _COLUMNS:
        column = getattr(new, name)
        columns[name] = (np.concatenate((getattr(old, name), column)) if behind else column)[order]
    return replace(old, start=start, **columns)


def _kept(bars: LegBars, needed: I64) -> LegBars:
    """The rows of each symbol from an open time on, copied so that they do not keep a whole chunk in memory."""
    keep, start = np.empty(len(bars), np.bool_), np.empty_like(bars.start)
    waiting(bars.open_time, bars.start, needed, keep, start)
    columns: dict[str, Any] = {name: getattr(bars, name)[keep] for name in _COLUMNS}
    return replace(bars, start=start, **columns)

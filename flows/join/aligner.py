"""The two legs of a pair joined by open time."""

from dataclasses import dataclass, field, replace

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import I64, PairBars
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.join.legs import NO_BARS, LegBars, PairLegs


@dataclass(frozen=True, slots=True)
class Dropped:
    """Closed bars of each leg that came to no pair bar.

    Attributes:
        y_alone, x_alone: the other leg has no bar at that time.
        y_overflow, x_overflow: the other leg kept them waiting beyond the limit.
    """

    y_alone: int = 0
    x_alone: int = 0
    y_overflow: int = 0
    x_overflow: int = 0


@dataclass(frozen=True, slots=True)
class AlignerState:
    """What a restart needs: the bars that wait for the other leg, up to when each leg is closed, and the counts."""

    y: LegBars = NO_BARS
    x: LegBars = NO_BARS
    dropped: Dropped = field(default_factory=Dropped)


class Aligner:
    """Joins two legs that arrive in any pieces.

    A pair bar is out as soon as both its bars are in, and in time order, since each leg comes in time order. A bar whose partner cannot
    come any more is dropped and counted.

    Args:
        pending_limit: bars that one leg may wait for the other; beyond it the oldest are dropped and counted.
    """

    def __init__(self, pair: Pair, interval: Interval, pending_limit: int, state: AlignerState | None = None) -> None:
        self._pair, self._interval, self._limit = pair, interval, pending_limit
        self._state = state or AlignerState()
        self._forming = (NO_BARS, NO_BARS)  # the newest of each leg, as the legs may come from two partitions

    @property
    def dropped(self) -> Dropped:
        """Counts since the beginning of the stream."""
        return self._state.dropped

    @property
    def watermark(self) -> I64:
        """Microseconds, shape (1,): no pair bar that ends at or before it follows."""
        return np.array([min(self._state.y.closed_until, self._state.x.closed_until)], np.int64)

    def state(self) -> AlignerState:
        """A picklable snapshot; forming bars are no part of it."""
        return self._state

    def add(self, legs: PairLegs) -> Chunk[PairBars]:
        """The pair bars that these closed bars make possible.

        Raises:
            ValueError: a leg's bars do not follow those it had before.
        """
        y = self._extended(self._state.y, legs.y, self._pair.y)
        x = self._extended(self._state.x, legs.x, self._pair.x)
        decided = min(y.closed_until, x.closed_until)
        rows_y, rows_x = _matches(y.open_time, x.open_time)
        paired = self._frame(y.take(rows_y), x.take(rows_x), complete=True)
        old_y, old_x = int(np.searchsorted(y.open_time, decided)), int(np.searchsorted(x.open_time, decided))
        over_y, over_x = (max(len(leg) - old - self._limit, 0) for leg, old in ((y, old_y), (x, old_x)))
        before = self._state.dropped
        dropped = Dropped(
            before.y_alone + old_y - len(paired),
            before.x_alone + old_x - len(paired),
            before.y_overflow + over_y,
            before.x_overflow + over_x,
        )
        self._state = AlignerState(_kept(y, old_y + over_y), _kept(x, old_x + over_x), dropped)
        return Chunk(self.watermark, paired)

    def provisional(self, legs: PairLegs) -> PairBars:
        """Pair bars with at least one forming bar in them; what waits is not changed."""
        y, x = self._forming
        self._forming = (y if legs.y is None else legs.y, x if legs.x is None else legs.x)
        y = self._state.y.followed_by(_open(self._forming[0], self._state.y.closed_until))
        x = self._state.x.followed_by(_open(self._forming[1], self._state.x.closed_until))
        rows_y, rows_x = _matches(y.open_time, x.open_time)
        return self._frame(y.take(rows_y), x.take(rows_x), complete=False)

    def _extended(self, waiting: LegBars, new: LegBars | None, symbol: str) -> LegBars:
        """The waiting bars and the new ones, closed until whatever is later: their end or the watermark."""
        if new is None:
            return waiting
        closed_until = max(waiting.closed_until, new.closed_until)
        if len(new):
            if new.open_time[0] < waiting.closed_until or np.any(new.open_time[1:] <= new.open_time[:-1]):
                raise ValueError(
                    f"{self._pair} {self._interval}: bars of {symbol} out of order at open time {new.open_time[0]}, "
                    f"expected {waiting.closed_until} or later"
                )
            closed_until = max(closed_until, int(new.open_time[-1]) + self._interval.us)
        return replace(waiting.followed_by(new), closed_until=closed_until)

    def _frame(self, y: LegBars, x: LegBars, *, complete: bool) -> PairBars:
        return PairBars(
            pair=self._pair,
            interval=self._interval,
            open_time=y.open_time,
            y_close=y.close,
            x_close=x.close,
            y_age_ms=y.age_ms,
            x_age_ms=x.age_ms,
            y_trade_count=y.trade_count,
            x_trade_count=x.trade_count,
            complete=np.full(len(y), complete),
            gap=(y.gap + 2 * x.gap).astype(np.int8),
        )


def _matches(y: I64, x: I64) -> tuple[I64 | slice, I64 | slice]:
    """Rows of equal times in two increasing arrays."""
    if np.array_equal(y, x):
        return slice(None), slice(None)
    if not len(y) or not len(x):
        return slice(0), slice(0)
    at = np.searchsorted(x, y)
    rows = np.flatnonzero(x[np.minimum(at, len(x) - 1)] == y)
    return rows, at[rows]


def _kept(bars: LegBars, rows: int) -> LegBars:
    """What still waits, copied so that it does not keep the whole chunk in memory."""
    if rows >= len(bars):
        return replace(NO_BARS, closed_until=bars.closed_until)
    return bars.take(np.arange(rows, len(bars)))


def _open(forming: LegBars, closed_until: int) -> LegBars:
    """Those of the forming bars that have not been closed since."""
    return forming.take(forming.open_time >= closed_until)

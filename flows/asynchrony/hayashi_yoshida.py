"""Hayashi-Yoshida covariance of two legs, as sums of one second each.

    cov = Σ_ij Δx_i·Δy_j over all increments whose intervals (s_{i-1}, s_i] and (t_{j-1}, t_j] overlap

with log prices at each leg's own trade times, so no price is made up between trades (T. Hayashi and N. Yoshida, Bernoulli 11, 2005). A
product belongs to the second of the later of its two interval ends, a square Δx² or Δy² to that of its own end: what a second holds is
known when it is over and never changes. Sums over consecutive seconds are the increments of the estimator, so any window is a sum.

Every tick costs the same: the increments of x that overlap the newest one of y, but for later ones, add up to the move of x since the
tick of y before. Differences of neighbouring log prices are exact in floats, so this telescoping loses nothing.

Seconds. A leg has a second when it traded in it or, as with bars, when its last trade is at most the fill limit old and no gap beyond
the gap limit makes a hole. Where both legs have it, the second is out. After a hole of either leg, and after a gap that long, the leg
begins anew: the increment across is not used. A second is `whole` when nothing in it depends on what was before the beginnings: no leg
began anew in it or the one before, and each has traded since the other began.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from flows.asynchrony.legs import LegTicks
from flows.domain.frames import F64, I8, I64, Bools

SECOND = 1_000_000
FORCED = -2
"""As `gap_from`: ticks were dropped before this one, so the leg begins anew whatever the times say."""

COVARIANCE, Y_VARIANCE, X_VARIANCE, Y_TICKS, X_TICKS = range(5)
SUMS = 5
"""Columns of the sums, here and in the windows over them. Counts are floats too: they are exact."""

_MOST_SECONDS = 4_096

# Of the state's integers (microseconds; NONE where there is none).
_NEXT, _Y_TIME, _X_TIME, _RUN, _SETTLED, _Y_BEGAN, _X_BEGAN = range(7)
# Of the state's prices: the last log price of each leg, and what it was at the other leg's last tick.
_Y, _X, _Y_AT_X, _X_AT_Y = range(4)
_FAR = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Seconds:
    """The seconds that both legs have, in time order; not all of them are consecutive.

    Attributes:
        index: `time // 1 s`, shape (rows,).
        sums: columns as named above, shape (rows, 5).
        whole: it follows the second before, and is a function of ticks since the legs began.
        gap: 0 none, 1 y, 2 x, 3 both: trades are missing before a tick of it.
        run: index of the second that is not whole with which its run began.
    """

    index: I64
    sums: F64
    whole: Bools
    gap: I8
    run: I64


@dataclass(frozen=True, slots=True)
class SumsState:
    """What a restart needs: next second, last times and prices of both legs."""

    times: I64
    prices: F64


class SecondSums:
    """Adds up the ticks of two legs second by second; the same bits for any pieces.

    Args:
        fill_limit_us: a leg silent for longer has no seconds until it trades again.
        gap_limit_us: trades missing for longer than this let the leg begin anew.
    """

    def __init__(self, fill_limit_us: int, gap_limit_us: int, state: SumsState | None = None) -> None:
        self._fill_limit, self._gap_limit = fill_limit_us, gap_limit_us
        self._times = np.array([0, -1, -1, -1, 0, -1, -1], np.int64) if state is None else state.times.copy()
        self._prices = np.zeros(4) if state is None else state.prices.copy()

    def state(self) -> SumsState:
        """A picklable snapshot."""
        return SumsState(self._times.copy(), self._prices.copy())

    @property
    def done_until(self) -> int:
        """Microseconds: the seconds before it are out."""
        return int(self._times[_NEXT])

    def advance(self, y: LegTicks, x: LegTicks, until: int) -> tuple[Seconds, int, int]:
        """The next seconds that end at or before `until`, at most some thousand of them: call until `done_until` is there.

        Returns:
            The seconds, and how many ticks of y and of x have been used up; the others belong to later seconds.
        """
        room = min(_MOST_SECONDS, (until - self.done_until) // SECOND)
        index, run = np.empty(room, np.int64), np.empty(room, np.int64)
        sums, whole, gap = np.empty((room, SUMS)), np.empty(room, np.bool_), np.empty(room, np.int8)
        rows, used_y, used_x = _advance(
            y.time, y.log_price, y.gap_from, x.time, x.log_price, x.gap_from, until, self._fill_limit, self._gap_limit,
            self._times, self._prices, index, sums, whole, gap, run,
        )  # fmt: skip
        return Seconds(index[:rows], sums[:rows], whole[:rows], gap[:rows], run[:rows]), used_y, used_x


@njit(cache=True)
def _long_gap(time: int, gap_from: int, last: int, gap_limit: int) -> bool:
    return bool(gap_from == FORCED or (gap_from >= 0 and time - max(last, gap_from) > gap_limit))


@njit(cache=True)
def _begins_anew(time: int, gap_from: int, last: int, fill_limit: int, gap_limit: int) -> bool:
    """Whether a tick after one at `last` is a beginning: the first one, or after a hole."""
    if last < 0 or _long_gap(time, gap_from, last, gap_limit):
        return True
    filled_until = last + fill_limit
    return time - time % SECOND > filled_until - filled_until % SECOND + SECOND


@njit(cache=True)
def _has_second(second: int, last: int, time: I64, gap_from: I64, i: int, fill_limit: int, gap_limit: int) -> bool:
    """Whether a leg whose next tick is `i` has this second."""
    if i < len(time) and time[i] < second + SECOND:
        return True
    if last < 0 or second > last + fill_limit:
        return False
    if i < len(time) and _long_gap(time[i], gap_from[i], last, gap_limit):
        known_until = max(last - last % SECOND + SECOND, gap_from[i] - gap_from[i] % SECOND)
        return bool(second < known_until)
    return True


@njit(cache=True)
def _second_of(time: I64, i: int) -> int:
    return time[i] - time[i] % SECOND if i < len(time) else _FAR


@njit(cache=True)
def _advance(
    y_time: I64, y_log: F64, y_gap: I64, x_time: I64, x_log: F64, x_gap: I64, until: int, fill_limit: int, gap_limit: int,
    times: I64, prices: F64, index: I64, sums: F64, whole: Bools, gap: I8, run: I64,
) -> tuple[int, int, int]:  # fmt: skip
    """Fill the output with seconds until it is full or `until` is reached. The order of operations is part of the definition."""
    rows = i = j = 0
    y, x, y_at_x, x_at_y = prices[0], prices[1], prices[2], prices[3]
    while rows < len(index) and times[0] < until:
        second = times[0]
        y_has = _has_second(second, times[1], y_time, y_gap, i, fill_limit, gap_limit)
        x_has = _has_second(second, times[2], x_time, x_gap, j, fill_limit, gap_limit)
        end = second + SECOND
        if not y_has:  # on to where both can have one again
            end = max(end, _second_of(y_time, i))
        if not x_has:
            end = max(end, _second_of(x_time, j))
        end = min(end, until)
        cov = y_variance = x_variance = 0.0
        y_ticks = x_ticks = gaps = 0
        anew = False
        while True:
            ty = y_time[i] if i < len(y_time) else _FAR
            tx = x_time[j] if j < len(x_time) else _FAR
            t = min(ty, tx)
            if t >= end:
                break
            dy = dx = of_y = of_x = 0.0
            y_anew = x_anew = False
            y_before = y
            if ty == t:
                y_anew = _begins_anew(t, y_gap[i], times[1], fill_limit, gap_limit)
                if not y_anew:
                    dy = y_log[i] - y
                    of_y = dy * (x - x_at_y)
                y = y_log[i]
                times[1] = t
                gaps |= y_gap[i] != -1
                y_ticks += 1
                i += 1
            if tx == t:
                x_anew = _begins_anew(t, x_gap[j], times[2], fill_limit, gap_limit)
                if not x_anew:
                    dx = x_log[j] - x
                    of_x = dx * (y_before - y_at_x)
                x = x_log[j]
                times[2] = t
                gaps |= 2 * (x_gap[j] != -1)
                x_ticks += 1
                j += 1
            if ty == t or x_anew:
                x_at_y = x
            if tx == t or y_anew:
                y_at_x = y
            if y_anew:
                times[5] = t
            if x_anew:
                times[6] = t
            anew = anew or y_anew or x_anew
            cov += (of_y + of_x) + dy * dx
            y_variance += dy * dy
            x_variance += dx * dx
        times[0] = end
        joined = y_has and x_has
        if joined:
            whole[rows] = times[4] == 1 and not anew
            if not whole[rows]:
                times[3] = second // SECOND
            index[rows] = second // SECOND
            sums[rows, 0] = cov
            sums[rows, 1] = y_variance
            sums[rows, 2] = x_variance
            sums[rows, 3] = y_ticks
            sums[rows, 4] = x_ticks
            gap[rows] = gaps
            run[rows] = times[3]
            rows += 1
        settled = times[1] >= times[6] and times[2] >= times[5]
        times[4] = 1 if joined and settled else 0
    prices[0] = y
    prices[1] = x
    prices[2] = y_at_x
    prices[3] = x_at_y
    return rows, i, j


def correlation(sums: F64, n: I64, window: int) -> tuple[F64, I8]:
    """`cov / sqrt(var y · var x)` of windows, with the code of `TICK_REASONS` where it is not known, shape (rows,) each.

    Nothing keeps the estimate within ±1. Outside, but for rounding, it is not clipped: a clipped one would look like a perfect
    correlation where there are too few trades to tell. It is NaN with the reason.

    Args:
        sums: of each window, shape (rows, 5); n: bars in it, full at `window`.
    """
    out, reason = np.empty(len(n)), np.empty(len(n), np.int8)
    _correlation(sums, n, window, out, reason)
    return out, reason


@njit(cache=True)
def _correlation(sums: F64, n: I64, window: int, out: F64, reason: I8) -> None:
    for k in range(len(n)):
        cov, y, x = sums[k, 0], sums[k, 1], sums[k, 2]
        silent = (sums[k, 3] == 0) + 2 * (sums[k, 4] == 0)
        flat = (y == 0.0) + 2 * (x == 0.0)
        out[k] = math.nan
        reason[k] = 0
        if n[k] < window:
            reason[k] = 1
        elif silent:
            reason[k] = 1 + silent
        elif flat:
            reason[k] = 4 + flat
        elif math.isnan(cov) or math.isnan(y) or math.isnan(x):
            reason[k] = 8
        else:
            r = cov / math.sqrt(y * x)
            if abs(r) > 1.0 + 1e-12:
                reason[k] = 9
            else:
                out[k] = max(-1.0, min(1.0, r))

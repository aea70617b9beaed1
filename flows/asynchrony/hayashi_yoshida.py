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

from flows.asynchrony.legs import SECOND
from flows.domain.frames import F64, I8, I32, I64, Bools

COVARIANCE, Y_VARIANCE, X_VARIANCE, Y_TICKS, X_TICKS = range(5)
SUMS = 5
"""Columns of the sums, here and in the windows over them. Counts are floats too: they are exact."""

_MOST_SECONDS = 4_096

# The columns of the state's integers, microseconds, -1 where there is none: the next second; the last tick of y and x; the second (not in
# microseconds) that `Seconds.run` names; 1 if what comes next may be whole; where y and x began; 1 if ticks of y and x were dropped before
# their next one. Of its prices: the last log price of y and x, that of y at the last tick of x, that of x at the last tick of y.
_BEGINNING = (0, -1, -1, -1, 0, -1, -1, 0, 0)
_NEXT, _DROPPED = 0, (7, 8)
_FORCED = -2
"""As `gap_from`: the leg begins anew whatever the times say."""
_FAR = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Flat:
    """Ticks of several symbols end to end. Times are in order within a symbol.

    Attributes:
        time, log_price, gap_from: as in `LegTicks`, shape (rows,).
        bounds: where the ticks of each pair's y begin and end, and those of its x; some of them may have been used before. (pairs, 4).
    """

    time: I64
    log_price: F64
    gap_from: I64
    bounds: I64


@dataclass(frozen=True, slots=True)
class Seconds:
    """The seconds that both legs of pairs have, ordered by pair, then time; not all of them are consecutive.

    Attributes:
        pair: position in the group, shape (rows,).
        index: `time // 1 s`, shape (rows,).
        sums: columns as named above, shape (rows, 5).
        whole: it follows the second before, and is a function of ticks since the legs began.
        gap: 0 none, 1 y, 2 x, 3 both: trades are missing before a tick of it.
        run: index of the second that is not whole with which its run began.
    """

    pair: I32
    index: I64
    sums: F64
    whole: Bools
    gap: I8
    run: I64


@dataclass(frozen=True, slots=True)
class SumsState:
    """What a restart needs: next second, last times and prices of both legs of each pair, shapes (pairs, 9) and (pairs, 4)."""

    times: I64
    prices: F64


class SecondSums:
    """Adds up the ticks of the legs of pairs second by second; the same bits for any pieces.

    Args:
        fill_limit_us: a leg silent for longer has no seconds until it trades again.
        gap_limit_us: trades missing for longer than this let the leg begin anew.
    """

    def __init__(self, pairs: int, fill_limit_us: int, gap_limit_us: int, state: SumsState | None = None) -> None:
        self._fill_limit, self._gap_limit = fill_limit_us, gap_limit_us
        self._times = np.tile(np.array(_BEGINNING, np.int64), (pairs, 1)) if state is None else state.times.copy()
        self._prices = np.zeros((pairs, 4)) if state is None else state.prices.copy()

    def state(self) -> SumsState:
        """A picklable snapshot."""
        return SumsState(self._times.copy(), self._prices.copy())

    @property
    def done_until(self) -> I64:
        """Microseconds: all ticks of a pair's legs before it are used, and its seconds before it are out. Shape (pairs,)."""
        return self._times[:, _NEXT]

    def drop(self, leg: int, pairs: Bools) -> None:
        """Ticks before the next one of a leg (0 y, 1 x) have been dropped: it begins anew there."""
        self._times[pairs, _DROPPED[leg]] = 1

    def advance(self, ticks: Flat, pairs: I64, until: I64) -> Seconds:
        """The next seconds of some pairs that end at or before `until`, at most some thousand of each: call until `done_until` is there.

        Args:
            ticks: all from `done_until` to `until` and the one that follows. until: microseconds, whole seconds, shape as `pairs`.
        """
        quota = np.minimum((until - self.done_until[pairs]) // SECOND, _MOST_SECONDS)
        room = int(quota.sum())
        pair, index, run = np.empty(room, np.int32), np.empty(room, np.int64), np.empty(room, np.int64)
        sums, whole, gap = np.empty((room, SUMS)), np.empty(room, np.bool_), np.empty(room, np.int8)
        rows = _advance_all(
            pairs, quota, until, ticks.time, ticks.log_price, ticks.gap_from, ticks.bounds, self._fill_limit,
            self._gap_limit, self._times, self._prices, pair, index, sums, whole, gap, run,
        )  # fmt: skip
        return Seconds(pair[:rows], index[:rows], sums[:rows], whole[:rows], gap[:rows], run[:rows])


@njit(cache=True)
def _long_gap(time: int, gap_from: int, last: int, gap_limit: int) -> bool:
    return bool(gap_from == _FORCED or (gap_from >= 0 and time - max(last, gap_from) > gap_limit))


@njit(cache=True)
def _begins_anew(time: int, gap_from: int, last: int, fill_limit: int, gap_limit: int) -> bool:
    """Whether a tick after one at `last` is a beginning: the first one, or after a hole."""
    if last < 0 or _long_gap(time, gap_from, last, gap_limit):
        return True
    filled_until = last + fill_limit
    return time - time % SECOND > filled_until - filled_until % SECOND + SECOND


@njit(cache=True)
def _has_second(second: int, last: int, time: I64, i: int, gap_from: int, fill_limit: int, gap_limit: int) -> bool:
    """Whether a leg whose next tick is `i` has this second; `gap_from` is of that tick."""
    if i < len(time) and time[i] < second + SECOND:
        return True
    if last < 0 or second > last + fill_limit:
        return False
    if i < len(time) and _long_gap(time[i], gap_from, last, gap_limit):
        known_until = max(last - last % SECOND + SECOND, gap_from - gap_from % SECOND)
        return bool(second < known_until)
    return True


@njit(cache=True)
def _second_of(time: I64, i: int) -> int:
    return time[i] - time[i] % SECOND if i < len(time) else _FAR


@njit(cache=True)
def _gap_before(gap_from: I64, i: int, dropped: int) -> int:
    if dropped:
        return _FORCED
    return gap_from[i] if i < len(gap_from) else -1


@njit(cache=True)
def _advance_all(
    pairs: I64, quota: I64, until: I64, time: I64, log: F64, gap_from: I64, bounds: I64, fill_limit: int, gap_limit: int,
    times: I64, prices: F64, pair: I32, index: I64, sums: F64, whole: Bools, gap: I8, run: I64,
) -> int:  # fmt: skip
    rows = 0
    for k in range(len(pairs)):
        p = pairs[k]
        a, b, c, d = bounds[k, 0], bounds[k, 1], bounds[k, 2], bounds[k, 3]
        a += np.searchsorted(time[a:b], times[p, 0])
        c += np.searchsorted(time[c:d], times[p, 0])
        end = rows + quota[k]
        made = _advance(
            time[a:b], log[a:b], gap_from[a:b], time[c:d], log[c:d], gap_from[c:d], until[k], fill_limit, gap_limit,
            times[p], prices[p], index[rows:end], sums[rows:end], whole[rows:end], gap[rows:end], run[rows:end],
        )  # fmt: skip
        pair[rows : rows + made] = p
        rows += made
    return rows


@njit(cache=True)
def _advance(
    y_time: I64, y_log: F64, y_gap: I64, x_time: I64, x_log: F64, x_gap: I64, until: int, fill_limit: int, gap_limit: int,
    times: I64, prices: F64, index: I64, sums: F64, whole: Bools, gap: I8, run: I64,
) -> int:  # fmt: skip
    """Fill the output with seconds until it is full or `until` is reached. The order of operations is part of the definition."""
    rows = i = j = 0
    y, x, y_at_x, x_at_y = prices[0], prices[1], prices[2], prices[3]
    while rows < len(index) and times[0] < until:
        second = times[0]
        y_has = _has_second(second, times[1], y_time, i, _gap_before(y_gap, i, times[7]), fill_limit, gap_limit)
        x_has = _has_second(second, times[2], x_time, j, _gap_before(x_gap, j, times[8]), fill_limit, gap_limit)
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
                gap_before = _gap_before(y_gap, i, times[7])
                y_anew = _begins_anew(t, gap_before, times[1], fill_limit, gap_limit)
                if not y_anew:
                    dy = y_log[i] - y
                    of_y = dy * (x - x_at_y)
                y = y_log[i]
                times[1] = t
                times[7] = 0
                gaps |= gap_before != -1
                y_ticks += 1
                i += 1
            if tx == t:
                gap_before = _gap_before(x_gap, j, times[8])
                x_anew = _begins_anew(t, gap_before, times[2], fill_limit, gap_limit)
                if not x_anew:
                    dx = x_log[j] - x
                    of_x = dx * (y_before - y_at_x)
                x = x_log[j]
                times[2] = t
                times[8] = 0
                gaps |= 2 * (gap_before != -1)
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
    return rows


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

"""A line that moves: Kalman's filter of `y = β·u + α + noise`, u = x - x0, whose β walks at random.

    d = d + p00·qa + p11·qb + qa·qb;  p00 = p00 + qb;  p11 = p11 + qa                       before the bar: sums of positives only
    e = y - (β·u + α);  h0 = p00·u + p01;  h1 = p01·u + p11;  S = u·h0 + h1 + Ve             the innovation and its variance
    β = β + h0/S·e;  α = α + h1/S·e
    p00, p11, p01 = (d + p00·Ve)/S, (d·u·u + p11·Ve)/S, (p01·Ve - d·u)/S;  d = d·Ve/S        after the bar

[p00 p01; p01 p11] is the covariance of (β, α) and d its determinant, carried for itself: the usual form loses it, and then its sign, to
rounding. The filter starts with OLS over the first full window of n bars: x0 = mean of x, Ve = RSS/(n-2), P = diag(Ve/Sxx, Ve/n).
How fast the line may move is taken from the same window, never an absolute number: `qb = δ_β·Ve/var(x)` with δ_β = 1/n², at which β
forgets over about n bars, and `qa = δ_α·Ve` with δ_α = 0, as an α that moves eats the signal. Textbook values of Q and R (1e-4, 1e-3) give
a z near 0 at all times.

α never forgets, and a bad print of x is taken for knowledge. So the filter starts anew from the last n bars every 8 windows, where
`(index + crc32(pair)) % (8·n) == 0`, and after every gap; β and the spread may step there. A value depends on where the history began
only until the first such bar, so on at most 9·n bars.

    hedge_ratio, hedge_ratio_se   β after the bar, sqrt(p00)
    intercept        α - β·x0 after the bar
    r_squared        NaN: no window whose variance it could be a share of
    spread           y - α - β·u after the bar
    zscore           `zscore.in_sample_own_window`: deviations of the last w bars under the β after the bar
    zscore_one_step  e / sqrt(S): what the filter did not know before the bar. Over time its deviation should be near 1; outside 0.8
                     to 1.25 the noise is not what it was in the window that the filter started from, and z must not be believed

Warm-up n + 1 bars. A bar whose price is not a finite number tells the filter nothing: its β holds, its error grows, no spread. It waits
for a window with noise to learn from: a flat leg or a perfect fit gives no start.
"""

import math
import zlib

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import moments, zscore
from flows.stats.estimator import FIT_COLUMNS, Legs

DELTA_ALPHA = 0.0
WINDOWS_PER_LIFE = 8
_PERFECT = 1e-12
_NEVER = -(2**62)
_FILTER = 10
"""x0, β, α, p00, p11, p01, d, Ve, qa, qb; all NaN before the start."""


class Kalman:
    """The method `kalman`; its state is the index of each pair's last bar and its filter's ten numbers."""

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: tuple[I64, F64] | None = None) -> None:
        self._n, self._w = model.window, model.z_window
        self._life = WINDOWS_PER_LIFE * model.window
        self._phase = np.array([zlib.crc32(str(pair).encode()) % self._life for pair in pairs], np.int64)
        fresh: tuple[I64, F64] = np.full(len(pairs), _NEVER), np.full((len(pairs), _FILTER), np.nan)
        self._last, self._filter = state or fresh

    @property
    def warmup(self) -> int:
        return self._n + 1

    def reach(self, next_index: I64) -> I64:
        return moments.reach(next_index, self._n)

    def state(self) -> tuple[I64, F64]:
        return self._last, self._filter

    def estimate(self, legs: Legs) -> F64:
        rows = legs.rows
        index, x, y = legs.index[rows.at], legs.x[rows.at], legs.y[rows.at]
        window = moments.block_moments(legs.index, legs.x, legs.y, self._n, rows)
        own = window
        if self._w != self._n:
            own = moments.block_moments(legs.index, legs.x, legs.y, self._w, rows)
        out, noise = np.full((len(FIT_COLUMNS), len(index)), np.nan), np.empty(len(index))
        last, carried = self._last.copy(), self._filter.copy()
        delta_beta = 1.0 / (self._n * self._n)
        _kalman(
            index, x, y, window, rows.end - rows.first, self._phase, self._life, self._n, DELTA_ALPHA, delta_beta,
            last, carried, out, noise,
        )  # fmt: skip
        out[5:8] = zscore.in_sample_own_window(x, y, out[0], out[4], noise, own, self._w)
        self._last, self._filter = last, carried
        return out


@njit(cache=True)
def _kalman(
    index: I64,
    x: F64,
    y: F64,
    window: F64,
    counts: I64,
    phase: I64,
    life: int,
    n: int,
    delta_alpha: float,
    delta_beta: float,
    last: I64,
    filters: F64,
    out: F64,
    noise: F64,
) -> None:
    """Rows 0, 1, 2, 4 and 8 of `out`, and sqrt(Ve), for the next `counts[p]` rows of each pair. `last` and `filters` go on in place.

    The order of operations is part of the definition.
    """
    j = 0
    for p in range(len(counts)):
        carried = filters[p]
        for _ in range(counts[p]):
            if index[j] != last[p] + 1:
                carried[:] = math.nan
            last[p] = index[j]
            known = abs(x[j]) < math.inf and abs(y[j]) < math.inf
            if not math.isnan(carried[0]):
                out[8, j] = _step(x[j], y[j], known, carried)
            if (index[j] + phase[p]) % life == 0:
                carried[:] = math.nan
            if math.isnan(carried[0]):
                _start(window[:, j], n, delta_alpha, delta_beta, carried)
            x0, beta, alpha, ve = carried[0], carried[1], carried[2], carried[7]
            out[0, j] = beta
            out[1, j] = math.sqrt(carried[3])
            out[2, j] = alpha - beta * x0
            out[4, j] = y[j] - (beta * (x[j] - x0) + alpha) if known else math.nan
            noise[j] = math.sqrt(ve)
            j += 1


@njit(cache=True)
def _start(window: F64, n: int, delta_alpha: float, delta_beta: float, carried: F64) -> None:
    """Begin with the least squares line of a window, if it is full and has noise."""
    sxx, syy, sxy = window[4], window[5], window[6]
    if not (sxx > 0.0 and syy > 0.0):
        return
    unexplained = 1.0 - sxy * sxy / (sxx * syy)
    if unexplained < _PERFECT:
        return
    ve = unexplained * syy / (n - 2)
    carried[0] = window[0] + window[2]
    carried[1] = sxy / sxx
    carried[2] = window[1] + window[3]
    carried[3] = ve / sxx
    carried[4] = ve / n
    carried[5] = 0.0
    carried[6] = carried[3] * carried[4]
    carried[7] = ve
    carried[8] = delta_alpha * ve
    carried[9] = delta_beta * (ve / (sxx / n))


@njit(cache=True)
def _step(x: float, y: float, known: bool, carried: F64) -> float:
    """Predict, and learn from the bar if its prices are known; the innovation in units of its deviation."""
    x0, beta, alpha = carried[0], carried[1], carried[2]
    p00, p11, p01, d = carried[3], carried[4], carried[5], carried[6]
    ve, qa, qb = carried[7], carried[8], carried[9]
    d = d + p00 * qa + p11 * qb + qa * qb
    p00 += qb
    p11 += qa
    z = math.nan
    if known:
        u = x - x0
        e = y - (beta * u + alpha)
        h0 = p00 * u + p01
        h1 = p01 * u + p11
        s = max(u * h0 + h1, 0.0) + ve  # rounding must not take it below the noise
        z = e / math.sqrt(s)
        beta += h0 / s * e
        alpha += h1 / s * e
        p00, p11, p01 = (d + p00 * ve) / s, (d * u * u + p11 * ve) / s, (p01 * ve - d * u) / s
        d = d * ve / s
    carried[1], carried[2], carried[3], carried[4], carried[5], carried[6] = beta, alpha, p00, p11, p01, d
    return z

"""A line that moves: Kalman's filter of `y = β·u + α + noise`, u = x - x0, whose β walks at random.

    d = d + p00·qa + p11·qb + qa·qb;  p00 = p00 + qb;  p11 = p11 + qa                       before the bar: sums of positives only
    e = y - (β·u + α);  h0 = p00·u + p01;  h1 = p01·u + p11;  S = u·h0 + h1 + Ve             the innovation and its variance
    β = β + h0/S·e;  α = α + h1/S·e
    p00, p11, p01 = (d + p00·Ve)/S, (d·u·u + p11·Ve)/S, (p01·Ve - d·u)/S;  d = d·Ve/S        after the bar

[p00 p01; p01 p11] is the covariance of (β, α) and d its determinant, carried for itself: the usual form loses it, and then its sign, to
rounding. The filter starts with OLS over the first full window of n bars: x0 = mean of x, Ve = RSS/(n-2), P = diag(Ve/Sxx, Ve/n).
How fast the line may move is taken from the same window, never an absolute number: `qb = δ_β·Ve/var(x)` with δ_β = 1/m², at which β
forgets over about m bars (`Model.forget_bars`, by default n), and `qa = δ_α·Ve` with δ_α = 0 by default, as an α that moves eats the
signal. Textbook values of Q and R (1e-4, 1e-3) give a z near 0 at all times.

α never forgets, and a bad print of x is taken for knowledge. So the filter starts anew from the last n bars every r windows
(`Model.restart_windows`, by default 8), where `(index + crc32(pair)) % (r·n) == 0`, and after every gap; β and the spread may step there.
A value depends on where the history began only until the first such bar, so the line on at most (r + 1)·n bars, and the innovations'
figures on 2·n more.

    hedge_ratio, hedge_ratio_se   β after the bar, sqrt(p00)
    intercept        α - β·x0 after the bar
    r_squared        NaN: no window whose variance it could be a share of
    spread           y - α - β·u after the bar
    zscore           `zscore.in_sample_own_window`: deviations of the last w bars under the β after the bar
    zscore_one_step  e / sqrt(S): what the filter did not know before the bar
    innovation_sd    sqrt(mean of z²) of those one-step z, over the block of n bars before and the one that has begun, by absolute index;
                     once there are n of them. Near 1 where the noise is what it was in the window that the filter started from; outside
                     0.8 to 1.25 z must not be believed (`flows.stats.believable`)
    innovation_autocorrelation   Σ z_t·z_{t-1} / Σ z_t² over the same bars: near 0 where the filter knows all there is to know
    fit_age          NaN: it learns from every bar

Warm-up n + 1 bars, 2·n for the innovations' figures. A bar whose price is not a finite number tells the filter nothing: its β holds, its
error grows, no spread. It waits for a window with noise to learn from: a flat leg or a perfect fit gives no start.
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

_PERFECT = 1e-12
_NEVER = -(2**62)
_FILTER, _STATE = 10, 17
"""x0, β, α, p00, p11, p01, d, Ve, qa, qb, all NaN before the start; then z of the bar before, and of the block before and the one that has
begun: how many z, their squares, their products with the one before."""
_BEFORE, _PREVIOUS, _CURRENT = 10, slice(11, 14), slice(14, 17)


class Kalman:
    """The method `kalman`; its state is the index of each pair's last bar and its filter's numbers."""

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: tuple[I64, F64] | None = None) -> None:
        self._n, self._w = model.window, model.z_window
        self._life = model.restart_windows * model.window
        self._delta_alpha, self._delta_beta = model.delta_alpha, 1.0 / (model.forget_bars or model.window) ** 2
        self._phase = np.array([zlib.crc32(str(pair).encode()) % self._life for pair in pairs], np.int64)
        fresh: tuple[I64, F64] = np.full(len(pairs), _NEVER), np.full((len(pairs), _STATE), np.nan)
        self._last, self._filter = state or fresh

    @property
    def warmup(self) -> int:
        return self._n + 1

    @property
    def memory(self) -> int:
        return self._life + 3 * self._n

    def reach(self, next_index: I64) -> I64:
        return moments.reach(next_index, self._n)

    def state(self) -> tuple[I64, F64]:
        return self._last, self._filter

    def estimate(self, legs: Legs) -> F64:
        rows = legs.rows
        index, x, y = legs.index[rows.at], legs.x[rows.at], legs.y[rows.at]
        window = rows.own(legs.moments(self._n))
        own = window if self._w == self._n else rows.own(legs.moments(self._w))
        out, noise = np.full((len(FIT_COLUMNS), len(index)), np.nan), np.empty(len(index))
        last, carried = self._last.copy(), self._filter.copy()
        _kalman(
            index, x, y, window, rows.end - rows.first, self._phase, self._life, self._n, self._delta_alpha,
            self._delta_beta, last, carried, out, noise,
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
    """Rows 0, 1, 2, 4, 8, 10 and 11 of `out`, and sqrt(Ve), for the next `counts[p]` rows of each pair; `last`, `filters` go on in place.

    The order of operations is part of the definition.
    """
    j = 0
    for p in range(len(counts)):
        carried = filters[p]
        for _ in range(counts[p]):
            if index[j] != last[p] + 1:
                carried[: _BEFORE + 1] = math.nan
                carried[_BEFORE + 1 :] = 0.0
            elif index[j] % n == 0:
                carried[_PREVIOUS] = carried[_CURRENT]
                carried[_CURRENT] = 0.0
            last[p] = index[j]
            known = abs(x[j]) < math.inf and abs(y[j]) < math.inf
            if not math.isnan(carried[0]):
                out[8, j] = _step(x[j], y[j], known, carried)
            _count(out[8, j], n, carried, out[10:12, j])
            if (index[j] + phase[p]) % life == 0:
                carried[:_FILTER] = math.nan
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
    sxx, syy, sxy, unexplained = window[4], window[5], window[6], window[7]
    if not (sxx > 0.0 and syy > 0.0):
        return
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
def _count(z: float, n: int, carried: F64, out: F64) -> None:
    """Take in an innovation, and say how large and how like the one before they are."""
    before, carried[_BEFORE] = carried[_BEFORE], z
    current = carried[_CURRENT]
    if not math.isnan(z):
        current[0] += 1.0
        current[1] += z * z
        if not math.isnan(before):
            current[2] += z * before
    previous = carried[_PREVIOUS]
    count, squares = previous[0] + current[0], previous[1] + current[1]
    if count >= n and squares > 0.0:
        out[0] = math.sqrt(squares / count)
        out[1] = (previous[2] + current[2]) / squares


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

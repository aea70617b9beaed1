"""Huber's line: least squares for the bulk of the bars, absolute deviations for those far from it. Least squares reweighted until it rests.

    scale = median|r| / 0.6744897501960817          of the residuals r of the line so far, at first those of OLS
    weight = min(1, 1.345·scale / |r|)               1.345: 95 % of the efficiency of OLS where residuals are normal
    the next line is the weighted least squares line, centred at the weighted means, until
    |Δβ|·sd(x) + |Δlevel at the mean of x| ≤ 1e-10·scale

The meaning is that of `statsmodels.RLM(HuberT(1.345))` with its default scale, and the error its default one (Huber 1981, H1):
`SE² = k²·Σψ²/(n-2) / m² / Sxx`, ψ = residuals cut at 1.345·scale, m = share not cut, `k = 1 + 2·(1-m)/(n·m)`. Residuals of prices are
autocorrelated, so it is too small.

Always from a cold start: starting at the fit before saves nothing and makes the result depend on the path. Cadence, warm-up and columns
are those of `cadence`. A bar far off in y pulls little; one far off in x (a bad print of x) still turns the line, as in OLS.

Where more than half of the bars lie exactly on one line the scale goes to 0 and the weights of all others with it: the line is kept,
its error and its one-step z are NaN. If the iteration does not settle (it may swing between two medians) there is no line.
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.stats.cadence import LineOnCadence

_CUT = 1.345
_NORMAL_MEDIAN = 0.6744897501960817
_TOLERANCE = 1e-10
_MOST_STEPS = 200
_PERFECT = 1e-12  # of the variance
_NO_SCALE = 1e-9  # of the deviation of the OLS residuals


class Huber(LineOnCadence):
    """The method `huber`."""

    def _fit(self, x: F64, y: F64, ends: I64, out: F64) -> None:
        _huber(x, y, ends, self._n, out)


@njit(cache=True)
def _huber(x: F64, y: F64, ends: I64, n: int, out: F64) -> None:
    d, e, r = np.empty(n), np.empty(n), np.empty(n)
    for fit in range(len(ends)):
        start = ends[fit] - n + 1
        for i in range(n):
            d[i] = x[start + i] - x[start]
            e[i] = y[start + i] - y[start]
        _fit_window(d, e, r, out[:, fit])
        out[0, fit] = x[start]
        out[1, fit] = y[start]


@njit(cache=True)
def _fit_window(d: F64, e: F64, r: F64, out: F64) -> None:
    """Rows 2 to 7 of a fit (see `cadence`) from differences to the anchor; `r` is room for the residuals."""
    n = len(d)
    out[:] = math.nan
    md, me, sxx, sxy = _weighted(d, e, r, math.inf)
    syy = _about_the_line(d, e, 0.0, md, me, r)
    if not (sxx > 0.0 and syy < math.inf):  # flat x, or not a number
        return
    beta, centre = sxy / sxx, md
    rss = _about_the_line(d, e, beta, md, me, r)
    if rss <= _PERFECT * syy:
        out[2], out[3], out[4], out[5], out[6], out[7] = md, me, beta, 0.0, 0.0, 0.0
        return
    no_scale = _NO_SCALE * math.sqrt(rss / (n - 2))
    sd = math.sqrt(sxx / n)
    scale = np.median(np.abs(r)) / _NORMAL_MEDIAN
    settled = False
    for _ in range(_MOST_STEPS):
        if settled or scale <= no_scale:
            break
        wd, we, wxx, wxy = _weighted(d, e, r, _CUT * scale)
        if not wxx > 0.0:
            return
        step = wxy / wxx
        moved = abs(step - beta) * sd + abs((we + step * (centre - wd)) - (me + beta * (centre - md)))
        md, me, beta = wd, we, step
        settled = moved <= _TOLERANCE * scale
        rss = _about_the_line(d, e, beta, md, me, r)
        scale = np.median(np.abs(r)) / _NORMAL_MEDIAN
    if scale <= no_scale:
        out[2], out[3], out[4], out[6], out[7] = md, me, beta, 0.0, math.sqrt(rss / (n - 2))
    elif settled:
        out[2], out[3], out[4], out[6], out[7] = md, me, beta, scale, math.sqrt(rss / (n - 2))
        out[5] = _error(r, _CUT * scale, sxx)


@njit(cache=True)
def _weighted(d: F64, e: F64, r: F64, limit: float) -> tuple[float, float, float, float]:
    """Means and centred sums with the weights min(1, limit/|r|); all weights are 1 where the limit is infinite."""
    sw = sd = se = 0.0
    for i in range(len(d)):
        w = limit / abs(r[i]) if abs(r[i]) > limit else 1.0
        sw += w
        sd += w * d[i]
        se += w * e[i]
    md, me = sd / sw, se / sw
    sxx = sxy = 0.0
    for i in range(len(d)):
        w = limit / abs(r[i]) if abs(r[i]) > limit else 1.0
        away = d[i] - md
        sxx += w * (away * away)
        sxy += w * (away * (e[i] - me))
    return md, me, sxx, sxy


@njit(cache=True)
def _about_the_line(d: F64, e: F64, beta: float, md: float, me: float, r: F64) -> float:
    """Residuals into `r`; the sum of their squares."""
    rss = 0.0
    for i in range(len(d)):
        r[i] = (e[i] - me) - beta * (d[i] - md)
        rss += r[i] * r[i]
    return rss


@njit(cache=True)
def _error(r: F64, cut: float, sxx: float) -> float:
    n = len(r)
    squares, inside = 0.0, 0
    for i in range(n):
        size = abs(r[i])
        if size <= cut:
            inside += 1
        else:
            size = cut
        squares += size * size
    m = inside / n
    k = 1.0 + 2.0 * (1.0 - m) / (n * m)
    return k * math.sqrt(squares / (n - 2)) / m / math.sqrt(sxx)

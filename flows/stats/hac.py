"""The error of a least squares slope whose residuals are autocorrelated (Newey and West 1987, Bartlett weights).

    g_t = (x_t - mean x)·e_t / Sxx     Var(β) = Σ_{l=-L..L} (1 - |l|/(L+1)) · Σ_t g_t·g_{t-|l|}     L = ceil(1.3·sqrt(n))
           = Σ_s (g_s + … + g_{s+L})² / (L+1), g = 0 outside of the window: squares only, one pass whatever L is

The number of lags is that of Lazarus, Lewis, Stock and Watson (2018), well beyond the older rule of thumb, as spreads forget slowly. It
is still too small an error where the half-life of the spread is not short against the window: no window of n bars can tell. No small-sample
factor. Where the line is perfect the error is 0; with a flat x or a price that is not a number it is NaN.
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64

_PERFECT = 1e-12


def lags(n: int) -> int:
    """L for a window of n bars."""
    return min(math.ceil(1.3 * math.sqrt(n)), n - 1)


def hac_errors(x: F64, y: F64, ends: I64, n: int, out: F64) -> None:
    """Error of the slope of the windows of n bars that end at the rows `ends`, into `out`, shape (ends,)."""
    _hac_errors(x, y, ends, n, lags(n), out)


@njit(cache=True)
def _hac_errors(x: F64, y: F64, ends: I64, n: int, most: int, out: F64) -> None:
    sums = np.zeros(n + 1)
    for fit in range(len(ends)):
        out[fit] = _error(x, y, ends[fit] - n + 1, n, most, sums)


@njit(cache=True)
def _error(x: F64, y: F64, start: int, n: int, most: int, sums: F64) -> float:
    """`sums` is room for the sums of g from the window's beginning, of which the first is 0."""
    ax, ay = x[start], y[start]
    mx = my = 0.0
    for i in range(n):
        mx += x[start + i] - ax
        my += y[start + i] - ay
    mx, my = mx / n, my / n
    sxx = syy = sxy = 0.0
    for i in range(n):
        d, e = (x[start + i] - ax) - mx, (y[start + i] - ay) - my
        sxx += d * d
        syy += e * e
        sxy += d * e
    if not (sxx > 0.0 and syy < math.inf):
        return math.nan
    beta = sxy / sxx
    if syy <= 0.0 or 1.0 - sxy * sxy / (sxx * syy) < _PERFECT:
        return 0.0
    for i in range(n):
        d = (x[start + i] - ax) - mx
        sums[i + 1] = sums[i] + d * (((y[start + i] - ay) - my) - beta * d) / sxx
    variance = 0.0
    for s in range(-most, n):
        stretch = sums[min(s + most + 1, n)] - sums[max(s, 0)]
        variance += stretch * stretch
    return math.sqrt(variance / (most + 1))

"""How far the spread is from its mean, in two named forms whose thresholds are not interchangeable.

`in_sample`: the newest deviation within the window that the fit was made on, so every residual belongs to one fit. With its own
shorter window of w bars the deviations are taken from the w-window means under the current hedge ratio.
`one_step`: the new bar against the fit of the bar before, which did not know it.

The usual `y - β_t x` with a rolling mean and deviation is not offered: as β moves, level · Δβ swamps the mispricing.
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64

_ROUNDING = 1e-12


def in_sample(spread: F64, residual_std: F64) -> F64:
    """Spread, deviation and z where fit and z-score share their window: rows (spread_mean, spread_std, zscore), shape (3, rows).

    `z = spread / residual_std` with n - 2 degrees of freedom in the deviation; |z| is at most sqrt((n-2)(n-1)/n).
    """
    out = np.empty((3, len(spread)))
    _in_sample(spread, residual_std, out)
    return out


@njit(cache=True)
def _in_sample(spread: F64, residual_std: F64, out: F64) -> None:
    for j in range(len(spread)):
        s = residual_std[j]
        out[0, j] = math.nan if math.isnan(s) else 0.0
        out[1, j] = s
        out[2, j] = spread[j] / s if s > 0.0 else math.nan


def in_sample_own_window(x: F64, y: F64, beta: F64, spread: F64, residual_std: F64, window: F64, w: int) -> F64:
    """The same from the last w bars under the current hedge ratio; w - 1 degrees of freedom, |z| at most (w-1)/sqrt(w).

    Args:
        x, y, beta, spread, residual_std: shape (rows,). A residual deviation of 0 is a perfect fit and gives no z.
        window: moments of the last w bars, shape (8, rows).

    Returns:
        rows (spread_mean, spread_std, zscore) with `zscore = (spread - spread_mean) / spread_std`, shape (3, rows).

    The squared deviations are those from the window's own least squares line, and what turning it to the given one adds: both are
    positive, where `Syy - 2β·Sxy + β²·Sxx` is a small difference of large numbers.
    """
    out = np.empty((3, len(spread)))
    _own_window(x, y, beta, spread, residual_std, window, w, out)
    return out


@njit(cache=True)
def _own_window(x: F64, y: F64, beta: F64, spread: F64, residual_std: F64, window: F64, w: int, out: F64) -> None:
    for j in range(len(spread)):
        if not residual_std[j] > 0.0:
            out[0, j] = out[1, j] = residual_std[j]
            out[2, j] = math.nan
            continue
        b = beta[j]
        vs = _squares(b, window[4, j], window[5, j], window[6, j], window[7, j])
        deviation = ((y[j] - window[1, j]) - window[3, j]) - b * ((x[j] - window[0, j]) - window[2, j])
        out[0, j] = spread[j] - deviation
        if vs > _ROUNDING * (window[5, j] + b * b * window[4, j]):
            out[1, j] = math.sqrt(vs / (w - 1))
            out[2, j] = deviation / out[1, j]
        else:
            out[1, j] = math.nan if math.isnan(vs) else 0.0
            out[2, j] = math.nan


@njit(cache=True)
def _squares(b: float, sxx: float, syy: float, sxy: float, unexplained: float) -> float:
    """Of the deviations from a line of slope b through the means."""
    if sxx > 0.0 and syy > 0.0:
        turned = sxy - b * sxx
        return syy * unexplained + turned * turned / sxx
    return syy + b * b * sxx  # a leg is flat, or not a number


def one_step(run: I64, x: F64, y: F64, beta: F64, residual_std: F64, window: F64) -> F64:
    """`z_t = (y_t - α_{t-1} - β_{t-1}·x_t) / residual_std_{t-1}` for a line through the window's means, shape (rows,).

    Args:
        run: consecutive bars that end at each row; only a row that follows another has the row before it as its bar before.

    α is used as the means it is made of, relative to the window's anchor: the same line without the rounding of the levels.
    """
    out = np.empty(len(x))
    _one_step(run, x, y, beta, residual_std, window, out)
    return out


@njit(cache=True)
def _one_step(run: I64, x: F64, y: F64, beta: F64, residual_std: F64, window: F64, out: F64) -> None:
    for j in range(len(x)):
        out[j] = math.nan
        if j > 0 and run[j] > 1 and residual_std[j - 1] > 0.0:
            dy = (y[j] - window[1, j - 1]) - window[3, j - 1]
            dx = (x[j] - window[0, j - 1]) - window[2, j - 1]
            out[j] = (dy - beta[j - 1] * dx) / residual_std[j - 1]

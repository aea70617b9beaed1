"""Ordinary least squares of y on x over the last n bars: `y = α + β·x`.

    β = Sxy/Sxx   α = my - β·mx   R² = Sxy²/(Sxx·Syy)   RSS = (1 - R²)·Syy   SE(β) = sqrt(RSS/(Sxx·(n-2)))   spread = y - α - β·x

Residuals of prices are autocorrelated, so the standard error is too small. OLS is not symmetric: 1/β(y|x) is not β(x|y).
"""

import math
from typing import Any

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import moments, zscore
from flows.stats.estimator import FIT_COLUMNS, Legs

_PERFECT = 1e-12


class Ols:
    """The method `ols`: a pure function of the window, so nothing is carried from bar to bar."""

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: Any = None) -> None:
        self._n, self._w = model.window, model.z_window

    @property
    def warmup(self) -> int:
        return self._n + 1  # the one-step z-score tests a bar against the fit of a full window before it

    def reach(self, next_index: I64) -> I64:
        return moments.reach(next_index, self._n)

    def state(self) -> None:
        return None

    def estimate(self, legs: Legs) -> F64:
        # One bar of history gets a fit too: the one-step z-score of the first new bar needs it.
        rows, keep = legs.rows.led(legs.index)
        x, y = legs.x[rows.at], legs.y[rows.at]
        window = moments.block_moments(legs.index, legs.x, legs.y, self._n, rows)
        out = np.empty((len(FIT_COLUMNS), len(rows)))
        residual_std = np.empty(len(rows))
        self._fit(x, y, window, out, residual_std)
        beta, spread = out[0], out[4]
        if self._w == self._n:
            out[5:8] = zscore.in_sample(spread, residual_std)
        else:
            own = moments.block_moments(legs.index, legs.x, legs.y, self._w, rows)
            out[5:8] = zscore.in_sample_own_window(x, y, beta, spread, residual_std, own, self._w)
        out[8] = zscore.one_step(rows.run, x, y, beta, residual_std, window)
        return out[:, keep]

    def _fit(self, x: F64, y: F64, window: F64, out: F64, residual_std: F64) -> None:
        """The line of every row: all that tells other lines through the means of the same windows from this one."""
        _ols(x, y, window, self._n, out, residual_std)


@njit(cache=True)
def _ols(x: F64, y: F64, window: F64, n: int, out: F64, residual_std: F64) -> None:
    """Rows 0 to 4 of `out` and the residuals' standard deviation. The order of operations is part of the definition."""
    for j in range(len(x)):
        ax, ay, mx, my = window[0, j], window[1, j], window[2, j], window[3, j]
        sxx, syy, sxy = window[4, j], window[5, j], window[6, j]
        if not sxx > 0.0:  # flat x, or not a number
            out[:5, j] = math.nan
            residual_std[j] = math.nan
            continue
        if syy <= 0.0:  # flat y
            beta = se = spread = deviation = 0.0
            r_squared = math.nan
        else:
            beta = sxy / sxx
            unexplained = 1.0 - sxy * sxy / (sxx * syy)
            if unexplained < _PERFECT:
                se = spread = deviation = 0.0
                r_squared = 1.0
            else:
                rss = unexplained * syy
                se = math.sqrt(rss / (sxx * (n - 2)))
                r_squared = 1.0 - unexplained
                spread = ((y[j] - ay) - my) - beta * ((x[j] - ax) - mx)
                deviation = math.sqrt(rss / (n - 2))
        out[0, j] = beta
        out[1, j] = se
        out[2, j] = (ay + my) - beta * (ax + mx)
        out[3, j] = r_squared
        out[4, j] = spread
        residual_std[j] = deviation

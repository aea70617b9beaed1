"""Ordinary least squares of y on x over the last n bars: `y = α + β·x`.

    β = Sxy/Sxx   α = my - β·mx   R² = Sxy²/(Sxx·Syy)   RSS = (1 - R²)·Syy   SE(β) = sqrt(RSS/(Sxx·(n-2)))   spread = y - α - β·x

Residuals of prices are autocorrelated, so the standard error is too small. `hedge_ratio_se_hac` allows for it (`hac`), on a cadence:
it is that of the fit `fit_age` bars ago, and may come that many bars after the warm-up. OLS is not symmetric: 1/β(y|x) is not β(x|y).
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.estimator import FIT_AGE, SE_HAC, Legs
from flows.stats.fits import Fits, LastFits
from flows.stats.hac import hac_errors
from flows.stats.rolling_line import RollingLine

_PERFECT = 1e-12


class Ols(RollingLine):
    """The method `ols`; what it carries is the last robust error."""

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: LastFits | None = None) -> None:
        super().__init__(model, pairs)
        self._errors = Fits(model, pairs, 1, state)

    @property
    def memory(self) -> int:
        return self._errors.warmup

    def reach(self, next_index: I64) -> I64:
        return np.minimum(super().reach(next_index), next_index - self.memory + 1)

    def state(self) -> LastFits:
        return self._errors.last

    def estimate(self, legs: Legs) -> F64:
        out = super().estimate(legs)
        errors, age = self._errors.held(legs, legs.rows, self._robust)
        out[SE_HAC], out[FIT_AGE] = errors[0], age
        return out

    def _robust(self, x: F64, y: F64, ends: I64, out: F64) -> None:
        hac_errors(x, y, ends, self._n, out[0])

    def _fit(self, x: F64, y: F64, window: F64, out: F64, residual_std: F64) -> None:
        _ols(x, y, window, self._n, out, residual_std)


@njit(cache=True)
def _ols(x: F64, y: F64, window: F64, n: int, out: F64, residual_std: F64) -> None:
    """Rows 0 to 4 of `out` and the residuals' standard deviation. The order of operations is part of the definition."""
    for j in range(len(x)):
        ax, ay, mx, my = window[0, j], window[1, j], window[2, j], window[3, j]
        sxx, syy, sxy, unexplained = window[4, j], window[5, j], window[6, j], window[7, j]
        if not sxx > 0.0:  # flat x, or not a number
            out[:5, j] = math.nan
            residual_std[j] = math.nan
            continue
        if syy <= 0.0:  # flat y
            beta = se = spread = deviation = 0.0
            r_squared = math.nan
        else:
            beta = sxy / sxx
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

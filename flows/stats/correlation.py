"""Correlation of the legs' log returns over one bar interval, never of levels.

`corr = Sxy / sqrt(Sxx·Syy)` over the last c returns. NaN where either leg is flat. A low value at short intervals may be asynchronous
trading rather than independence (Epps effect).
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.stats import moments
from flows.stats.estimator import Legs

_PERFECT = 1e-12


def warmup(c: int) -> int:
    """Consecutive prices that c returns need."""
    return c + 1


def reach(next_index: I64, c: int) -> I64:
    """Index of the oldest bar needed. The first return of that block is in no window to come, so its own price is enough."""
    return moments.reach(next_index, c)


def return_correlation(returns: Legs, c: int) -> F64:
    """Rolling correlation of c returns for each wanted row, shape (wanted,).

    A run's first bar has no return: NaN there makes every window that reaches over the run's beginning NaN.
    """
    window = returns.sums.moments(returns.index, returns.x, returns.y, c, returns.rows, returns.closed)
    out = np.empty(len(returns.rows))
    _correlation(window, out)
    return out


@njit(cache=True)
def _correlation(window: F64, out: F64) -> None:
    for j in range(len(out)):
        sxx, syy, sxy = window[4, j], window[5, j], window[6, j]
        if not (sxx > 0.0 and syy > 0.0):
            out[j] = math.nan
        elif window[7, j] < _PERFECT:
            out[j] = math.copysign(1.0, sxy)
        else:
            out[j] = sxy / math.sqrt(sxx * syy)

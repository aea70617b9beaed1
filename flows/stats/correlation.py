"""Correlation of the legs' log returns over one bar interval, never of levels.

`corr = Sxy / sqrt(Sxx·Syy)` over the last c returns. NaN where either leg is flat. A low value at short intervals may be asynchronous
trading rather than independence (Epps effect).
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.stats import moments
from flows.stats.rows import Rows

_PERFECT = 1e-12


def warmup(c: int) -> int:
    """Consecutive prices that c returns need."""
    return c + 1


def reach(next_index: I64, c: int) -> I64:
    """Index of the oldest bar needed. The first return of that block is in no window to come, so its own price is enough."""
    return moments.reach(next_index, c)


def return_correlation(index: I64, log_x: F64, log_y: F64, c: int, rows: Rows) -> F64:
    """Rolling correlation of c returns for each wanted row, shape (wanted,).

    A run's first bar has no return: NaN there makes every window that reaches over the run's beginning NaN.
    """
    returns = np.empty((2, len(index)))
    _returns(index, log_x, log_y, rows.begin, rows.first, rows.end, returns)
    window = moments.block_moments(index, returns[0], returns[1], c, rows)
    out = np.empty(len(rows))
    _correlation(window, out)
    return out


@njit(cache=True)
def _returns(index: I64, log_x: F64, log_y: F64, begin: I64, first: I64, end: I64, out: F64) -> None:
    for p in range(len(begin)):
        if end[p] == first[p]:
            continue
        for j in range(begin[p], end[p]):
            if j == begin[p] or index[j] != index[j - 1] + 1:
                out[:, j] = math.nan
            else:
                out[0, j] = log_x[j] - log_x[j - 1]
                out[1, j] = log_y[j] - log_y[j - 1]


@njit(cache=True)
def _correlation(window: F64, out: F64) -> None:
    for j in range(len(out)):
        sxx, syy, sxy = window[4, j], window[5, j], window[6, j]
        if not (sxx > 0.0 and syy > 0.0):
            out[j] = math.nan
        elif 1.0 - sxy * sxy / (sxx * syy) < _PERFECT:
            out[j] = math.copysign(1.0, sxy)
        else:
            out[j] = sxy / math.sqrt(sxx * syy)

"""The Dickey-Fuller regression: Δs_t on s_{t-1}, p lagged differences and perhaps a constant; the statistic is the t-value of s_{t-1}.

    Δs_t = (c) + λ·s_{t-1} + γ_1·Δs_{t-1} + … + γ_p·Δs_{t-p} + u_t

One Cholesky factor of the Gram matrix of all columns gives the residual sum of squares of every nested lag at once, so choosing the
lag by AIC costs two factors and not one regression per lag. What the statistic means depends on where the series comes from: `adf`
and `engle_granger` know.
"""

import math
from typing import Literal

import numpy as np
from numba import njit

from flows.domain.frames import F64
from flows.stats.battery.gram import gram_factor

Lag = int | Literal["aic"]
"""A fixed number of lagged differences, or the choice of Akaike's criterion among 0 … `max_lag`."""


def max_lag(n: int, constant: bool) -> int:
    """Most lags that the search tries over n bars: Schwert's `ceil(12·(n/100)^¼)`, if the window is long enough for them."""
    schwert = math.ceil(12.0 * math.sqrt(math.sqrt(n / 100.0)))
    return max(min(schwert, n // 2 - int(constant) - 1), 0)


def dickey_fuller(series: F64, lag: Lag, constant: bool) -> tuple[float, int]:
    """The statistic and the lag it was made with; NaN where the regression has no solution.

    Args:
        series: shape (n,), contiguous, finite.
        lag: where it is a number, cut to `max_lag(n, constant)`.

    Raises:
        ValueError: a lag below 0.
    """
    if lag != "aic" and lag < 0:
        raise ValueError(f'lag must be 0 or more, or "aic", was {lag}')
    most = max_lag(len(series), constant)
    chosen = _lag_by_aic(series, most, constant) if lag == "aic" else min(lag, most)
    return (math.nan, 0) if chosen < 0 else (_t_value(series, chosen, constant), chosen)


def _lag_by_aic(s: F64, most: int, constant: bool) -> int:
    """The lag with the smallest n·ln(RSS) + 2k over the sample that all lags share, the shorter one if equal; -1 if none exists."""
    factor = gram_factor(_columns(s, most, level_first=True), constant)
    return -1 if factor is None else int(_best_lag(factor[most + 1], len(s) - 1 - most))


@njit(cache=True)
def _best_lag(last: F64, rows: int) -> int:
    """As above, from the last row of the factor."""
    most = len(last) - 2
    rss = last[most + 1] * last[most + 1]
    best, chosen = math.inf, -1
    for lag in range(most, -1, -1):  # RSS grows by a square as a column is taken away: sums only, nothing cancels
        aic = rows * math.log(rss) + 2.0 * (lag + 1)
        if aic <= best:
            best, chosen = aic, lag
        rss += last[lag] * last[lag]
    return chosen


def _t_value(s: F64, lag: int, constant: bool) -> float:
    free = len(s) - 1 - lag - (lag + 1) - int(constant)
    factor = gram_factor(_columns(s, lag, level_first=False), constant)
    if factor is None or free < 1:
        return math.nan
    return float(factor[lag + 1, lag] / (factor[lag + 1, lag + 1] / math.sqrt(free)))


@njit(cache=True)
def _columns(s: F64, lag: int, level_first: bool) -> F64:
    """The lagged level and the lagged differences, level first or after them, and Δs last, a row for each bar that has them all."""
    n = len(s)
    level = 0 if level_first else lag
    start = 1 if level_first else 0
    columns = np.empty((n - 1 - lag, lag + 2))
    for t in range(lag, n - 1):
        row = columns[t - lag]
        row[level] = s[t]
        for j in range(lag):
            row[start + j] = s[t - j] - s[t - 1 - j]
        row[lag + 1] = s[t + 1] - s[t]
    return columns

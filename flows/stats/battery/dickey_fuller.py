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

Lag = int | Literal["aic"]
"""A fixed number of lagged differences, or the choice of Akaike's criterion among 0 … `max_lag`."""

_SINGULAR = 1e-12


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


@njit(cache=True)
def _lag_by_aic(s: F64, most: int, constant: bool) -> int:
    """The lag with the smallest n·ln(RSS) + 2k over the sample that all lags share, the shorter one if equal; -1 if none exists."""
    gram = _gram(s, most, constant, True)
    if not _cholesky(gram):
        return -1
    last = most + 1
    rows = len(s) - 1 - most
    rss = gram[last, last] * gram[last, last]
    best, chosen = math.inf, -1
    for lag in range(most, -1, -1):  # RSS grows by a square as a column is taken away: sums only, nothing cancels
        aic = rows * math.log(rss) + 2.0 * (lag + 1)
        if aic <= best:
            best, chosen = aic, lag
        rss += gram[last, lag] * gram[last, lag]
    return chosen


@njit(cache=True)
def _t_value(s: F64, lag: int, constant: bool) -> float:
    gram = _gram(s, lag, constant, False)
    if not _cholesky(gram):
        return math.nan
    last = lag + 1
    free = len(s) - 1 - lag - (lag + 1) - int(constant)
    if free < 1:
        return math.nan
    return float(gram[last, lag] / (gram[last, last] / math.sqrt(free)))


@njit(cache=True)
def _gram(s: F64, lag: int, constant: bool, level_first: bool) -> F64:
    """Sums of products of the columns: the lagged level and the lagged differences, level first or after them, and Δs last."""
    n, k = len(s), lag + 2
    level = 0 if level_first else lag
    start = 1 if level_first else 0
    diff = np.empty(n - 1)
    for t in range(n - 1):
        diff[t] = s[t + 1] - s[t]
    mean = np.zeros(k)
    row = np.empty(k)
    gram = np.zeros((k, k))
    for centred in range(2):
        if centred == 0 and not constant:
            continue
        for t in range(lag, n - 1):
            row[level] = s[t]
            for j in range(lag):
                row[start + j] = diff[t - 1 - j]
            row[k - 1] = diff[t]
            if centred == 0:
                for i in range(k):
                    mean[i] += row[i]
                continue
            for i in range(k):
                row[i] -= mean[i]
            for i in range(k):
                a = row[i]
                for j in range(i + 1):
                    gram[i, j] += a * row[j]
        if centred == 0:
            for i in range(k):
                mean[i] /= n - 1 - lag
    return gram


@njit(cache=True)
def _cholesky(gram: F64) -> bool:
    """The lower factor in place; False where a column is, but for rounding, a combination of those before it."""
    k = len(gram)
    for i in range(k):
        for j in range(i):
            v = gram[i, j]
            for m in range(j):
                v -= gram[i, m] * gram[j, m]
            gram[i, j] = v / gram[j, j]
        v = gram[i, i]
        for m in range(i):
            v -= gram[i, m] * gram[i, m]
        if not v > _SINGULAR * gram[i, i]:
            return False
        gram[i, i] = math.sqrt(v)
    return True

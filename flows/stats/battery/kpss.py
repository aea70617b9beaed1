"""KPSS test of a series that was given: its null is the opposite of the others, so passing means that reverting is not refused.

    η = Σ_t S_t² / (n²·ω²)     S_t = Σ_{i≤t} (s_i - mean)     ω² = Newey-West with Bartlett weights over `lag` lags

The table has four rows, so the p-value is bounded to 0.01 … 0.10 and says so. Right only for a fixed hedge ratio, as the ADF test.
Kwiatkowski, Phillips, Schmidt, Shin, Journal of Econometrics 54 (1992) 159-178; lag by Hobijn, Franses, Ooms (2004).
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numba import njit

from flows.domain.frames import F64
from flows.stats.battery.window import anchored, series_problem

_CRITICAL = (0.347, 0.463, 0.574, 0.739)
_LEVELS = (0.10, 0.05, 0.025, 0.01)

Bound = Literal["", "at most", "at least"]


@dataclass(frozen=True, slots=True)
class Kpss:
    """Attributes:
    statistic: η; the larger, the less it reverts.
    p_value: within 0.01 … 0.10. bound: `at most` or `at least` where the table ends before the true one.
    lag: lags of the long-run variance.
    critical: values at 10, 5, 2.5 and 1 %.
    reason: why the rest is NaN, empty where it is not.
    """

    null: ClassVar[str] = "the series keeps to a level (right only for a fixed hedge ratio)"
    critical: ClassVar[tuple[float, ...]] = _CRITICAL

    statistic: float = math.nan
    p_value: float = math.nan
    bound: Bound = ""
    lag: int = 0
    reason: str = ""


def kpss(series: F64, lag: int | None = None) -> Kpss:
    """The test around a constant level.

    Args:
        series: shape (n,). lag: by default chosen from the data; cut to n - 1.

    Raises:
        ValueError: a lag below 0.
    """
    if lag is not None and lag < 0:
        raise ValueError(f"lag of a long-run variance must be 0 or more, was {lag}")
    if problem := series_problem(series):
        return Kpss(reason=problem)
    residual = anchored(series)
    n = len(residual)
    _centre(residual)
    used = min(_automatic_lag(residual, int(n ** (2.0 / 9.0))) if lag is None else lag, n - 1)
    statistic = _eta(residual, used)
    if not statistic > 0.0:
        return Kpss(lag=used, reason=f"the long-run variance over {used} lags is not positive")
    p = float(np.interp(statistic, _CRITICAL, _LEVELS))
    bound: Bound = "at most" if statistic > _CRITICAL[-1] else "at least" if statistic < _CRITICAL[0] else ""
    return Kpss(statistic, p, bound, used)


@njit(cache=True)
def _centre(s: F64) -> None:
    total = 0.0
    for t in range(len(s)):
        total += s[t]
    mean = total / len(s)
    for t in range(len(s)):
        s[t] -= mean


@njit(cache=True)
def _autocovariance(r: F64, lag: int) -> float:
    total = 0.0
    for t in range(lag, len(r)):
        total += r[t] * r[t - lag]
    return total


@njit(cache=True)
def _automatic_lag(r: F64, few: int) -> int:
    n = len(r)
    s0, s1 = _autocovariance(r, 0) / n, 0.0
    for i in range(1, few + 1):
        product = _autocovariance(r, i) / (n / 2.0)
        s0 += product
        s1 += i * product
    ratio = s1 / s0 if s0 != 0.0 else 0.0
    return int(1.1447 * (ratio * ratio) ** (1.0 / 3.0) * n ** (1.0 / 3.0))


@njit(cache=True)
def _eta(r: F64, lag: int) -> float:
    n = len(r)
    level = square = 0.0
    for t in range(n):
        level += r[t]
        square += level * level
    variance = _autocovariance(r, 0)
    for i in range(1, lag + 1):
        variance += 2.0 * _autocovariance(r, i) * (1.0 - i / (lag + 1.0))
    return square / (n * n) / (variance / n) if variance > 0.0 else math.nan

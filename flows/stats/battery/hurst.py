"""Hurst exponent: how fast the changes of the spread grow with the time between them.

The slope of ln sd(s_{t+k} - s_t) on ln k for k = 1, 2, 4, 8, 16, 32 bars: ½ for a random walk, below where it reverts, above where it
trends. A description, not a test: it has no p-value here, and a short half-life bends the line it is the slope of.
"""

import math
from dataclasses import dataclass

from numba import njit

from flows.domain.frames import F64
from flows.stats.battery.window import anchored, series_problem

LEAST_HURST_BARS = 128
"""Four times the longest distance."""


@dataclass(frozen=True, slots=True)
class Hurst:
    """`exponent` between 0 and 1; NaN with the `reason` where it is not known or falls outside."""

    exponent: float = math.nan
    reason: str = ""


def hurst(spread: F64) -> Hurst:
    """Of a spread of shape (n,)."""
    if problem := series_problem(spread, LEAST_HURST_BARS):
        return Hurst(reason=problem)
    slope = _slope(anchored(spread))
    if math.isnan(slope):
        return Hurst(reason="the spread does not change, or changes alike, over some distance")
    if not 0.0 <= slope <= 1.0:
        return Hurst(
            reason=f"the slope {slope:.3f} lies outside 0 to 1: the spread is no scaling process over 1 to 32 bars"
        )
    return Hurst(slope)


@njit(cache=True)
def _slope(s: F64) -> float:
    n = len(s)
    points = 6
    sum_xy = sum_y = 0.0
    for i in range(points):
        k = 1 << i
        mean = 0.0
        for t in range(n - k):
            mean += s[t + k] - s[t]
        mean /= n - k
        square = 0.0
        for t in range(n - k):
            r = s[t + k] - s[t] - mean
            square += r * r
        if not square > 0.0:
            return math.nan
        log_sd = 0.5 * math.log(square / (n - k))
        sum_y += log_sd
        sum_xy += i * log_sd
    mean_i = (points - 1) / 2
    square_i = points * (points * points - 1) / 12  # Σ (i - mean)² of 0 … points-1
    return (sum_xy - mean_i * sum_y) / square_i / math.log(2.0)

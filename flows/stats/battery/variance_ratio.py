"""Variance ratios: how the variance of q-bar changes compares with q times that of one bar.

    VR(q) = [Σ (s_t - s_{t-q} - q·μ)² / (q·(N-q+1)·(1-q/N))] / [Σ (Δs_t - μ)² / (N-1)]     N changes, μ their mean

1 for a random walk, below 1 where changes are taken back, above where they go on. Each ratio has Lo and MacKinlay's statistic, which
allows for changing volatility; `p_value` is Chow and Denning's for all q at once, since the best of four looks is not one look.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from flows.domain.frames import F64
from flows.stats.battery.window import LEAST_BARS, anchored, series_problem

HORIZONS = (2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class RatioAt:
    """VR at q bars with its statistic, standard normal under the null, and the two-sided p-value of this q alone."""

    q: int
    ratio: float
    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True)
class VarianceRatio:
    """Attributes:
    ratios: one per q, empty where nothing is known.
    statistic, p_value: the largest of the statistics without sign, and its p-value among as many.
    reason: why the rest is missing, empty where it is not.
    """

    null: ClassVar[str] = "changes of the series are uncorrelated"

    ratios: tuple[RatioAt, ...] = ()
    statistic: float = math.nan
    p_value: float = math.nan
    reason: str = ""


def variance_ratio(series: F64, horizons: tuple[int, ...] = HORIZONS) -> VarianceRatio:
    """Of a series of shape (n,). Needs 4 bars for each of the longest horizon.

    Raises:
        ValueError: a horizon below 2 bars.
    """
    if not horizons or min(horizons) < 2:
        raise ValueError(f"horizons of a variance ratio must be 2 bars or more, were {horizons}")
    if problem := series_problem(series, max(4 * max(horizons), LEAST_BARS)):
        return VarianceRatio(reason=problem)
    diff = np.empty(len(series) - 1)
    ratios = []
    for q in horizons:
        ratio, statistic = _ratio(anchored(series), diff, q)
        if math.isnan(statistic):
            return VarianceRatio(reason="the changes of the series are all alike or lie too far apart")
        ratios.append(RatioAt(q, ratio, statistic, math.erfc(abs(statistic) / math.sqrt(2.0))))
    most = max(abs(r.statistic) for r in ratios)
    alone = math.erfc(most / math.sqrt(2.0))
    return VarianceRatio(tuple(ratios), most, -math.expm1(len(ratios) * math.log1p(-alone)) if alone < 1.0 else 1.0)


@njit(cache=True)
def _ratio(s: F64, diff: F64, q: int) -> tuple[float, float]:
    count = len(diff)
    mean = (s[count] - s[0]) / count
    total = 0.0
    for t in range(count):
        diff[t] = s[t + 1] - s[t] - mean
        total += diff[t] * diff[t]
    long = 0.0
    for t in range(q, count + 1):
        r = s[t] - s[t - q] - q * mean
        long += r * r
    if not total > 0.0:
        return math.nan, math.nan
    ratio = long / (q * (count - q + 1) * (1.0 - q / count)) / (total / (count - 1))
    spread = 0.0
    for k in range(1, q):
        both = 0.0
        for t in range(k, count):
            both += diff[t] * diff[t] * (diff[t - k] * diff[t - k])
        weight = 1.0 - k / q
        spread += 4.0 * weight * weight * (count * both / (total * total))
    if not spread > 0.0:
        return ratio, math.nan
    return ratio, math.sqrt(count) * (ratio - 1.0) / math.sqrt(spread)

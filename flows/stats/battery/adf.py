"""Augmented Dickey-Fuller test of a series that was given, not estimated: right only for a fixed hedge ratio.

Null: the series has a unit root. On the residuals of a fitted hedge ratio it finds "cointegration" in 15 to 17 % of unrelated pairs at
nominal 5 %, and in nearly all of them when the hedge ratio rolls: that is what `engle_granger` is for.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from flows.domain.frames import F64
from flows.stats.battery.dickey_fuller import Lag, dickey_fuller
from flows.stats.battery.mackinnon import UNKNOWN, Critical, critical_values, p_value
from flows.stats.battery.window import anchored, series_problem


@dataclass(frozen=True, slots=True)
class Adf:
    """As in `EngleGranger`, with the distribution of one series."""

    null: ClassVar[str] = "the series has a unit root (right only for a fixed hedge ratio)"

    statistic: float = math.nan
    p_value: float = math.nan
    lag: int = 0
    critical: Critical = UNKNOWN
    reason: str = ""


def adf(series: F64, lag: Lag = 1) -> Adf:
    """The test with a constant, of a series of shape (n,) such as the log ratio of the legs."""
    if problem := series_problem(series):
        return Adf(reason=problem)
    statistic, used = dickey_fuller(anchored(series), lag, constant=True)
    if math.isnan(statistic):
        return Adf(reason="the series follows its own past exactly")
    return Adf(statistic, p_value(statistic, 1), used, critical_values(1, len(series) - 1 - used))

"""The pictures of the Analysis view. Each is told its part of the analysis and draws it anew: a few kilobytes every three seconds."""

from dataclasses import dataclass

from dashboard import theme
from dashboard.charts.distributions import Bars, Lags
from dashboard.charts.lead import LeadLags
from dashboard.charts.looks import HalfLives, Shares
from dashboard.charts.regression import Scatter


@dataclass(frozen=True)
class Pictures:
    """All of them."""

    scatter: Scatter
    spread: Bars
    zscore: Bars
    lags: Lags
    shares: Shares
    half_lives: HalfLives
    lead: LeadLags


def pictures() -> Pictures:
    """All of them, empty."""
    return Pictures(
        Scatter(), Bars("spread-bars", theme.SPREAD, "Distribution of the spread"),
        Bars("z-bars", theme.ZSCORE, "Distribution of z"), Lags(), Shares(), HalfLives(), LeadLags(),
    )  # fmt: skip

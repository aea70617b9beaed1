"""When the tests of a pair are made, over what, and what counts as passing."""

from dataclasses import dataclass
from typing import Literal

MOST_LOOKS = 5_760
"""Kept of a pair at most: a day at one look in 15 s."""


@dataclass(frozen=True, slots=True)
class BatteryPlan:
    """The tests at one interval.

    Attributes:
        window: bars of one look. cadence: bars from one look at a pair to the next.
        lag: lagged differences of the Engle-Granger and ADF regressions, or `aic`.
        level: a look passes when both directions have a p-value below it.
        period_us: how long looks are kept for the verdict.
        fdr_rate: share of the pairs called discoveries that may be none.
    """

    window: int
    cadence: int
    lag: int | Literal["aic"] = 1
    level: float = 0.05
    period_us: int = 86_400_000_000
    fdr_rate: float = 0.05

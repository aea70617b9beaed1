"""The error of a fitted hedge ratio, in the three forms that are in use, from the one that ignores memory to the one that does not.

    plain    sqrt(RSS/(n-2)/Sxx)               right for residuals without memory, 8 times too small at a half-life of 20 bars
    hac      sqrt(Σ_{|l|≤L} (1-|l|/(L+1))·Σ_t g_t·g_{t-|l|}),  g_t = (x_t - x̄)·e_t/Sxx         Newey-West, L stated
    long_run sqrt(ω²/Sxx), ω² the prewhitened long-run variance of the residuals        for legs that wander together

Coverage of β ± 1.96 · error over 600 bars, for a spread without memory and with half-lives of n/60 and n/15: plain 95, 29, 16 %; hac 95,
81, 66 %; long_run 94, 92, 88 %. So the interval is made of the last one, and claims 92 to 97 % only where the window holds 60 half-lives
or more. For legs that are unrelated no error of β means anything.
"""

import math
from dataclasses import dataclass

from flows.stats.battery.long_run import automatic_lag, bartlett, prewhitened
from flows.stats.battery.regression import Regression

_TWO_SIDED_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class HedgeError:
    """Attributes:
    hedge_ratio: β. low, high: its 95 % interval by the long-run error.
    plain, hac, long_run: standard errors as above. lag: L of `hac`.
    reason: why the rest is NaN, empty where it is not.
    """

    hedge_ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    plain: float = math.nan
    hac: float = math.nan
    long_run: float = math.nan
    lag: int = 0
    reason: str = ""


def hedge_error(line: Regression, lag: int | None = None) -> HedgeError:
    """Of the line's β.

    Args:
        lag: L of the HAC error; by default Andrews' automatic one, from the data; cut to n - 1.

    Raises:
        ValueError: a lag below 0.
    """
    if lag is not None and lag < 0:
        raise ValueError(f"lag of a long-run variance must be 0 or more, was {lag}")
    if line.reason:
        return HedgeError(hedge_ratio=line.hedge_ratio, reason=line.reason)
    beta, scores = line.hedge_ratio, line.x * line.residual / line.sxx
    used = automatic_lag(scores) if lag is None else min(lag, line.n - 1)
    long_run = math.sqrt(prewhitened(line.residual) / line.sxx)
    return HedgeError(
        hedge_ratio=beta,
        low=beta - _TWO_SIDED_95 * long_run,
        high=beta + _TWO_SIDED_95 * long_run,
        plain=math.sqrt(line.rss / (line.n - 2) / line.sxx),
        hac=math.sqrt(line.n * bartlett(scores, used)),
        long_run=long_run,
        lag=used,
    )

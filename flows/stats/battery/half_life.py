"""How long the spread takes to lose half of a deviation, with an interval that knows about random walks.

    Δs_t = a + λ·s_{t-1} + u_t    φ = 1 + λ    half-life = ln ½ / ln φ  (not -ln 2/λ, which is 5 % too long at λ = -0.1)

A pure random walk has a finite estimate in 95 % of windows, near n/6 whatever n is, so the estimate alone says nothing. The interval is
φ ± c·SE with c the 5 % critical value of the Engle-Granger table rather than 2: near φ = 1 the estimate is biased low and not normal.
Where it contains 1 the spread cannot be told from a random walk. To be printed only beside the Engle-Granger test.
"""

import math
from dataclasses import dataclass

from numba import njit

from flows.domain.frames import F64
from flows.stats.battery.mackinnon import critical_values
from flows.stats.battery.window import anchored, series_problem

FEW_HALF_LIVES = 5.0
"""Below as many half-lives in its window, a z-score follows the mispricing badly (correlation under about 0.6)."""


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Attributes:
    bars: half-life; inf where the spread does not revert, 0 where it swings over its mean from bar to bar (below one bar).
    low, high: ends of the interval in bars.
    phi, phi_se: the autoregressive coefficient and its standard error.
    reverts: the interval of φ lies below 1; where False the half-life is not distinguishable from a random walk's.
    windows: bars of the window per half-life; a z-score of this window is to be trusted from 5 on.
    reason: why the rest is NaN, empty where it is not.
    """

    bars: float = math.nan
    low: float = math.nan
    high: float = math.nan
    phi: float = math.nan
    phi_se: float = math.nan
    reverts: bool = False
    windows: float = math.nan
    reason: str = ""


def half_life(spread: F64) -> HalfLife:
    """Of a spread of shape (n,)."""
    if problem := series_problem(spread):
        return HalfLife(reason=problem)
    n = len(spread)
    phi, se = _autoregression(anchored(spread))
    if math.isnan(phi):
        return HalfLife(reason="the spread changes in its last bar only")
    reach = -critical_values(2, n - 1).five * se
    bars = _half_life(phi)
    return HalfLife(
        bars=bars,
        low=_half_life(phi - reach),
        high=_half_life(phi + reach),
        phi=phi,
        phi_se=se,
        reverts=phi + reach < 1.0,
        windows=n / bars if bars > 0.0 else math.inf,
    )


def _half_life(phi: float) -> float:
    if phi >= 1.0:
        return math.inf
    return math.log(0.5) / math.log(phi) if phi > 0.0 else 0.0


@njit(cache=True)
def _autoregression(s: F64) -> tuple[float, float]:
    rows = len(s) - 1
    sum_s = sum_d = 0.0
    for t in range(rows):
        sum_s += s[t]
        sum_d += s[t + 1] - s[t]
    mean_s, mean_d = sum_s / rows, sum_d / rows
    sss = ssd = 0.0
    for t in range(rows):
        u = s[t] - mean_s
        sss += u * u
        ssd += u * (s[t + 1] - s[t] - mean_d)
    if not sss > 0.0:
        return math.nan, math.nan
    slope = ssd / sss
    rss = 0.0
    for t in range(rows):
        r = s[t + 1] - s[t] - mean_d - slope * (s[t] - mean_s)
        rss += r * r
    return 1.0 + slope, math.sqrt(rss / (rows - 2) / sss)

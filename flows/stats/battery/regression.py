"""The line y = α + β·x over one window, with its residuals: what the tests of a pair have in common.

Two passes over deviations from the first bar, summed in the order of the bars: the bits depend on the window alone.
"""

import math
import sys
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from flows.domain.frames import F64
from flows.stats.battery.window import LEAST_BARS, anchored, pair_problem

PERFECT = 100 * math.sqrt(sys.float_info.epsilon)
"""Where RSS is at most this part of Syy the residuals are rounding (the limit of `statsmodels.tsa.stattools.coint`)."""


@dataclass(frozen=True, slots=True)
class Regression:
    """Least squares of y on (1, x).

    Attributes:
        n: bars.
        hedge_ratio, intercept: β and α, NaN where there is no line.
        residual: y - α - β·x, shape (n,); empty where there is no line.
        x: deviations of x from its mean, shape (n,); empty where there is no line.
        sxx, syy, rss: centred sums of squares and the residual one.
        reason: why no test of the residuals can be made, empty where it can.
    """

    n: int
    reason: str = ""
    hedge_ratio: float = math.nan
    intercept: float = math.nan
    residual: F64 = field(default_factory=lambda: np.empty(0))
    x: F64 = field(default_factory=lambda: np.empty(0))
    sxx: float = math.nan
    syy: float = math.nan
    rss: float = math.nan


def regression(y: F64, x: F64, names: tuple[str, str] = ("y", "x")) -> Regression:
    """The line through a window of two legs, shape (n,) each, in the model's price form.

    Args:
        names: what the reason calls the legs, as y here is x of the pair when the other direction is fitted.

    Raises:
        ValueError: the legs differ in length.
    """
    n = len(y)
    if problem := pair_problem(y, x, LEAST_BARS, names):
        return Regression(n, problem)
    residual, deviation = np.empty(n), np.empty(n)
    mean_x, mean_y, sxx, syy, beta, rss = _least_squares(anchored(y), anchored(x), residual, deviation)
    alpha = (float(y[0]) + mean_y) - beta * (float(x[0]) + mean_x)
    reason = f"perfect fit: {names[0]} is a straight line of {names[1]}" if rss <= PERFECT * syy else ""
    return Regression(n, reason, beta, alpha, residual, deviation, sxx, syy, rss)


@njit(cache=True)
def _least_squares(e: F64, d: F64, residual: F64, deviation: F64) -> tuple[float, float, float, float, float, float]:
    n = len(d)
    sum_d = sum_e = 0.0
    for t in range(n):
        sum_d += d[t]
        sum_e += e[t]
    mean_d, mean_e = sum_d / n, sum_e / n
    sxx = syy = sxy = 0.0
    for t in range(n):
        u, v = d[t] - mean_d, e[t] - mean_e
        deviation[t] = u
        residual[t] = v
        sxx += u * u
        syy += v * v
        sxy += u * v
    beta = sxy / sxx
    rss = 0.0
    for t in range(n):
        r = residual[t] - beta * deviation[t]
        residual[t] = r
        rss += r * r
    return mean_d, mean_e, sxx, syy, beta, rss

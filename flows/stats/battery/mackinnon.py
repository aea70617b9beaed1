"""MacKinnon's tables for Dickey-Fuller statistics of one series, and of the residuals of a line fitted through two.

The p-value is the asymptotic response surface of 1994, the critical values are the finite-sample ones of 2010, so near a level the two
may disagree: a decision is made on the p-value. The 1 % row for two series has the -22.527 that MacKinnon (2010) printed, where
statsmodels 0.15 has -33.527 (its issue 10271).

J. G. MacKinnon, "Approximate asymptotic distribution functions for unit-root and cointegration tests", JBES 12 (1994) 167-176;
"Critical values for cointegration tests", Queen's University working paper 1227 (2010). Regression with a constant throughout.
"""

import math
from dataclasses import dataclass
from typing import Literal

Series = Literal[1, 2]
"""1: a series that was given. 2: residuals of a line fitted through two."""


@dataclass(frozen=True, slots=True)
class Critical:
    """Values that the statistic must pass to reject the null at 1 %, 5 % and 10 %."""

    one: float = math.nan
    five: float = math.nan
    ten: float = math.nan


UNKNOWN = Critical()

_CERTAIN = {1: -18.83, 2: -18.86}  # below: p = 0
_HOPELESS = {1: 2.74, 2: 0.92}  # above: p = 1
_TURN = {1: -1.61, 2: -2.62}  # where one polynomial ends and the other begins
_LOWER = {1: (2.1659, 1.4412, 0.038269), 2: (2.92, 1.5012, 0.039796)}
_UPPER = {1: (1.7339, 0.93202, -0.12745, -0.010368), 2: (2.1945, 0.64695, -0.29198, -0.042377)}
_CRITICAL = {
    1: ((-3.43035, -6.5393, -16.786, -79.433), (-2.86154, -2.8903, -4.234, -40.040), (-2.56677, -1.5384, -2.809, 0.0)),
    2: ((-3.89644, -10.9519, -22.527, 0.0), (-3.33613, -6.1101, -6.823, 0.0), (-3.04445, -4.2412, -2.720, 0.0)),
}


def p_value(statistic: float, series: Series) -> float:
    """Probability of a smaller statistic when there is a unit root, NaN for NaN.

    >>> round(p_value(-3.3361, 2), 3), round(p_value(-2.8615, 1), 3)
    (0.05, 0.05)
    """
    if math.isnan(statistic):
        return math.nan
    if statistic > _HOPELESS[series]:
        return 1.0
    if statistic < _CERTAIN[series]:
        return 0.0
    quantile = 0.0
    for coefficient in reversed((_LOWER if statistic <= _TURN[series] else _UPPER)[series]):
        quantile = quantile * statistic + coefficient
    return 0.5 * math.erfc(-quantile / math.sqrt(2.0))


def critical_values(series: Series, rows: int) -> Critical:
    """Critical values of a regression over `rows` observations."""
    return Critical(*(a + b / rows + c / rows**2 + d / rows**3 for a, b, c, d in _CRITICAL[series]))

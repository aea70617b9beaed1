"""Johansen's test of a pair, which has no direction: how many combinations of the two legs revert?

    ΔX_t = c + Π·X_{t-1} + Γ_1·ΔX_{t-1} + … + Γ_p·ΔX_{t-p} + u_t

The statistics are made of the squared canonical correlations λ_1 ≥ λ_2 of ΔX_t and X_{t-1} given the lagged differences:
trace(r) = -T·Σ_{i>r} ln(1-λ_i), largest eigenvalue(r) = -T·ln(1-λ_{r+1}). For two legs they come in closed form from one Cholesky factor
of all columns: with M = L_XX⁻¹·L_XΔ its blocks, the eigenvalues ν of M·Mᵀ are λ/(1-λ), so -ln(1-λ) = ln(1+ν) without a cancellation.

There is no p-value, only critical values: the p-value of rank 0 is given as the two levels it lies between. They are those of legs
without a drift, as legs have none to speak of within a window: for rank 0 simulated here (200,000 pairs of walks of 1,000 bars, standard
error 0.05 at 1 %, 0.02 at 5 %), for rank at most 1 MacKinnon's for one series, squared. The usual tables of MacKinnon, Haug and Michelis
(1999), in statsmodels too, suppose a drift; without one they reject 10 % of unrelated pairs at nominal 5 %. They stand beside.
Rank 2 means that each leg keeps to a level by itself over the window, which is no evidence of a common path.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from flows.domain.frames import F64
from flows.stats.battery.gram import gram_factor
from flows.stats.battery.mackinnon import Critical
from flows.stats.battery.window import LEAST_BARS, anchored, pair_problem

_ONE_LEFT = Critical(11.767, 8.188, 6.588)
_TRACE = (Critical(22.91, 18.18, 15.92), _ONE_LEFT)
_LARGEST = (Critical(19.45, 15.07, 13.10), _ONE_LEFT)
_TRACE_DRIFT = (Critical(19.9349, 15.4943, 13.4294), Critical(6.6349, 3.8415, 2.7055))
_LARGEST_DRIFT = (Critical(18.5200, 14.2639, 12.2971), Critical(6.6349, 3.8415, 2.7055))


@dataclass(frozen=True, slots=True)
class Johansen:
    """Attributes:
    trace, largest: statistics for rank 0 and for rank at most 1.
    rank: how many combinations revert by the trace at 5 %, taken in order; 1 is a tied pair.
    p_between: the levels between which the p-value of rank 0 lies, by the trace.
    hedge_ratio: β of the combination y - β·x that reverts most; it knows no dependent leg.
    lag: lagged differences.
    *_critical, *_critical_drift: values for legs without a drift, which decide, and with one.
    reason: why the rest is missing, empty where it is not.
    """

    null: ClassVar[str] = "no combination of the legs reverts (rank 0)"
    trace_critical: ClassVar[tuple[Critical, Critical]] = _TRACE
    largest_critical: ClassVar[tuple[Critical, Critical]] = _LARGEST
    trace_critical_drift: ClassVar[tuple[Critical, Critical]] = _TRACE_DRIFT
    largest_critical_drift: ClassVar[tuple[Critical, Critical]] = _LARGEST_DRIFT

    trace: tuple[float, float] = (math.nan, math.nan)
    largest: tuple[float, float] = (math.nan, math.nan)
    rank: int | None = None
    p_between: tuple[float, float] = (0.0, 1.0)
    hedge_ratio: float = math.nan
    lag: int = 0
    reason: str = ""


def johansen(y: F64, x: F64, lag: int = 1) -> Johansen:
    """The test of two legs of shape (n,) with a constant outside the reverting combination.

    Raises:
        ValueError: a lag below 1, or legs that differ in length.
    """
    if lag < 1:
        raise ValueError(f"lagged differences of the Johansen test must be 1 or more, were {lag}")
    if problem := pair_problem(y, x, max(LEAST_BARS, 8 * lag + 12)):
        return Johansen(reason=problem)
    factor = gram_factor(_columns(anchored(y), anchored(x), lag), centred=True)
    first, second, beta = (math.nan,) * 3 if factor is None else _eigenvalues(factor, lag)
    if math.isnan(first):
        return Johansen(lag=lag, reason="the legs, their changes and lagged changes are no independent columns")
    rows = len(y) - 1 - lag
    largest = (rows * math.log1p(first), rows * math.log1p(second))
    trace = (largest[0] + largest[1], largest[1])
    rank = 0 if trace[0] <= _TRACE[0].five else 1 if trace[1] <= _TRACE[1].five else 2
    return Johansen(trace, largest, rank, _between(trace[0], _TRACE[0]), beta, lag)


def _between(statistic: float, critical: Critical) -> tuple[float, float]:
    if statistic > critical.one:
        return 0.0, 0.01
    if statistic > critical.five:
        return 0.01, 0.05
    return (0.05, 0.10) if statistic > critical.ten else (0.10, 1.0)


@njit(cache=True)
def _eigenvalues(gram: F64, lag: int) -> tuple[float, float, float]:
    """ν_1 ≥ ν_2 and the hedge ratio of ν_1 from the factor of all columns; NaN where they have nothing in common."""
    d, v = 2 * lag, 2 * lag + 2  # where the changes and the levels begin
    a, b, c = gram[v, v], gram[v + 1, v], gram[v + 1, v + 1]
    m00, m01 = gram[v, d] / a, gram[v, d + 1] / a
    m10, m11 = (gram[v + 1, d] - b * m00) / c, (gram[v + 1, d + 1] - b * m01) / c
    p, q, r = m00 * m00 + m01 * m01, m00 * m10 + m01 * m11, m10 * m10 + m11 * m11
    first = 0.5 * (p + r + math.sqrt((p - r) * (p - r) + 4.0 * q * q))
    if not first > 0.0:
        return math.nan, math.nan, math.nan
    det = m00 * m11 - m01 * m10
    u0, u1 = (first - r, q) if p >= r else (q, first - p)  # eigenvector of ν_1, by the row that does not cancel
    w1 = u1 / c  # weights of the legs: Lᵀ·w = u
    w0 = (u0 - b * w1) / a
    return first, det * det / first, -w1 / w0 if w0 != 0.0 else math.nan


@njit(cache=True)
def _columns(y: F64, x: F64, lag: int) -> F64:
    """Lagged changes, changes, lagged levels, of y and x in turn, a row for each bar that has them all."""
    n = len(y)
    columns = np.empty((n - 1 - lag, 2 * lag + 4))
    for t in range(lag + 1, n):
        row = columns[t - lag - 1]
        for j in range(lag):
            row[2 * j] = y[t - 1 - j] - y[t - 2 - j]
            row[2 * j + 1] = x[t - 1 - j] - x[t - 2 - j]
        row[2 * lag] = y[t] - y[t - 1]
        row[2 * lag + 1] = x[t] - x[t - 1]
        row[2 * lag + 2] = y[t - 1]
        row[2 * lag + 3] = x[t - 1]
    return columns

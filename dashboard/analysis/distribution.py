"""How values are spread, and how they hang together in time: pure functions over arrays, for pictures.

Autocorrelation at lag k:  r_k = Σ (v_t - m)(v_{t+k} - m) / Σ (v_t - m)²      (Box and Jenkins; `statsmodels.tsa.stattools.acf`)

Values without memory stay within ±1.96/√n in 95 % of lags; for others the band says nothing of the single lag.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from dashboard.analysis.rows import F64
from flows.stats.summary import Summary, summary

MOST_BINS, LEAST_BINS = 60, 8
CURVE_POINTS = 121
MOST_LAGS = 60
LEAST_VALUES = 20
"""Fewer make no picture."""

_NONE = np.empty(0)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between `edges`, shape (bins,) and (bins + 1,), and the counts that as many normal values would give.

    Attributes:
        curve_x, curve_y: the normal density of the same mean and deviation, times values and width of a bin, shape (CURVE_POINTS,).
        summary: of the values. reason: why there is no picture, '' where there is.
    """

    summary: Summary
    edges: F64 = field(default_factory=lambda: _NONE)
    counts: F64 = field(default_factory=lambda: _NONE)
    curve_x: F64 = field(default_factory=lambda: _NONE)
    curve_y: F64 = field(default_factory=lambda: _NONE)
    reason: str = ""


def histogram(values: F64, name: str, unit: str) -> Histogram:
    """Of the finite ones; bins by Freedman and Diaconis' width, 2·IQR/n^(1/3), within bounds."""
    known = values[np.isfinite(values)]
    of = summary(values, name, unit)
    if of.count < LEAST_VALUES:
        return Histogram(of, reason=f"{of.count} of {LEAST_VALUES} values so far")
    if not of.sd > 0.0:
        return Histogram(of, reason="the values do not change")
    low, high = of.min, of.max
    q25, q75 = dict(of.quantiles)[0.25], dict(of.quantiles)[0.75]
    width = 2.0 * (q75 - q25) / of.count ** (1 / 3)
    bins = MOST_BINS if width <= 0.0 else math.ceil(min(MOST_BINS, max(LEAST_BINS, (high - low) / width)))
    if not (high - low) / bins > 4.0 * np.spacing(max(abs(low), abs(high))):
        return Histogram(of, reason="the values hardly differ")
    counts, edges = np.histogram(known, bins, (low, high))
    reach = max(high - of.mean, of.mean - low, 3.0 * of.sd)
    x = np.linspace(of.mean - reach, of.mean + reach, CURVE_POINTS)
    density = np.exp(-0.5 * ((x - of.mean) / of.sd) ** 2) / (of.sd * math.sqrt(2.0 * math.pi))
    return Histogram(of, edges, counts.astype(np.float64), x, density * of.count * (edges[1] - edges[0]))


@dataclass(frozen=True, slots=True)
class Autocorrelation:
    """r of lag 1 to `len(r)`; `bound` is 1.96/√n. `reason`: why there is none, '' where there is."""

    r: F64 = field(default_factory=lambda: _NONE)
    n: int = 0
    bound: float = math.nan
    reason: str = ""


def autocorrelation(values: F64, most_lags: int = MOST_LAGS) -> Autocorrelation:
    """Of consecutive values, all of them finite; of at most a quarter of them in lags.

    >>> autocorrelation(np.tile([1.0, -1.0], 20)).r[:2].round(3)
    array([-0.975,  0.95 ])
    """
    n = len(values)
    if n < LEAST_VALUES:
        return Autocorrelation(n=n, reason=f"{n} of {LEAST_VALUES} values so far")
    d = values - values.mean()
    square = float(d @ d)
    if not square > 0.0 or not np.isfinite(square) or np.ptp(values) == 0.0:
        return Autocorrelation(
            n=n, reason="the values do not change" if np.ptp(values) == 0.0 else "a value is not known"
        )
    lags = range(1, min(most_lags, n // 4) + 1)
    return Autocorrelation(np.array([float(d[k:] @ d[:-k]) / square for k in lags]), n, 1.96 / math.sqrt(n))

"""What a stretch of values looks like: count, mean, deviation, quantiles, shape.

    mean = a + Σd/n,  d = v - a,  a = the first value           sd = sqrt(Σe²/(n-1)),  e = d - Σd/n
    skewness = m3/m2^1.5     excess_kurtosis = m4/m2² - 3        m_k = Σe^k/n  (of this stretch, not corrected for its length)
    quantile p: between the two neighbours of rank p·(n-1), linearly                       (Hyndman and Fan 1996, type 7)

All as in numpy and scipy by their defaults, but with the deviation's n - 1. Sums are exact (`math.fsum`) and values are taken relative to
the first one, so a price of 60,000 that moves by a tick loses no digits, a flat stretch has a deviation of exactly 0, and the order of
the values does not matter to any sum. Values of a series in time are neither independent nor normal: these numbers describe the stretch
and claim nothing beyond it.

What is not a finite number is missing: counted, and left out.

>>> s = summary([1.0, 2.0, math.nan, 6.0], "spread", "bp")
>>> s.count, s.missing, s.mean, s.median, s.change, s.reasons["excess_kurtosis"]
(3, 1, 3.0, 2.0, 5.0, '3 values: 4 are needed')
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from flows.domain.frames import F64, I64

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Summary:
    """One series over one stretch; NaN where not known, `reasons` says why by the field's name.

    Attributes:
        unit: of every number but `count`, `missing`, `skewness`, `excess_kurtosis` and `relative_change`, which have none.
        count: finite values. missing: the others.
        quantiles: (p, value) for each of `QUANTILES`.
        first, last: the first and last finite value. change: last - first.
        relative_change: last/first - 1, for prices only.
    """

    name: str
    unit: str
    count: int
    missing: int
    mean: float = math.nan
    sd: float = math.nan
    min: float = math.nan
    max: float = math.nan
    quantiles: tuple[tuple[float, float], ...] = tuple((p, math.nan) for p in QUANTILES)
    skewness: float = math.nan
    excess_kurtosis: float = math.nan
    first: float = math.nan
    last: float = math.nan
    change: float = math.nan
    relative_change: float = math.nan
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The quantile 0.5."""
        return dict(self.quantiles)[0.5]


@dataclass(frozen=True, slots=True)
class LegSeries:
    """What the summary takes of a leg, one row a bar: close in quote units, volume in base units, shape (rows,)."""

    symbol: str
    close: F64
    volume: F64


def summary(values: ArrayLike, name: str, unit: str, positive: bool = False) -> Summary:
    """Summary of a series in time order.

    Args:
        values: shape (rows,); NaN and infinite ones count as missing.
        positive: of a quantity whose ratios mean something, as a price's: then there is a relative change.
    """
    given = np.asarray(values, np.float64)
    v = given[np.isfinite(given)]
    n, missing = len(v), len(given) - len(v)
    if not n:
        return Summary(name, unit, 0, missing, reasons={"mean": "no value in the stretch"})
    low, high = float(np.min(v)), float(np.max(v))
    first, last = float(v[0]), float(v[-1])
    mean, sd, skewness, kurtosis, reasons = _moments(v)
    relative = math.nan
    if positive and first > 0.0:
        relative = last / first - 1.0
    else:
        reasons["relative_change"] = "the first value is not positive" if positive else "only of prices"
    quantiles = tuple(zip(QUANTILES, np.quantile(v, QUANTILES).tolist(), strict=True))
    return Summary(
        name, unit, n, missing, mean, sd, low, high, quantiles, skewness, kurtosis,
        first, last, last - first, relative, reasons,
    )  # fmt: skip


def log_returns(index: I64, price: F64) -> F64:
    """Log returns over one bar, shape (rows - 1,); NaN over a hole between two bars and where a price is not positive.

    Args:
        index: absolute bar index, strictly increasing.
    """
    with np.errstate(all="ignore"):
        logs = np.where(price > 0.0, np.log(price), np.nan)
        return np.where(np.diff(index) == 1, np.diff(logs), np.nan)


def pair_summaries(
    index: I64, y: LegSeries, x: LegSeries, spread: F64, spread_unit: str, zscore: F64
) -> tuple[Summary, ...]:
    """Prices, log returns and volumes of both legs, spread and z over a look-back.

    Args:
        index: absolute bar index of the rows. A hole costs one return, which counts as missing.
        spread_unit: of the model's price form: log price, or quote units where prices are raw.
    """
    found = []
    for leg in (y, x):
        found += [
            summary(leg.close, f"price of {leg.symbol}", "quote", positive=True),
            summary(log_returns(index, leg.close), f"return of {leg.symbol}", "log price per bar"),
            summary(leg.volume, f"volume of {leg.symbol}", "base per bar"),
        ]
    return (*found, summary(spread, "spread", spread_unit), summary(zscore, "zscore", "deviations"))


def _moments(v: F64) -> tuple[float, float, float, float, dict[str, str]]:
    """Mean, deviation, skewness, excess kurtosis, and why any of them is missing."""
    n = len(v)
    needs = {"sd": 2, "skewness": 3, "excess_kurtosis": 4}
    reasons = {name: f"{n} value{'s' * (n > 1)}: {least} are needed" for name, least in needs.items() if n < least}
    d = v - v[0]
    shift = math.fsum(d.tolist()) / n
    mean = float(v[0]) + shift
    if n < 2:
        return mean, math.nan, math.nan, math.nan, reasons
    e = d - shift
    largest = float(np.max(np.abs(e)))
    if not np.any(d):
        constant = "the series is constant"
        return mean, 0.0, math.nan, math.nan, {"skewness": constant, "excess_kurtosis": constant} | reasons
    u = e / largest  # so that no power of it overflows or vanishes
    u2 = u * u
    m2, m3, m4 = (math.fsum(power.tolist()) / n for power in (u2, u2 * u, u2 * u2))
    sd = largest * math.sqrt(m2 * n / (n - 1))
    skewness = m3 / (m2 * math.sqrt(m2)) if n >= needs["skewness"] else math.nan
    kurtosis = m4 / (m2 * m2) - 3.0 if n >= needs["excess_kurtosis"] else math.nan
    return mean, sd, skewness, kurtosis, reasons

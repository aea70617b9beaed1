"""Which of many p-values are discoveries, when a stated share of the discoveries may be false (Benjamini and Hochberg 1995)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flows.domain.frames import F64


def benjamini_hochberg(p_values: Sequence[float], rate: float = 0.05) -> npt.NDArray[np.bool_]:
    """The p-values up to the largest p_(k) ≤ k·rate/m, k its place among the m that are known; NaN is no test and no discovery.

    Args:
        p_values: one per test. rate: expected share of false discoveries among the discoveries.

    Raises:
        ValueError: a p-value outside 0 to 1, or a rate outside it.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, float("nan"), 0.5]).tolist()
    [True, False, False, False, False]
    >>> benjamini_hochberg([0.01, 0.035, 0.03, 0.5]).tolist()
    [True, True, True, False]
    """
    p = np.asarray(p_values, np.float64)
    if not 0.0 < rate < 1.0:
        raise ValueError(f"a false-discovery rate must lie between 0 and 1, was {rate}")
    if np.any((p < 0.0) | (p > 1.0)):
        raise ValueError(f"p-values must lie within 0 and 1, found {p[(p < 0.0) | (p > 1.0)][0]}")
    known = np.sort(p[~np.isnan(p)])
    within = np.flatnonzero(known <= rate * np.arange(1, len(known) + 1) / max(len(known), 1))
    return p <= (known[within[-1]] if len(within) else -1.0)


def adjusted(p_values: Sequence[float]) -> F64:
    """q-values: the smallest rate at which each p-value would be a discovery, NaN where it is not known.

    q_(k) = min over j ≥ k of p_(j)·m/j, shown beside the decision, which `benjamini_hochberg` makes.

    >>> adjusted([0.01, 0.04, 0.03, float("nan"), 0.5]).round(3).tolist()
    [0.04, 0.053, 0.053, nan, 0.5]
    """
    p = np.asarray(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    q = np.full(len(p), np.nan)
    m = len(order)
    q[order] = np.minimum.accumulate((p[order] * m / np.arange(1, m + 1))[::-1])[::-1]
    return q

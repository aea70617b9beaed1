"""The 95 % interval of a correlation of returns, from the correlation and the number of returns alone.

    z = atanh(r)     low, high = tanh(z ∓ q / sqrt(n - 3)),  q = 1.96 for 95 %         (Fisher 1921)

What it claims: over independent pairs of jointly normal returns the interval contains the true correlation of such returns 95 times in a
hundred, from n = 4 on and nearly the same for every true value. Nothing has to be stored for it: r and the model's
`correlation_window` are enough.

What it does not claim:

- Returns with heavy tails or with volatility that comes in clusters carry less information than n independent normal ones: the interval is
  too narrow. With t(4) tails, or an AR(1) log volatility of deviation 0.8, that both legs share, it contains the truth in 74 % of
  samples of 300; `make calibrate` prints these rates.
- It is about the correlation of returns over one bar as they were traded. Where the legs trade at different times that is lower than
  the correlation of their prices (Epps effect), and no number of bars widens the interval enough to contain the latter.
- Windows of neighbouring bars share all but one of their returns: their intervals say the same thing, not two things.

There is none where the correlation is not known, where n < 4, and at |r| = 1: z is infinite there, and an interval of no width would claim
to know for certain what a few equal returns happened to show.

>>> correlation_interval(0.8, 300).round(3)
array([0.755, 0.837])
>>> no_interval_reason(1.0, 300)
'at a correlation of exactly 1 or -1 the interval is not defined'
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from flows.domain.frames import F64

FEWEST_RETURNS = 4
"""The variance of z is 1/(n - 3)."""


def correlation_interval(correlation: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> F64:
    """Rows (low, high) for correlations of n returns each, shape (2,) + the shape of the arguments; NaN where there is none.

    Args:
        correlation: -1 to 1, or NaN.
        n: returns in the window, not bars: a window of c returns reaches over c + 1 prices.
        confidence: share of samples whose interval holds the truth, between 0 and 1.

    Raises:
        ValueError: a correlation beyond ±1, or a confidence that is no share.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, was {confidence}")
    r, returns = np.broadcast_arrays(np.asarray(correlation, np.float64), np.asarray(n, np.float64))
    if np.any(np.abs(r) > 1.0):
        raise ValueError(f"a correlation lies between -1 and 1, was {r[np.abs(r) > 1.0].flat[0]}")
    known = (np.abs(r) < 1.0) & (returns >= FEWEST_RETURNS)
    z = np.arctanh(np.where(known, r, np.nan))
    half = NormalDist().inv_cdf(0.5 + confidence / 2.0) / np.sqrt(np.where(known, returns, np.nan) - 3.0)
    return np.stack((np.tanh(z - half), np.tanh(z + half)))


def no_interval_reason(correlation: float, n: int) -> str | None:
    """Why one correlation has no interval, or None where it has one."""
    if math.isnan(correlation):
        return "the correlation is not known"
    if n < FEWEST_RETURNS:
        return f"{n} returns: an interval needs at least {FEWEST_RETURNS}"
    if abs(correlation) == 1.0:
        return "at a correlation of exactly 1 or -1 the interval is not defined"
    return None

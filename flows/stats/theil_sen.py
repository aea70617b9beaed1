"""Theil and Sen's line: the median of the slopes between all pairs of bars. Up to 29 % of the bars may be anything at all.

    β = median of (y_j - y_i) / (x_j - x_i) over all pairs of bars with x_j ≠ x_i     α = median(y) - β·median(x)
    SE = (high - low) / (2·1.96)

`low` and `high` are the ends of Sen's 95 % interval of the slope (Sen 1968, equation 2.6, with its correction for ties): the slopes at the
ranks `N/2 ∓ 1.96·sqrt(var)/2`. It is distribution-free but supposes independent residuals, so for prices it is too small. All as in
`scipy.stats.theilslopes`, to the last bit. Where most bars of both legs are equal the variance comes out negative: the error is NaN. Where
more than half of the bars lie on the line but for the rounding of their prices, the scale is that rounding: the one-step z is NaN.

Every fit compares every bar with every other: exact, from nothing but its window. A window of 300 bars has 44,850 pairs, one of 3,600
has 6.5 million, and larger ones are refused; `slopes` computes only those near the wanted ranks. Cadence, warm-up and columns are those
of `cadence`.
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import slopes
from flows.stats.cadence import FIT_ROWS, LineOnCadence
from flows.stats.fits import LastFits

LARGEST_WINDOW = 3_600
_NORMAL_MEDIAN = 0.6744897501960817
_NORMAL_975 = 1.959963984540054
_PERFECT = 1e-12  # of the variance
_ROUNDING = 4 * 2.220446049250313e-16  # of a price


class TheilSen(LineOnCadence):
    """The method `theil_sen`.

    Raises:
        ValueError: a window beyond `LARGEST_WINDOW`.
    """

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: LastFits | None = None) -> None:
        if model.window > LARGEST_WINDOW:
            raise ValueError(
                f'model "{model.name}": window must be at most {LARGEST_WINDOW} bars for theil_sen, '
                f"which compares every bar with every other, was {model.window}"
            )
        super().__init__(model, pairs, state)

    def _fit(self, x: F64, y: F64, ends: I64, out: F64) -> None:
        room = slopes.room(self._n)
        with np.errstate(all="ignore"):
            if not len(ends):  # made to compile what a fit calls
                _line(np.arange(self._n) / 4, np.arange(self._n) % 3 / 4, room)
            for fit, end in enumerate(ends.tolist()):
                window = slice(end - self._n + 1, end + 1)
                out[:, fit] = _line(x[window].copy(), y[window].copy(), room)


def _line(x: F64, y: F64, room: F64) -> F64:
    """A fit (see `cadence`), shape (8,); `room` is for its slopes."""
    by_x = np.argsort(x)
    mx, my, pairs, var = _ties(x[by_x], np.sort(y))
    if pairs == 0:
        return np.full(FIT_ROWS, math.nan)
    half_width = _NORMAL_975 * math.sqrt(max(var, 0.0))
    high_rank = min(round((pairs + half_width) / 2.0), pairs - 1)
    low_rank = max(round((pairs - half_width) / 2.0) - 1, 0)
    low, lower, upper, high = slopes.at_ranks(
        x, y, by_x, pairs, [low_rank, (pairs - 1) // 2, pairs // 2, high_rank], room
    )
    se = (high - low) / (2.0 * _NORMAL_975) if var > 0.0 else math.nan
    return _with_scale(x, y, mx, my, (lower + upper) / 2.0, se)


@njit(cache=True)
def _ties(x: F64, y: F64) -> tuple[float, float, int, float]:
    """Of ordered values: their medians, the pairs of different x, none where a value is not finite, and Sen's variance."""
    n = len(x)
    mx, my = (x[(n - 1) // 2] + x[n // 2]) / 2.0, (y[(n - 1) // 2] + y[n // 2]) / 2.0
    if not (-math.inf < x[0] and x[n - 1] < math.inf and -math.inf < y[0] and y[n - 1] < math.inf):  # a NaN comes last
        return mx, my, 0, math.nan
    pairs, x_ties = _untied(x)
    _, y_ties = _untied(y)
    return mx, my, pairs, (n * (n - 1) * (2 * n + 5) - x_ties - y_ties) / 18.0


@njit(cache=True)
def _with_scale(x: F64, y: F64, mx: float, my: float, beta: float, se: float) -> F64:
    """The fit of a line through the medians."""
    n = len(x)
    r = np.empty(n)
    rss = total = largest = 0.0
    for i in range(n):
        away = y[i] - my
        r[i] = away - beta * (x[i] - mx)
        rss += r[i] * r[i]
        total += away * away
        largest = max(largest, abs(y[i]))
    if rss <= _PERFECT * total:
        return np.array([mx, my, 0.0, 0.0, beta, 0.0, 0.0, 0.0])
    scale = np.median(np.abs(r)) / _NORMAL_MEDIAN
    if scale <= _ROUNDING * largest:
        scale = 0.0
    return np.array([mx, my, 0.0, 0.0, beta, se, scale, math.sqrt(rss / (n - 2))])


@njit(cache=True)
def _untied(ordered: F64) -> tuple[int, int]:
    """Pairs of different values, and Sen's sum over groups of k equal ones: k·(k-1)·(2k+5)."""
    n = len(ordered)
    pairs, ties, group = n * (n - 1) // 2, 0, 1
    for i in range(1, n + 1):
        if i < n and ordered[i] == ordered[i - 1]:
            group += 1
        else:
            pairs -= group * (group - 1) // 2
            ties += group * (group - 1) * (2 * group + 5)
            group = 1
    return pairs, ties

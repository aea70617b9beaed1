"""Theil and Sen's line: the median of the slopes between all pairs of bars. Up to 29 % of the bars may be anything at all.

    β = median of (y_j - y_i) / (x_j - x_i) over all pairs of bars with x_j ≠ x_i     α = median(y) - β·median(x)
    SE = (high - low) / (2·1.96)

`low` and `high` are the ends of Sen's 95 % interval of the slope (Sen 1968, equation 2.6, with its correction for ties): the slopes at the
ranks `N/2 ∓ 1.96·sqrt(var)/2`. It is distribution-free but supposes independent residuals, so for prices it is too small. All as in
`scipy.stats.theilslopes`, to the last bit. Where most bars of both legs are equal the variance comes out negative: the error is NaN.

Every fit compares every bar with every other: exact, from nothing but its window. A window of 300 bars has 44,850 pairs, one of 3,600
has 6.5 million, and larger ones are refused. Cadence, warm-up and columns are those of `cadence`.

Only the slopes near the wanted ranks are kept: a sample of evenly spaced pairs says between which two slopes they should be, one pass
over all pairs counts those below and collects those between, and if the ranks are not among them, everything is collected. So the result
does not depend on the sample.
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.cadence import LineOnCadence
from flows.stats.fits import LastFits

LARGEST_WINDOW = 3_600
_NORMAL_MEDIAN = 0.6744897501960817
_NORMAL_975 = 1.959963984540054
_PERFECT = 1e-12  # of the variance
_FEW = 64  # bars with so few pairs that a sample saves nothing
_SAMPLED_PER_BAR = 4
_LARGEST = 1.7976931348623157e308  # no slope of prices, so it keeps out the infinite ones of bars with the same x


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
        _theil_sen(x, y, ends, self._n, out)


@njit(cache=True)
def _theil_sen(x: F64, y: F64, ends: I64, n: int, out: F64) -> None:
    slopes = np.empty(n * (n - 1) // 2)  # memory is taken where it is written only
    r = np.empty(n)
    for fit in range(len(ends)):
        window = slice(ends[fit] - n + 1, ends[fit] + 1)
        _fit_window(x[window], y[window], slopes, r, out[:, fit])


@njit(cache=True)
def _fit_window(x: F64, y: F64, slopes: F64, r: F64, out: F64) -> None:
    """A fit (see `cadence`); `slopes` and `r` are room for all slopes and for the residuals."""
    n = len(x)
    out[:] = math.nan
    for i in range(n):
        if not (abs(x[i]) < math.inf and abs(y[i]) < math.inf):
            return
    sorted_x, sorted_y = np.sort(x), np.sort(y)
    pairs, x_ties = _untied(sorted_x)
    if pairs == 0:  # flat x
        return
    _, y_ties = _untied(sorted_y)
    var = (n * (n - 1) * (2 * n + 5) - x_ties - y_ties) / 18.0
    half_width = _NORMAL_975 * math.sqrt(max(var, 0.0))
    high_rank = min(int(np.round((pairs + half_width) / 2.0)), pairs - 1)
    low_rank = max(int(np.round((pairs - half_width) / 2.0)) - 1, 0)
    low, beta, high = _at_ranks(x, y, pairs, low_rank, high_rank, slopes)
    mx, my = _middle(sorted_x), _middle(sorted_y)
    rss = total = 0.0
    for i in range(n):
        away = y[i] - my
        r[i] = away - beta * (x[i] - mx)
        rss += r[i] * r[i]
        total += away * away
    out[0], out[1], out[2], out[3], out[4] = mx, my, 0.0, 0.0, beta
    if rss <= _PERFECT * total:
        out[5] = out[6] = out[7] = 0.0
    else:
        out[5] = (high - low) / (2.0 * _NORMAL_975) if var > 0.0 else math.nan
        out[6] = np.median(np.abs(r)) / _NORMAL_MEDIAN
        out[7] = math.sqrt(rss / (n - 2))


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


@njit(cache=True)
def _middle(ordered: F64) -> float:
    n = len(ordered)
    middle: float = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2.0
    return middle


@njit(cache=True)
def _at_ranks(x: F64, y: F64, pairs: int, low_rank: int, high_rank: int, slopes: F64) -> tuple[float, float, float]:
    """The slopes at the two ranks (from 0) and the median of all."""
    lower_bound, upper_bound = _bracket(x, y, pairs, low_rank, high_rank, slopes)
    below, kept = _collect(x, y, lower_bound, upper_bound, slopes)
    if not (below <= low_rank and high_rank < below + kept):
        below, kept = _collect(x, y, -_LARGEST, _LARGEST, slopes)
    low = _select(slopes, low_rank - below, 0, kept - 1)
    high = _select(slopes, high_rank - below, low_rank - below, kept - 1)
    upper = _select(slopes, pairs // 2 - below, low_rank - below, high_rank - below)
    if pairs % 2 == 1:
        return low, upper, high
    lower: float = slopes[low_rank - below]
    for i in range(low_rank - below, pairs // 2 - below):
        lower = max(lower, slopes[i])
    return low, (lower + upper) / 2.0, high


@njit(cache=True)
def _bracket(x: F64, y: F64, pairs: int, low_rank: int, high_rank: int, room: F64) -> tuple[float, float]:
    """Two slopes between which the ranks should be, from a sample of evenly spaced pairs; everything where there are few."""
    n = len(x)
    if n < _FEW:
        return -_LARGEST, _LARGEST
    step = n // (2 * _SAMPLED_PER_BAR)
    size, skip = 0, 0
    for i in range(n - 1):
        j = i + 1 + skip
        while j < n:
            dx = x[j] - x[i]
            if dx != 0.0:
                room[size] = (y[j] - y[i]) / dx
                size += 1
            j += step
        skip = j - n
    if size == 0:
        return -_LARGEST, _LARGEST
    margin = 1.5 / math.sqrt(size)  # three standard errors of the share below a slope near the middle
    lower = max(int((low_rank / pairs - margin) * size), 0)
    upper = min(int((high_rank / pairs + margin) * size) + 1, size - 1)
    low = _select(room, lower, 0, size - 1)
    return low, _select(room, upper, lower, size - 1)


@njit(cache=True, error_model="numpy")
def _collect(x: F64, y: F64, low: float, high: float, slopes: F64) -> tuple[int, int]:
    """Count the slopes below `low`, collect those from it to `high`. A division by 0 gives what is neither."""
    n = len(x)
    row = np.empty(n)
    below = kept = 0
    for i in range(n - 1):
        others = n - 1 - i
        smaller = 0
        for j in range(others):  # nothing here depends on the slope before, so several are divided at once
            slope = (y[i + 1 + j] - y[i]) / (x[i + 1 + j] - x[i])
            row[j] = slope
            smaller += (slope < low) & (slope >= -_LARGEST)
        below += smaller
        for j in range(others):
            slopes[kept] = row[j]
            kept += (row[j] >= low) & (row[j] <= high)
    return below, kept


@njit(cache=True)
def _select(a: F64, k: int, low: int, high: int) -> float:
    """What row k would be if the rows `low` to `high` were in order; no row before it is larger then and none after it smaller.

    Quickselect without branches on the values: a processor guesses half of those wrong, which costs more than a needless exchange.
    """
    while low < high:
        first, mid, last = a[low], a[(low + high) // 2], a[high]
        pivot = max(min(first, mid), min(max(first, mid), last))  # the median of three
        smaller = low
        for i in range(low, high + 1):
            value = a[i]
            a[i] = a[smaller]
            a[smaller] = value
            smaller += value < pivot
        if k < smaller:
            high = smaller - 1
            continue
        equal = smaller
        for i in range(smaller, high + 1):
            value = a[i]
            a[i] = a[equal]
            a[equal] = value
            equal += value == pivot
        if k < equal:
            break
        low = equal
    kth: float = a[k]
    return kth

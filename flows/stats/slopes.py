"""Slopes between all pairs of points, at given ranks: exactly those of computing and sorting them all, without doing so.

A slope (y_j - y_i) / (x_j - x_i) is below b where y - b·x puts the two points in the other order than x does. So the order of the points
by y - low·x says how many slopes are below `low`, and sorting them on from there to their order by y - high·x meets each pair once whose
slope is between `low` and `high`. For the ranks of Theil and Sen's line that is a twelfth of the 179,700 slopes of 600 points, and a
thirtieth of those of 3,600. A sample of evenly spaced pairs says between which two slopes the ranks should be.

Rounding can put two points with nearly the same y - b·x in the wrong order. How far their slope can then be from b is known, and nothing
is believed that is found nearer than that to either end. Then, and where the sample misled, a wider range is tried, and last everything:
the result depends neither on the sample nor on rounding.
"""

import math

import numpy as np

from flows.domain.frames import F64, I64
from flows.stats import slope_order
from flows.stats.slope_order import Placed

_FEW = 64  # points with so few pairs that a sample saves nothing
_MARGINS = (
    1.0,
    2.0,
)  # times 1/sqrt(size of the sample): two and four standard errors of the share of a sample below its middle
_ROUNDING = (
    2.0**-49
)  # 16 half units in the last place: 12 of y - b·x of two points and of their slope, and some to spare


def room(n: int) -> F64:
    """For the slopes of n points; its memory is taken where it is written only."""
    return np.empty(n * (n - 1) // 2)


def at_ranks(x: F64, y: F64, by_x: I64, pairs: int, ranks: list[int], slopes: F64) -> list[float]:
    """The slopes at these ranks among those of all pairs of points with different x.

    Args:
        x, y: finite numbers, shape (n,).
        by_x: positions in the order of x, shape (n,).
        pairs: how many pairs of points have different x, at least 1.
        ranks: from 0, in increasing order.
        slopes: `room(n)`, which is overwritten.
    """
    low = high = 0.0
    sample = np.sort(slopes[: slope_order.sample(x, y, slopes)]) if len(x) >= _FEW else slopes[:0]
    if len(sample):
        points = slope_order.placed(x, y, by_x)
        for margin in _MARGINS:
            found = _between(sample, margin, x, y, points, pairs, ranks, slopes)
            if found:
                return found
        low, high = sample[len(sample) // 4], sample[-len(sample) // 4]
    kept = slope_order.crossings(-x, by_x, x, y, slopes)  # turning the order of x around meets every pair
    return _selected(slopes[:kept], ranks, low, high)


def _between(
    sample: F64, margin: float, x: F64, y: F64, points: Placed, pairs: int, ranks: list[int], slopes: F64
) -> list[float]:
    """The slopes at the ranks, if they are certainly between two of the ordered sample that should have them in between; or none."""
    right, up, x_ranks, height, width = points

    def doubt(slope: float) -> float:
        return _ROUNDING * (height + abs(slope) * width)

    size = len(sample)
    away = margin * math.sqrt(size)
    row = max(int(ranks[0] / pairs * size - away), 0)
    low = float(sample[row])
    low -= 2.0 * doubt(low)  # many slopes may equal that of the sample
    by_low = np.argsort(up - low * right)
    below = slope_order.inversions(x_ranks, by_low)
    if below > ranks[0]:
        return []
    row += int((ranks[-1] - below) / pairs * size + away) + 1  # now that it is known where `low` is
    high = float(sample[min(row, size - 1)])
    high += 2.0 * doubt(high)
    kept = slope_order.crossings(up - high * right, by_low, x, y, slopes)
    if below + kept <= ranks[-1]:
        return []
    # A slope is not finite where points with the same x changed places, because their y differ by less than rounding.
    if not math.isfinite(slopes[:kept].sum()):
        return []
    found = _selected(slopes[:kept], [rank - below for rank in ranks], low, high)
    return found if low + doubt(low) <= found[0] and found[-1] <= high - doubt(high) else []


def _selected(slopes: F64, ranks: list[int], low: float, high: float) -> list[float]:
    """The slopes at these ranks, which should be between these two; all are overwritten."""
    rows = np.array(ranks)
    near = np.sort(slopes[: slope_order.thinned(slopes, rows, low, high)])
    found: list[float] = near[rows].tolist()
    return found

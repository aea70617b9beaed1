"""What counts and enumerates slopes between pairs of points, for `slopes`.

Kernels in other files call none of these: numba's cache looks at one file only and would keep serving code compiled against the old one.
"""

import math
from typing import TypeAlias

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64

Placed: TypeAlias = tuple[F64, F64, I64, float, float]
_SAMPLED_PER_POINT = 4
_BINS = 512


@njit(cache=True)
def sample(x: F64, y: F64, out: F64) -> int:
    """Slopes of evenly spaced pairs of points with different x into `out`; how many."""
    n = len(x)
    step = n // (2 * _SAMPLED_PER_POINT)
    size = skip = 0
    for i in range(n - 1):
        j = i + 1 + skip
        while j < n:
            dx = x[j] - x[i]
            if dx != 0.0:
                out[size] = (y[j] - y[i]) / dx
                size += 1
            j += step
        skip = j - n
    return size


@njit(cache=True)
def placed(x: F64, y: F64, by_x: I64) -> Placed:
    """The points relative to one in the middle, as y - b·x of small numbers rounds less.

    Returns:
        x and y, shape (n,); how many different x are smaller than that of each point, shape (n,); the largest of either coordinate, y
        first, in smallest differences between two x.
    """
    n = len(x)
    middle = by_x[n // 2]
    right, up, ranks = np.empty(n), np.empty(n), np.empty(n, np.int64)
    step, height, rank = math.inf, 0.0, 0
    last = x[by_x[0]]
    for point in by_x:
        right[point], up[point] = x[point] - x[middle], y[point] - y[middle]
        height = max(height, abs(up[point]))
        dx = x[point] - last
        rank += dx > 0.0
        step = dx if 0.0 < dx < step else step
        last = x[point]
        ranks[point] = rank
    width = max(right[by_x[-1]], -right[by_x[0]])
    return right, up, ranks, height / step, width / step


@njit(cache=True)
def inversions(ranks: I64, order: I64) -> int:
    """How many pairs of points in this order have the larger of two different ranks first. Ranks from 0, below the number of points.

    A Fenwick tree: row r holds how many of the points seen have a rank among the r & -r below r.
    """
    n = len(ranks)
    tree = np.zeros(n + 1, np.int64)
    found = 0
    for seen in range(n):
        rank = ranks[order[seen]]
        found += seen
        row = rank + 1
        while row > 0:
            found -= tree[row]
            row &= row - 1
        row = rank + 1
        while row <= n:
            tree[row] += 1
            row += row & -row
    return found


@njit(cache=True, error_model="numpy")
def crossings(keys: F64, order: I64, x: F64, y: F64, slopes: F64) -> int:
    """The slopes between all pairs of points that sorting by keys takes out of this order, into `slopes`; how many.

    An insertion sort: the points that it moves a point over are the ones to divide by, in one stretch of memory and several at once.
    """
    n, kept = len(order), 0
    keys, x, y = keys[order], x[order], y[order]
    for first in range(n - 2, -1, -1):
        key, x_first, y_first = keys[first], x[first], y[first]
        last = first
        while last + 1 < n and keys[last + 1] < key:
            last += 1
        out = slopes[kept : kept + last - first]
        some_keys, some_x, some_y = keys[first : last + 1], x[first : last + 1], y[first : last + 1]
        for i in range(len(out)):
            x_i, y_i = some_x[i + 1], some_y[i + 1]
            out[i] = (y_i - y_first) / (x_i - x_first)
            some_keys[i], some_x[i], some_y[i] = some_keys[i + 1], x_i, y_i
        kept += len(out)
        keys[last], x[last], y[last] = key, x_first, y_first
    return kept


@njit(cache=True)
def thinned(slopes: F64, ranks: I64, low: float, high: float) -> int:
    """Keep the slopes that can be at the ranks, in front; how many. The ranks become those among what is kept.

    The range from `low` to `high` is divided into bins, of which the outer two have no outer end; a bin is kept if a rank falls into it.
    """
    scale = _BINS / (high - low) if high > low else 0.0
    bins = np.empty(len(slopes), np.int32)
    for i in range(len(slopes)):
        place = (slopes[i] - low) * scale
        place = place if place > 0.0 else 0.0
        bins[i] = np.int32(place if place < _BINS - 1.0 else _BINS - 1.0)
    count = np.zeros(_BINS, np.int64)
    for taken in bins:
        count[taken] += 1
    wanted = np.zeros(_BINS, np.bool_)
    below = dropped = rank = 0
    for b in range(_BINS):
        while rank < len(ranks) and ranks[rank] < below + count[b]:
            wanted[b] = True
            ranks[rank] -= dropped
            rank += 1
        below += count[b]
        dropped += 0 if wanted[b] else count[b]
    kept = 0
    for i in range(len(slopes)):  # without a branch that a processor would have to guess
        slopes[kept] = slopes[i]
        kept += wanted[bins[i]]
    return kept

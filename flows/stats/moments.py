"""Second moments of a rolling window of two series by absolute blocks: prefix + suffix, so nothing is ever subtracted from a sum.

Block k holds the bars [k·n, (k+1)·n) by absolute index. The window of n bars that ends in block k is a prefix of that block plus the
newest bars of block k-1. The prefix sums grow bar by bar; the suffix sums of block k-1 are built once, from its newest bar backwards,
when block k begins. All of them are relative to the first bar of block k, which every such window contains. So the result depends on
the window and its index alone, a flat window has a variance of exactly 0, and a wild print leaves no trace once it has gone.
"""

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.stats.rows import Rows

ANCHOR_X, ANCHOR_Y, MEAN_X, MEAN_Y, SXX, SYY, SXY = range(7)
"""Rows of a moments array. Means are relative to the anchor; S are centred sums. All NaN where the window is not full.

Kernels in other files use the bare numbers and call no kernel of another file: numba's cache looks at one file only and would keep
serving code compiled against the old one.
"""


def reach(next_index: I64, n: int) -> I64:
    """Index of the oldest bar that the windows of n bars ending at `next_index - 1` or later can need, shape (pairs,)."""
    return (next_index // n - 1) * n


def block_moments(index: I64, x: F64, y: F64, n: int, rows: Rows) -> F64:
    """Moments of the last n consecutive bars, for each wanted row.

    Args:
        index: absolute bar index, strictly increasing within a pair, shape (all rows,). A step larger than 1 starts the window anew.
        x, y: the series, shape (all rows,). A NaN makes exactly the windows NaN that contain it.
        rows: the history must go back to `reach(index of the first wanted row, n)` or to the run's beginning.

    Returns:
        shape (7, wanted), rows as named above.
    """
    out = np.empty((7, len(rows)))
    suffix = np.zeros((n, 5))
    _block_moments(index, x, y, n, rows.begin, rows.first, rows.end, suffix, out)
    return out


@njit(cache=True)
def _block_moments(index: I64, x: F64, y: F64, n: int, begin: I64, first: I64, end: I64, suffix: F64, out: F64) -> None:
    row = 0
    for p in range(len(begin)):
        if end[p] > first[p]:
            row = _of_pair(index, x, y, n, begin[p], first[p], end[p], suffix, row, out)


@njit(cache=True)
def _of_pair(
    index: I64, x: F64, y: F64, n: int, begin: int, first: int, end: int, suffix: F64, row: int, out: F64
) -> int:
    """The wanted rows of one pair into `out` from `row` on; the row after them."""
    run = block = next_block = begin  # rows where the run, the current block within it, and the next block begin
    td = te = tdd = tee = tde = ax = ay = 0.0
    for j in range(begin, end):
        broken = j == begin or index[j] != index[j - 1] + 1
        if broken or j == next_block:
            if broken:
                run = j
            block = j
            next_block = j + n - index[j] % n
            ax, ay = x[j], y[j]
            td = te = tdd = tee = tde = 0.0
            if next_block > first:
                _fill_suffix(x, y, run, block, n, ax, ay, suffix)
        d = x[j] - ax
        e = y[j] - ay
        td += d
        te += e
        tdd += d * d
        tee += e * e
        tde += d * e
        if j < first:
            continue
        if j - run + 1 < n:
            out[:, row] = np.nan
            row += 1
            continue
        sd, se, sdd, see, sde = td, te, tdd, tee, tde
        older = n - (j - block + 1)
        if older > 0:
            sd += suffix[older, 0]
            se += suffix[older, 1]
            sdd += suffix[older, 2]
            see += suffix[older, 3]
            sde += suffix[older, 4]
        out[0, row] = ax
        out[1, row] = ay
        out[2, row] = sd / n
        out[3, row] = se / n
        out[4, row] = sdd - sd * sd / n
        out[5, row] = see - se * se / n
        out[6, row] = sde - sd * se / n
        row += 1
    return row


@njit(cache=True)
def _fill_suffix(x: F64, y: F64, run: int, block: int, n: int, ax: float, ay: float, suffix: F64) -> None:
    """Sums over the newest m bars before row `block`, for every m that lies in the run."""
    td = te = tdd = tee = tde = 0.0
    for m in range(1, min(n, block - run + 1)):
        d = x[block - m] - ax
        e = y[block - m] - ay
        td += d
        te += e
        tdd += d * d
        tee += e * e
        tde += d * e
        suffix[m, 0] = td
        suffix[m, 1] = te
        suffix[m, 2] = tdd
        suffix[m, 3] = tee
        suffix[m, 4] = tde

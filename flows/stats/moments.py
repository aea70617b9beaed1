"""Second moments of a rolling window of two series by absolute blocks: prefix + suffix, so nothing is ever subtracted from a sum.

Block k holds the bars [k·n, (k+1)·n) by absolute index. The window of n bars that ends in block k is a prefix of that block plus the
newest bars of block k-1. The prefix sums grow bar by bar; the suffix sums of block k-1 are built once, from its newest bar backwards,
when block k begins. All of them are relative to the first bar of block k, which every such window contains. So the result depends on
the window and its index alone, a flat window has a variance of exactly 0, and a wild print leaves no trace once it has gone. The sums know
what they rounded away (`block_sums`), so a value is as exact as its own rounding, whatever the window and however close the fit.

`BlockSums` keeps the sums from one piece of a series to the next: that saves the time of adding up the block again and changes no bit.
"""

import numpy as np

from flows.domain.frames import F64, I64
from flows.stats import block_sums
from flows.stats.block_sums import MOMENTS, SUMS, Kept, Series
from flows.stats.rows import Rows

ANCHOR_X, ANCHOR_Y, MEAN_X, MEAN_Y, SXX, SYY, SXY, UNEXPLAINED = range(MOMENTS)
"""Rows of a moments array. Means are relative to the anchor; S are centred sums; what a line leaves unexplained is 1 - R², formed before
the sums were rounded, NaN where a leg is flat. All NaN where the window is not full.

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
        shape (8, wanted), rows as named above.
    """
    return BlockSums().moments(index, x, y, n, rows, keep=True)


class BlockSums:
    """Moments of the same two series over windows of any lengths, given piece by piece; it keeps the sums of the blocks that have begun.

    They take about as much memory as the history that they are made from, and are no state: without them, as after a restart, a block is
    added up again.
    """

    def __init__(self) -> None:
        self._kept: dict[int, Kept] = {}

    def moments(self, index: I64, x: F64, y: F64, n: int, rows: Rows, keep: bool) -> F64:
        """As `block_moments`; the rows may begin with the last one that was kept. With `keep` the next ones follow these."""
        kept = self._kept.get(n) or block_sums.nothing(len(rows.begin), n if keep else 0)
        if keep:
            self._kept[n] = kept
        out, room = np.empty((MOMENTS, len(rows))), np.empty((0 if keep else n, SUMS))
        series = Series(index, rows.runs, x, y)
        block_sums.block_moments(series, n, rows.begin, rows.first, rows.end, kept, room, keep, out)
        return out

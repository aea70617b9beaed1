"""Second moments of a rolling window of two series by absolute blocks: prefix + suffix, so nothing is ever subtracted from a sum.

Block k holds the bars [k·n, (k+1)·n) by absolute index. The window of n bars that ends in block k is a prefix of that block plus the
newest bars of block k-1. The prefix sums grow bar by bar; the suffix sums of block k-1 are built once, from its newest bar backwards,
when block k begins. All of them are relative to the first bar of block k, which every such window contains. So the result depends on
the window and its index alone, a flat window has a variance of exactly 0, and a wild print leaves no trace once it has gone.

`BlockSums` keeps the sums from one piece of a series to the next: that saves the time of adding up the block again and changes no bit.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.stats.rows import Rows

ANCHOR_X, ANCHOR_Y, MEAN_X, MEAN_Y, SXX, SYY, SXY = range(7)
"""Rows of a moments array. Means are relative to the anchor; S are centred sums. All NaN where the window is not full.

Kernels in other files use the bare numbers and call no kernel of another file: numba's cache looks at one file only and would keep
serving code compiled against the old one.
"""
_MOMENTS, _SUMS = 7, 5
_NEVER = -(2**62)


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
    return BlockSums().moments(index, x, y, n, rows, keep=True)


class BlockSums:
    """Moments of the same two series over windows of any lengths, given piece by piece; it keeps the sums of the blocks that have begun.

    They take about as much memory as the history, and are no state: without them, as after a restart, a block is added up again.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def moments(self, index: I64, x: F64, y: F64, n: int, rows: Rows, keep: bool) -> F64:
        """As `block_moments`; the rows may begin with the last one that was kept. With `keep` the next ones follow these."""
        kept = self._kept.get(n) or _nothing(len(rows.begin), n if keep else 0)
        if keep:
            self._kept[n] = kept
        out, room = np.empty((_MOMENTS, len(rows))), np.empty((0 if keep else n, _SUMS))
        series = _Series(index, rows.runs, x, y)
        _block_moments(series, n, rows.begin, rows.first, rows.end, kept, room, keep, out)
        return out


class _Series(NamedTuple):
    """Absolute bar index, consecutive bars that end there, and the values, shape (all rows,)."""

    bar: I64
    runs: I64
    x: F64
    y: F64


class _Kept(NamedTuple):
    """Of each pair, shape (pairs, …).

    Attributes:
        last: index of its last bar. prefix: sums of that bar's block, the anchor, and the bar's moments.
        suffix: sums over the newest m bars of the block before, for every m.
    """

    last: I64
    prefix: F64
    suffix: F64


def _nothing(pairs: int, n: int) -> _Kept:
    return _Kept(np.full(pairs, _NEVER), np.empty((pairs, _SUMS + 2 + _MOMENTS)), np.empty((pairs, n, _SUMS)))


@njit(cache=True)
def _block_moments(
    series: _Series, n: int, begin: I64, first: I64, end: I64, kept: _Kept, room: F64, keep: bool, out: F64
) -> None:
    """`room` is for the suffix sums of blocks that begin with a bar which is not kept."""
    row = 0
    for p in range(len(begin)):
        if end[p] > first[p]:
            row = _of_pair(series, n, begin[p], first[p], end[p], p, kept, room, keep, row, out)


@njit(cache=True)
def _of_pair(
    series: _Series,
    n: int,
    begin: int,
    first: int,
    end: int,
    p: int,
    kept: _Kept,
    room: F64,
    keep: bool,
    row: int,
    out: F64,
) -> int:
    """The wanted rows of one pair into `out` from `row` on; the row after them."""
    index, runs, x, y = series
    prefix, suffix = kept.prefix[p] if keep else kept.prefix[p].copy(), kept.suffix[p]
    start, new_block = first, False
    if kept.last[p] == index[first]:  # the bar before the new ones
        out[:, row] = prefix[7:]
        row += 1
        start += 1
    elif not (first > begin and kept.last[p] == index[first - 1]):  # from the beginning of the block
        start, new_block = max(begin, first - min(index[first] % n, runs[first] - 1)), True
    while start < end:
        next_block = start + n - index[start] % n
        if new_block or runs[start] == 1 or index[start] % n == 0:
            prefix[:5] = 0.0
            prefix[5], prefix[6] = x[start], y[start]
            if next_block > first:
                suffix = kept.suffix[p] if keep else room
                _fill_suffix(x, y, start, min(n, runs[start], start - begin + 1), suffix)
        new_block = False
        stop = start + 1
        while stop < min(next_block, end) and runs[stop] > 1:
            stop += 1
        row = _within_block(x, y, runs, n, start, stop, first, next_block, prefix, suffix, row, out)
        start = stop
    if keep:
        prefix[7:] = out[:, row - 1]
        kept.last[p] = index[end - 1]
    return row


@njit(cache=True)
def _within_block(
    x: F64,
    y: F64,
    runs: I64,
    n: int,
    start: int,
    stop: int,
    first: int,
    next_block: int,
    prefix: F64,
    suffix: F64,
    row: int,
    out: F64,
) -> int:
    """Add the rows from `start` to `stop` to the prefix sums, and of those from `first` on write the moments."""
    td, te, tdd, tee, tde, ax, ay = prefix[0], prefix[1], prefix[2], prefix[3], prefix[4], prefix[5], prefix[6]
    for j in range(start, stop):
        d = x[j] - ax
        e = y[j] - ay
        td += d
        te += e
        tdd += d * d
        tee += e * e
        tde += d * e
        if j < first:
            continue
        if runs[j] < n:
            out[:, row] = np.nan
            row += 1
            continue
        sd, se, sdd, see, sde = td, te, tdd, tee, tde
        older = next_block - 1 - j
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
    prefix[0], prefix[1], prefix[2], prefix[3], prefix[4] = td, te, tdd, tee, tde
    return row


@njit(cache=True)
def _fill_suffix(x: F64, y: F64, block: int, count: int, suffix: F64) -> None:
    """Sums over the newest m bars before row `block`, for every m below `count`."""
    ax, ay = x[block], y[block]
    td = te = tdd = tee = tde = 0.0
    for m in range(1, count):
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

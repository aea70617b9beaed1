"""Rolling sums over the last W bars of an interval from sums of one second, by absolute blocks: nothing is ever subtracted.

A bar's sums are those of its seconds in time order. Block k holds the bars [k·W, (k+1)·W) by absolute index; the window of W bars that
ends in it is a prefix of block k plus a suffix of block k-1, whose sums are built once, from its newest bar backwards, when block k
begins. So a window's bits depend on its bars and its index alone, and what has left it leaves no trace.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from flows.asynchrony.hayashi_yoshida import SUMS, Seconds
from flows.domain.frames import F64, I8, I64, Bools
from flows.domain.interval import Interval

# Of the state's integers: the open bar (-1: none), how many whole seconds it has, its gap; the bar before it (-1: none), and how many
# whole ones in a row end with that.
_COUNTS = (-1, 0, 0, -1, 0)


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one interval, one row per bar.

    Attributes:
        index: `open_time // interval`, increasing. n: bars of the window in a row, at most W. gap: of the bar.
        sums: over the window, NaN (counts 0) before it is full, shape (rows, 5).
    """

    interval: Interval
    index: I64
    n: I64
    gap: I8
    sums: F64


@dataclass(frozen=True, slots=True)
class WindowState:
    """What a restart needs; the first axis is that of the intervals.

    Attributes:
        counts: as named above, shape (intervals, 5).
        bars: sums of the open bar, and of the block up to the bar before, shape (intervals, 2, 5).
        blocks: each bar of the block, and sums over the newest m bars of the block before, shape (intervals, 2, W, 5).
    """

    counts: I64
    bars: F64
    blocks: F64


class RollingSums:
    """The windows of all intervals; the same bits for any pieces."""

    def __init__(self, intervals: tuple[Interval, ...], window: int, state: WindowState | None = None) -> None:
        self._intervals, self._window = intervals, window
        self._lengths = np.array([interval.us // 1_000_000 for interval in intervals], np.int64)
        kinds = len(intervals)
        if state is None:
            counts = np.tile(np.array(_COUNTS, np.int64), (kinds, 1))
            state = WindowState(counts, np.zeros((kinds, 2, SUMS)), np.zeros((kinds, 2, window, SUMS)))
        self._counts, self._bars, self._blocks = state.counts.copy(), state.bars.copy(), state.blocks.copy()

    def state(self) -> WindowState:
        """A picklable snapshot."""
        return WindowState(self._counts.copy(), self._bars.copy(), self._blocks.copy())

    def fold(self, seconds: Seconds, until: int) -> list[Windows]:
        """The bars that end at or before `until` (microseconds), to which all seconds are given; intervals without any are left out."""
        kinds, room = len(self._intervals), len(seconds.index) + 1
        ints, gap = np.empty((2, kinds, room), np.int64), np.empty((kinds, room), np.int8)
        sums, rows = np.empty((kinds, room, SUMS)), np.empty(kinds, np.int64)
        _fold_all(
            seconds.index, seconds.sums, seconds.whole, seconds.gap, until // 1_000_000, self._lengths, self._window,
            self._counts, self._bars, self._blocks, ints, gap, sums, rows,
        )  # fmt: skip
        return [
            Windows(self._intervals[k], ints[0, k, :count], ints[1, k, :count], gap[k, :count], sums[k, :count])
            for k, count in enumerate(rows.tolist())
            if count
        ]


@njit(cache=True)
def _fill_suffix(block: F64, suffix: F64, window: int) -> None:
    suffix[0] = 0.0
    for m in range(1, window):
        for c in range(5):
            suffix[m, c] = suffix[m - 1, c] + block[window - m, c]


@njit(cache=True)
def _close(
    counts: I64, bar: F64, prefix: F64, block: F64, suffix: F64, length: int, window: int,
    index: I64, n: I64, gap: I8, sums: F64, row: int,
) -> None:  # fmt: skip
    """Put the open bar into the window and write the row."""
    at, last = counts[0], counts[3]
    if counts[1] < length:
        counts[4] = 0
    else:
        counts[4] = counts[4] + 1 if at == last + 1 else 1
    if last < 0 or at // window != last // window:
        _fill_suffix(
            block, suffix, window
        )  # of no use after a hole, but then no window is full before the block after this
        prefix[:] = 0.0
    r = at % window
    older = window - (r + 1)
    full = counts[4] >= window
    for c in range(5):
        block[r, c] = bar[c]
        prefix[c] += bar[c]
        sums[row, c] = prefix[c] + suffix[older, c] if older else prefix[c]
        if not full:
            sums[row, c] = np.nan if c < 3 else 0.0
    index[row] = at
    n[row] = min(counts[4], window)
    gap[row] = counts[2]
    counts[3] = at
    counts[0] = -1


@njit(cache=True)
def _fold(
    second: I64, second_sums: F64, whole: Bools, second_gap: I8, until: int, length: int, window: int,
    counts: I64, bar: F64, prefix: F64, block: F64, suffix: F64, index: I64, n: I64, gap: I8, sums: F64,
) -> int:  # fmt: skip
    row = 0
    for k in range(len(second)):
        at = second[k] // length
        if counts[0] >= 0 and counts[0] != at:
            _close(counts, bar, prefix, block, suffix, length, window, index, n, gap, sums, row)
            row += 1
        if counts[0] < 0:
            counts[0] = at
            counts[1] = counts[2] = 0
            bar[:] = second_sums[k]
        else:
            for c in range(5):
                bar[c] += second_sums[k, c]
        counts[1] += whole[k]
        counts[2] |= second_gap[k]
        if second[k] + 1 == (at + 1) * length:
            _close(counts, bar, prefix, block, suffix, length, window, index, n, gap, sums, row)
            row += 1
    if counts[0] >= 0 and (counts[0] + 1) * length <= until:
        _close(counts, bar, prefix, block, suffix, length, window, index, n, gap, sums, row)
        row += 1
    return row


@njit(cache=True)
def _fold_all(
    second: I64, second_sums: F64, whole: Bools, second_gap: I8, until: int, lengths: I64, window: int,
    counts: I64, bars: F64, blocks: F64, ints: I64, gap: I8, sums: F64, rows: I64,
) -> None:  # fmt: skip
    for k in range(len(lengths)):
        rows[k] = _fold(
            second, second_sums, whole, second_gap, until, lengths[k], window,
            counts[k], bars[k, 0], bars[k, 1], blocks[k, 0], blocks[k, 1], ints[0, k], ints[1, k], gap[k], sums[k],
        )  # fmt: skip

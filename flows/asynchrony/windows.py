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

# Of the state's integers: the open bar (NONE: none), how many whole seconds it has, its gap; the bar before it, and how many in a row.
_OPEN, _WHOLE, _GAP, _LAST, _N = range(5)
_NONE = -1


@dataclass(frozen=True, slots=True)
class Windows:
    """One row per bar.

    Attributes:
        index: `open_time // interval`, increasing. n: bars of the window in a row, at most W. gap: of the bar.
        sums: over the window, NaN (counts 0) before it is full, shape (rows, 5).
    """

    index: I64
    n: I64
    gap: I8
    sums: F64


@dataclass(frozen=True, slots=True)
class WindowState:
    """What a restart needs.

    Attributes:
        bar: sums of the open bar, prefix: of the block up to the bar before, shape (2, 5).
        block: each bar of the block; suffix: sums over the newest m bars of the block before, shape (2, W, 5).
    """

    counts: I64
    bar: F64
    block: F64


class RollingSums:
    """The windows of one interval; the same bits for any pieces."""

    def __init__(self, interval: Interval, window: int, state: WindowState | None = None) -> None:
        self._seconds, self._window = interval.us // 1_000_000, window
        if state is None:
            state = WindowState(
                np.array([_NONE, 0, 0, _NONE, 0], np.int64), np.zeros((2, SUMS)), np.zeros((2, window, SUMS))
            )
        self._counts, self._bar, self._block = state.counts.copy(), state.bar.copy(), state.block.copy()

    def state(self) -> WindowState:
        """A picklable snapshot."""
        return WindowState(self._counts.copy(), self._bar.copy(), self._block.copy())

    def fold(self, seconds: Seconds, until: int) -> Windows:
        """The bars that end at or before `until` (microseconds), to which all seconds are given."""
        room = len(seconds.index) + 1
        index, n, gap = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int8)
        sums = np.empty((room, SUMS))
        rows = _fold(
            seconds.index, seconds.sums, seconds.whole, seconds.gap, until // 1_000_000, self._seconds, self._window,
            self._counts, self._bar[0], self._bar[1], self._block[0], self._block[1], index, n, gap, sums,
        )  # fmt: skip
        return Windows(index[:rows], n[:rows], gap[:rows], sums[:rows])


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

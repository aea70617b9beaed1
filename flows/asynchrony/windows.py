"""Rolling sums over the last W bars of an interval from sums of one second, by absolute blocks: nothing is ever subtracted.

A bar's sums are those of its seconds in time order. Block k holds the bars [k·W, (k+1)·W) by absolute index; the window of W bars that
ends in it is a prefix of block k plus a suffix of block k-1, whose sums are built once, from its newest bar backwards, when block k
begins. So a window's bits depend on its bars and its index alone, and what has left it leaves no trace.

Of the W rows kept, 0 to r are the bars of block k, the others what is left of the suffixes: row W-m is the sum of the newest m bars of
block k-1. When the bar at r+1 comes, the suffix it overwrites is needed no more.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from flows.asynchrony.hayashi_yoshida import SUMS, Seconds
from flows.asynchrony.legs import SECOND
from flows.domain.frames import F64, I8, I32, I64, Bools
from flows.domain.interval import Interval
from flows.packing import packed, unpacked

# Of the state's integers: the open bar (-1: none), how many whole seconds it has, its gap; the bar before it (-1: none), and how many
# whole ones in a row end with that.
_COUNTS = (-1, 0, 0, -1, 0)


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one interval, one row per bar, ordered by pair, then time.

    Attributes:
        pair: position in the group. index: `open_time // interval`. n: bars of the window in a row, at most W. gap: of the bar.
        sums: over the window, NaN (counts 0) before it is full, shape (rows, 5).
    """

    interval: Interval
    pair: I32
    index: I64
    n: I64
    gap: I8
    sums: F64


@dataclass(frozen=True, slots=True)
class WindowState:
    """What a restart needs; the first axes are those of the pairs and the intervals.

    Attributes:
        counts: as named above, shape (pairs, intervals, 5).
        bars: sums of the open bar, and of the block up to the bar before, shape (pairs, intervals, 2, 5).
        blocks: the rows described above, shape (pairs, intervals, W, 5).
    """

    counts: I64
    bars: F64
    blocks: F64

    def __reduce__(self) -> tuple[Any, ...]:
        columns = np.swapaxes(self.blocks, 2, 3)  # of a leg's own sums all its pairs have the same
        return _window_state, (self.counts, self.bars, columns.shape, packed(columns.ravel(), _lengths(columns.shape)))


def _window_state(counts: I64, bars: F64, shape: tuple[int, ...], blocks: bytes) -> WindowState:
    columns = unpacked(blocks, _lengths(shape)).reshape(shape)
    return WindowState(counts, bars, np.ascontiguousarray(np.swapaxes(columns, 2, 3)))


def _lengths(shape: tuple[int, ...]) -> I64:
    return np.full(math.prod(shape[:-1]), shape[-1])


class RollingSums:
    """The windows of all pairs of a group and all intervals; the same bits for any pieces."""

    def __init__(
        self, pairs: int, intervals: tuple[Interval, ...], window: int, state: WindowState | None = None
    ) -> None:
        self._intervals, self._window = intervals, window
        self._lengths = np.array([interval.us // SECOND for interval in intervals], np.int64)
        kinds = len(intervals)
        if state is None:
            counts = np.tile(np.array(_COUNTS, np.int64), (pairs, kinds, 1))
            state = WindowState(counts, np.zeros((pairs, kinds, 2, SUMS)), np.zeros((pairs, kinds, window, SUMS)))
        self._counts, self._bars, self._blocks = state.counts.copy(), state.bars.copy(), state.blocks.copy()

    def state(self) -> WindowState:
        """A picklable snapshot."""
        return WindowState(self._counts.copy(), self._bars.copy(), self._blocks.copy())

    def fold(self, seconds: Seconds, pairs: I64, until: I64) -> list[Windows]:
        """The bars of some pairs that end at or before `until` (microseconds, one for each of them), to which all seconds are given.

        Intervals without any bar are left out.
        """
        kinds, room = len(self._intervals), len(seconds.index) + len(pairs)
        pair, gap = np.empty((kinds, room), np.int32), np.empty((kinds, room), np.int8)
        ints, sums, rows = (
            np.empty((2, kinds, room), np.int64),
            np.empty((kinds, room, SUMS)),
            np.empty(kinds, np.int64),
        )
        _fold_all(
            seconds.pair, seconds.index, seconds.sums, seconds.whole, seconds.gap, pairs, until // SECOND, self._lengths,
            self._window, self._counts, self._bars, self._blocks, pair, ints, gap, sums, rows,
        )  # fmt: skip
        return [
            Windows(
                self._intervals[k],
                pair[k, :count],
                ints[0, k, :count],
                ints[1, k, :count],
                gap[k, :count],
                sums[k, :count],
            )
            for k, count in enumerate(rows.tolist())
            if count
        ]


@njit(cache=True)
def _turn_into_suffixes(block: F64) -> None:
    for row in range(len(block) - 2, -1, -1):
        for c in range(5):
            block[row, c] += block[row + 1, c]


@njit(cache=True)
def _close(
    counts: I64, bar: F64, prefix: F64, block: F64, length: int, window: int,
    index: I64, n: I64, gap: I8, sums: F64, row: int,
) -> None:  # fmt: skip
    """Put the open bar into the window and write the row."""
    at, last = counts[0], counts[3]
    if counts[1] < length:
        counts[4] = 0
    else:
        counts[4] = counts[4] + 1 if at == last + 1 else 1
    if last < 0 or at // window != last // window:
        _turn_into_suffixes(block)  # of no use after a hole, but then no window is full before the block after this
        prefix[:] = 0.0
    r = at % window
    older = r + 1 < window
    full = counts[4] >= window
    for c in range(5):
        block[r, c] = bar[c]
        prefix[c] += bar[c]
        sums[row, c] = prefix[c] + block[r + 1, c] if older else prefix[c]
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
    counts: I64, bar: F64, prefix: F64, block: F64, index: I64, n: I64, gap: I8, sums: F64,
) -> int:  # fmt: skip
    """One pair, one interval."""
    row = 0
    for k in range(len(second)):
        at = second[k] // length
        if counts[0] >= 0 and counts[0] != at:
            _close(counts, bar, prefix, block, length, window, index, n, gap, sums, row)
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
            _close(counts, bar, prefix, block, length, window, index, n, gap, sums, row)
            row += 1
    if counts[0] >= 0 and (counts[0] + 1) * length <= until:
        _close(counts, bar, prefix, block, length, window, index, n, gap, sums, row)
        row += 1
    return row


@njit(cache=True)
def _fold_all(
    pair: I32, second: I64, second_sums: F64, whole: Bools, second_gap: I8, pairs: I64, until: I64, lengths: I64,
    window: int, counts: I64, bars: F64, blocks: F64, out: I32, ints: I64, gap: I8, sums: F64, rows: I64,
) -> None:  # fmt: skip
    for k in range(len(lengths)):
        start = made = 0
        for j in range(len(pairs)):
            p = pairs[j]
            end = start
            while end < len(pair) and pair[end] == p:
                end += 1
            count = _fold(
                second[start:end], second_sums[start:end], whole[start:end], second_gap[start:end], until[j],
                lengths[k], window, counts[p, k], bars[p, k, 0], bars[p, k, 1], blocks[p, k],
                ints[0, k, made:], ints[1, k, made:], gap[k, made:], sums[k, made:],
            )  # fmt: skip
            out[k, made : made + count] = p
            made += count
            start = end
        rows[k] = made

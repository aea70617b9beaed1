"""The recent bars of many pairs, in one block of memory with room to grow, so that a new bar is written and nothing is moved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numba import njit

from flows.domain.frames import F64, I32, I64
from flows.packing import packed, packed_whole, unpacked, unpacked_whole
from flows.stats.prices import log_prices
from flows.stats.rows import Rows, places

LEGS = 2  # y and x
_LEAST_SPARE = 512
_Values = TypeVar("_Values", I64, F64)


@dataclass(frozen=True, slots=True)
class HistoryState:
    """Bars of all pairs, pair after pair. Pickled in few bytes: a price in one or two, those of a leg once for all its pairs.

    Attributes:
        count: bars of each pair, shape (pairs,).
        index: absolute bar index, shape (bars,).
        prices: y and x of each source as they came, shape (2 · sources, bars).
    """

    count: I64
    index: I64
    prices: F64

    def __reduce__(self) -> tuple[Any, ...]:
        lengths, rows = self.count, len(self.prices)
        return _history_state, (
            lengths, packed_whole(self.index, lengths), rows, packed(self.prices.ravel(), np.tile(lengths, rows)),
        )  # fmt: skip


def _history_state(count: I64, index: bytes, rows: int, prices: bytes) -> HistoryState:
    return HistoryState(
        count, unpacked_whole(index, count), unpacked(prices, np.tile(count, rows)).reshape(rows, int(count.sum()))
    )


class History:
    """Bars of many pairs; each pair's lie together, in time order. What follows from a bar and the one before it is computed as it comes.

    Attributes:
        index, runs: absolute bar index, and how many consecutive bars end there; of all memory, shape (pairs · room,). Only the rows that
            `Rows` speaks of mean anything.
        prices, logs, returns: y and x of each source, shape (2 · sources, pairs · room). A return is the difference of two logs, NaN at
            the first bar of a run.

    Args:
        sources: how many prices each bar of a leg has.
    """

    def __init__(self, pairs: int, sources: int = 1, state: HistoryState | None = None) -> None:
        self._begin, self._end = np.zeros((2, pairs), np.int64)  # within each pair's room
        self._room = 0
        self.index, self.runs = np.empty((2, 0), np.int64)
        self.prices, self.logs, self.returns = np.empty((3, LEGS * sources, 0))
        if state is not None:
            pair = np.repeat(np.arange(pairs), state.count).astype(np.int32)
            self.keep(self.written(pair, state.index, list(state.prices)))

    def state(self) -> HistoryState:
        """A copy of the bars that are kept."""
        count = self._end - self._begin
        at = places(self._offset + self._begin, count)
        return HistoryState(count, self.index[at].copy(), self.prices[:, at].copy())

    @property
    def next_index(self) -> I64:
        """One more than the index of each pair's newest kept bar, 0 before the first, shape (pairs,)."""
        if not self._room:
            return np.zeros_like(self._end)
        newest = self.index[np.maximum(self._offset + self._end - 1, 0)]
        return np.where(self._end > self._begin, newest + 1, 0)

    def written(self, pair: I32, index: I64, prices: Sequence[F64]) -> Rows:
        """The new bars behind those that are kept. Without `keep` the next ones take their place.

        Args:
            pair: of each bar, not decreasing. index: increasing within a pair, beyond those that are kept.
            prices: y and x of each source, each of shape (bars,).
        """
        count = np.bincount(pair, minlength=len(self._end))
        self._make_room(count)
        begin, first = self._offset + self._begin, self._offset + self._end
        rows = Rows(begin, first, first + count, self.runs)
        at, logs = rows.at, np.empty(len(index))
        self.index[at] = index
        for row, price in enumerate(prices):
            log_prices(price, logs)
            self.prices[row, at], self.logs[row, at] = price, logs
        _follow(self.index, self.logs, begin, first, rows.end, self.runs, self.returns)
        return rows

    def keep(self, rows: Rows) -> None:
        """The bars written last belong to the history now."""
        self._end += rows.end - rows.first

    def forget(self, oldest: I64) -> None:
        """Bars of each pair below an index are no longer needed, shape (pairs,)."""
        _forget(self.index, self._offset, self._begin, self._end, oldest)

    @property
    def _offset(self) -> I64:
        return np.arange(len(self._end)) * self._room

    def _make_room(self, count: I64) -> None:
        """Move every pair's bars to the beginning of its room, of a larger or smaller one where that fits better."""
        if np.all(self._end + count <= self._room):
            return
        needed = int((self._end - self._begin + count).max())
        fitting = needed + max(needed // 4, _LEAST_SPARE)
        room = self._room if fitting <= self._room <= 4 * fitting else fitting
        kept = places(self._offset + self._begin, self._end - self._begin)
        self._end, self._begin, self._room = self._end - self._begin, np.zeros_like(self._begin), room
        at, memory = places(self._offset, self._end), len(count) * room
        self.index, self.runs = (_moved(values, kept, at, memory) for values in (self.index, self.runs))
        series = (self.prices, self.logs, self.returns)
        self.prices, self.logs, self.returns = (_moved(values, kept, at, memory) for values in series)


def _moved(values: _Values, kept: I64 | slice, at: I64 | slice, memory: int) -> _Values:
    """Memory of a new size with the kept rows at other places."""
    out = np.empty((*values.shape[:-1], memory), values.dtype)
    out[..., at] = values[..., kept]
    return out


@njit(cache=True)
def _follow(index: I64, logs: F64, begin: I64, first: I64, end: I64, runs: I64, returns: F64) -> None:
    """Runs and returns of the new rows, from the row before each."""
    for p in range(len(begin)):
        for j in range(first[p], end[p]):
            runs[j] = runs[j - 1] + 1 if j > begin[p] and index[j] == index[j - 1] + 1 else 1
        for k in range(len(logs)):
            for j in range(first[p], end[p]):
                returns[k, j] = logs[k, j] - logs[k, j - 1] if runs[j] > 1 else math.nan


@njit(cache=True)
def _forget(index: I64, offset: I64, begin: I64, end: I64, oldest: I64) -> None:
    for p in range(len(begin)):
        while begin[p] < end[p] and index[offset[p] + begin[p]] < oldest[p]:
            begin[p] += 1

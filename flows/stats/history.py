"""The recent bars of many pairs, in one block of memory with room to grow, so that a new bar is written and nothing is moved."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from flows.domain.frames import F64, I32, I64
from flows.stats.prices import log_prices
from flows.stats.rows import Rows, places, wanted

LEGS = 2  # y and x
_LEAST_SPARE = 512


@dataclass(frozen=True, slots=True)
class HistoryState:
    """Bars of all pairs, pair after pair.

    Attributes:
        count: bars of each pair, shape (pairs,).
        index: absolute bar index, shape (bars,).
        prices: y and x of each source as they came, shape (2 · sources, bars).
    """

    count: I64
    index: I64
    prices: F64


class History:
    """Bars of many pairs; each pair's lie together, in time order.

    Attributes:
        index: of all memory, shape (pairs · room,); only the rows that `Rows` speaks of mean anything.
        prices, logs: y and x of each source, shape (2 · sources, pairs · room). Each price is logged once, when its bar comes.

    Args:
        sources: how many prices each bar of a leg has.
    """

    def __init__(self, pairs: int, sources: int = 1, state: HistoryState | None = None) -> None:
        self._begin, self._end = np.zeros((2, pairs), np.int64)  # within each pair's room
        self._room = 0
        self.index, self.prices, self.logs = np.empty(0, np.int64), *np.empty((2, LEGS * sources, 0))
        if state is not None:
            pair = np.repeat(np.arange(pairs), state.count).astype(np.int32)
            self.keep(self.written(pair, state.index, list(state.prices)))

    def state(self) -> HistoryState:
        """A copy of the bars that are kept."""
        begin, end = self._offset + self._begin, self._offset + self._end
        at = wanted(self.index, begin, begin, end).at
        return HistoryState(end - begin, self.index[at], self.prices[:, at])

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
        at, logs = places(first, count), np.empty(len(index))
        self.index[at] = index
        for row, price in enumerate(prices):
            log_prices(price, logs)
            self.prices[row, at], self.logs[row, at] = price, logs
        return wanted(self.index, begin, first, first + count)

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
        kept = wanted(self.index, *(self._offset + edge for edge in (self._begin, self._begin, self._end))).at
        index, prices, logs = self.index[kept], self.prices[:, kept], self.logs[:, kept]
        self._end, self._begin = self._end - self._begin, np.zeros_like(self._begin)
        if room != self._room:
            self._room = room
            self.index = np.empty(len(count) * room, np.int64)
            self.prices, self.logs = np.empty((2, len(prices), len(count) * room))
        at = places(self._offset, self._end)
        self.index[at], self.prices[:, at], self.logs[:, at] = index, prices, logs


@njit(cache=True)
def _forget(index: I64, offset: I64, begin: I64, end: I64, oldest: I64) -> None:
    for p in range(len(begin)):
        while begin[p] < end[p] and index[offset[p] + begin[p]] < oldest[p]:
            begin[p] += 1

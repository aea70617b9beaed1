"""Which rows of many pairs' series are wanted, and how long the runs of consecutive bars are that end there."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from flows.domain.frames import I64, Bools


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of series in which each pair has a stretch of its own. Where a step of the index is larger than 1 every window starts anew.

    Attributes:
        begin, first, end: of each pair: its oldest row, the first wanted one, and the row after its last, shape (pairs,). Rows before
            `first` are history.
        at: the wanted rows, pair after pair: an array of shape (wanted,), or where they lie side by side a slice, which copies nothing.
        run: consecutive bars that end at each of them, itself included, as far as the history goes, shape (wanted,).
    """

    begin: I64
    first: I64
    end: I64
    at: I64 | slice
    run: I64

    def __len__(self) -> int:
        return len(self.run)

    def led(self, index: I64) -> tuple["Rows", Bools | slice]:
        """With one bar of history more for each pair where there is one, and which rows of those are the wanted ones."""
        lead = ((self.first > self.begin) & (self.end > self.first)).astype(np.int64)
        if not lead.any():
            return self, slice(None)
        rows = wanted(index, self.begin, self.first - lead, self.end)
        count = self.end - self.first + lead
        keep = np.ones(len(rows), np.bool_)
        keep[(np.cumsum(count) - count)[lead > 0]] = False
        return rows, keep


def wanted(index: I64, begin: I64, first: I64, end: I64) -> Rows:
    """The rows of each pair from `first` on.

    >>> wanted(np.array([7, 8, 9, 12, 13, 0, 5, 6]), np.array([0, 6]), np.array([1, 6]), np.array([5, 8])).run
    array([2, 3, 1, 2, 1, 2])
    """
    run = np.empty(int((end - first).sum()), np.int64)
    _runs(index, begin, first, end, run)
    return Rows(begin, first, end, places(first, end - first), run)


def places(first: I64, count: I64) -> I64 | slice:
    """The rows that begin at `first` and are `count` many, stretch after stretch; a slice where there is one stretch only.

    >>> places(np.array([3, 10]), np.array([2, 3]))
    array([ 3,  4, 10, 11, 12])
    >>> places(np.array([3, 10]), np.array([0, 3]))
    slice(10, 13, None)
    """
    some = np.flatnonzero(count)
    if len(some) == 1:
        start = int(first[some[0]])
        return slice(start, start + int(count[some[0]]))
    at: I64 = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
    return at


def one_stretch(index: I64, first: int = 0) -> Rows:
    """The rows of a single pair."""
    return wanted(index, np.array([0]), np.array([first]), np.array([len(index)]))


@njit(cache=True)
def _runs(index: I64, begin: I64, first: I64, end: I64, run: I64) -> None:
    row = 0
    for p in range(len(begin)):
        if end[p] == first[p]:
            continue
        length = 0
        for j in range(begin[p], end[p]):
            length = length + 1 if j > begin[p] and index[j] == index[j - 1] + 1 else 1
            if j >= first[p]:
                run[row] = length
                row += 1

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
        at: the wanted rows, pair after pair, shape (wanted,).
        run: consecutive bars that end at each of them, itself included, as far as the history goes, shape (wanted,).
    """

    begin: I64
    first: I64
    end: I64
    at: I64
    run: I64

    def __len__(self) -> int:
        return len(self.at)

    def led(self, index: I64) -> tuple["Rows", Bools]:
        """With one bar of history more for each pair where there is one, and which rows of those are the wanted ones."""
        lead = ((self.first > self.begin) & (self.end > self.first)).astype(np.int64)
        rows = wanted(index, self.begin, self.first - lead, self.end)
        keep = np.ones(len(rows), np.bool_)
        keep[(np.cumsum(self.end - self.first + lead) - (self.end - self.first + lead))[lead > 0]] = False
        return rows, keep


def wanted(index: I64, begin: I64, first: I64, end: I64) -> Rows:
    """The rows of each pair from `first` on.

    >>> wanted(np.array([7, 8, 9, 12, 13, 0, 5, 6]), np.array([0, 6]), np.array([1, 6]), np.array([5, 8])).run
    array([2, 3, 1, 2, 1, 2])
    """
    at, run = np.empty((2, int((end - first).sum())), np.int64)
    _wanted(index, begin, first, end, at, run)
    return Rows(begin, first, end, at, run)


def one_stretch(index: I64, first: int = 0) -> Rows:
    """The rows of a single pair."""
    return wanted(index, np.array([0]), np.array([first]), np.array([len(index)]))


@njit(cache=True)
def _wanted(index: I64, begin: I64, first: I64, end: I64, at: I64, run: I64) -> None:
    row = 0
    for p in range(len(begin)):
        if end[p] == first[p]:
            continue
        length = 0
        for j in range(begin[p], end[p]):
            length = length + 1 if j > begin[p] and index[j] == index[j - 1] + 1 else 1
            if j >= first[p]:
                at[row], run[row] = j, length
                row += 1

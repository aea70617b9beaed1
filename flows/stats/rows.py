"""Which rows of many pairs' series are wanted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64, Bools


@dataclass(frozen=True)
class Rows:
    """Rows of series in which each pair has a stretch of its own. Where a step of the index is larger than 1 every window starts anew.

    Attributes:
        begin, first, end: of each pair: its oldest row, the first wanted one, and the row after its last, shape (pairs,). Rows before
            `first` are history.
        runs: consecutive bars that end at each row of the series, itself included, shape (all rows,).

    >>> rows = Rows(np.array([0, 6]), np.array([1, 6]), np.array([5, 8]), runs(np.array([7, 8, 9, 12, 13, 0, 5, 6])))
    >>> rows.run, rows.led.run, rows.own(rows.led.run)
    (array([2, 3, 1, 2, 1, 2]), array([1, 2, 3, 1, 2, 1, 2]), array([2, 3, 1, 2, 1, 2]))
    """

    begin: I64
    first: I64
    end: I64
    runs: I64

    def __len__(self) -> int:
        return len(self.run)

    @cached_property
    def at(self) -> I64 | slice:
        """The wanted rows, pair after pair: an array of shape (wanted,), or where they lie side by side a slice, which copies nothing."""
        return places(self.first, self.end - self.first)

    @cached_property
    def run(self) -> I64:
        """Consecutive bars that end at each of them, shape (wanted,)."""
        return self.runs[self.at]

    @cached_property
    def led(self) -> "Rows":
        """With one bar of history more for each pair where there is one."""
        return Rows(self.begin, self.first - self._lead, self.end, self.runs) if self._lead.any() else self

    def own(self, values: F64) -> F64:
        """What was computed for the rows of `led`, shape (…, led), for these rows only."""
        return values.compress(self._keep, axis=-1) if self._lead.any() else values

    @cached_property
    def _lead(self) -> I64:
        return ((self.first > self.begin) & (self.end > self.first)).astype(np.int64)

    @cached_property
    def _keep(self) -> Bools:
        count = self.end - self.led.first
        keep = np.ones(len(self.led), np.bool_)
        keep[(np.cumsum(count) - count)[self._lead > 0]] = False
        return keep


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
    return Rows(np.array([0]), np.array([first]), np.array([len(index)]), runs(index))


def runs(index: I64) -> I64:
    """Consecutive bars that end at each one of a series, shape (bars,).

    >>> runs(np.array([7, 8, 9, 12, 13]))
    array([1, 2, 3, 1, 2])
    """
    out = np.empty(len(index), np.int64)
    _runs(index, out)
    return out


@njit(cache=True)
def _runs(index: I64, out: I64) -> None:
    for j in range(len(index)):
        out[j] = out[j - 1] + 1 if j > 0 and index[j] == index[j - 1] + 1 else 1

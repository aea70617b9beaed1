"""Ticks of one symbol that nothing can change any more, and how they are kept: each once, however many pairs have the symbol as a leg."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.domain.frames import F64, I64

SECOND = 1_000_000
NO_GAP = -1


@dataclass(frozen=True, slots=True)
class LegTicks:
    """Ticks of one symbol.

    Attributes:
        time: strictly increasing, all below `until`, shape (rows,).
        log_price: natural logarithm, NaN for a price that is not positive.
        gap_from: NO_GAP, or where trades are missing before the tick: the watermark before it came, up to which none are.
        until: microseconds, a whole second: every tick below it is here or was before.
    """

    time: I64
    log_price: F64
    gap_from: I64
    until: int

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: slice) -> "LegTicks":
        """Some of the rows."""
        return LegTicks(self.time[rows], self.log_price[rows], self.gap_from[rows], self.until)

    def followed_by(self, other: "LegTicks") -> "LegTicks":
        """Rows of both in order."""
        return LegTicks(
            np.concatenate((self.time, other.time)),
            np.concatenate((self.log_price, other.log_price)),
            np.concatenate((self.gap_from, other.gap_from)),
            other.until,
        )


_NO_INTS, _NO_FLOATS = np.empty(0, np.int64), np.empty(0)
NO_TICKS = LegTicks(_NO_INTS, _NO_FLOATS, _NO_INTS, 0)


class Queue:
    """Columns of equal length, the first of them times: rows come at the end and go at the front, both without moving the others."""

    def __init__(self, *columns: NDArray[Any]) -> None:
        self._columns = columns
        self._start, self._end = 0, len(columns[0])

    def __len__(self) -> int:
        return self._end - self._start

    def append(self, *columns: NDArray[Any]) -> None:
        """Put rows behind the others."""
        rows = len(columns[0])
        if self._end + rows > len(self._columns[0]):
            self._make_room(rows)
        for own, new in zip(self._columns, columns, strict=True):
            own[self._end : self._end + rows] = new
        self._end += rows

    def before(self, time: int) -> int:
        """How many rows are earlier."""
        return int(np.searchsorted(self._columns[0][self._start : self._end], time))

    def rows(self, start: int = 0, end: int | None = None) -> tuple[NDArray[Any], ...]:
        """Views of some rows, valid until the next change."""
        last = self._end if end is None else min(self._start + end, self._end)
        return tuple(column[self._start + start : last] for column in self._columns)

    def drop(self, rows: int) -> None:
        """Let the first rows go."""
        self._start += rows

    def copied(self) -> tuple[NDArray[Any], ...]:
        """The rows as arrays of their own."""
        return tuple(column.copy() for column in self.rows())

    def _make_room(self, rows: int) -> None:
        """For as many again as there are then, so that moving costs each row a constant however long the queue becomes."""
        kept = len(self)
        room = 2 * (kept + rows)
        held = self.rows()
        self._columns = tuple(np.empty(room, column.dtype) for column in held)
        for own, old in zip(self._columns, held, strict=True):
            own[:kept] = old
        self._start, self._end = 0, kept

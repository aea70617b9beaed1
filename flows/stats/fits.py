"""What is too dear for every bar: computed from the n bars that end at bars which the absolute index decides, and held until the next.

A fit is due at the bars where `(index + crc32(pair)) % every == 0`, so that pairs do not all fit in the same second; `every` is
`Model.bars_between_fits`. It is a pure function of its window, and which fit holds is one of the index and the run: a value needs at most
n + every bars before it and no history of fits. The last fit is carried only to save the time of repeating it.
"""

import zlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.estimator import Legs
from flows.stats.rows import Rows

NO_FIT = -(2**62)
LastFits: TypeAlias = tuple[I64, F64]


class Fits:
    """What is computed at the bars that the cadence decides, and holds until the next; it carries the last of each pair.

    Args:
        size: numbers in a fit.
    """

    def __init__(self, model: Model, pairs: tuple[Pair, ...], size: int, state: LastFits | None) -> None:
        self._n, self._every = model.window, model.bars_between_fits
        self._phase = np.array([zlib.crc32(str(pair).encode()) % self._every for pair in pairs], np.int64)
        self._last = state or (np.full(len(pairs), NO_FIT), np.full((size, len(pairs)), np.nan))
        # Not so what goes on from a state: forming bars do at each emission, and have no fit to make.
        self._compiled = state is not None

    @property
    def warmup(self) -> int:
        """Consecutive bars until there is one for certain, which is also what it depends on."""
        return self._n + self._every

    @property
    def last(self) -> LastFits:
        """Index, shape (pairs,), and numbers, shape (size, pairs), of the last fits."""
        return self._last

    def held(self, legs: Legs, rows: Rows, fit: Callable[[F64, F64, I64, F64], None]) -> tuple[F64, F64]:
        """The fit that holds at each row, shape (size, rows), and how many bars ago it was made, shape (rows,); NaN where none does.

        Args:
            fit: called with x, y, the rows at which windows end, and the columns of numbers to fill, shape (size, ends).
        """
        held, ends, pair = np.empty((3, len(rows)), np.int64)
        count = _schedule(
            legs.index, rows.runs, rows.first, rows.end, self._n, self._every, self._phase, held, ends, pair
        )
        ends, pair = ends[:count], pair[:count]
        fits = np.full((len(self._last[1]), count + 1), np.nan)
        fits[:, 1:] = self._made(legs, ends, pair, fit)
        made_at = np.append(NO_FIT, legs.index[ends])[held]
        age = np.where(held > 0, legs.index[rows.at] - made_at, np.nan)
        return np.take(fits, held, axis=1), age

    def _made(self, legs: Legs, ends: I64, pair: I64, fit: Callable[[F64, F64, I64, F64], None]) -> F64:
        """The fits of the windows that end at these rows, of which only the first of a pair can be known already; the last are kept."""
        at, last = self._last
        fits = last[:, pair]
        new = at[pair] != legs.index[ends]
        # Once without any too, so that the first fit that is due does not wait for its compiler.
        if new.any() or not self._compiled:
            self._compiled = True
            made = np.empty((len(fits), int(new.sum())))
            fit(legs.x, legs.y, ends[new], made)
            fits[:, new] = made
            at, last = at.copy(), last.copy()
            at[pair], last[:, pair] = legs.index[ends], fits  # of several of a pair the last one stays
            self._last = at, last
        return fits


@njit(cache=True)
def _schedule(
    index: I64, runs: I64, first: I64, end: I64, n: int, every: int, phase: I64, held: I64, ends: I64, pair: I64
) -> int:
    """Which fit holds at each wanted row: into `held` its number from 1, 0 for none; into `ends` the row it is made at, into `pair` whose.

    Returns:
        how many fits that is.
    """
    count = row = 0
    for p in range(len(first)):
        age, newest = 0, -1
        for j in range(first[p], end[p]):
            age = age + 1 if j > first[p] and runs[j] > 1 else (index[j] + phase[p]) % every
            if age == every:
                age = 0
            if runs[j] - age < n:  # the window would begin before the run
                held[row] = 0
            else:
                if j - age != newest:
                    newest = j - age
                    ends[count], pair[count] = newest, p
                    count += 1
                held[row] = count
            row += 1
    return count

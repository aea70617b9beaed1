"""Lines that are too dear to fit at every bar: fitted anew, from nothing but their window, at bars that the absolute index decides.

Fits are due at the bars where `(index + crc32(pair)) % every == 0`, so that pairs do not all fit in the same second; `every` is a fifth
of the window. A fit uses the n consecutive bars that end there. Until the next one is due its line holds: the spread of a bar, and every
deviation that enters its z-score, is measured from that one line. With p = α + β·x of the fit that holds at t:

    hedge_ratio, hedge_ratio_se, intercept   of that fit
    r_squared        NaN: the share of variance explained is what least squares maximise; these methods do not
    spread           y_t - p_t
    zscore           `zscore.in_sample_own_window`: the last w spreads up to t, all from that line, by their mean and deviation
    zscore_one_step  the bar against the line that held at t-1, which did not know it, by that fit's scale = median|residual| / 0.6745:
                     a bad print in the window must not silence the bars after it

The warm-up is the longest there can be: n bars, and up to `every` more until a fit has been due. A fit is a pure function of its window,
and which fit holds one of the index and the run, so a value needs at most n + every bars before it and no history of fits. The last fit
is carried only to save the time of repeating it. A perfect fit has an error and a scale of 0 and no z; a window with a price that is not
a finite number or with a flat x has no line, and nothing is known until the next fit.
"""

import zlib
from abc import ABC, abstractmethod
from typing import TypeAlias

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import moments, zscore
from flows.stats.estimator import FIT_COLUMNS, Legs
from flows.stats.rows import Rows

FITS_PER_WINDOW = 5

BETA, SE, SCALE, RESIDUAL_STD = range(4, 8)
"""Rows of a fit after those of the point that the line goes through, which are named in `moments`: anchor plus mean. The point is in
two parts because the bars are near the anchor, and so differences to it are exact."""
FIT_ROWS = 8
NO_FIT = -(2**62)
LastFits: TypeAlias = tuple[I64, F64]


def bars_between_fits(n: int) -> int:
    """Cadence of a window of n bars: a line is never older than a fifth of what it was made of."""
    return max(1, n // FITS_PER_WINDOW)


class LineOnCadence(ABC):
    """An estimator of lines; a method adds how a window is fitted."""

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: LastFits | None = None) -> None:
        self._n, self._w = model.window, model.z_window
        self._every = bars_between_fits(model.window)
        self._phase = np.array([zlib.crc32(str(pair).encode()) % self._every for pair in pairs], np.int64)
        self._last = state or (np.full(len(pairs), NO_FIT), np.full((FIT_ROWS, len(pairs)), np.nan))
        self._compiled = False

    @property
    def warmup(self) -> int:
        return self._n + self._every

    def reach(self, next_index: I64) -> I64:
        return np.minimum(moments.reach(next_index, self._w), next_index - self.warmup + 1)

    def state(self) -> LastFits:
        """Index, shape (pairs,), and rows, shape (8, pairs), of the last fits."""
        return self._last

    def estimate(self, legs: Legs) -> F64:
        # The one-step z-score of the first new bar needs the line that held at the bar before.
        rows, keep = legs.rows.led(legs.index)
        x, y = legs.x[rows.at], legs.y[rows.at]
        line = self._lines(legs, rows)
        beta = line[BETA]
        out = np.full((len(FIT_COLUMNS), len(rows)), np.nan)
        out[0], out[1] = beta, line[SE]
        out[2] = (line[1] + line[3]) - beta * (line[0] + line[2])
        out[4] = ((y - line[1]) - line[3]) - beta * ((x - line[0]) - line[2])
        own = moments.block_moments(legs.index, legs.x, legs.y, self._w, rows)
        out[5:8] = zscore.in_sample_own_window(x, y, beta, out[4], line[RESIDUAL_STD], own, self._w)
        out[8] = zscore.one_step(rows.run, x, y, beta, line[SCALE], line)
        return out[:, keep]

    def _lines(self, legs: Legs, rows: Rows) -> F64:
        """The fit that holds at each row, NaN where none does, shape (8, rows)."""
        held, ends, pair = np.empty((3, len(rows)), np.int64)
        count = _schedule(
            legs.index, rows.begin, rows.first, rows.end, self._n, self._every, self._phase, held, ends, pair
        )
        fits = np.full((FIT_ROWS, count + 1), np.nan)
        fits[:, 1:] = self._fits(legs, ends[:count], pair[:count])
        return np.take(fits, held, axis=1)

    def _fits(self, legs: Legs, ends: I64, pair: I64) -> F64:
        """The fits of the windows that end at these rows, of which only the first of a pair can be known already; the last are kept."""
        at, last = self._last
        fits = last[:, pair]
        new = at[pair] != legs.index[ends]
        if (
            new.any() or not self._compiled
        ):  # without any too, so that the first fit that is due does not wait for its compiler
            self._compiled = True
            made = np.empty((FIT_ROWS, int(new.sum())))
            self._fit(legs.x, legs.y, ends[new], made)
            fits[:, new] = made
            at, last = at.copy(), last.copy()
            at[pair], last[:, pair] = legs.index[ends], fits  # of several of a pair the last one stays
            self._last = at, last
        return fits

    @abstractmethod
    def _fit(self, x: F64, y: F64, ends: I64, out: F64) -> None:
        """Fit the windows that end at the rows `ends` into the columns of `out`, shape (8, fits); NaN where there is no line."""


@njit(cache=True)
def _schedule(
    index: I64, begin: I64, first: I64, end: I64, n: int, every: int, phase: I64, held: I64, ends: I64, pair: I64
) -> int:
    """Which fit holds at each wanted row: into `held` its number from 1, 0 for none; into `ends` the row it is made at, into `pair` whose.

    Returns:
        how many fits that is.
    """
    count = row = 0
    for p in range(len(begin)):
        if end[p] == first[p]:
            continue
        run = due = 0
        newest = -1
        for j in range(begin[p], end[p]):
            if j == begin[p] or index[j] != index[j - 1] + 1:
                run, newest = j, -1
                due = j + (every - (index[j] + phase[p]) % every) % every
            if j == due:
                due += every
                if j - run + 1 >= n:
                    newest = j
            if j < first[p]:
                continue
            if newest >= 0 and (count == 0 or ends[count - 1] != newest):
                ends[count], pair[count] = newest, p
                count += 1
            held[row] = count if newest >= 0 else 0
            row += 1
    return count

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

import numpy as np
from numba import njit

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import moments, zscore
from flows.stats.estimator import FIT_COLUMNS, Legs

FITS_PER_WINDOW = 5

BETA, SE, SCALE, RESIDUAL_STD = range(4, 8)
"""Rows of a fit after those of the point that the line goes through, which are named in `moments`: anchor plus mean. The point is in
two parts because the bars are near the anchor, and so differences to it are exact."""
FIT_ROWS = 8


def bars_between_fits(n: int) -> int:
    """Cadence of a window of n bars: a line is never older than a fifth of what it was made of."""
    return max(1, n // FITS_PER_WINDOW)


class LineOnCadence(ABC):
    """An estimator of lines; a method adds how a window is fitted."""

    def __init__(self, model: Model, pair: Pair, state: tuple[int, F64] | None = None) -> None:
        self._n, self._w = model.window, model.z_window
        self._every = bars_between_fits(model.window)
        self._phase = zlib.crc32(str(pair).encode()) % self._every
        self._last = state

    @property
    def warmup(self) -> int:
        return self._n + self._every

    def reach(self, next_index: int) -> int:
        return min(moments.reach(next_index, self._w), next_index - self.warmup + 1)

    def state(self) -> tuple[int, F64] | None:
        """Index and rows of the last fit."""
        return self._last

    def estimate(self, legs: Legs) -> F64:
        # The one-step z-score of the first new bar needs the line that held at the bar before.
        lead = min(legs.first, 1)
        first = legs.first - lead
        index, x, y = legs.index[first:], legs.x[first:], legs.y[first:]
        line = self._lines(legs, first)
        beta = line[BETA]
        out = np.full((len(FIT_COLUMNS), len(index)), np.nan)
        out[0], out[1] = beta, line[SE]
        out[2] = (line[1] + line[3]) - beta * (line[0] + line[2])
        out[4] = ((y - line[1]) - line[3]) - beta * ((x - line[0]) - line[2])
        own = moments.block_moments(legs.index, legs.x, legs.y, self._w, first)
        out[5:8] = zscore.in_sample_own_window(x, y, beta, out[4], line[RESIDUAL_STD], own, self._w)
        out[8] = zscore.one_step(index, x, y, beta, line[SCALE], line)
        return out[:, lead:]

    def _lines(self, legs: Legs, first: int) -> F64:
        """The fit that holds at each row from `first` on, NaN where none does, shape (8, rows - first)."""
        held, ends = np.empty((2, len(legs.index) - first), np.int64)
        count = _schedule(legs.index, first, self._n, self._every, self._phase, held, ends)
        fits = np.full((FIT_ROWS, count + 1), np.nan)
        if count:
            self._compute(legs, ends[:count], fits[:, 1:])
        elif (
            not legs.first
        ):  # the first bars of all compile the fit, so that the first one that is due does not wait for it
            self._fit(legs.x, legs.y, ends[:0], np.empty((FIT_ROWS, 0)))
        return np.take(fits, held, axis=1)

    def _compute(self, legs: Legs, ends: I64, fits: F64) -> None:
        """The fits of the windows that end at these rows, of which only the first can be known already, and remember the last."""
        known = 0
        if self._last is not None and self._last[0] == legs.index[ends[0]]:
            fits[:, 0] = self._last[1]
            known = 1
        if known < len(ends):
            made = np.empty((FIT_ROWS, len(ends) - known))
            self._fit(legs.x, legs.y, ends[known:], made)
            fits[:, known:] = made
            self._last = int(legs.index[ends[-1]]), made[:, -1].copy()

    @abstractmethod
    def _fit(self, x: F64, y: F64, ends: I64, out: F64) -> None:
        """Fit the windows that end at the rows `ends` into the columns of `out`, shape (8, fits); NaN where there is no line."""


@njit(cache=True)
def _schedule(index: I64, first: int, n: int, every: int, phase: int, held: I64, ends: I64) -> int:
    """Which fit holds at each row from `first` on: into `held` its number from 1, 0 for none; into `ends` the row it is made at.

    Returns:
        how many fits that is.
    """
    run = due = count = 0
    newest = -1
    for j in range(len(index)):
        if j == 0 or index[j] != index[j - 1] + 1:
            run, newest = j, -1
            due = j + (every - (index[j] + phase) % every) % every
        if j == due:
            due += every
            if j - run + 1 >= n:
                newest = j
        if j < first:
            continue
        if newest >= 0 and (count == 0 or ends[count - 1] != newest):
            ends[count] = newest
            count += 1
        held[j - first] = count if newest >= 0 else 0
    return count

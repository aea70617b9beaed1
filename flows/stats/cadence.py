"""Lines that are too dear to fit at every bar: fitted anew, from nothing but their window, at bars that the index decides (`fits`).

Until the next fit is due its line holds: the spread of a bar, and every deviation that enters its z-score, is measured from that one line.
With p = α + β·x of the fit that holds at t:

    hedge_ratio, hedge_ratio_se, intercept   of that fit
    r_squared        NaN: the share of variance explained is what least squares maximise; these methods do not
    fit_age          bars since it was made
    spread           y_t - p_t
    zscore           `zscore.in_sample_own_window`: the last w spreads up to t, all from that line, by their mean and deviation
    zscore_one_step  the bar against the line that held at t-1, which did not know it, by that fit's scale = median|residual| / 0.6745:
                     a bad print in the window must not silence the bars after it

The warm-up is the longest there can be: n bars, and up to `every` more until a fit has been due. A perfect fit has an error and a scale of
0 and no z; a window with a price that is not a finite number or with a flat x has no line, and nothing is known until the next fit.
"""

from abc import ABC, abstractmethod

import numpy as np

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import moments, zscore
from flows.stats.estimator import FIT_AGE, FIT_COLUMNS, Legs
from flows.stats.fits import Fits, LastFits

BETA, SE, SCALE, RESIDUAL_STD = range(4, 8)
"""Rows of a fit after those of the point that the line goes through, which are named in `moments`: anchor plus mean. The point is in
two parts because the bars are near the anchor, and so differences to it are exact."""
FIT_ROWS = 8


class LineOnCadence(ABC):
    """An estimator of lines; a method adds how a window is fitted."""

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: LastFits | None = None) -> None:
        self._n, self._w = model.window, model.z_window
        self._fits = Fits(model, pairs, FIT_ROWS, state)

    @property
    def warmup(self) -> int:
        return self._fits.warmup

    @property
    def memory(self) -> int:
        return self._fits.warmup  # the one-step z-score knows the line of the bar before, which is at most as old

    def reach(self, next_index: I64) -> I64:
        return np.minimum(moments.reach(next_index, self._w), next_index - self.warmup + 1)

    def state(self) -> LastFits:
        return self._fits.last

    def estimate(self, legs: Legs) -> F64:
        # The one-step z-score of the first new bar needs the line that held at the bar before.
        rows = legs.rows.led
        x, y = legs.x[rows.at], legs.y[rows.at]
        line, age = self._fits.held(legs, rows, self._fit)
        beta = line[BETA]
        out = np.full((len(FIT_COLUMNS), len(rows)), np.nan)
        out[0], out[1], out[FIT_AGE] = beta, line[SE], age
        out[2] = (line[1] + line[3]) - beta * (line[0] + line[2])
        out[4] = ((y - line[1]) - line[3]) - beta * ((x - line[0]) - line[2])
        out[5:8] = zscore.in_sample_own_window(x, y, beta, out[4], line[RESIDUAL_STD], legs.moments(self._w), self._w)
        out[8] = zscore.one_step(rows.run, x, y, beta, line[SCALE], line)
        return legs.rows.own(out)

    @abstractmethod
    def _fit(self, x: F64, y: F64, ends: I64, out: F64) -> None:
        """Fit the windows that end at the rows `ends` into the columns of `out`, shape (8, fits); NaN where there is no line."""

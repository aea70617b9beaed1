"""Lines that follow from the moments of the window at every bar. A method adds how.

zscore           `zscore.in_sample`, or `zscore.in_sample_own_window` where the z-score has a shorter window of its own
zscore_one_step  the new bar against the line and sqrt(RSS/(n-2)) of the bar before
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import moments, zscore
from flows.stats.estimator import FIT_COLUMNS, Legs


class RollingLine(ABC):
    """A pure function of the window, so nothing is carried from bar to bar."""

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: Any = None) -> None:
        self._n, self._w = model.window, model.z_window

    @property
    def memory(self) -> int:
        return self._n + 1

    @property
    def warmup(self) -> int:
        return self._n + 1  # the one-step z-score tests a bar against the fit of a full window before it

    def reach(self, next_index: I64) -> I64:
        return moments.reach(next_index, self._n)

    def state(self) -> Any:
        return None

    def estimate(self, legs: Legs) -> F64:
        # One bar of history gets a fit too: the one-step z-score of the first new bar needs it.
        rows = legs.rows.led
        x, y = legs.x[rows.at], legs.y[rows.at]
        window = legs.moments(self._n)
        out = np.full((len(FIT_COLUMNS), len(rows)), np.nan)
        residual_std = np.empty(len(rows))
        self._fit(x, y, window, out, residual_std)
        beta, spread = out[0], out[4]
        if self._w == self._n:
            out[5:8] = zscore.in_sample(spread, residual_std)
        else:
            out[5:8] = zscore.in_sample_own_window(x, y, beta, spread, residual_std, legs.moments(self._w), self._w)
        out[8] = zscore.one_step(rows.run, x, y, beta, residual_std, window)
        return legs.rows.own(out)

    @abstractmethod
    def _fit(self, x: F64, y: F64, window: F64, out: F64, residual_std: F64) -> None:
        """The line of every row into rows 0 to 4 of `out`, and the standard deviation of the window's residuals."""

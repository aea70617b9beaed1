"""The Kalman filter at every bar against the textbook's matrices in sixty digits."""

import zlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from flows.domain.frames import PairStats
from flows.domain.model import Model
from flows.stats.pair_stats import statistics_of
from tests.accuracy.data import Data, Series
from tests.accuracy.row import RELATIVE, ROUNDING, Row, Tally
from tests.exact_ols import Exact
from tests.pair_series import PAIR, pair_bars
from tests.textbook_kalman import by_textbook, innovations

TOLERANCE, OF_Z = 1e-10, 1e-9
"""Of the filter, and of whatever is a z-score or in units of one."""


def kalman(data: Data, windows: list[int]) -> Iterator[Row]:
    """Every column; a filter whose intercept moves must be seen to be another."""
    for series in (data.recorded, data.short):
        for n in windows:
            model = Model("m", method="kalman", window=n, z_window=n, correlation_window=20)
            bars = pair_bars(series.y, series.x)
            index = bars.open_time // bars.interval.us
            due = (index + zlib.crc32(str(PAIR).encode())) % (model.restart_windows * n) == 0
            wanted = by_textbook(series.log_y, series.log_x, n, set(np.flatnonzero(due).tolist()))
            largest = _largest(wanted["hedge_ratio"], due)
            stats = statistics_of(bars, model, 10_000)
            tally = Tally("kalman", series.name, n, "textbook matrices, 60 digits")
            _add(tally, stats, wanted, series, largest)
            size, likeness = innovations(wanted["zscore_one_step"], n, int(index[0]))
            told = ~(size < OF_Z)  # smaller ones cannot be told from 0, of which nothing is known
            tally.add("innovation_sd", stats.innovation_sd, size, "max(1, sd)", OF_Z, np.maximum(1, size), told)
            tally.add("innovation_autocorrelation", stats.innovation_autocorrelation, likeness, "max(1, 1 / sd)", OF_Z,
                      np.maximum(1, 1 / size), told)  # fmt: skip
            _add_in_sample(tally, stats, series, n)
            yield from tally.rows()
            moving = statistics_of(bars, replace(model, delta_alpha=1e-6), 10_000)
            control = Tally("kalman, moving α", series.name, n, "textbook matrices, 60 digits", control=True)
            _add(control, moving, wanted, series, largest)
            yield from (row for row in control.rows() if row.column in ("hedge_ratio", "zscore_one_step"))


def _largest(beta: np.ndarray, due: np.ndarray) -> np.ndarray:
    """The largest |β| since the filter started: what its rounding is a part of, also after a bad print made β small."""
    parts = np.split(np.nan_to_num(np.abs(beta)), np.flatnonzero(due)[1:])
    return np.concatenate([np.maximum.accumulate(part) for part in parts])


def _add(tally: Tally, stats: PairStats, wanted: dict[str, np.ndarray], series: Series, largest: np.ndarray) -> None:
    se, z = wanted["hedge_ratio_se"], wanted["zscore_one_step"]
    beta = wanted["hedge_ratio"]
    level = np.abs(series.log_y) + np.abs(beta * series.log_x)
    tally.add("hedge_ratio", stats.hedge_ratio, beta, "largest |β| since the start", TOLERANCE, largest)
    tally.add("hedge_ratio_se", stats.hedge_ratio_se, se, RELATIVE, TOLERANCE, se)
    tally.add("intercept", stats.intercept, wanted["intercept"], "|y| + |β·x|", TOLERANCE, level)
    tally.add("spread", stats.spread, wanted["spread"], "sd of all spreads", OF_Z, np.nanstd(wanted["spread"]))
    size = np.maximum(np.maximum(1, np.abs(z)), ROUNDING * np.abs(series.log_y) / wanted["deviation"] / OF_Z)
    tally.add("zscore_one_step", stats.zscore_one_step, z, "max(1, |z|), 4 ulp of y at least", OF_Z, size)


def _add_in_sample(tally: Tally, stats: PairStats, series: Series, n: int) -> None:
    """The deviations of the window under the newest slope."""
    wanted = Exact(series.log_x, series.log_y, n).deviations(stats.hedge_ratio)
    std, z = wanted["spread_std"], wanted["zscore"]
    size = np.maximum(std, np.nanstd(stats.spread))
    mean = stats.spread - wanted["deviation"]
    tally.add("spread_mean", stats.spread_mean, mean, "sd of all spreads", OF_Z, size)
    tally.add("spread_std", stats.spread_std, std, RELATIVE, 1e-8, std)
    tally.add("zscore", stats.zscore, z, "max(1, |z|)", OF_Z, np.maximum(1, np.abs(z)))

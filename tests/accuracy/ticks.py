"""Hayashi and Yoshida's correlation over the ticks of a recorded capture, against exact fractions and every overlap by itself."""

import math
from collections.abc import Iterator

import numpy as np

from flows.asynchrony.looks import LookRule
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics
from flows.asynchrony.splitter import TickSplitter
from flows.domain.frames import PairTickStats, concatenated
from flows.domain.interval import Interval
from tests.accuracy.data import Data
from tests.accuracy.row import ABSOLUTE, EQUAL, Row, Tally
from tests.recordings import USDM_2024
from tests.tick_legs import PAIR, PAIRS, recorded_chunks
from tests.tick_oracle import S, Tick, Window, recorded_legs, seconds_of, windows_of

LONGEST = 300
"""Seconds: the capture is short."""
MINUTES = (3, 5)
TOLERANCE = 1e-12


def ticks(data: Data, windows: list[int]) -> Iterator[Row]:
    """Every window of the capture; windows are as long as the capture allows."""
    path = data.folder / USDM_2024
    legs = recorded_legs(path)
    y, x = legs[PAIR.y], legs[PAIR.x]
    seconds, last_ticks = seconds_of(y, x), seconds_of(_last_of_seconds(y), _last_of_seconds(x))
    of_seconds = [n for n in windows if n <= LONGEST] or [LONGEST]
    for interval, lengths in ((Interval.S1, of_seconds), (Interval.M1, MINUTES)):
        for window in lengths:
            oracle = f"exact fractions, {interval} bars"
            wanted = windows_of(seconds, interval.us // S, window)
            yield from _compared(
                _rows(path, interval, window), wanted, Tally("Hayashi-Yoshida", "capture", window, oracle)
            )
            if interval is Interval.S1:
                control = Tally("one tick a second", "capture", window, oracle, control=True)
                usual = windows_of(last_ticks, 1, window)
                both = sorted(wanted.keys() & usual.keys())
                of_bars, of_ticks = (np.array([_correlation(of[bar]) for bar in both]) for of in (usual, wanted))
                control.add("correlation", of_bars, of_ticks, ABSOLUTE, TOLERANCE)
                yield from control.rows()


def _rows(path: object, interval: Interval, window: int) -> PairTickStats:
    splitter = TickSplitter(PAIRS)
    statistics = PairTickStatistics(PAIRS, (interval,), window, LookRule(), Limits())
    frames = []
    for chunk in recorded_chunks(path):  # type: ignore[arg-type]
        for made in splitter.split(chunk):
            frames += [c.rows for c in statistics.update(made.legs) if isinstance(c.rows, PairTickStats)]
    return concatenated(frames)


def _compared(found: PairTickStats, wanted: dict[int, Window], tally: Tally) -> list[Row]:
    bars = (found.open_time // found.interval.us).tolist()
    expected = [wanted[bar] for bar in bars]
    cov, y, x = (np.array([_known(getattr(w, name)) for w in expected]) for name in ("cov", "y", "x"))
    size = np.sqrt(y * x)
    tally.add("covariance", found.covariance, cov, "sqrt(var x · var y)", TOLERANCE, size)
    tally.add("variance of y", found.y_variance, y, "relative", TOLERANCE, y)
    tally.add("variance of x", found.x_variance, x, "relative", TOLERANCE, x)
    tally.add("correlation", found.correlation, [_correlation(w) for w in expected], ABSOLUTE, TOLERANCE)
    for name in ("n", "y_ticks", "x_ticks"):
        tally.add(name, getattr(found, name), np.array([float(getattr(w, name)) for w in expected]), EQUAL, 0.0)
    return tally.rows()


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _correlation(window: Window) -> float:
    """NaN where it is not known, or beyond 1."""
    if window.cov is None or not window.y or not window.x:
        return math.nan
    value = window.cov / math.sqrt(window.y * window.x)
    return value if abs(value) <= 1 + TOLERANCE else math.nan


def _last_of_seconds(leg: list[Tick]) -> list[Tick]:
    """What bars know of ticks."""
    return list({time // S: (time, price) for time, price in leg}.values())

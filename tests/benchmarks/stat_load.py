"""One measured run of the statistics in a process of its own: `python -m tests.benchmarks.stat_load`. Prints processor seconds as JSON."""

import json
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import statsmodels.api as sm
from statsmodels.tsa.stattools import adfuller

from flows.domain.frames import PairBars
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.methods import METHODS
from flows.stats.pair_stats import PairStatistics, statistics_of

DAY = 86_400
WINDOW = 600
REFRESHES = 20
_FIRST = 1_721_347_200


def main() -> None:
    warnings.simplefilter("ignore")
    y, x = _prices()
    day = _bars((Pair("Y", "X"),), y, x)
    what_if = {
        method: _fastest(lambda method=method: statistics_of(day, Model("m", method=method), 10_000))  # type: ignore[misc]
        for method in METHODS
    }
    found = {"what_if": what_if, "usual": _usual(y, x), "live": _live()}
    sys.stdout.write(json.dumps(found) + "\n")


def _prices(rows: int = DAY) -> tuple[np.ndarray, np.ndarray]:
    """Two legs of a day of seconds, tied, of which half do not trade in a second."""
    rng = np.random.default_rng(3)
    x = np.cumsum(rng.normal(0, 1e-4, rows) * (rng.random(rows) < 0.6))
    spread = 1e-4 * rng.normal(0, 1, rows)
    for i in range(1, rows):
        spread[i] += 0.98 * spread[i - 1]
    return np.round(3_000 * np.exp(0.85 * x + spread), 2), np.round(60_000 * np.exp(x), 1)


def _bars(pairs: tuple[Pair, ...], y: np.ndarray, x: np.ndarray) -> PairBars:
    """The same prices for each pair."""
    rows, count = len(y), len(pairs)
    none, one = np.zeros(rows * count, np.int64), np.ones(rows * count, np.int64)
    prices = np.tile(y, count), np.tile(x, count)
    open_time = np.tile((_FIRST + np.arange(rows)) * Interval.S1.us, count)
    pair = np.repeat(np.arange(count, dtype=np.int32), rows)
    return PairBars(
        pairs, pair, Interval.S1, open_time, *prices, *prices, none, none, one, one, one > 0, none.astype(np.int8)
    )


def _fastest(work: Callable[[], object], times: int = 3) -> float:
    """Processor seconds; the first call, which compiles, does not count."""
    work()
    seconds = []
    for _ in range(times):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def _usual(y: np.ndarray, x: np.ndarray) -> float:
    """Seconds of one refresh of the usual dashboard: everything over the last 600 bars, anew."""

    def refresh() -> None:
        window = slice(-WINDOW, None)
        frame = pd.DataFrame({"y": np.log(y[window]), "x": np.log(x[window])})
        fit = sm.OLS(frame["y"], sm.add_constant(frame["x"])).fit()
        spread = frame["y"] - fit.params["x"] * frame["x"]
        (spread - spread.rolling(300).mean()) / spread.rolling(300).std()
        frame["y"].diff().rolling(300).corr(frame["x"].diff())
        adfuller(spread)

    return _fastest(lambda: [refresh() for _ in range(REFRESHES)]) / REFRESHES


def _live() -> float:
    """Seconds of one second's bar of one pair, among a hundred that are computed together bar by bar."""
    pairs = tuple(Pair(f"Y{p}", "X") for p in range(50))
    y, x = _prices(2 * WINDOW)
    bars = _bars(pairs, y, x)
    second = (bars.open_time // Interval.S1.us - _FIRST).astype(np.int64)
    pieces = [bars.take(second == s) for s in range(2 * WINDOW)]
    statistics = PairStatistics(pairs, Interval.S1, (Model("m"),), 10_000)
    for piece in pieces[: 3 * WINDOW // 2]:
        statistics.update(piece)
    began = time.process_time()
    for piece in pieces[3 * WINDOW // 2 :]:
        statistics.update(piece)
    return (time.process_time() - began) / (len(pairs) * WINDOW // 2)


if __name__ == "__main__":
    main()

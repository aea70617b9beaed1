"""A method more is one file and one line: here both stand in a test, and everything else follows."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bytewax.testing import run_main
from pair_series import assert_same_bits, hard_closes, pair_bars
from recordings import USDM_2024

from flows.domain.frames import F64
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.pairs import build
from flows.replay import source_of
from flows.settings import load
from flows.sinks.counting import CountingSink
from flows.stats.methods import METHODS
from flows.stats.pair_stats import PairStatistics, statistics_of
from flows.stats.rolling_line import RollingLine

MODEL = Model("ratio", method="log_ratio", window=40, z_window=40, correlation_window=20)


class LogRatio(RollingLine):
    """The fixed hedge ratio 1: the spread is the ratio of the prices about its mean."""

    def _fit(self, x: F64, y: F64, window: F64, out: F64, residual_std: F64) -> None:
        ax, ay, mx, my, sxx, syy, sxy, _ = window
        rss = sxx + syy - 2.0 * sxy
        known = rss >= 0.0
        out[:5] = np.nan
        out[0] = np.where(known, 1.0, np.nan)
        out[1] = np.where(known, 0.0, np.nan)
        out[2] = (ay + my) - (ax + mx)
        out[4] = ((y - ay) - my) - ((x - ax) - mx)
        residual_std[:] = np.sqrt(np.where(known, rss, np.nan) / (self._n - 1))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "log_ratio", LogRatio)  # type: ignore[arg-type] - the one line


@pytest.mark.usefixtures("registered")
def test_its_numbers_are_those_of_the_plain_formula() -> None:
    y, x = hard_closes(400)
    stats = statistics_of(pair_bars(y, x), MODEL, 10_000)
    ratio = np.log(y / x)
    for row in range(40, 400):
        window = ratio[row - 39 : row + 1]
        assert stats.hedge_ratio[row] == 1.0
        assert stats.spread[row] == pytest.approx(ratio[row] - window.mean(), abs=1e-12)
        if np.ptp(y[row - 39 : row + 1]) > 0:
            assert stats.zscore[row] == pytest.approx((ratio[row] - window.mean()) / window.std(ddof=1), abs=1e-6)
    assert stats.warmup_left[40] == 0


@pytest.mark.usefixtures("registered")
def test_pieces_and_restarts_give_its_bits() -> None:
    y, x = hard_closes(300)
    bars = pair_bars(y, x)
    whole = statistics_of(bars, MODEL, 10_000)
    statistics = PairStatistics(bars.pairs, Interval.S1, (MODEL,), 10_000)
    for start in range(0, 300, 7):
        piece = slice(start, start + 7)
        assert_same_bits(statistics.update(bars.take(piece))[0], whole.take(piece))
        state = pickle.loads(pickle.dumps(statistics.state()))
        statistics = PairStatistics(bars.pairs, Interval.S1, (MODEL,), 10_000, state)


@pytest.mark.usefixtures("registered")
def test_it_runs_in_the_flow(shared_data: Path) -> None:
    settings = replace(load(None, {}), models=(MODEL,))
    sink = CountingSink(checksum=True)
    run_main(build(settings, source_of([shared_data / USDM_2024], settings), sink))
    assert sink.rows["pair_stats_1s"] > 100

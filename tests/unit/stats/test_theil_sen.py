"""Theil and Sen's line: equal to scipy's at every fit, to the last bit."""

import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from pair_series import PAIR, hard_closes, logs, pair_bars, planted, recorded_closes
from scipy.stats import theilslopes

from flows.domain.frames import PairStats
from flows.domain.model import Model, PriceForm
from flows.domain.pair import Pair
from flows.stats import slopes, theil_sen
from flows.stats.cadence import BETA, RESIDUAL_STD, SCALE
from flows.stats.methods import estimator
from flows.stats.pair_stats import statistics_of

NORMAL_975 = 1.959963984540054


def _theil_sen(y: np.ndarray, x: np.ndarray, n: int, price: PriceForm = "log", method: str = "theil_sen") -> PairStats:
    model = Model("m", method=method, price=price, window=n, z_window=n, correlation_window=20)
    return statistics_of(pair_bars(y, x), model, stale_after_ms=10_000)


def _check(stats: PairStats, y: np.ndarray, x: np.ndarray, n: int, step: int = 1) -> int:
    """Every `step`-th due fit; how many had a line."""
    index = stats.open_time // stats.interval.us
    due = np.flatnonzero((index + zlib.crc32(str(PAIR).encode())) % Model("m", window=n).bars_between_fits == 0)
    lines = 0
    for row in due[due >= n - 1][::step]:
        wx, wy = x[row + 1 - n : row + 1], y[row + 1 - n : row + 1]
        if np.ptp(wx) == 0:
            assert np.isnan(stats.hedge_ratio[row])
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a negative variance of mostly equal values
            wanted = theilslopes(wy, wx)
        assert stats.hedge_ratio[row] == wanted.slope
        assert stats.intercept[row] == wanted.intercept
        if stats.hedge_ratio_se[row] != 0:
            se = (wanted.high_slope - wanted.low_slope) / (2 * NORMAL_975)
            assert stats.hedge_ratio_se[row] == pytest.approx(se, rel=1e-14, nan_ok=True)
        lines += 1
    return lines


@pytest.mark.parametrize(("n", "rows", "step"), [(20, 1_500, 1), (60, 3_000, 1), (300, 6_000, 1), (600, 3_000, 4)])
def test_scipy_finds_the_same_line_at_every_fit_of_real_bars(shared_data: Path, n: int, rows: int, step: int) -> None:
    y, x = (closes[:rows] for closes in recorded_closes(shared_data))
    assert (
        _check(_theil_sen(y, x, n), logs(y), logs(x), n, step)
        >= (rows - n) // Model("m", window=n).bars_between_fits // step
    )


def test_the_largest_window(shared_data: Path) -> None:
    n = theil_sen.LARGEST_WINDOW
    y, x = (closes[: n + n // 5] for closes in recorded_closes(shared_data))
    assert _check(_theil_sen(y, x, n), logs(y), logs(x), n) == 1


@pytest.mark.parametrize(("n", "step"), [(5, 10), (20, 2), (300, 1)])
def test_flat_stretches_jumps_and_a_bad_print(n: int, step: int) -> None:
    y, x = hard_closes(6_000)
    assert _check(_theil_sen(y, x, n), logs(y), logs(x), n, step) > 50


def test_raw_prices() -> None:
    y, x = hard_closes(3_000)
    assert _check(_theil_sen(y, x, 60, "raw"), y, x, 60) > 100


def test_least_squares_fail_the_same_check(shared_data: Path) -> None:
    y, x = (closes[:1_000] for closes in recorded_closes(shared_data))
    with pytest.raises(AssertionError):
        _check(_theil_sen(y, x, 60, method="ols"), logs(y), logs(x), 60)


def test_a_quarter_of_bad_prints_in_either_leg_does_not_turn_the_line() -> None:
    rng = np.random.default_rng(8)
    x = 1_000 + np.cumsum(rng.normal(0, 1, 400))
    y = 1.5 * x + rng.normal(0, 0.2, 400)
    bad = rng.permutation(400)[:100]
    x[bad[:50]] *= 1_000
    y[bad[50:]] *= 1_000
    found, huber = (_theil_sen(y, x, 300, "raw", method).hedge_ratio[-1] for method in ("theil_sen", "huber"))
    assert found == pytest.approx(1.5, abs=0.2)
    assert abs(huber - 1.5) > 1  # not true of every robust method


def test_a_line_added_to_y_is_added_to_the_line() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.integers(100, 200, 200) / 4, rng.integers(100, 200, 200) / 4
    one, other = _theil_sen(y, x, 40, "raw"), _theil_sen(y + 2 * x + 16, x, 40, "raw")
    full = slice(48, None)
    assert other.hedge_ratio[full] == pytest.approx(one.hedge_ratio[full] + 2, abs=1e-12)


def test_the_error_is_as_large_as_the_estimates_scatter() -> None:
    rng, n = np.random.default_rng(5), 60
    rows = n * 1_500
    x = 1_000 + rng.normal(0, 1, rows)
    y = 1.7 * x + rng.standard_t(3, rows)
    stats = _theil_sen(y, x, n, "raw")
    apart = slice(2 * n, None, n)
    beta, se = stats.hedge_ratio[apart], stats.hedge_ratio_se[apart]
    assert np.std(beta) == pytest.approx(np.mean(se), rel=0.07)
    assert 0.93 < np.mean(np.abs(beta - 1.7) < NORMAL_975 * se) < 0.97


def test_perfect_and_flat_windows() -> None:
    x = np.random.default_rng(1).integers(100, 200, 80) / 4
    line = _theil_sen(3 * x + 7, x, 10, "raw")
    full = slice(12, None)
    assert (line.hedge_ratio[full] == 3).all()
    assert (line.intercept[full] == 7).all()
    assert (line.hedge_ratio_se[full] == 0).all()
    assert (line.spread[full] == 0).all()
    assert np.isnan(line.zscore).all()
    assert np.isnan(line.zscore_one_step).all()
    assert np.isnan(line.r_squared).all()
    assert (_theil_sen(x, x, 10).hedge_ratio[full] == 1).all()
    flat = np.full(80, 50.0)
    assert np.isnan(_theil_sen(x, flat, 10).hedge_ratio).all()
    still = _theil_sen(flat, x, 10)
    assert (still.hedge_ratio[full] == 0).all()
    assert np.isnan(still.zscore).all()


def test_it_finds_a_planted_mispricing() -> None:
    n = 900  # 15 half-lives
    y, x, truth = planted(40_000, half_life=60)
    stats = _theil_sen(y, x, n)
    full = slice(2 * n, None)
    assert np.corrcoef(stats.zscore[full], truth[full])[0, 1] >= 0.75
    assert np.corrcoef(stats.zscore_one_step[full], truth[full])[0, 1] >= 0.65


def test_a_window_with_too_many_pairs_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r'^model "long": window must be at most 3600 bars for theil_sen, .*, was 3601$'
    ):
        estimator(Model("long", method="theil_sen", window=3_601, z_window=100), (Pair("Y", "X"),))


def test_a_scale_that_is_only_rounding_is_none() -> None:
    """Two thirds of the bars on one line, as exactly as logs of prices can be."""
    rng = np.random.default_rng(6)
    x = 11 + 1e-4 * np.arange(61)
    y = 8 + 0.8 * (x - 11)
    y[:20] += 1e-5 * rng.permutation(np.tile([-1.0, 1.0], 10))
    residual = y[20:] - y[30] - 0.8 * (x[20:] - x[30])
    assert 0 < np.abs(residual).max() < 1e-14
    line = theil_sen._line(x, y, slopes.room(61))
    assert line[BETA] == pytest.approx(0.8, rel=1e-9)
    assert line[SCALE] == 0
    assert line[RESIDUAL_STD] > 1e-6
    other = theil_sen._line(x, y + 1e-10 * rng.normal(size=61), slopes.room(61))  # what is no rounding is a scale
    assert 1e-11 < other[SCALE] < 1e-9

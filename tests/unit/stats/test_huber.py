"""Huber's line at every fit: against its defining equations and a plain reweighting in extended precision."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from pair_series import PAIR, hard_closes, logs, pair_bars, planted, recorded_closes

from flows.domain.frames import PairStats
from flows.domain.model import Model, PriceForm
from flows.stats.pair_stats import statistics_of

Long = np.longdouble


def _huber(y: np.ndarray, x: np.ndarray, n: int, price: PriceForm = "log", method: str = "huber") -> PairStats:
    model = Model("m", method=method, price=price, window=n, z_window=n, correlation_window=20)
    return statistics_of(pair_bars(y, x), model, stale_after_ms=10_000)


def _due(stats: PairStats, n: int) -> np.ndarray:
    """Rows of full windows at which a fit is due."""
    index = stats.open_time // stats.interval.us
    rows = np.flatnonzero((index + zlib.crc32(str(PAIR).encode())) % Model("m", window=n).bars_between_fits == 0)
    return rows[rows >= n - 1]


def _residuals(x: np.ndarray, y: np.ndarray, beta: Long, level: Long) -> np.ndarray:
    return (y - level) - beta * (x - x.mean())


def _reweighted(x: np.ndarray, y: np.ndarray) -> tuple[Long, Long, Long, float]:
    """Slope, level at the mean of x, scale and error by the textbook loop, to the last digits of a long double."""
    weight = np.ones(len(x), Long)
    before = None
    for _ in range(2_000):
        mx, my = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
        beta = (weight * (x - mx) * (y - my)).sum() / (weight * (x - mx) ** 2).sum()
        level = my + beta * (x.mean() - mx)
        r = np.abs(_residuals(x, y, beta, level))
        scale = np.median(r) / Long(0.6744897501960817)
        if before is not None and np.abs(r - before).max() <= 1e-16 * scale:
            break
        before = r
        weight = np.minimum(Long(1), Long(1.345) * scale / np.maximum(r, Long(1e-300)))
    n, inside = len(x), r <= 1.345 * scale
    psi = np.minimum(r, 1.345 * scale)
    k = 1 + 2 / n * np.var(inside) / np.mean(inside) ** 2
    h1 = k**2 * (psi**2).sum() / (n - 2) / np.mean(inside) ** 2 / ((x - x.mean()) ** 2).sum()
    return beta, level, scale, float(np.sqrt(h1))


def _check(stats: PairStats, y: np.ndarray, x: np.ndarray, n: int, step: int) -> int:
    """Every due fit solves the equations that define it; every `step`-th is compared with the oracle. How many were known."""
    rows = _due(stats, n)
    known = rows[~np.isnan(stats.hedge_ratio_se[rows]) & (stats.hedge_ratio_se[rows] > 0)]
    for number, row in enumerate(known):
        wx, wy = (s[row + 1 - n : row + 1].astype(Long) for s in (x, y))
        beta, level = Long(stats.hedge_ratio[row]), stats.intercept[row] + Long(stats.hedge_ratio[row]) * wx.mean()
        r = _residuals(wx, wy, beta, level)
        scale = np.median(np.abs(r)) / 0.6744897501960817
        psi = np.clip(r, -1.345 * scale, 1.345 * scale)
        assert abs(psi.sum()) < 1e-8 * n * scale
        assert abs((psi * (wx - wx.mean())).sum()) < 1e-8 * n * scale * wx.std()
        if number % step == 0:
            wanted, wanted_level, _, se = _reweighted(wx, wy)
            assert abs(beta - wanted) < 1e-6 * se
            assert abs(level - wanted_level) < 1e-6 * se * wx.std()
            assert stats.hedge_ratio_se[row] == pytest.approx(se, rel=1e-6)
    return len(known)


@pytest.mark.parametrize(("n", "rows"), [(20, 3_000), (300, 15_000), (600, 15_000), (3_600, 6_000)])
def test_every_fit_of_real_bars(shared_data: Path, n: int, rows: int) -> None:
    y, x = (closes[:rows] for closes in recorded_closes(shared_data))
    stats = _huber(y, x, n)
    due = _due(stats, n)
    assert len(due) - (rows - n) // Model("m", window=n).bars_between_fits in (0, 1)
    assert _check(stats, logs(y), logs(x), n, 5 if n > 100 else 40) == len(due)


@pytest.mark.parametrize("n", [20, 300])
def test_flat_stretches_jumps_and_a_bad_print(n: int) -> None:
    y, x = hard_closes(8_000)
    stats = _huber(y, x, n)
    rows = _due(stats, n)
    assert _check(stats, logs(y), logs(x), n, 20) > 0.6 * len(rows)
    flat_x = np.array([np.ptp(x[row + 1 - n : row + 1]) == 0 for row in rows])
    assert np.isnan(stats.hedge_ratio[rows][flat_x]).all()
    assert np.isnan(stats.hedge_ratio[rows][~flat_x]).mean() < 0.01  # the iteration settles


def test_raw_prices() -> None:
    y, x = hard_closes(3_000)
    assert _check(_huber(y, x, 60, "raw"), y, x, 60, 5) > 100


def test_least_squares_fail_the_same_check(shared_data: Path) -> None:
    y, x = (closes[:3_000] for closes in recorded_closes(shared_data))
    with pytest.raises(AssertionError):
        _check(_huber(y, x, 300, method="ols"), logs(y), logs(x), 300, 5)


def test_bad_prints_of_y_do_not_turn_the_line() -> None:
    rng = np.random.default_rng(8)
    x = 1_000 + np.cumsum(rng.normal(0, 1, 600))
    y = 1.5 * x + rng.normal(0, 1, 600)
    y[(x > np.median(x)) & (rng.random(600) < 0.2)] *= 1.05
    huber, ols = (_huber(y, x, 300, "raw", method).hedge_ratio[-1] for method in ("huber", "ols"))
    assert huber == pytest.approx(1.5, abs=0.1)
    assert abs(huber - 1.5) < abs(ols - 1.5) / 3


def test_the_error_is_as_large_as_the_estimates_scatter() -> None:
    rng, n = np.random.default_rng(5), 300
    rows = n * 1_000
    x = 1_000 + rng.normal(0, 1, rows)
    y = 1.7 * x + rng.standard_t(3, rows)
    stats = _huber(y, x, n, "raw")
    due = _due(stats, n)[:: n // Model("m", window=n).bars_between_fits]
    beta, se = stats.hedge_ratio[due], stats.hedge_ratio_se[due]
    assert len(due) > 990
    assert np.std(beta) == pytest.approx(np.mean(se), rel=0.07)
    assert 0.93 < np.mean(np.abs(beta - 1.7) < 1.96 * se) < 0.97
    ols = _huber(y, x, n, "raw", "ols").hedge_ratio[due]
    assert np.std(beta) < 0.8 * np.std(ols)  # what it is for


def test_more_than_half_of_the_bars_on_one_line_have_no_scale() -> None:
    rng = np.random.default_rng(2)
    x, y = np.full(400, 100.0), np.full(400, 50.0)
    x[::3], y[::3] = rng.uniform(90, 110, 134), rng.uniform(45, 55, 134)
    stats = _huber(y, x, 60, "raw")
    full = slice(120, None)
    assert np.isfinite(stats.hedge_ratio[full]).all()
    assert stats.intercept[full] + stats.hedge_ratio[full] * 100 == pytest.approx(50, abs=1e-6)  # through them
    assert np.isnan(stats.hedge_ratio_se[full]).all()
    assert np.isnan(stats.zscore_one_step[full]).all()
    assert np.isfinite(stats.zscore[full]).all()


def test_perfect_and_flat_windows() -> None:
    x = np.random.default_rng(1).uniform(90, 110, 80)
    line = _huber(3 * x + 7, x, 10, "raw")
    full = slice(12, None)
    assert line.hedge_ratio[full] == pytest.approx(3)
    assert line.intercept[full] == pytest.approx(7)
    assert (line.hedge_ratio_se[full] == 0).all()
    assert np.isnan(line.zscore).all()
    assert np.isnan(line.zscore_one_step).all()
    assert np.isnan(line.r_squared).all()
    assert (_huber(x, x, 10).hedge_ratio[full] == 1).all()
    flat = np.full(80, 50.0)
    assert np.isnan(_huber(x, flat, 10).hedge_ratio).all()
    still = _huber(flat, x, 10)
    assert (still.hedge_ratio[full] == 0).all()
    assert np.isnan(still.zscore).all()


def test_it_finds_a_planted_mispricing() -> None:
    n = 900  # 15 half-lives
    y, x, truth = planted(60_000, half_life=60)
    stats = _huber(y, x, n)
    full = slice(2 * n, None)
    assert np.corrcoef(stats.zscore[full], truth[full])[0, 1] >= 0.75
    assert np.corrcoef(stats.zscore_one_step[full], truth[full])[0, 1] >= 0.70

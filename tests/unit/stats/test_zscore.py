"""The two z-scores: against two-pass sums in extended precision, and against a planted mispricing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from exact_ols import Exact
from numpy.lib.stride_tricks import sliding_window_view
from pair_series import hard_closes, logs, pair_bars, planted, recorded_closes

from flows.domain.model import Model
from flows.stats.pair_stats import statistics_of


@pytest.mark.parametrize(("n", "w"), [(20, 20), (300, 300), (300, 20), (60, 59)])
def test_in_sample_against_a_two_pass_computation_of_every_window(shared_data: Path, n: int, w: int) -> None:
    y, x = (closes[:6_000] for closes in recorded_closes(shared_data))
    stats = statistics_of(pair_bars(y, x), Model("m", window=n, z_window=w, correlation_window=20), 10_000)
    long_y, long_x = (sliding_window_view(logs(series).astype(np.longdouble), n) for series in (y, x))
    dy, dx = long_y - long_y.mean(axis=1, keepdims=True), long_x - long_x.mean(axis=1, keepdims=True)
    beta = (dx * dy).sum(axis=1) / (dx * dx).sum(axis=1)
    residuals = dy - beta[:, None] * dx
    newest = residuals[:, n - w :]
    mean = newest.mean(axis=1)
    free = n - 2 if w == n else w - 1
    std = np.sqrt(((newest - mean[:, None]) ** 2).sum(axis=1) / free)
    z = (residuals[:, -1] - mean) / std
    full = slice(n - 1, None)
    assert np.abs(stats.zscore[full] - z).max() < 1e-9
    assert stats.spread_std[full] == pytest.approx(std.astype(float), rel=1e-8)
    assert np.abs(stats.spread[full] - residuals[:, -1]).max() < 1e-9 * std.max()
    assert np.abs(stats.spread_mean[full] - mean).max() < 1e-9 * std.max()
    assert np.isnan(stats.zscore[: n - 1]).all()
    assert stats.zscore[full] == pytest.approx((stats.spread - stats.spread_mean)[full] / stats.spread_std[full])


def test_the_bounds_of_both_in_sample_forms_hold() -> None:
    y, x = hard_closes(8_000)
    n, w = 60, 20
    shared = statistics_of(pair_bars(y, x), Model("m", window=n, z_window=n), 10_000).zscore
    own = statistics_of(pair_bars(y, x), Model("m", window=n, z_window=w), 10_000).zscore
    assert np.nanmax(np.abs(shared)) <= np.sqrt((n - 2) * (n - 1) / n) * (1 + 1e-9)
    assert np.nanmax(np.abs(own)) <= (w - 1) / np.sqrt(w) * (1 + 1e-9)
    assert np.nanmax(np.abs(own)) > 4  # the bound is reached by a jump, so the check could fail


def test_one_step_knows_only_the_fit_of_the_bar_before(shared_data: Path) -> None:
    n = 60
    y, x = (closes[:4_000] for closes in recorded_closes(shared_data))
    log_y, log_x = logs(y), logs(x)
    z = statistics_of(pair_bars(y, x), Model("m", window=n, z_window=n), 10_000).zscore_one_step
    assert np.isnan(z[:n]).all()
    wanted = Exact(log_x, log_y, n).ols()["zscore_one_step"]
    assert z[n:] == pytest.approx(wanted[n:], abs=1e-9, rel=1e-9)


def test_a_window_of_the_z_score_in_which_nothing_moves_has_no_z_score() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(99, 101, 200)
    y = rng.uniform(49, 51, 200)
    x[150:], y[150:] = x[150], y[150]
    stats = statistics_of(pair_bars(y, x), Model("m", window=100, z_window=10), 10_000)
    still = slice(159, None)
    assert np.isnan(stats.zscore[still]).all()
    assert (stats.spread_std[still] == 0).all()
    assert stats.spread_mean[still] == pytest.approx(stats.spread[still])
    assert not np.isnan(stats.zscore[100:158]).any()


def test_the_z_score_finds_a_planted_mispricing_and_the_usual_formula_does_not() -> None:
    n = 900  # 15 half-lives
    y, x, truth = planted(60_000, half_life=60)
    stats = statistics_of(pair_bars(y, x), Model("m", window=n, z_window=n), 10_000)
    full = slice(2 * n, None)
    assert np.corrcoef(stats.zscore[full], truth[full])[0, 1] >= 0.75
    level = pd.Series(logs(y) - stats.hedge_ratio * logs(x))
    usual = np.asarray((level - level.rolling(n).mean()) / level.rolling(n).std())
    assert abs(np.corrcoef(usual[full], truth[full])[0, 1]) < 0.2

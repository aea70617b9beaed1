"""Kalman's filter against the textbook matrices in sixty digits, and what it is worth against a planted mispricing."""

import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pair_series import PAIR, assert_same_bits, hard_closes, logs, pair_bars, planted, recorded_closes
from textbook_kalman import FIELDS, by_textbook, innovations

from flows.domain.frames import PairStats
from flows.domain.model import Model, PriceForm
from flows.stats.believable import believable
from flows.stats.estimator import Legs
from flows.stats.kalman import Kalman
from flows.stats.pair_stats import statistics_of
from flows.stats.rows import one_stretch

FIRST_INDEX = 1_700_000_123
RESTART_WINDOWS = Model("default").restart_windows


def _model(n: int, price: PriceForm = "log", w: int | None = None, method: str = "kalman") -> Model:
    return Model("m", method=method, price=price, window=n, z_window=w or n, correlation_window=20)


def _kalman(y: np.ndarray, x: np.ndarray, n: int, price: PriceForm = "log", method: str = "kalman") -> PairStats:
    return statistics_of(pair_bars(y, x), _model(n, price, method=method), stale_after_ms=10_000)


def _restarts(rows: int, n: int, life: int | None = None) -> np.ndarray:
    """Rows at which the filter starts anew."""
    life = life or RESTART_WINDOWS * n
    due = np.flatnonzero((np.arange(FIRST_INDEX, FIRST_INDEX + rows) + zlib.crc32(str(PAIR).encode())) % life == 0)
    return due[due >= n]


def _by_textbook(y: np.ndarray, x: np.ndarray, n: int, life: int | None = None) -> dict[str, np.ndarray]:
    return by_textbook(y, x, n, set(_restarts(len(x), n, life).tolist()))


def _check(stats: PairStats, y: np.ndarray, x: np.ndarray, n: int, life: int | None = None) -> None:
    wanted = _by_textbook(y, x, n, life)
    se = wanted["hedge_ratio_se"]
    limits = {
        "hedge_ratio": 1e-9 * se,
        "hedge_ratio_se": 1e-9 * se,
        "intercept": 1e-9 * se * np.abs(x) + 1e-13 * np.abs(y),
        "spread": 1e-9 * np.nanstd(wanted["spread"]),
        "zscore_one_step": 1e-9,
    }
    for name, limit in limits.items():
        got = getattr(stats, name)
        assert np.array_equal(np.isnan(got), np.isnan(wanted[name])), name
        assert np.nanmax(np.abs(got - wanted[name]) - limit) <= 0, name


@pytest.mark.parametrize(("n", "rows"), [(20, 1_000), (300, 6_000), (3_600, 5_000)])
def test_every_bar_of_real_closes(shared_data: Path, n: int, rows: int) -> None:
    y, x = (closes[:rows] for closes in recorded_closes(shared_data))
    assert len(_restarts(rows, n)) >= (rows - n) // (RESTART_WINDOWS * n)
    _check(_kalman(y, x, n), logs(y), logs(x), n)


def test_raw_prices_and_a_jump_and_a_bad_print() -> None:
    rng = np.random.default_rng(3)
    x = np.round(60_000 + np.cumsum(rng.normal(0, 5, 3_000)), 1)
    y = np.round(0.05 * x + rng.normal(0, 1, 3_000), 2)
    x[1_000:] *= 1.03
    x[2_000] *= 1_000
    _check(_kalman(y, x, 60, "raw"), y, x, 60)


def test_the_check_notices_an_intercept_that_moves(shared_data: Path) -> None:
    y, x = (closes[:1_000] for closes in recorded_closes(shared_data))
    moving = statistics_of(pair_bars(y, x), replace(_model(60), delta_alpha=1e-9), 10_000)
    with pytest.raises(AssertionError):
        _check(moving, logs(y), logs(x), 60)


def test_how_fast_it_forgets_and_its_life_are_settings(shared_data: Path) -> None:
    y, x = (closes[:2_000] for closes in recorded_closes(shared_data))
    usual, n = _model(60), 60
    same = statistics_of(pair_bars(y, x), replace(usual, forget_bars=60), 10_000)
    assert_same_bits(same, statistics_of(pair_bars(y, x), usual, 10_000))
    # twice the windows between restarts: the same as before until the first restart that no longer happens, and not after it
    longer = statistics_of(pair_bars(y, x), replace(usual, restart_windows=16), 10_000)
    _check(longer, logs(y), logs(x), n, life=16 * n)
    with pytest.raises(AssertionError):
        _check(longer, logs(y), logs(x), n)
    slow = statistics_of(pair_bars(y, x), replace(usual, forget_bars=6_000), 10_000)
    steps = np.abs(np.diff(same.hedge_ratio)), np.abs(np.diff(slow.hedge_ratio))
    assert np.nanmedian(steps[1]) < np.nanmedian(steps[0])


def test_innovations_are_counted_over_two_blocks(shared_data: Path) -> None:
    y, x = (closes[:3_000] for closes in recorded_closes(shared_data))
    x[1_500] = np.nan
    for n in (20, 300):
        stats = _kalman(y, x, n)
        size, likeness = innovations(stats.zscore_one_step, n, FIRST_INDEX)
        np.testing.assert_allclose(stats.innovation_sd, size, rtol=1e-12)
        np.testing.assert_allclose(stats.innovation_autocorrelation, likeness, rtol=1e-9, atol=1e-12)
        assert np.isfinite(size).sum() > 2_000
        with pytest.raises(AssertionError):  # the oracle tells blocks of another length
            np.testing.assert_allclose(
                stats.innovation_sd, innovations(stats.zscore_one_step, n + 1, FIRST_INDEX)[0], rtol=1e-12
            )


def test_white_noise_about_a_line_is_believable_and_noise_that_grew_is_not() -> None:
    rng = np.random.default_rng(5)
    x = 11 + np.cumsum(rng.normal(0, 1e-3, 6_000))
    noise = rng.normal(0, 1e-4, 6_000)
    noise[5_000:] *= 3
    stats = _kalman(np.exp(0.8 * x + noise), np.exp(x), 300)
    assert 0.9 < np.nanmean(stats.innovation_sd[:5_000]) < 1.1
    assert abs(np.nanmean(stats.innovation_autocorrelation[:5_000])) < 0.1
    assert believable(stats.innovation_sd[4_999])
    assert not believable(np.nanmax(stats.innovation_sd[5_000:]))
    assert not believable(math.nan)


def test_a_gap_forgets_the_innovations() -> None:
    y, x = hard_closes(400)
    index = np.arange(FIRST_INDEX, FIRST_INDEX + 400)
    index[200:] += 1
    stats = statistics_of(pair_bars(y, x, index), _model(30), 10_000)
    assert np.isfinite(stats.innovation_sd[199])
    assert np.isnan(stats.innovation_sd[200:259]).all()  # the first full window, and as many innovations
    assert np.isfinite(stats.innovation_sd[259:]).all()


def test_the_covariance_stays_one_through_everything_that_hurts() -> None:
    y, x = hard_closes(20_000)
    estimator = Kalman(_model(30), (PAIR,))
    log_y, log_x, index = logs(y), logs(x), np.arange(FIRST_INDEX, FIRST_INDEX + len(y))
    started = 0
    for i in range(len(y)):
        seen = slice(max(i - 60, 0), i + 1)
        rows = one_stretch(index[seen], i - seen.start)
        estimator.estimate(Legs(index[seen], log_y[seen], log_x[seen], rows))
        p00, p11, p01, d = estimator.state()[1][0, 3:7]
        if not np.isnan(p00):
            started += 1
            assert p00 > 0
            assert p11 > 0
            assert d > 0
            assert p01 * p01 <= p00 * p11
    assert started > 15_000


def test_it_starts_as_least_squares_and_starts_anew_as_that_at_absolute_bars(shared_data: Path) -> None:
    n, rows = 60, 3_000
    y, x = (closes[:rows] for closes in recorded_closes(shared_data))
    stats, ols = _kalman(y, x, n), _kalman(y, x, n, method="ols")
    starts = [n - 1, *_restarts(rows, n)]
    assert len(starts) > 6
    for name in ("hedge_ratio", "hedge_ratio_se"):
        assert getattr(stats, name)[starts] == pytest.approx(getattr(ols, name)[starts], rel=1e-12)
    others = np.setdiff1d(np.arange(n, rows), starts)
    assert (stats.hedge_ratio[others] != ols.hedge_ratio[others]).all()
    assert np.isfinite(
        stats.zscore_one_step[n:]
    ).all()  # also where it starts anew: the filter before it did not know the bar


def test_the_beginning_of_history_is_forgotten_at_the_first_restart(shared_data: Path) -> None:
    n, rows = 60, 2_000
    y, x = (closes[:rows] for closes in recorded_closes(shared_data))
    whole, dropped = pair_bars(y, x), 37
    one = statistics_of(whole, _model(n), 10_000)
    other = statistics_of(whole.take(slice(dropped, None)), _model(n), 10_000)
    restart = int(_restarts(rows, n)[_restarts(rows, n) >= dropped + n][0])
    assert restart <= dropped + (RESTART_WINDOWS + 1) * n
    before, after = slice(dropped + n, restart), slice(restart + 1, None)
    assert (one.hedge_ratio[before] != other.hedge_ratio[: restart - dropped][n:]).all()
    later = other.take(slice(restart + 1 - dropped, None))
    for name in ("hedge_ratio", "hedge_ratio_se", "intercept", "spread", "zscore", "zscore_one_step"):
        assert np.array_equal(getattr(one.take(after), name), getattr(later, name), equal_nan=True), name
    memory = Kalman(_model(n), (PAIR,)).memory
    assert_same_bits(one.take(slice(dropped + memory - 1, None)), other.take(slice(memory - 1, None)))
    assert rows > dropped + memory + 500


def test_a_bar_without_a_price_teaches_nothing_and_costs_certainty() -> None:
    y, x, _ = planted(600, 30)
    x[300] = np.nan
    stats = _kalman(y, x, 60)
    assert np.isnan([stats.spread[300], stats.zscore[300], stats.zscore_one_step[300]]).all()
    assert stats.hedge_ratio[300] == stats.hedge_ratio[299]
    assert stats.hedge_ratio_se[300] > stats.hedge_ratio_se[299]
    assert np.isfinite(stats.zscore_one_step[301:]).all()
    clean = _kalman(y, np.nan_to_num(x, nan=x[299]), 60)
    assert not np.isnan(clean.spread[300])


def test_no_start_without_noise_or_movement() -> None:
    rng = np.random.default_rng(1)
    x, flat = rng.uniform(90, 110, 80), np.full(80, 50.0)
    for y_leg, x_leg in ((x, x), (3 * x + 7, x), (flat, x), (x, flat), (flat, flat)):
        stats = _kalman(y_leg, x_leg, 10, "raw")
        assert all(np.isnan(getattr(stats, name)).all() for name in (*FIELDS, "zscore"))
    thawed = np.concatenate((flat, 50 + rng.normal(0, 1, 80)))
    late = _kalman(thawed, np.concatenate((x, x)), 10)
    assert np.isnan(late.hedge_ratio[:80]).all()
    assert np.isfinite(late.hedge_ratio[80:]).mean() > 0.8


def test_in_sample_deviations_are_those_of_the_newest_line(shared_data: Path) -> None:
    n, w = 60, 20
    y, x = (closes[:800] for closes in recorded_closes(shared_data))
    stats = statistics_of(pair_bars(y, x), _model(n, w=w), 10_000)
    log_y, log_x = logs(y).astype(np.longdouble), logs(x).astype(np.longdouble)
    for t in range(n - 1, 800):
        window = slice(t + 1 - w, t + 1)
        spreads = log_y[window] - stats.intercept[t] - stats.hedge_ratio[t] * log_x[window]
        assert stats.zscore[t] == pytest.approx(float((spreads[-1] - spreads.mean()) / spreads.std(ddof=1)), abs=1e-8)


def _diffuse(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """z of the filter as tutorials set it up: Q = 1e-4·I, R = 1e-3, a diffuse start."""
    state, p, z = np.zeros(2), np.eye(2), np.empty(len(x))
    for i in range(len(x)):
        h = np.array([x[i], 1.0])
        p = p + 1e-4 * np.eye(2)
        s = h @ p @ h + 1e-3
        away = y[i] - h @ state
        z[i] = away / np.sqrt(s)
        state = state + p @ h / s * away
        p = p - np.outer(p @ h, h @ p) / s
    return z


def test_it_finds_a_planted_mispricing_and_the_tutorials_filter_does_not() -> None:
    n = 900  # 15 half-lives
    y, x, truth = planted(60_000, half_life=60)
    stats = _kalman(y, x, n)
    full = slice(2 * n, None)
    assert np.corrcoef(stats.zscore_one_step[full], truth[full])[0, 1] >= 0.75
    assert np.corrcoef(stats.zscore[full], truth[full])[0, 1] >= 0.75
    deviation = np.array([np.sqrt(np.mean(stats.zscore_one_step[i : i + n] ** 2)) for i in range(2 * n, len(y) - n, n)])
    assert 0.9 < np.median(deviation) < 1.1
    usual = _diffuse(logs(y), logs(x))[2 * n :]
    assert np.std(usual) < 0.02
    assert abs(np.corrcoef(usual, truth[2 * n :])[0, 1]) < 0.5

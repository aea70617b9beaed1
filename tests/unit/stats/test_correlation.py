"""Correlation of returns on every window, with its special cases."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from exact_ols import Exact
from pair_series import hard_closes, logs, pair_bars, recorded_closes

from flows.domain.model import Model
from flows.stats.correlation import return_correlation
from flows.stats.estimator import Legs
from flows.stats.pair_stats import statistics_of
from flows.stats.rows import one_stretch


def _index(rows: int) -> np.ndarray:
    return np.arange(1_000_003, 1_000_003 + rows)


def _correlation(index: np.ndarray, log_x: np.ndarray, log_y: np.ndarray, c: int) -> np.ndarray:
    y, x = (np.diff(logs, prepend=np.nan) for logs in (log_y, log_x))
    return return_correlation(Legs(index, y, x, one_stretch(index)), c)


@pytest.mark.parametrize("c", [20, 300])
def test_every_window_of_a_month_of_real_bars(shared_data: Path, c: int) -> None:
    y, x = recorded_closes(shared_data)
    log_y, log_x = logs(y), logs(x)
    found = _correlation(_index(len(y)), log_x, log_y, c)
    wanted = Exact(np.diff(log_x), np.diff(log_y), c).moments()["correlation"]
    assert np.isnan(found[:c]).all()
    assert np.abs(found[c:] - wanted[c - 1 :]).max() < 1e-9
    for i in range(c, 2_000):
        window = slice(i - c, i + 1)
        by_numpy = np.corrcoef(np.diff(log_x[window]), np.diff(log_y[window]))[0, 1]
        assert found[i] == pytest.approx(by_numpy, rel=1e-9, abs=1e-12)


def _check(found: np.ndarray, log_x: np.ndarray, log_y: np.ndarray, c: int) -> None:
    wanted = Exact(np.diff(log_x), np.diff(log_y), c).moments()["correlation"]
    assert np.array_equal(np.isnan(found[1:]), np.isnan(wanted))
    assert np.nanmax(np.abs(found[1:] - wanted)) < 1e-9


@pytest.mark.parametrize("c", [20, 300])
def test_flat_stretches_and_a_bad_print(c: int) -> None:
    y, x = hard_closes(12_000)
    log_y, log_x = logs(y), logs(x)
    _check(_correlation(_index(len(y)), log_x, log_y, c), log_x, log_y, c)
    returns_x, returns_y = pd.Series(np.diff(log_x, prepend=np.nan)), pd.Series(np.diff(log_y, prepend=np.nan))
    with np.errstate(all="ignore"):
        by_pandas = np.asarray(returns_x.rolling(c).corr(returns_y))
    with pytest.raises(AssertionError):  # the check can fail
        _check(by_pandas, log_x, log_y, c)


def test_never_beyond_one_and_exactly_one_for_equal_returns() -> None:
    _, x = hard_closes(3_000)
    log_x = logs(x)
    same = _correlation(_index(len(x)), log_x, log_x, 50)
    opposite = _correlation(_index(len(x)), log_x, -log_x, 50)
    assert set(same[~np.isnan(same)]) == {1.0}
    assert set(opposite[~np.isnan(opposite)]) == {-1.0}


def test_swapping_the_legs_changes_no_bit() -> None:
    y, x = hard_closes(5_000)
    log_y, log_x, index = logs(y), logs(x), _index(5_000)
    one, other = _correlation(index, log_x, log_y, 60), _correlation(index, log_y, log_x, 60)
    assert np.array_equal(one, other, equal_nan=True)


def test_no_return_across_a_gap() -> None:
    y, x = hard_closes(600)
    index = _index(600)
    index[200:] += 1_000
    found = statistics_of(pair_bars(y, x, index), Model("m", window=30, z_window=30, correlation_window=40), 10_000)
    after = statistics_of(
        pair_bars(y[200:], x[200:], index[200:]), Model("m", window=30, z_window=30, correlation_window=40), 10_000
    )
    assert np.isnan(found.correlation[200:240]).all()
    assert np.array_equal(found.correlation[200:], after.correlation, equal_nan=True)
    assert not np.isnan(found.correlation[240])


def test_raw_prices_still_correlate_log_returns() -> None:
    y, x = hard_closes(500)
    log = statistics_of(pair_bars(y, x), Model("m", price="log", window=30, z_window=30, correlation_window=40), 10_000)
    raw = statistics_of(pair_bars(y, x), Model("m", price="raw", window=30, z_window=30, correlation_window=40), 10_000)
    assert np.array_equal(log.correlation, raw.correlation, equal_nan=True)
    assert not np.array_equal(log.hedge_ratio, raw.hedge_ratio, equal_nan=True)

"""Rolling OLS on every window against exact arithmetic and scipy, with rolling sums as the negative control."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exact_ols import Exact
from pair_series import hard_closes, logs, pair_bars, recorded_closes
from rolling_sums import Sums, add_and_remove, ols_of, pandas_rolling
from scipy.stats import linregress

from flows.domain.frames import PairStats
from flows.domain.model import Model, PriceForm
from flows.stats.moments import SXX, SYY, block_moments
from flows.stats.pair_stats import statistics_of
from flows.stats.rows import one_stretch


def _ols(y: np.ndarray, x: np.ndarray, n: int, price: PriceForm = "log") -> PairStats:
    model = Model("m", price=price, window=n, z_window=n, correlation_window=20)
    return statistics_of(pair_bars(y, x), model, stale_after_ms=10_000)


def _exact(x: np.ndarray, y: np.ndarray, n: int) -> dict[str, np.ndarray]:
    exact = Exact(x, y, n)
    return exact.ols() | exact.moments()


def _check_against_exact(found: dict[str, np.ndarray], exact: dict[str, np.ndarray]) -> None:
    """Every field on every window, with the tolerances that the definitions promise."""
    with np.errstate(all="ignore"):
        ratio = np.sqrt(exact["syy"] / exact["sxx"])
    sd_y = np.sqrt(exact["syy"])
    limits = {
        "hedge_ratio": 1e-12 * ratio,
        "hedge_ratio_se": 1e-8 * exact["hedge_ratio_se"],
        "r_squared": np.full(len(sd_y), 1e-11),
        "spread": 1e-9 * np.maximum(exact["spread_std"], 1e-9 * sd_y),
        "spread_std": 1e-8 * exact["spread_std"],
        "zscore": np.full(len(sd_y), 1e-9),
    }
    for name, limit in limits.items():
        wanted, got = exact[name], found[name]
        missing = np.isnan(wanted)
        assert np.array_equal(np.isnan(got), missing), name
        worst = np.abs(got - wanted)[~missing] - limit[~missing]
        assert len(worst) > 0
        assert worst.max() <= 0, (name, worst.max())


def _fields(stats: PairStats) -> dict[str, np.ndarray]:
    names = ("hedge_ratio", "hedge_ratio_se", "r_squared", "spread", "spread_std", "zscore")
    return {name: getattr(stats, name) for name in names}


@pytest.mark.parametrize("n", [20, 300])
def test_every_window_of_a_month_of_real_bars_is_exact(shared_data: Path, n: int) -> None:
    y, x = recorded_closes(shared_data)
    _check_against_exact(_fields(_ols(y, x, n)), _exact(logs(x), logs(y), n))


@pytest.mark.parametrize(("n", "rows"), [(20, 12_000), (300, 12_000), (3_600, 20_000)])
def test_flat_stretches_jumps_and_a_bad_print(n: int, rows: int) -> None:
    y, x = hard_closes(rows)
    exact = _exact(logs(x), logs(y), n)
    _check_against_exact(_fields(_ols(y, x, n)), exact)
    if n < 1_000:
        assert np.isnan(exact["hedge_ratio"][n:]).any()  # a flat x was among them
        assert (exact["spread_std"] == 0).any()  # and a flat y


def test_raw_prices_in_whole_ticks() -> None:
    y, x = hard_closes(6_000)
    y, x = np.round(y * 100), np.round(x * 10)
    stats = _ols(y, x, 60, price="raw")
    _check_against_exact(_fields(stats), _exact(x, y, 60))


@pytest.mark.parametrize("n", [20, 300])
def test_scipy_agrees_on_every_window(shared_data: Path, n: int) -> None:
    y, x = (closes[:1_500] for closes in recorded_closes(shared_data))
    stats, log_y, log_x = _ols(y, x, n), logs(y), logs(x)
    for i in range(n - 1, len(y)):
        window = slice(i + 1 - n, i + 1)
        fit = linregress(log_x[window], log_y[window])
        scale = np.std(log_y[window]) / np.std(log_x[window])
        assert stats.hedge_ratio[i] == pytest.approx(fit.slope, rel=1e-9, abs=1e-12 * scale)
        assert stats.hedge_ratio_se[i] == pytest.approx(fit.stderr, rel=1e-8)
        assert stats.intercept[i] == pytest.approx(fit.intercept, rel=1e-9, abs=1e-9)
        assert stats.r_squared[i] == pytest.approx(fit.rvalue**2, abs=1e-11)


def test_moments_of_flat_windows_are_exactly_zero_and_a_bad_print_leaves_no_trace() -> None:
    y, x = hard_closes(12_000)
    log_x, log_y, index = logs(x), logs(y), np.arange(500, 12_500)
    exact = _exact(log_x, log_y, 300)
    found = block_moments(index, log_x, log_y, 300, one_stretch(index))
    for row, name in ((SXX, "sxx"), (SYY, "syy")):
        wanted, got = exact[name][299:], found[row, 299:]
        assert np.array_equal(got == 0, wanted == 0)
        assert np.all(np.abs(got - wanted) <= 1e-9 * wanted)


@pytest.mark.parametrize("method", [add_and_remove, pandas_rolling])
def test_rolling_sums_fail_the_same_check(method: Callable[[np.ndarray, np.ndarray, int], Sums]) -> None:
    n = 300
    y, x = hard_closes(12_000)
    log_x, log_y = logs(x), logs(y)
    found = ols_of(method(log_x, log_y, n), log_x, log_y, n)
    with pytest.raises(AssertionError):
        _check_against_exact(found, _exact(log_x, log_y, n))


def test_a_perfect_line() -> None:
    x = np.arange(100.0, 160.0)
    stats = _ols(3.0 * x + 7.0, x, 10, price="raw")
    full = slice(9, None)
    assert stats.hedge_ratio[full] == pytest.approx(3.0)
    assert stats.intercept[full] == pytest.approx(7.0)
    assert (stats.r_squared[full] == 1).all()
    assert (stats.hedge_ratio_se[full] == 0).all()
    assert (stats.spread[full] == 0).all()
    assert (stats.spread_std[full] == 0).all()
    assert np.isnan(stats.zscore).all()
    assert np.isnan(stats.zscore_one_step).all()


def test_a_flat_leg() -> None:
    moving, flat = np.random.default_rng(0).uniform(90, 110, 40), np.full(40, 50.0)
    flat_x = _ols(moving, flat, 10)
    assert all(np.isnan(getattr(flat_x, name)).all() for name in ("hedge_ratio", "intercept", "spread", "zscore"))
    flat_y = _ols(flat, moving, 10)
    full = slice(9, None)
    assert (flat_y.hedge_ratio[full] == 0).all()
    assert (flat_y.hedge_ratio_se[full] == 0).all()
    assert (flat_y.spread[full] == 0).all()
    assert flat_y.intercept[full] == pytest.approx(np.log(50.0))
    assert np.isnan(flat_y.r_squared).all()
    assert np.isnan(flat_y.zscore).all()


@pytest.mark.parametrize("bad", [0.0, -5.0, np.nan, np.inf])
def test_a_price_without_a_logarithm_blanks_exactly_the_windows_that_hold_it(bad: float) -> None:
    y, x = hard_closes(400)
    clean = _ols(y, x, 20)
    spoilt = x.copy()
    spoilt[100] = bad
    stats = _ols(y, spoilt, 20)
    holds_it = slice(100, 120)
    assert np.isnan(stats.hedge_ratio[holds_it]).all()
    assert np.isnan(stats.zscore_one_step[slice(100, 121)]).all()
    for name in ("hedge_ratio", "zscore", "intercept"):
        wanted, got = getattr(clean, name).copy(), getattr(stats, name)
        wanted[holds_it] = np.nan
        assert np.array_equal(wanted, got, equal_nan=True), name

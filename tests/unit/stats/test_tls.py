"""Total least squares against the singular value decomposition of every window, and its error against simulation."""

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from pair_series import hard_closes, logs, pair_bars, recorded_closes

from flows.domain.frames import PairStats
from flows.domain.model import Model, PriceForm
from flows.stats.pair_stats import statistics_of

FIELDS = ("hedge_ratio", "hedge_ratio_se", "intercept", "r_squared", "spread", "spread_std", "zscore")


def _tls(y: np.ndarray, x: np.ndarray, n: int, price: PriceForm = "log", method: str = "tls") -> PairStats:
    model = Model("m", method=method, price=price, window=n, z_window=n, correlation_window=20)
    return statistics_of(pair_bars(y, x), model, stale_after_ms=10_000)


def _by_svd(y: np.ndarray, x: np.ndarray, n: int, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Every field of the windows that end at `rows`, from the singular values and vectors of their centred points, and `gap`."""
    parts = []
    for some in np.array_split(rows, max(len(rows) * n // 500_000, 1)):
        wy, wx = (sliding_window_view(s, n)[some - n + 1].astype(np.longdouble) for s in (y, x))
        my, mx = wy.mean(axis=1), wx.mean(axis=1)
        points = np.stack((wx - mx[:, None], wy - my[:, None]), axis=2).astype(float)
        u, s, vt = np.linalg.svd(points, full_matrices=False)
        beta = vt[:, 0, 1] / vt[:, 0, 0]
        turn = np.sign(vt[:, 1, 1])  # the second axis points up, so a point above the line is positive
        sxx, syy = (points**2).sum(axis=1).T
        z = u[:, -1, 1] * turn * np.sqrt(n - 2)
        std = s[:, 1] * np.sqrt((1 + beta**2) / (n - 2))
        gap = s[:, 0] ** 2 - s[:, 1] ** 2
        parts.append(
            {
                "hedge_ratio": beta,
                "hedge_ratio_se": (1 + beta**2) * s[:, 0] * s[:, 1] / (gap * np.sqrt(n - 2)),
                "intercept": (my - beta * mx).astype(float),
                "r_squared": 1 - (s[:, 0] * s[:, 1]) ** 2 / (sxx * syy),
                "spread": z * std,
                "spread_std": std,
                "zscore": z,
                "gap": gap / (s**2).sum(axis=1),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _check(stats: PairStats, y: np.ndarray, x: np.ndarray, n: int, step: int = 1) -> int:
    """Fields of every `step`-th window that has a line; how many were compared. The direction is only as sure as its gap is wide."""
    rows = np.arange(n - 1, len(y), step)
    rows = rows[~np.isnan(stats.hedge_ratio[rows]) & (stats.r_squared[rows] > 1e-9) & (stats.hedge_ratio_se[rows] > 0)]
    wanted = _by_svd(y, x, n, rows)
    away = np.abs(np.arctan(stats.hedge_ratio[rows]) - np.arctan(wanted["hedge_ratio"])) * wanted["gap"]
    assert away.max() < 1e-11
    sure = (wanted["gap"] > 1e-3) & (wanted["r_squared"] > 1e-6) & (wanted["r_squared"] < 1 - 1e-6)
    assert sure.mean() > 0.7
    for name in FIELDS:
        got, expected = getattr(stats, name)[rows][sure], wanted[name][sure]
        relative = 1.0 if name in ("r_squared", "zscore") else np.abs(expected)
        if name == "spread":
            relative = wanted["spread_std"][sure]
        assert np.max(np.abs(got - expected) / relative) < 1e-8, name
    assert np.max(np.abs(stats.hedge_ratio[rows][sure] / wanted["hedge_ratio"][sure] - 1)) < 1e-9
    return len(rows)


@pytest.mark.parametrize("n", [20, 300])
def test_every_window_of_real_bars(shared_data: Path, n: int) -> None:
    y, x = (closes[: 6_000_000 // n // 2 + n] for closes in recorded_closes(shared_data))
    assert _check(_tls(y, x, n), logs(y), logs(x), n) > 0.99 * (len(y) - n)


@pytest.mark.parametrize(("n", "step"), [(20, 1), (300, 3), (3_600, 41)])
def test_flat_stretches_jumps_and_a_bad_print(n: int, step: int) -> None:
    y, x = hard_closes(12_000)
    stats = _tls(y, x, n)
    assert _check(stats, logs(y), logs(x), n, step) > 150
    flat = np.array([np.ptp(s, axis=1) == 0 for s in (sliding_window_view(p, n) for p in (y, x))]).any(axis=0)
    assert np.isnan(stats.hedge_ratio[n - 1 :][flat]).all()


def test_raw_prices() -> None:
    y, x = hard_closes(4_000)
    y *= 15  # so that neither leg is the larger one throughout
    assert _check(_tls(y, x, 60, "raw"), y, x, 60) > 1_500


def test_least_squares_along_y_fails_the_same_check(shared_data: Path) -> None:
    y, x = (closes[:3_000] for closes in recorded_closes(shared_data))
    with pytest.raises(AssertionError):
        _check(_tls(y, x, 300, method="ols"), logs(y), logs(x), 300)


def test_both_legs_are_treated_alike(shared_data: Path) -> None:
    y, x = (closes[:5_000] for closes in recorded_closes(shared_data))
    one, other = _tls(y, x, 60), _tls(x, y, 60)
    assert one.hedge_ratio[59:] * other.hedge_ratio[59:] == pytest.approx(1, rel=1e-9)
    assert np.abs(one.zscore[59:]) == pytest.approx(np.abs(other.zscore[59:]), abs=1e-8)
    ols = _tls(y, x, 60, method="ols").hedge_ratio * _tls(x, y, 60, method="ols").hedge_ratio
    assert np.median(ols[59:]) < 0.98  # what is claimed here is not true of every method


def test_one_step_is_the_new_bar_against_the_line_of_the_bar_before(shared_data: Path) -> None:
    y, x = (closes[:2_000] for closes in recorded_closes(shared_data))
    n, stats = 60, _tls(y, x, 60)
    before = slice(n - 1, -1)
    away = logs(y)[n:] - stats.intercept[before] - stats.hedge_ratio[before] * logs(x)[n:]
    assert stats.zscore_one_step[n:] == pytest.approx(away / stats.spread_std[before], abs=1e-8)
    assert np.isnan(stats.zscore_one_step[:n]).all()


def test_the_error_is_as_large_as_the_estimates_scatter() -> None:
    """Errors of equal size in both legs, none of them autocorrelated: the case the formula is for."""
    rng, n, windows = np.random.default_rng(3), 100, 3_000
    truth = rng.normal(0, 1, n * windows)
    x, y = truth + rng.normal(0, 0.3, n * windows), 1.7 * truth + rng.normal(0, 0.3, n * windows)
    stats = _tls(y + 1_000, x + 1_000, n, "raw")
    apart = slice(n - 1, None, n)
    beta, se = stats.hedge_ratio[apart], stats.hedge_ratio_se[apart]
    assert np.mean(beta) == pytest.approx(1.7, abs=0.005)  # where OLS would find 1.7/1.09
    assert np.std(beta) == pytest.approx(np.mean(se), rel=0.05)
    assert 0.93 < np.mean(np.abs(beta - 1.7) < 1.96 * se) < 0.97


def test_special_windows() -> None:
    x = np.arange(100.0, 160.0)
    line = _tls(3 * x + 7, x, 10, "raw")
    full = slice(9, None)
    assert line.hedge_ratio[full] == pytest.approx(3)
    assert line.intercept[full] == pytest.approx(7)
    assert (line.r_squared[full] == 1).all()
    assert (line.spread[full] == 0).all()
    assert np.isnan(line.zscore).all()
    same = _tls(x, x, 10)
    assert (same.hedge_ratio[full] == 1).all()
    assert np.isnan(same.zscore).all()
    flat = np.full(60, 50.0)
    for y_leg, x_leg in ((flat, x), (x, flat), (flat, flat)):
        stats = _tls(y_leg, x_leg, 10)
        assert all(np.isnan(getattr(stats, name)).all() for name in FIELDS)
    square = np.array([1.0, 1.0, 2.0, 2.0] * 5), np.array([1.0, 2.0, 1.0, 2.0] * 5)
    assert np.isnan(_tls(*square, 4, "raw").hedge_ratio).all()  # no direction is better than another

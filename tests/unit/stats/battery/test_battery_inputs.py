"""Windows of which nothing can be said, what the results may not depend on, and what a live run must not wait for."""

import importlib
import math
import pickle
import pkgutil
import warnings
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import flows.stats.battery
from flows.stats.battery import pair_tests
from flows.stats.battery.adf import adf
from flows.stats.battery.engle_granger import engle_granger
from flows.stats.battery.half_life import half_life
from flows.stats.battery.hedge_error import hedge_error
from flows.stats.battery.hurst import hurst
from flows.stats.battery.johansen import johansen
from flows.stats.battery.kpss import kpss
from flows.stats.battery.pair_tests import PairTests, battery
from flows.stats.battery.regression import regression
from flows.stats.battery.variance_ratio import variance_ratio
from tests.calibration.simulated_pairs import reverting, tied, unrelated, walk

N = 200
OF_THE_LEGS = ("y_on_x", "x_on_y", "johansen", "half_life", "variance_ratio", "hurst", "cusum", "hedge_error")


def _legs(seed: int = 1, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    return tied(np.random.default_rng(seed), n, 5)


def _with(series: np.ndarray, row: int, value: float) -> np.ndarray:
    changed = series.copy()
    changed[row] = value
    return changed


Y, X = _legs()
FLAT = np.full(N, 7.0)
BAD = {
    "no bars": (Y[:0], X[:0], "needs 20 bars, has 0"),
    "too few bars": (Y[:19], X[:19], "needs 20 bars, has 19"),
    "constant y": (FLAT, X, "y does not change over the window"),
    "constant x": (Y, FLAT, "x does not change over the window"),
    "both constant": (FLAT, FLAT + 1, "does not change over the window"),
    "equal legs": (X, X, "both legs are equal"),
    "NaN in y": (_with(Y, 17, math.nan), X, "y is not a number at bar 18 of 200"),
    "NaN in x": (Y, _with(X, 0, math.nan), "x is not a number at bar 1 of 200"),
    "infinite x": (Y, _with(X, 199, -math.inf), "x is not a number at bar 200 of 200"),
    "nothing but NaN": (FLAT * math.nan, X, "y is not a number at bar 1 of 200"),
    "straight line": (3.0 - 2.0 * X, X, "perfect fit: y is a straight line of x"),
    "nearly a straight line": (X + 1e-9 * (Y - X), X, "perfect fit: y is a straight line of x"),
    "huge": (Y * 1e200, X, "y changes by"),
    "tiny": (Y, X * 1e-200, "x changes by"),
    "largest floats": (_with(Y, 5, -1.7e308), _with(X, 3, 1.7e308), "which cannot be squared"),
}


def _numbers(result: Any) -> list[float]:
    """Every number that a result claims to know."""
    if is_dataclass(result):
        return [
            v for f in fields(result) if f.name not in ("lag", "p_between") for v in _numbers(getattr(result, f.name))
        ]
    if isinstance(result, tuple):
        return [v for part in result for v in _numbers(part)]
    return [result] if isinstance(result, float) else []


@pytest.mark.parametrize("case", BAD)
def test_a_window_that_says_nothing_gives_the_reason_and_no_number(case: str) -> None:
    y, x, reason = BAD[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tests = battery(y, x)
        turned = battery(x, y)
    for name in OF_THE_LEGS:
        result = getattr(tests, name)
        if "straight" in case and name == "johansen":
            assert result.reason
            continue
        if "straight" in case and name == "x_on_y":
            assert result.reason == "perfect fit: x is a straight line of y"
            continue
        assert reason in result.reason, name
        if "straight" in case and name == "hedge_error":
            assert result.hedge_ratio == pytest.approx(-2.0 if case == "straight line" else 1.0, abs=1e-6)
            result = replace(result, hedge_ratio=math.nan)  # the line itself is known
        assert all(math.isnan(v) for v in _numbers(result)), name
    assert reason in tests.reason
    assert turned.reason
    assert math.isnan(tests.p_value)
    assert not tests.passes
    assert not tests.half_life.reverts
    assert tests.johansen.rank is None


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (Y[:19], "needs 20 bars, has 19"),
        (FLAT, "the spread does not change over the window"),
        (_with(Y, 4, math.nan), "the spread is not a number at bar 5 of 200"),
        (_with(Y, 4, math.inf), "the spread is not a number at bar 5 of 200"),
        (Y * 1e100, "cannot be squared"),
    ],
    ids=["few", "constant", "NaN", "infinite", "huge"],
)
@pytest.mark.parametrize("test", [adf, half_life, hurst, kpss, variance_ratio])
def test_a_series_that_says_nothing(test: Any, series: np.ndarray, reason: str) -> None:
    result = test(series)
    assert reason in result.reason or (len(series) < 20 and result.reason.endswith("has 19"))
    assert all(math.isnan(v) for v in _numbers(result))


def test_series_that_only_some_tests_can_read() -> None:
    line, saw, step = np.arange(N) * 1.0, np.tile([0.0, 1.0], N // 2), (np.arange(N) == N - 1) * 1.0
    assert adf(line).reason == "the series follows its own past exactly"
    assert adf(saw).reason == "the series follows its own past exactly"
    assert half_life(line).bars == math.inf
    assert (half_life(saw).bars, half_life(saw).high) == (0.0, 0.0)
    assert half_life(step).reason == "the spread changes in its last bar only"
    assert "changes alike" in hurst(line).reason
    assert variance_ratio(line).reason.startswith("the changes of the series are all alike")
    assert "outside 0 to 1" in hurst(reverting(np.random.default_rng(3), N, 0)).reason
    assert not half_life(walk(np.random.default_rng(3), N)).reverts


def test_a_leg_that_moves_once_or_in_its_last_bar_only() -> None:
    """Nearly flat windows: whatever each test says, it says it without an exception and with a number or a reason."""
    for row in (1, N // 2, N - 1):
        moved = np.where(np.arange(N) >= row, 7.1, 7.0)
        for y, x in ((Y, moved), (moved, X), (moved, np.roll(moved, 3)), (moved + 0.3 * FLAT, moved * 0.5 + Y * 1e-7)):
            tests = battery(y, x)
            for name in (*OF_THE_LEGS, "adf", "kpss"):
                result = getattr(tests, name)
                headline = next(v for v in _numbers(replace(result, reason="")) or [math.nan])
                assert result.reason or not math.isnan(headline), (row, name)


def test_what_no_data_can_excuse_is_an_error() -> None:
    with pytest.raises(ValueError, match="y has 200 and x has 199"):
        battery(Y, X[1:])
    with pytest.raises(ValueError, match="lag must be 0 or more"):
        engle_granger(regression(Y, X), -1)
    with pytest.raises(ValueError, match="must be 1 or more, were 0"):
        johansen(Y, X, 0)
    with pytest.raises(ValueError, match="must be 0 or more, was -2"):
        kpss(Y - X, -2)
    with pytest.raises(ValueError, match="must be 0 or more, was -2"):
        hedge_error(regression(Y, X), -2)
    with pytest.raises(ValueError, match="must be 2 bars or more"):
        variance_ratio(Y - X, (1, 2))


def _bits(tests: PairTests) -> list[bytes]:
    return [np.float64(v).tobytes() for v in _numbers(tests)]


def test_results_are_a_function_of_the_window_alone() -> None:
    """The same bits from a slice of a longer run, a strided view, a read-only array and another process."""
    y, x = _legs(5, 1_000)
    window = slice(311, 911)
    wanted = _bits(battery(y[window].copy(), x[window].copy()))
    both = np.empty((1_000, 2))
    both[:, 0], both[:, 1] = y, x
    y.setflags(write=False)
    x.setflags(write=False)
    assert len(wanted) > 40
    assert _bits(battery(y[window], x[window])) == wanted
    assert _bits(battery(both[window, 0], both[window, 1])) == wanted
    assert _bits(pickle.loads(pickle.dumps(battery(y[window], x[window])))) == wanted
    assert _bits(battery(y[312:912], x[312:912])) != wanted


@pytest.mark.parametrize("factor", [2.0**-20, 2.0**13])
def test_tests_of_prices_in_another_unit_have_the_same_bits(factor: float) -> None:
    y, x = _legs(6, 600)
    one, other = battery(y, x, lag="aic"), battery(y * factor, x * factor, lag="aic")
    assert one.hurst.exponent == pytest.approx(
        other.hurst.exponent, rel=1e-12
    )  # logarithms of the unit cancel, with rounding
    assert _bits(replace(one, hurst=other.hurst)) == _bits(other)


def test_one_unit_for_one_leg_changes_the_hedge_ratio_only() -> None:
    y, x = _legs(7, 600)
    one, other = battery(y, x), battery(y, x * 4.0)
    assert one.y_on_x == other.y_on_x
    assert one.hedge_error.hedge_ratio == 4.0 * other.hedge_error.hedge_ratio
    assert one.cusum.level == other.cusum.level


def _kernels() -> list[Dispatcher]:
    modules = [
        importlib.import_module(f"flows.stats.battery.{info.name}")
        for info in pkgutil.iter_modules(flows.stats.battery.__path__)
    ]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)]


def test_nothing_is_compiled_after_the_warm_up_whatever_kind_of_array_comes() -> None:
    pair_tests.warm_up()
    kernels = _kernels()
    before = [len(kernel.signatures) for kernel in kernels]
    called = [kernel.py_func.__name__ for kernel, count in zip(kernels, before, strict=True) if count]
    assert {
        "_least_squares",
        "_columns",
        "_best_lag",
        "_eigenvalues",
        "_eta",
        "_ratio",
        "_slope",
        "_autoregression",
    } <= set(called)
    y, x = unrelated(np.random.default_rng(8), 400)
    table = np.column_stack((y, x))
    table.setflags(write=False)
    for legs in ((table[:, 0], table[:, 1]), (y[::-1], x[::-1]), (np.arange(400) ** 2, x)):
        battery(*legs)
        battery(*legs, lag="aic")
    assert [len(kernel.signatures) for kernel in kernels] == before


def test_the_fixed_hedge_ratio_is_what_adf_and_kpss_see() -> None:
    tests = battery(Y, X, fixed_hedge=0.8)
    assert tests.fixed_hedge == 0.8
    assert (tests.adf, tests.kpss) == (adf(Y - 0.8 * X), kpss(Y - 0.8 * X))
    assert tests.adf.p_value < 0.05 < battery(Y, X).adf.p_value

"""Summaries against exact fractions and scipy, on series that hurt."""

import doctest
import math
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pair_series import hard_closes, recorded_closes
from scipy import stats as scipy_stats

from flows.stats import summary as module
from flows.stats.summary import QUANTILES, LegSeries, Summary, log_returns, pair_summaries, summary


def _exact(values: np.ndarray) -> dict[str, float]:
    """Moments in fractions; roots are taken with 50 digits."""
    v = [Fraction(value) for value in values.tolist()]
    n = len(v)
    mean = sum(v) / n
    m2, m3, m4 = (sum((value - mean) ** k for value in v) / n for k in (2, 3, 4))
    return {
        "mean": float(mean),
        "sd": _root(m2 * n / (n - 1)),
        "skewness": _root(m3 * m3 / m2**3) * (1 if m3 > 0 else -1),
        "excess_kurtosis": float(m4 / (m2 * m2) - 3),
    }


def _root(value: Fraction) -> float:
    with localcontext(prec=50):
        return float((Decimal(value.numerator) / Decimal(value.denominator)).sqrt())


def _series(shared_data: Path) -> dict[str, np.ndarray]:
    y, x = recorded_closes(shared_data)
    hard_y, hard_x = hard_closes(4_000)
    rng = np.random.default_rng(1)
    assert hard_x.max() > 500 * np.median(hard_x)  # the print that is a thousand times too high is among them
    return {
        "recorded prices": x[:3_000],
        "recorded returns": log_returns(np.arange(3_000), y[:3_000]),
        "a bad print": hard_x,
        "flat stretches": hard_y,
        "one tick at 60,000": np.where(rng.random(900) < 0.01, 60_000.1, 60_000.0),
        "two values": np.array([3.0, 4.0]),
        "tiny": rng.normal(size=300) * 1e-200,
        "huge": rng.normal(size=300) * 1e150,
    }


def test_moments_are_exact(shared_data: Path) -> None:
    for name, values in _series(shared_data).items():
        found = summary(values, name, "1")
        for field, wanted in _exact(values).items():
            got = getattr(found, field)
            if field in found.reasons:
                assert math.isnan(got), (name, field)
            else:
                assert got == pytest.approx(wanted, rel=1e-12, abs=1e-12 * (field == "excess_kurtosis")), (name, field)


def test_everything_else_is_numpy_s_and_scipy_s(shared_data: Path) -> None:
    for name, values in _series(shared_data).items():
        found = summary(values, name, "1")
        assert (found.count, found.missing, found.min, found.max) == (len(values), 0, values.min(), values.max())
        assert (found.first, found.last, found.change) == (values[0], values[-1], values[-1] - values[0])
        assert dict(found.quantiles) == {p: float(np.quantile(values, p)) for p in QUANTILES}
        if len(values) >= 4 and name not in ("tiny", "huge"):  # scipy's powers vanish or overflow there
            assert found.skewness == pytest.approx(scipy_stats.skew(values), rel=1e-9, abs=1e-9)
            assert found.excess_kurtosis == pytest.approx(scipy_stats.kurtosis(values), rel=1e-9, abs=1e-9)


def test_plain_sums_would_not_do() -> None:
    """The negative control: mean of squares minus square of the mean loses every digit of a price that moves by a tick."""
    values = np.where(np.random.default_rng(1).random(900) < 0.01, 60_000.1, 60_000.0) * 1e4
    plain = (
        math.sqrt((np.mean(values**2) - np.mean(values) ** 2) * 900 / 899)
        if np.mean(values**2) > np.mean(values) ** 2
        else 0.0
    )
    wanted = _exact(values)["sd"]
    assert abs(plain - wanted) > 1e-9 * wanted
    assert summary(values, "", "").sd == pytest.approx(wanted, rel=1e-12)


def test_the_order_of_the_values_changes_no_sum() -> None:
    values = hard_closes(2_000)[1]
    mixed = np.concatenate((values[:1], np.random.default_rng(2).permutation(values[1:])))
    a, b = summary(values, "", ""), summary(mixed, "", "")
    assert (a.mean, a.sd, a.skewness, a.excess_kurtosis) == (b.mean, b.sd, b.skewness, b.excess_kurtosis)


def test_missing_values_are_counted_and_left_out() -> None:
    found = summary([math.nan, 2.0, math.inf, 4.0, math.nan], "price", "quote", positive=True)
    assert (found.count, found.missing, found.mean, found.first, found.last) == (2, 3, 3.0, 2.0, 4.0)
    assert found.relative_change == 1.0


@pytest.mark.parametrize("value", [0.1, 0.0, -7.3, 1e300])
def test_a_constant_series_has_no_shape(value: float) -> None:
    found = summary([value] * 7, "spread", "bp")
    assert (found.sd, found.change, found.mean) == (0.0, 0.0, value)
    assert math.isnan(found.skewness)
    assert math.isnan(found.excess_kurtosis)
    assert found.reasons["skewness"] == found.reasons["excess_kurtosis"] == "the series is constant"


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        (0, {"mean"}),
        (1, {"sd", "skewness", "excess_kurtosis"}),
        (2, {"skewness", "excess_kurtosis"}),
        (3, {"excess_kurtosis"}),
        (4, set()),
    ],
)
def test_too_few_values_say_so(rows: int, missing: set[str]) -> None:
    found = summary([1.0, 2.0, 4.0, 8.0][:rows], "price", "quote", positive=True)
    assert set(found.reasons) == missing
    assert found.count == rows
    assert all(math.isnan(getattr(found, name)) for name in missing)


def test_a_relative_change_needs_a_positive_first_price() -> None:
    assert "not positive" in summary([0.0, 1.0], "p", "quote", positive=True).reasons["relative_change"]
    assert summary([-1.0, 1.0], "spread", "bp").reasons["relative_change"] == "only of prices"


def test_a_pair_s_summaries_and_a_hole_between_bars() -> None:
    index = np.array([5, 6, 9, 10])
    y = LegSeries("ETHUSDT", np.array([10.0, 11.0, 12.0, 13.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    x = LegSeries("BTCUSDT", np.array([20.0, 0.0, 22.0, 23.0]), np.array([0.0, 0.0, 0.0, 1.0]))
    found: dict[str, Summary] = {
        s.name: s for s in pair_summaries(index, y, x, np.array([np.nan, 1, 2, 3]), "log price", np.zeros(4))
    }
    assert list(found) == [
        "price of ETHUSDT", "return of ETHUSDT", "volume of ETHUSDT",
        "price of BTCUSDT", "return of BTCUSDT", "volume of BTCUSDT", "spread", "zscore",
    ]  # fmt: skip
    returns = found["return of ETHUSDT"]
    assert (returns.count, returns.missing) == (2, 1), "no return over the hole"
    assert returns.max == pytest.approx(math.log(11 / 10))
    assert found["return of BTCUSDT"].count == 1, "a price of 0 has no logarithm"
    assert (found["spread"].unit, found["spread"].missing, found["zscore"].sd) == ("log price", 1, 0.0)


def test_the_example_in_the_text_is_true() -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 2)

"""The oracle without rounding against plain fractions: what everything is compared with must not be wrong itself."""

import math
from fractions import Fraction

import numpy as np
import pytest
from exact_ols import Exact, fractions, integers
from pair_series import hard_closes, logs

from flows.explain.oracle.lines import ols, tls


def test_integers_are_the_floats_themselves() -> None:
    rng = np.random.default_rng(0)
    series = np.concatenate((rng.normal(size=200) * 10.0 ** rng.integers(-9, 9, 200), [0.0, -0.0, 1.0, -3.0, 2.0**60]))
    (whole, others), unit = integers(series, series[::-1] / 3)
    assert [Fraction(v) for v in series.tolist()] == [Fraction(w) * Fraction(unit) for w in whole]
    assert [Fraction(v) for v in (series[::-1] / 3).tolist()] == [Fraction(w) * Fraction(unit) for w in others]
    top, bottom = fractions(series)
    assert [Fraction(v) for v in series.tolist()] == [Fraction(t, b) for t, b in zip(top, bottom, strict=True)]


@pytest.mark.parametrize("w", [20, 7])
@pytest.mark.parametrize("method", ["ols", "tls"])
def test_every_output_is_that_of_fractions(method: str, w: int) -> None:
    """Of windows with flat legs, a jump and a bad print; `flows.explain` has the same definitions, written for one window."""
    n, (y, x) = 20, (logs(prices) for prices in hard_closes(400))
    found = getattr(Exact(x, y, n, w), method)()
    seen: set[bool] = set()
    for row in range(n - 1, 400):
        window = slice(row - n + 1, row + 1)
        line = {"ols": ols, "tls": tls}[method](x[window].tolist(), y[window].tolist())
        seen.add(line is None)
        if line is None:
            assert all(math.isnan(found[name][row]) for name in ("hedge_ratio", "hedge_ratio_se", "spread", "zscore"))
            continue
        known = line.residual_std > 0
        wanted = {
            "hedge_ratio": line.slope, "hedge_ratio_se": line.se, "intercept": line.intercept, "r_squared": line.r_squared,
            "spread": line.residual(x[row], y[row]) if known else 0, "residual_std": line.residual_std,
        }  # fmt: skip
        for name, value in wanted.items():
            # the axis of `tls` comes from floats there
            assert found[name][row] == pytest.approx(
                float("nan" if value is None else value),
                rel=1e-14 if method == "ols" else 1e-7,
                abs=1e-300 if method == "ols" else 1e-12,
                nan_ok=True,
            )
        residuals = [
            line.residual(a, b) for a, b in zip(x[row - w + 1 : row + 1], y[row - w + 1 : row + 1], strict=True)
        ]
        if method == "ols" and known and w < n:
            mean = sum(residuals) / w
            std = math.sqrt(sum((r - mean) ** 2 for r in residuals) / (w - 1))
            assert found["spread_mean"][row] == pytest.approx(float(mean), rel=1e-12)
            if std > 1e-9:
                assert found["spread_std"][row] == pytest.approx(std, rel=1e-13)
                assert found["zscore"][row] == pytest.approx(float(residuals[-1] - mean) / std, rel=1e-12, abs=1e-15)
    assert seen == {True, False}


def test_correlation_and_moments_of_a_window() -> None:
    y, x = (logs(prices) for prices in hard_closes(300))
    found = Exact(x, y, 30).moments()
    last = slice(270, 300)
    assert found["mean_x"][-1] == pytest.approx(np.mean(x[last]), rel=1e-14)
    assert found["sxy"][-1] == pytest.approx(np.cov(x[last], y[last])[0, 1] * 29, rel=1e-9)
    assert found["correlation"][-1] == pytest.approx(np.corrcoef(x[last], y[last])[0, 1], rel=1e-9)

"""Every number of every test of a pair against statsmodels, arch or scipy, on real prices and on made ones that revert or do not."""

import math
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from arch.unitroot import ADF as ArchADF
from arch.unitroot import VarianceRatio as ArchVarianceRatio
from arch.unitroot.cointegration import engle_granger as arch_engle_granger
from pair_series import hard_closes, logs, recorded_closes
from scipy.stats import kstwobign, norm
from series_oracles import centred, prewhitened
from statsmodels.stats.diagnostic import breaks_cusumolsresid
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.adfvalues import mackinnoncrit, mackinnonp
from statsmodels.tsa.stattools import adfuller, coint
from statsmodels.tsa.stattools import kpss as reference_kpss
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from flows.stats.battery.adf import adf
from flows.stats.battery.cusum import bridge_p_value, cusum
from flows.stats.battery.dickey_fuller import Lag
from flows.stats.battery.engle_granger import engle_granger
from flows.stats.battery.fdr import benjamini_hochberg
from flows.stats.battery.half_life import half_life
from flows.stats.battery.hedge_error import hedge_error
from flows.stats.battery.hurst import hurst
from flows.stats.battery.johansen import Johansen, johansen
from flows.stats.battery.kpss import kpss
from flows.stats.battery.mackinnon import Series, critical_values, p_value
from flows.stats.battery.pair_tests import battery
from flows.stats.battery.regression import regression
from flows.stats.battery.variance_ratio import HORIZONS, variance_ratio
from tests.calibration.simulated_pairs import tied, unrelated

LAGS: tuple[Lag, ...] = (0, 1, 4, "aic")


@cache
def _real_logs(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    y, x = recorded_closes(shared_data)
    return logs(y), logs(x)


def _real_windows(shared_data: Path, n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Windows spread over a month of minutes; some end in the middle of a day, none at a round index."""
    y, x = _real_logs(shared_data)
    for start in range(37, len(y) - n, (len(y) - n) // (2 if n > 1_000 else 4)):
        yield y[start : start + n], x[start : start + n]


@pytest.fixture(params=[60, 300, 600, 3600])
def windows(request: pytest.FixtureRequest, shared_data: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs (y, x) of one length: real, unrelated, slowly and quickly reverting, and with a price that jumps."""
    n = request.param
    rng = np.random.default_rng(n)
    made = [unrelated(rng, n), tied(rng, n, n / 10), tied(rng, n, n / 60)]
    y, x = unrelated(rng, n)
    y[n // 3 :] += 0.02
    return [*_real_windows(shared_data, n), *made, (y, x)]


def _affordable(windows: list, lag: Lag) -> list:
    """The search for a lag takes the library a tenth of a second for the longest window: one real window is enough."""
    return windows if lag != "aic" or len(windows[0][0]) < 600 else windows[1:2]


@pytest.mark.parametrize("lag", LAGS)
def test_engle_granger_is_that_of_statsmodels_in_both_directions(windows: list, lag: Lag) -> None:
    for window in _affordable(windows, lag):
        for y, x in (window, window[::-1]):
            found = engle_granger(regression(y, x), lag)
            most, rule = (None, "aic") if lag == "aic" else (lag, None)
            statistic, p, critical = coint(*centred(y, x), maxlag=most, autolag=rule)
            assert found.statistic == pytest.approx(statistic, rel=1e-9)
            assert found.p_value == pytest.approx(p, abs=1e-9)
            assert (found.critical.five, found.critical.ten) == pytest.approx(critical[1:], rel=1e-12)
            residual = sm.OLS(y, sm.add_constant(x)).fit().resid
            assert found.lag == adfuller(residual, most, "n", rule.upper() if rule else None, result_object=False)[2]


def test_engle_granger_is_that_of_arch_whose_tables_are_its_own(windows: list) -> None:
    for y, x in windows:
        found = engle_granger(regression(y, x))
        other = arch_engle_granger(*centred(y, x), trend="c", lags=1)
        assert found.statistic == pytest.approx(other.stat, rel=1e-9)
        assert found.p_value == pytest.approx(other.pvalue, abs=5e-3)
        ours, theirs = found.critical, other.critical_values
        assert (ours.one, ours.five, ours.ten) == pytest.approx([theirs[k] for k in (1, 5, 10)], abs=0.05)


def test_the_wrong_critical_value_of_the_library_is_not_ours() -> None:
    """MacKinnon (2010), table 2, case c, N = 2, 1 %: -3.89644 - 10.9519/T - 22.527/T²; statsmodels has 33.527 there."""
    ours, theirs = critical_values(2, 100), mackinnoncrit(2, "c", 100)
    assert ours.one == pytest.approx(-3.89644 - 0.109519 - 0.0022527, abs=1e-12)
    assert (ours.five, ours.ten) == pytest.approx(theirs[1:], abs=1e-12)
    assert theirs[0] - ours.one == pytest.approx(-11e-4, abs=1e-9), "the library has been mended: drop our own constant"


@pytest.mark.parametrize("lag", LAGS)
def test_adf_is_that_of_statsmodels_and_arch(windows: list, lag: Lag) -> None:
    for y, x in _affordable(windows, lag):
        series = y - x
        found = adf(series, lag)
        most, rule = (None, "AIC") if lag == "aic" else (lag, None)
        statistic, p, used, rows, critical, *_ = adfuller(series - series[0], most, "c", rule, result_object=False)
        assert found.lag == used
        assert found.statistic == pytest.approx(statistic, rel=1e-9)
        assert found.p_value == pytest.approx(p, abs=1e-9)
        wanted = (critical["1%"], critical["5%"], critical["10%"])
        assert (found.critical.one, found.critical.five, found.critical.ten) == pytest.approx(wanted, rel=1e-12)
        assert rows == len(series) - 1 - used
        if lag != "aic":
            other = ArchADF(series - series[0], lags=lag, trend="c")
            assert (found.statistic, found.p_value) == pytest.approx((other.stat, other.pvalue), rel=1e-8)


@pytest.mark.parametrize("series", [1, 2])
def test_the_p_value_is_that_of_statsmodels_everywhere(series: Series) -> None:
    for statistic in np.linspace(-25, 5, 601):
        wanted = mackinnonp(float(statistic), "c", series)
        assert p_value(float(statistic), series) == pytest.approx(wanted, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("lag", [1, 3])
def test_johansen_is_that_of_statsmodels(windows: list, lag: int) -> None:
    for y, x in windows:
        found, wanted = johansen(y, x, lag), coint_johansen(np.column_stack(centred(y, x)), 0, lag)
        assert found.trace == pytest.approx(wanted.trace_stat, rel=1e-8)
        assert found.largest == pytest.approx(wanted.max_eig_stat, rel=1e-8)
        assert found.hedge_ratio == pytest.approx(-wanted.evec[1, 0] / wanted.evec[0, 0], rel=1e-6)
        assert found.lag == lag
        below, above = found.p_between
        values = (math.inf, Johansen.trace_critical[0].one, Johansen.trace_critical[0].five)
        assert found.trace[0] <= dict(zip((0.0, 0.01, 0.05), values, strict=True)).get(below, math.inf)
        assert (found.rank == 0) == (above > 0.05)
        for ours, theirs in (
            (Johansen.trace_critical_drift, wanted.trace_stat_crit_vals),
            (Johansen.largest_critical_drift, wanted.max_eig_stat_crit_vals),
        ):
            assert [[c.ten, c.five, c.one] for c in ours] == theirs.tolist()


def test_johansen_gives_the_same_for_legs_in_either_order(windows: list) -> None:
    for y, x in windows:
        one, other = johansen(y, x), johansen(x, y)
        assert one.trace == pytest.approx(other.trace, rel=1e-9)
        assert one.hedge_ratio == pytest.approx(1.0 / other.hedge_ratio, rel=1e-7)


@pytest.mark.parametrize("n", [20, 60, 300, 3600])
def test_flat_stretches_jumps_and_a_bad_print(n: int) -> None:
    """Prices in whole ticks, most unchanged from bar to bar: what is said is right, and what is flat is said to be."""
    y, x = (logs(prices) for prices in hard_closes(12_000))
    reasons, said = set(), 0
    for start in range(0, len(y) - n, (len(y) - n) // (12 if n > 1_000 else 50)):
        (a, b), tests = (
            centred(y[start : start + n], x[start : start + n]),
            battery(y[start : start + n], x[start : start + n]),
        )
        reasons.add(tests.reason)
        if tests.reason:
            assert math.isnan(tests.p_value)
            continue
        said += 1
        assert tests.y_on_x.statistic == pytest.approx(coint(a, b, maxlag=1, autolag=None)[0], rel=1e-9)
        assert tests.x_on_y.statistic == pytest.approx(coint(b, a, maxlag=1, autolag=None)[0], rel=1e-9)
        assert tests.johansen.trace == pytest.approx(coint_johansen(np.column_stack((a, b)), 0, 1).trace_stat, rel=1e-8)
        wanted = adfuller(a - b, 1, "c", None, result_object=False)[0]
        assert tests.adf.statistic == pytest.approx(wanted, rel=1e-8)
    assert said >= 10
    if n < 1_000:
        assert {"y does not change over the window", "x does not change over the window"} <= reasons


@pytest.mark.parametrize("lag", [None, 0, 7])
def test_kpss_is_that_of_statsmodels(windows: list, lag: int | None) -> None:
    bounds = set()
    for y, x in windows:
        series = y - 0.8 * x  # the true hedge ratio of the tied ones
        found = kpss(series, lag)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            wanted = reference_kpss(series, nlags="auto" if lag is None else lag, result_object=True)
        outside = [str(w.message) for w in said if "outside of the range" in str(w.message)]
        assert found.statistic == pytest.approx(wanted.statistic, rel=1e-8)
        assert found.p_value == pytest.approx(wanted.pvalue, rel=1e-8)
        assert found.lag == wanted.lags
        assert bool(found.bound) == bool(outside)
        if outside:
            assert ("at most" if "smaller" in outside[0] else "at least") == found.bound
        bounds.add(found.bound)
    assert len(bounds) > 1 or lag == 0


def test_variance_ratios_are_those_of_arch(windows: list) -> None:
    for y, x in windows:
        if len(y) < 64:
            assert variance_ratio(y - x).reason == "needs 64 bars, has 60"
            continue
        found = variance_ratio(y - x)
        assert [r.q for r in found.ratios] == list(HORIZONS)
        for r in found.ratios:
            wanted = ArchVarianceRatio(y - x, lags=r.q, trend="c", debiased=True, robust=True, overlap=True)
            assert (r.ratio, r.statistic) == pytest.approx((wanted.vr, wanted.stat), rel=1e-8)
            assert r.p_value == pytest.approx(wanted.pvalue, abs=1e-10)
        assert found.statistic == max(abs(r.statistic) for r in found.ratios)
        joint = 1.0 - (2.0 * norm.cdf(found.statistic) - 1.0) ** len(HORIZONS)
        assert found.p_value == pytest.approx(joint, abs=1e-10)


def test_hurst_is_the_slope_of_the_log_deviations(windows: list) -> None:
    known = 0
    for y, x in windows:
        s = y - 0.7 * x
        distances = [1, 2, 4, 8, 16, 32]
        slope = np.polyfit(np.log(distances), [math.log(np.std(s[k:] - s[:-k])) for k in distances], 1)[0]
        found = hurst(s)
        if len(s) < 128:
            assert found.reason == "needs 128 bars, has 60"
        elif 0 <= slope <= 1:
            known += 1
            assert found.exponent == pytest.approx(slope, rel=1e-9)
        else:
            assert math.isnan(found.exponent)
            assert f"{slope:.3f}" in found.reason
    assert known > 0 or len(windows[0][0]) == 60


def test_half_life_is_that_of_the_regression_of_changes_on_levels(windows: list) -> None:
    for y, x in windows:
        s = regression(y, x).residual
        fit = sm.OLS(np.diff(s), sm.add_constant(s[:-1])).fit()
        found = half_life(s)
        assert found.phi == pytest.approx(1.0 + fit.params[1], rel=1e-10)
        assert found.phi_se == pytest.approx(fit.bse[1], rel=1e-8)
        reach = -mackinnoncrit(2, "c", len(s) - 1)[1] * fit.bse[1]
        for got, phi in ((found.low, found.phi - reach), (found.bars, found.phi), (found.high, found.phi + reach)):
            wanted = math.inf if phi >= 1 else 0.0 if phi <= 0 else math.log(0.5) / math.log(phi)
            assert got == pytest.approx(wanted, rel=1e-8)
        assert found.reverts == (found.phi + reach < 1) == math.isfinite(found.high)
        assert found.windows == (len(s) / found.bars if found.bars else math.inf)


@pytest.mark.parametrize("lag", [0, 5, 60, None])
def test_the_errors_of_the_hedge_ratio_are_those_of_statsmodels(windows: list, lag: int | None) -> None:
    for y, x in windows:
        found = hedge_error(regression(y, x), lag)
        used = found.lag if lag is None else min(lag, len(y) - 1)
        model = sm.OLS(*(c if i == 0 else sm.add_constant(c) for i, c in enumerate(centred(y, x))))
        robust = model.fit(cov_type="HAC", cov_kwds={"maxlags": used, "use_correction": False})
        assert found.lag == used
        assert found.hedge_ratio == pytest.approx(robust.params[1], rel=1e-9)
        assert found.plain == pytest.approx(model.fit().bse[1], rel=1e-8)
        assert found.hac == pytest.approx(robust.bse[1], rel=1e-8)


def test_cusum_and_the_long_run_error_are_those_of_their_definitions(windows: list) -> None:
    for y, x in windows:
        line = regression(y, x)
        fit = sm.OLS(*(c if i == 0 else sm.add_constant(c) for i, c in enumerate(centred(y, x)))).fit()
        found = cusum(line)
        statistic, p, _ = breaks_cusumolsresid(fit.resid)
        assert (found.plain.statistic, found.plain.p_value) == pytest.approx((statistic, p), rel=1e-8, abs=1e-14)
        scores = fit.resid * (x - x.mean())
        for bridge, series in ((found.level, fit.resid), (found.hedge_ratio, scores)):
            wanted = np.abs(np.cumsum(series)).max() / math.sqrt(len(series) * prewhitened(series))
            assert bridge.statistic == pytest.approx(wanted, rel=1e-7)
            assert bridge.p_value == pytest.approx(kstwobign.sf(wanted), rel=1e-6, abs=1e-14)
        assert found.p_value == min(1.0, 2.0 * min(found.level.p_value, found.hedge_ratio.p_value))
        error = math.sqrt(prewhitened(fit.resid) / np.sum((x - x.mean()) ** 2))
        errors = hedge_error(line)
        assert errors.long_run == pytest.approx(error, rel=1e-7)
        assert (errors.low, errors.high) == pytest.approx(
            (fit.params[1] - norm.ppf(0.975) * error, fit.params[1] + norm.ppf(0.975) * error), rel=1e-8
        )


def test_the_bridge_has_kolmogorovs_distribution() -> None:
    for statistic in np.linspace(0.05, 6.0, 400):
        assert bridge_p_value(statistic) == pytest.approx(kstwobign.sf(statistic), rel=1e-9, abs=1e-14)


def test_benjamini_hochberg_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(4)
    found = 0
    for count in (1, 2, 5, 30, 300):
        for _ in range(40):
            p = rng.random(count) ** rng.integers(1, 5)
            p[rng.random(count) < 0.2] = p[0]  # ties
            wanted = multipletests(p, 0.1, "fdr_bh")[0]
            assert np.array_equal(benjamini_hochberg(p.tolist(), 0.1), wanted)
            found += int(wanted.sum())
    assert found > 100

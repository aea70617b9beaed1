"""Every test of a pair against statsmodels and arch, on windows spread over the series."""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from arch.unitroot import VarianceRatio as ArchVarianceRatio
from scipy.stats import kstwobign
from statsmodels.stats.diagnostic import breaks_cusumolsresid
from statsmodels.tsa.adfvalues import mackinnoncrit, mackinnonp
from statsmodels.tsa.stattools import adfuller, coint
from statsmodels.tsa.stattools import kpss as reference_kpss
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from flows.stats.battery.hurst import LEAST_HURST_BARS
from flows.stats.battery.pair_tests import PairTests, battery
from tests.accuracy.data import Data, Series
from tests.accuracy.row import ABSOLUTE, EQUAL, RELATIVE, Row, Tally
from tests.series_oracles import centred, prewhitened

WINDOWS_PER_SECOND = 20.0
LOOKS_WITH_AIC, LEAST_WITH_AIC = 10, 60
"""Windows in which the lag is searched for too, as the library takes a tenth of a second for the longest; and how short they may be."""
AT_LEAST_ONE = "max(1, |statistic|)"
TEST, CLOSE = 1e-6, 1e-8
"""Of Engle-Granger and ADF, and of the other tests."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One window with our results; `y`, `x` begin at 0, so that levels cost the libraries no digits."""

    y: np.ndarray
    x: np.ndarray
    tests: PairTests
    line: sm.regression.linear_model.RegressionResultsWrapper


Triple = tuple[str, float, float, str, float]
"""Column, ours, theirs, unit and tolerance; relative to theirs where the unit says so."""


def tests_of_pair(data: Data, windows: list[int]) -> Iterator[Row]:
    """Statistics, lags and p-values; the table of one series in place of that of two, and -ln 2/λ, must be seen to be wrong."""
    for series in (data.recorded, data.short):
        for n in windows:
            looks = list(_looks(series, n))
            for method, oracle, compare in COMPARED:
                tally = Tally(method, series.name, n, oracle, control=method in CONTROLS)
                for look in looks[:LOOKS_WITH_AIC] if "AIC" in method else looks:
                    for column, got, wanted, unit, tolerance in compare(look):
                        scale = abs(wanted) if unit == RELATIVE and wanted else 1.0
                        scale = max(1.0, abs(wanted)) if unit == AT_LEAST_ONE else scale
                        tally.add(column, got, wanted, unit, tolerance, scale)
                yield from tally.rows()


def _looks(series: Series, n: int) -> Iterator[_Look]:
    """Windows at even distances, none at a round index; those that say nothing are left out, as no library can take them."""
    most = max(int(series.seconds * WINDOWS_PER_SECOND), 5)
    step = max((len(series.y) - n) // most, 1)
    for start in range(37 % step, len(series.y) - n, step):
        y, x = series.log_y[start : start + n], series.log_x[start : start + n]
        tests = battery(y, x, lag=1)
        if not tests.reason:
            cy, cx = centred(y, x)
            yield _Look(cy, cx, tests, sm.OLS(cy, sm.add_constant(cx)).fit())


def _engle_granger(look: _Look) -> Iterator[Triple]:
    for y, x, of, found in (
        (look.y, look.x, "y on x", look.tests.y_on_x),
        (look.x, look.y, "x on y", look.tests.x_on_y),
    ):
        statistic, p, critical = coint(y, x, maxlag=1, autolag=None)
        yield f"{of}, statistic", found.statistic, statistic, RELATIVE, TEST
        yield f"{of}, p", found.p_value, p, ABSOLUTE, TEST
        yield f"{of}, lag", found.lag, 1, EQUAL, 0.0
        yield f"{of}, critical 5 %", found.critical.five, critical[1], RELATIVE, TEST


def _engle_granger_aic(look: _Look) -> Iterator[Triple]:
    """Not of the shortest windows: of 20 bars the library picks 9 lags, which leave its regression no error; ours says so instead."""
    if len(look.y) < LEAST_WITH_AIC:
        return
    found = battery(look.y, look.x, lag="aic").y_on_x
    statistic, p, _ = coint(look.y, look.x, autolag="aic")
    yield "y on x, statistic", found.statistic, statistic, RELATIVE, TEST
    yield "y on x, p", found.p_value, p, ABSOLUTE, TEST
    lag = adfuller(look.line.resid, None, "n", "AIC", result_object=False)[2]
    yield "y on x, lag", found.lag, lag, EQUAL, 0.0


def _one_series(look: _Look) -> Iterator[Triple]:
    """The common mistake: the table of a series that was given, for residuals that were fitted."""
    statistic, p, _ = coint(look.y, look.x, maxlag=1, autolag=None)
    yield "y on x, p", mackinnonp(statistic, "c", 1), p, ABSOLUTE, TEST


def _adf(look: _Look) -> Iterator[Triple]:
    found = look.tests.adf
    statistic, p, lag, *_ = adfuller(look.y - look.tests.fixed_hedge * look.x, 1, "c", None, result_object=False)
    yield "statistic", found.statistic, statistic, RELATIVE, TEST
    yield "p", found.p_value, p, ABSOLUTE, TEST
    yield "lag", found.lag, lag, EQUAL, 0.0


def _kpss(look: _Look) -> Iterator[Triple]:
    found = look.tests.kpss
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a p-value beyond the table
        wanted = reference_kpss(look.y - look.tests.fixed_hedge * look.x, nlags="auto", result_object=True)
    yield "statistic", found.statistic, wanted.statistic, RELATIVE, CLOSE
    yield "p", found.p_value, wanted.pvalue, ABSOLUTE, CLOSE
    yield "lag", found.lag, wanted.lags, EQUAL, 0.0


def _johansen(look: _Look) -> Iterator[Triple]:
    """Not of windows that ours refuses with a reason. The smaller statistic may be next to 0: the scale is that of critical values."""
    found, wanted = look.tests.johansen, coint_johansen(np.column_stack((look.y, look.x)), 0, 1)
    if found.reason:
        return
    for rank in (0, 1):
        yield f"trace, rank {rank}", found.trace[rank], wanted.trace_stat[rank], AT_LEAST_ONE, CLOSE
        yield f"largest, rank {rank}", found.largest[rank], wanted.max_eig_stat[rank], AT_LEAST_ONE, CLOSE
    yield "hedge_ratio", found.hedge_ratio, -wanted.evec[1, 0] / wanted.evec[0, 0], RELATIVE, TEST
    yield "lag", found.lag, 1, EQUAL, 0.0


def _variance_ratio(look: _Look) -> Iterator[Triple]:
    for ratio in look.tests.variance_ratio.ratios:
        wanted = ArchVarianceRatio(look.line.resid, lags=ratio.q, trend="c", debiased=True, robust=True, overlap=True)
        yield f"ratio, q = {ratio.q}", ratio.ratio, wanted.vr, RELATIVE, CLOSE
        yield f"statistic, q = {ratio.q}", ratio.statistic, wanted.stat, ABSOLUTE, CLOSE
        yield f"p, q = {ratio.q}", ratio.p_value, wanted.pvalue, ABSOLUTE, CLOSE


def _cusum(look: _Look) -> Iterator[Triple]:
    found, residual = look.tests.cusum, look.line.resid
    statistic, p, _ = breaks_cusumolsresid(residual)
    yield "plain, statistic", found.plain.statistic, statistic, RELATIVE, CLOSE
    yield "plain, p", found.plain.p_value, p, ABSOLUTE, CLOSE
    scores = residual * (look.x - look.x.mean())
    for name, bridge, values in (("level", found.level, residual), ("hedge ratio", found.hedge_ratio, scores)):
        wanted = np.abs(np.cumsum(values)).max() / math.sqrt(len(values) * prewhitened(values))
        yield f"{name}, statistic", bridge.statistic, wanted, RELATIVE, TEST
        yield f"{name}, p", bridge.p_value, kstwobign.sf(wanted), ABSOLUTE, TEST


def _half_life(look: _Look) -> Iterator[Triple]:
    found, fit = look.tests.half_life, _autoregression(look)
    phi, se = 1.0 + fit.params[1], fit.bse[1]
    yield "phi", found.phi, phi, RELATIVE, CLOSE
    yield "phi_se", found.phi_se, se, RELATIVE, CLOSE
    reach = -mackinnoncrit(2, "c", len(look.y) - 1)[1] * se
    for name, got, at in (
        ("low", found.low, phi - reach),
        ("bars", found.bars, phi),
        ("high", found.high, phi + reach),
    ):
        wanted = math.inf if at >= 1 else 0.0 if at <= 0 else math.log(0.5) / math.log(at)
        if math.isinf(wanted) or wanted == 0:
            yield f"{name}, unbounded", float(got == wanted), 1.0, EQUAL, 0.0
        else:
            yield name, got, wanted, RELATIVE, TEST


def _autoregression(look: _Look) -> sm.regression.linear_model.RegressionResultsWrapper:
    residual = look.line.resid
    return sm.OLS(np.diff(residual), sm.add_constant(residual[:-1])).fit()


def _usual_half_life(look: _Look) -> Iterator[Triple]:
    """The common mistake: the rate of a regression taken for that of an exponential."""
    change = _autoregression(look).params[1]
    if -1 < change < 0:
        yield "bars", -math.log(2) / change, math.log(0.5) / math.log(1 + change), RELATIVE, TEST


def _hedge_error(look: _Look) -> Iterator[Triple]:
    found = look.tests.hedge_error
    robust = look.line.model.fit(cov_type="HAC", cov_kwds={"maxlags": found.lag, "use_correction": False})
    long_run = math.sqrt(prewhitened(look.line.resid) / np.sum((look.x - look.x.mean()) ** 2))
    yield "hedge_ratio", found.hedge_ratio, look.line.params[1], RELATIVE, CLOSE
    yield "plain", found.plain, look.line.bse[1], RELATIVE, CLOSE
    yield "hac", found.hac, robust.bse[1], RELATIVE, CLOSE
    yield "long_run", found.long_run, long_run, RELATIVE, TEST


def _hurst(look: _Look) -> Iterator[Triple]:
    if len(look.y) < LEAST_HURST_BARS:
        return
    s, distances = look.line.resid, (1, 2, 4, 8, 16, 32)
    slope = np.polyfit(np.log(distances), [math.log(np.std(s[k:] - s[:-k])) for k in distances], 1)[0]
    yield "exponent", look.tests.hurst.exponent, slope if 0 <= slope <= 1 else math.nan, ABSOLUTE, CLOSE


CONTROLS = ("table of one series", "-ln 2 / λ")
COMPARED: tuple[tuple[str, str, Callable[[_Look], Iterator[Triple]]], ...] = (
    ("Engle-Granger", "statsmodels coint", _engle_granger),
    ("Engle-Granger, AIC", "statsmodels coint, adfuller", _engle_granger_aic),
    (CONTROLS[0], "statsmodels coint", _one_series),
    ("ADF, fixed hedge", "statsmodels adfuller", _adf),
    ("KPSS", "statsmodels kpss", _kpss),
    ("Johansen", "statsmodels coint_johansen", _johansen),
    ("variance ratio", "arch VarianceRatio", _variance_ratio),
    ("CUSUM", "statsmodels, definition", _cusum),
    ("half-life", "statsmodels OLS", _half_life),
    (CONTROLS[1], "statsmodels OLS", _usual_half_life),
    ("error of the hedge ratio", "statsmodels OLS HAC", _hedge_error),
    ("Hurst", "numpy polyfit", _hurst),
)

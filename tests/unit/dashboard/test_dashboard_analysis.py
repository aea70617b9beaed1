"""What the Analysis view computes, beside independent oracles: statsmodels, scipy, numpy, and plain loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.tsa.stattools import acf

from dashboard.analysis.compute import LEVELS, bars_needed, largest_of_normals, of_bars, of_looks
from dashboard.analysis.distribution import autocorrelation, histogram
from dashboard.analysis.lines import fit, pair_bars
from dashboard.analysis.looks import look_history
from dashboard.analysis.rows import COLUMNS, HISTORY_FIELDS, ROW_OF, Asked, LookRows, LookRule, PairRows
from dashboard.charts.plain import MOST_POINTS, thinned
from dashboard.selection import Selection
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.methods import METHODS

PAIR = Pair("ETHUSDT", "BTCUSDT")
MODEL = Model("small", window=60, z_window=30, correlation_window=20, restart_windows=2)
US = Interval.S1.us
HOUR = 3_600_000_000


def rows(n: int, seed: int = 3, start: int = 1_700_000_000) -> PairRows:
    """Closed bars of a tied pair."""
    rng = np.random.default_rng(seed)
    x = np.log(60_000.0) + np.cumsum(rng.normal(0, 2e-4, n))
    y = np.log(3_000.0) + 0.8 * (x - np.log(60_000.0)) + rng.normal(0, 1e-4, n)
    values = np.full((len(COLUMNS), n), np.nan)
    made = {"y_close": np.exp(y), "x_close": np.exp(x), "spread": rng.normal(0, 1e-4, n), "zscore": rng.normal(0, 1, n)}
    for leg in "yx":
        made[f"{leg}_volume"] = rng.lognormal(0, 1, n)
        made[f"{leg}_quote_volume"] = made[f"{leg}_volume"] * made[f"{leg}_close"]
        made[f"{leg}_trade_count"] = rng.integers(0, 9, n).astype(float)
        made[f"{leg}_taker_buy_volume"] = made[f"{leg}_volume"] / 4
        made[f"{leg}_gap"] = np.zeros(n)
    for name, column in made.items():
        values[ROW_OF[name]] = column
    return PairRows((start + np.arange(n, dtype=np.int64)) * US, values)


@pytest.mark.parametrize("n", [20, 241, 1_000])
def test_autocorrelation_is_that_of_statsmodels(n: int) -> None:
    walk = np.cumsum(np.random.default_rng(n).normal(size=n))
    for series in (walk, np.diff(walk, prepend=0.0), 60_000.0 + 1e-3 * walk):
        found = autocorrelation(series)
        assert len(found.r) == min(60, n // 4)
        np.testing.assert_allclose(found.r, acf(series, nlags=len(found.r), adjusted=False)[1:], atol=1e-9)
        assert found.bound == pytest.approx(scipy_stats.norm.ppf(0.975) / math.sqrt(n), rel=1e-4)
    assert not np.allclose(autocorrelation(walk).r, acf(walk, nlags=min(60, n // 4), adjusted=True)[1:], atol=1e-9)


def test_an_autocorrelation_that_cannot_be_is_said() -> None:
    assert autocorrelation(np.arange(19.0)).reason == "19 of 20 values so far"
    assert autocorrelation(np.full(50, 3.0)).reason == "the values do not change"
    assert autocorrelation(np.array([*np.arange(30.0), math.nan])).reason == "a value is not known"


def test_a_histogram_counts_every_value_once_beside_the_normal_curve() -> None:
    values = np.random.default_rng(1).standard_t(3, 5_000) * 4 + 100
    found = histogram(np.concatenate((values, [math.nan, math.inf])), "spread", "bp")
    assert found.summary.count == found.counts.sum() == 5_000
    assert found.summary.missing == 2
    for at, count in enumerate(found.counts):
        low, high = found.edges[at : at + 2]
        last = at == len(found.counts) - 1
        assert count == sum(low <= v and (v < high or (last and v <= high)) for v in values)
    density = scipy_stats.norm.pdf(found.curve_x, values.mean(), values.std(ddof=1))
    np.testing.assert_allclose(found.curve_y, density * 5_000 * np.diff(found.edges)[0], rtol=1e-9)
    assert found.summary.skewness == pytest.approx(scipy_stats.skew(values), rel=1e-9)
    assert found.summary.excess_kurtosis == pytest.approx(scipy_stats.kurtosis(values), rel=1e-9)


def test_a_histogram_that_cannot_be_is_said() -> None:
    assert histogram(np.arange(19.0), "z", "").reason == "19 of 20 values so far"
    assert histogram(np.full(30, 2.0), "z", "").reason == "the values do not change"
    assert histogram(np.array([1.0] * 29 + [np.nextafter(1.0, 2)]), "z", "").reason == "the values hardly differ"


def test_the_lines_are_those_of_the_textbook_and_of_a_longer_history() -> None:
    long = rows(2_000)
    needed = bars_needed(MODEL, PAIR)
    assert needed < 2_000
    found = fit(long.tail(needed), PAIR, Interval.S1, MODEL)
    assert [line.method for line in found.lines] == list(METHODS)
    longer = fit(long, PAIR, Interval.S1, MODEL)
    assert repr(found.lines) == repr(longer.lines), "more history changes no bit"
    y, x = np.log(long["y_close"][-60:]), np.log(long["x_close"][-60:])
    np.testing.assert_allclose(found.y, y, rtol=1e-15)
    np.testing.assert_allclose(found.x, x, rtol=1e-15)
    line = scipy_stats.linregress(x, y)
    ols, theil_sen = found.lines[0], found.lines[list(METHODS).index("theil_sen")]
    assert ols.hedge_ratio == pytest.approx(line.slope, rel=1e-9)
    assert ols.hedge_ratio_se == pytest.approx(line.stderr, rel=1e-7)
    assert ols.intercept == pytest.approx(line.intercept, rel=1e-9)
    assert ols.r_squared == pytest.approx(line.rvalue**2, rel=1e-9)
    assert ols.fit_age == 0
    end = 2_000 - theil_sen.fit_age
    then = [np.log(long[name][end - 60 : end]) for name in ("y_close", "x_close")]
    assert theil_sen.hedge_ratio == pytest.approx(scipy_stats.theilslopes(*then).slope, rel=1e-9)
    assert theil_sen.fit_age < MODEL.bars_between_fits
    np.testing.assert_allclose(found.spread, y - line.intercept - line.slope * x, atol=1e-12)


def test_each_price_form_and_source_has_its_own_window() -> None:
    bars = rows(300)
    for price, transform in (("raw", np.asarray), ("log", np.log)):
        for source, column in (
            ("close", lambda leg: bars[f"{leg}_close"]),
            ("vwap", lambda leg: bars[f"{leg}_quote_volume"] / bars[f"{leg}_volume"]),
        ):
            model = replace(MODEL, price=price, source=source)
            found = fit(bars, PAIR, Interval.S1, model)
            np.testing.assert_allclose(found.x, transform(column("x")[-60:]), rtol=1e-12)
            np.testing.assert_allclose(found.y, transform(column("y")[-60:]), rtol=1e-12)


def test_a_window_begins_after_the_last_hole_and_says_what_it_waits_for() -> None:
    whole = rows(200)
    kept = np.r_[0:150, 160:200]
    holed = PairRows(whole.times[kept], whole.values[:, kept])
    found = fit(holed, PAIR, Interval.S1, MODEL)
    assert len(found.times) == 40
    assert not len(found.spread)
    for line in found.lines:
        assert math.isnan(line.hedge_ratio)
        assert line.why == "waiting for 60 bars: 40"
    of = of_bars(holed, Asked(Selection("", PAIR, Interval.S1, "small"), MODEL, 100))
    assert of is not None
    assert of.spread.reason == "0 of 20 values so far"
    assert of.sizes.reason == "the hedge ratio is not known"
    assert of_bars(PairRows(), of.asked) is None


def test_summaries_and_liquidity_are_of_the_look_back() -> None:
    bars = rows(500)
    of = of_bars(bars, Asked(Selection("", PAIR, Interval.S1, "small"), MODEL, 100))
    assert of is not None
    assert (of.bars, of.first_us, of.last_us) == (100, bars.times[400], bars.times[499])
    by_name = {s.name: s for s in of.summaries}
    closes = bars["y_close"][400:]
    assert by_name["price of ETHUSDT"].mean == pytest.approx(closes.mean(), rel=1e-12)
    assert by_name["return of ETHUSDT"].sd == pytest.approx(np.diff(np.log(closes)).std(ddof=1), rel=1e-9)
    assert by_name["spread"].mean == pytest.approx(1e4 * bars["spread"][400:].mean(), rel=1e-9)
    assert by_name["zscore"].last == bars["zscore"][-1]
    y, x = of.liquidity
    assert y.trades == bars["y_trade_count"][400:].sum()
    assert x.trades_per_s == pytest.approx(bars["x_trade_count"][400:].sum() / 100)
    beta = of.fit.lines[0].hedge_ratio
    assert of.sizes.x_base_per_y_base == pytest.approx(beta * closes[-1] / bars["x_close"][-1], rel=1e-12)


def some_looks(n: int = 400) -> LookRows:
    """A look each quarter of an hour, with some that cannot be said."""
    rng = np.random.default_rng(5)
    values = rng.uniform(0, 0.5, (len(HISTORY_FIELDS), n))
    values[0] = np.maximum(values[1], values[2])
    values[:, rng.integers(0, n, 30)] = np.nan
    times = 1_700_000_000_000_000 + np.arange(n, dtype=np.int64) * HOUR // 4
    return LookRows(times, values, rng.random(n) < 0.5, {"open_time": int(times[-1])}, LookRule(0.1, 24 * HOUR))


def test_the_share_of_looks_is_that_of_a_loop_and_of_the_verdict() -> None:
    from flows.stats.battery.looks import Looks, day_of, recent

    looks = some_looks()
    found = look_history(looks)
    assert len(found.times) == 96
    assert found.full_from == looks.times[0] + 24 * HOUR
    for at, time in enumerate(found.times):
        within = (looks.times > time - 24 * HOUR) & (looks.times <= time)
        for name, share in (
            ("p_value", found.both),
            ("y_on_x_p_value", found.y_on_x),
            ("x_on_y_p_value", found.x_on_y),
        ):
            known = [p for p in looks[name][within] if not math.isnan(p)]
            assert share[at] == sum(p < 0.1 for p in known) / len(known)
    day = day_of(recent(Looks(looks.times, looks["p_value"]), int(looks.times[-1])), HOUR, 0.1)
    assert (day.share, day.known) == (found.both[-1], found.known[-1])


def test_a_half_life_is_drawn_only_where_it_is_one() -> None:
    looks = some_looks()
    found = look_history(looks)
    reverts = looks.reverts[-96:]
    np.testing.assert_array_equal(found.half_life, np.where(reverts, looks["half_life"][-96:], np.nan))
    known = ~np.isnan(looks["p_value"][-96:])
    np.testing.assert_array_equal(found.walk, ~reverts & known)
    none = look_history(LookRows())
    assert (len(none.times), none.full_from) == (0, None)
    assert look_history(some_looks(50)).full_from is None, "half a day is no day"


def test_critical_values_leave_their_share_outside() -> None:
    of = of_looks(some_looks())
    for level, one, largest in zip(LEVELS, of.cusum_critical, of.variance_ratio_critical, strict=True):
        assert scipy_stats.kstwobign.sf(one) == pytest.approx(level, rel=1e-3)
        assert 1 - (1 - 2 * scipy_stats.norm.sf(largest)) ** 4 == pytest.approx(level, rel=1e-9)
    assert of.kpss_critical == (0.739, 0.463, 0.347)
    assert largest_of_normals(0.05, 1) == pytest.approx(1.95996, abs=1e-5)


@pytest.mark.parametrize("n", [0, 1, MOST_POINTS - 1, MOST_POINTS, MOST_POINTS + 1, 3_601, 50_000])
def test_thinning_keeps_the_newest_and_few(n: int) -> None:
    kept = np.arange(n)[thinned(n)]
    assert len(kept) <= MOST_POINTS
    if n:
        assert kept[-1] == n - 1
        assert len(set(np.diff(kept))) <= 1
        assert len(kept) >= min(n, MOST_POINTS // 2)


def test_a_what_if_has_its_own_spread_and_z() -> None:
    from flows.stats.pair_stats import statistics_of

    bars, selection = rows(500), Selection("", PAIR, Interval.S1, "small")
    tried = replace(MODEL, window=40, z_window=40, method="tls")
    stored, other = (of_bars(bars, Asked(selection, tried, 100, what_if)) for what_if in (False, True))
    assert stored is not None
    assert other is not None
    assert {s.name: s.last for s in stored.summaries}["zscore"] == bars["zscore"][-1]
    whole = statistics_of(pair_bars(bars, PAIR, Interval.S1), tried, 2**62)
    assert {s.name: s.last for s in other.summaries}["zscore"] == whole.zscore[-1] != bars["zscore"][-1]
    assert other.zscore.summary.mean == pytest.approx(whole.zscore[-100:].mean(), rel=1e-12)
    assert other.fit.lines[other.fit.own].hedge_ratio == whole.hedge_ratio[-1]
    np.testing.assert_allclose(whole.spread[-1], other.fit.spread[-1], atol=1e-12)

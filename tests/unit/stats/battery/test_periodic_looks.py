"""Looks on a cadence: the stored columns against statsmodels and arch on recorded minutes, any pieces and restarts, and bad windows."""

import math
import pickle
import random
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from arch.unitroot import VarianceRatio as ArchVarianceRatio
from pair_series import PAIR, logs, pair_bars, recorded_closes, together
from statsmodels.tsa.stattools import adfuller, coint
from statsmodels.tsa.stattools import kpss as reference_kpss
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from flows.domain.battery import BatteryPlan
from flows.domain.frames import LOOK_COUNTS, LOOK_VALUES, PairBars, PairLooks
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.sinks.counting import row_hashes
from flows.sinks.tables import table_rows
from flows.stats.battery.look_rows import look_rows
from flows.stats.battery.pair_tests import battery
from flows.stats.battery.periodic import Look, PeriodicTests
from tests.calibration.simulated_pairs import tied, unrelated

PLAN = BatteryPlan(window=60, cadence=20)
FIRST = 1_700_000_123
OTHER, THIRD = Pair("SOLUSDT", "BTCUSDT"), Pair("BNBUSDT", "BTCUSDT")


def _looks(bars: PairBars, plan: BatteryPlan = PLAN) -> PairLooks:
    return look_rows(bars.pairs, bars.interval, PeriodicTests(bars.pairs, bars.interval, plan, 10_000).update(bars))


def _value(rows: PairLooks, name: str) -> np.ndarray:
    return rows.values[:, LOOK_VALUES.index(name)]


def _count(rows: PairLooks, name: str) -> np.ndarray:
    return rows.counts[:, LOOK_COUNTS.index(name)]


def _prices(logs_of: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.exp(logs_of[0]), np.exp(logs_of[1])


def _due(pair: Pair, plan: BatteryPlan, index: np.ndarray) -> np.ndarray:
    return index[(index + zlib.crc32(str(pair).encode())) % plan.cadence == 0]


def test_the_stored_columns_are_those_of_the_reference_libraries_on_recorded_minutes(shared_data: Path) -> None:
    y, x = recorded_closes(shared_data)
    plan = BatteryPlan(window=300, cadence=1_440)
    index = np.arange(29_000_000, 29_000_000 + len(y))
    rows = _looks(pair_bars(y, x, index, Interval.M1), plan)
    due = _due(PAIR, plan, index)
    assert rows.open_time.tolist() == (due * 60_000_000).tolist()
    assert len(rows) == 30
    log_y, log_x = logs(y), logs(x)
    known = 0
    for row, end in enumerate((due - index[0] + 1).tolist()):
        if end < 300:
            assert rows.reason[row] == f"needs 300 bars, has {end}"
            continue
        known += 1
        v, u = log_y[end - 300 : end], log_x[end - 300 : end]
        look = {name: float(value) for name, value in zip(LOOK_VALUES, rows.values[row], strict=True)}
        forward, backward = (coint(a, b, trend="c", maxlag=1, autolag=None) for a, b in ((v, u), (u, v)))
        assert look["y_on_x_statistic"] == pytest.approx(forward[0], abs=1e-6)
        assert look["y_on_x_p_value"] == pytest.approx(forward[1], abs=1e-6)
        assert look["x_on_y_p_value"] == pytest.approx(backward[1], abs=1e-6)
        assert look["p_value"] == max(look["y_on_x_p_value"], look["x_on_y_p_value"])
        assert look["coint_critical_5"] == pytest.approx(forward[2][1], abs=1e-6)
        reference = coint_johansen(np.column_stack((v, u)), 0, 1)
        assert [look["johansen_trace_0"], look["johansen_trace_1"]] == pytest.approx(reference.lr1.tolist(), abs=1e-6)
        assert [look["johansen_largest_0"], look["johansen_largest_1"]] == pytest.approx(
            reference.lr2.tolist(), abs=1e-6
        )
        ratio = v - u  # the plain ADF is of the log ratio, whose hedge ratio nobody fitted
        plain = adfuller(ratio, maxlag=1, regression="c", autolag=None, result_object=False)
        assert look["fixed_hedge_ratio"] == 1.0
        assert [look["adf_statistic"], look["adf_p_value"]] == pytest.approx(plain[:2], abs=1e-6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the table of p-values ends
            level = reference_kpss(ratio, regression="c", nlags="auto")
        assert look["kpss_statistic"] == pytest.approx(level[0], abs=1e-8)
        slope, intercept = np.polyfit(u - u.mean(), v, 1)
        spread = v - intercept - slope * (u - u.mean())
        assert look["hedge_ratio"] == pytest.approx(slope, abs=1e-9)
        assert look["variance_ratio_4"] == pytest.approx(ArchVarianceRatio(spread, 4).vr, abs=1e-8)
        assert look["half_lives"] == pytest.approx(300 / look["half_life"])
        assert not np.isnan(rows.values[row]).any()
        assert rows.reason[row] == rows.missing[row] == ""
    assert known == 30 - (due < index[0] + 299).sum() >= 29
    on_residual = adfuller(spread, maxlag=1, regression="c", autolag=None, result_object=False)[1]
    assert abs(look["adf_p_value"] - on_residual) > 1e-3, "the plain ADF is not of the fitted residuals"


def test_any_pieces_and_restarts_give_the_same_rows() -> None:
    rng = np.random.default_rng(3)
    index = np.arange(FIRST, FIRST + 600)
    holed = np.delete(index, np.r_[200:215, 411])
    bars = together(
        {
            PAIR: pair_bars(*_prices(tied(rng, 600, 5)), index),
            OTHER: pair_bars(*_prices(unrelated(rng, len(holed))), holed),
            THIRD: pair_bars(*_prices(unrelated(rng, 600)), index),
        }
    )
    whole = _looks(bars)
    assert len(whole) > 85
    expected = np.sort(row_hashes(table_rows(whole)))
    for seed, most in ((1, 1), (2, 7), (3, 150)):
        pieces, state, second, dice = [], None, FIRST, random.Random(seed)
        while second < FIRST + 600:
            end = second + dice.randint(1, most)
            piece = bars.take((bars.open_time >= second * 1_000_000) & (bars.open_time < end * 1_000_000))
            tests = PeriodicTests(bars.pairs, bars.interval, PLAN, 10_000, pickle.loads(pickle.dumps(state)))
            pieces.append(look_rows(bars.pairs, bars.interval, tests.update(piece)))
            state, second = tests.state(), end
        hashes = np.concatenate([row_hashes(table_rows(piece)) for piece in pieces if len(piece)])
        assert np.array_equal(np.sort(hashes), expected), (seed, most)


def test_a_look_does_not_know_what_follows_and_knows_only_its_window() -> None:
    y, x = _prices(tied(np.random.default_rng(5), 400, 8))
    whole = _looks(pair_bars(y, x))
    end = int(whole.open_time[-3] // 1_000_000) - FIRST + 1
    changed = y.copy()
    changed[end:] *= 1.1
    changed[: end - 60] *= 0.9
    assert np.array_equal(_looks(pair_bars(changed, x)).values[-3], whole.values[-3], equal_nan=True)
    changed[end - 1] *= 1.0001
    assert not np.array_equal(_looks(pair_bars(changed, x)).values[-3], whole.values[-3], equal_nan=True)


def test_looks_of_many_pairs_are_spread_over_the_cadence() -> None:
    pairs = tuple(Pair(f"Y{i}USDT", "BTCUSDT") for i in range(64))
    plan = BatteryPlan(window=60, cadence=120)
    bars = together({pair: pair_bars(*_prices(unrelated(np.random.default_rng(1), 120))) for pair in pairs})
    looks = PeriodicTests(pairs, Interval.S1, plan, 10_000).update(bars)
    assert sorted(look.pair for look in looks) == list(range(64)), "each pair once in a round"
    assert np.bincount([look.index - FIRST for look in looks]).max() <= 4


def test_fewer_bars_than_the_window_and_a_gap_that_starts_it_anew() -> None:
    index = np.concatenate((np.arange(FIRST, FIRST + 150), np.arange(FIRST + 151, FIRST + 300)))
    rows = _looks(pair_bars(*_prices(tied(np.random.default_rng(7), 299, 5)), index))
    since = np.where(rows.open_time < (FIRST + 150) * 1_000_000, FIRST, FIRST + 151)
    n = np.minimum(rows.open_time // 1_000_000 - since + 1, 60)
    assert _count(rows, "n").tolist() == n.tolist()
    assert _count(rows, "warmup_left").tolist() == (60 - n).tolist()
    short = n < 60
    assert 0 < short[8:].sum() < len(short[8:])
    assert rows.reason.tolist() == [f"needs 60 bars, has {m}" if m < 60 else "" for m in n.tolist()]
    at = [name != "fixed_hedge_ratio" for name in LOOK_VALUES]
    assert np.isnan(rows.values[short][:, at]).all()
    assert (rows.counts[short][:, 2:] == UNKNOWN).all()
    assert not np.isnan(_value(rows, "p_value")[~short]).any()
    assert (rows.half_life_says[short] == 0).all()
    assert (rows.half_life_says[~short] > 0).all()


ONES, WALK = np.ones(60), np.exp(unrelated(np.random.default_rng(9), 60)[0])


@pytest.mark.parametrize(
    ("y", "x", "reason"),
    [
        (ONES, WALK, "y does not change over the window"),
        (WALK, ONES, "x does not change over the window"),
        (WALK, WALK, "both legs are equal"),
        (WALK**2, WALK, "perfect fit: y is a straight line of x"),
        (np.where(np.arange(60) == 41, np.nan, WALK), WALK[::-1].copy(), "y is not a number at bar 42 of 60"),
        (WALK, np.where(np.arange(60) == 3, -5.0, WALK[::-1]), "x is not a number at bar 4 of 60"),
        (np.zeros(60), WALK, "y is not a number at bar 1 of 60"),
    ],
)
def test_a_window_of_which_nothing_can_be_said_gives_the_reason(y: np.ndarray, x: np.ndarray, reason: str) -> None:
    plan = BatteryPlan(window=60, cadence=1)
    look = PeriodicTests((PAIR,), Interval.S1, plan, 10_000).update(pair_bars(y, x))[-1]
    row = look_rows((PAIR,), Interval.S1, [look])
    assert row.reason[0] == reason
    for name in ("p_value", "y_on_x_p_value", "half_life", "hurst", "break_p_value", "johansen_p_above"):
        assert math.isnan(_value(row, name)[0]), name
    stored = table_rows(row).columns
    assert stored["half_life_says"].texts() == [None]
    assert stored["johansen_rank"][0] == UNKNOWN


def test_single_tests_say_why_they_say_nothing() -> None:
    row = _looks(pair_bars(*_prices(tied(np.random.default_rng(8), 80, 4))))
    assert row.reason[-1] == ""
    assert row.missing[-1] == "variance_ratio: needs 64 bars, has 60; hurst: needs 128 bars, has 60"


def test_a_stale_leg_makes_the_look_unknown_and_leaves_the_window_alone() -> None:
    bars = pair_bars(*_prices(tied(np.random.default_rng(4), 160, 5)))
    age = np.zeros(160, np.int64)
    due = int(_due(PAIR, PLAN, bars.open_time // 1_000_000)[-2]) - FIRST
    age[due] = 12_345
    fresh, stale = _looks(bars), _looks(replace(bars, x_age_ms=age))
    assert stale.reason[-2] == "x is stale: its last trade was 12.3 s before the end of the bar"
    assert math.isnan(_value(stale, "p_value")[-2])
    assert _count(stale, "warmup_left")[-2] == 0
    assert np.array_equal(stale.values[-1], fresh.values[-1], equal_nan=True)
    assert _looks(replace(bars, x_age_ms=np.full(160, UNKNOWN))).reason[-1] == "", "an unknown age is not old"


def test_bars_out_of_order_and_forming_ones_are_refused() -> None:
    bars = pair_bars(*_prices(unrelated(np.random.default_rng(2), 30)))
    tests = PeriodicTests((PAIR,), Interval.S1, PLAN, 10_000)
    tests.update(bars)
    with pytest.raises(
        ValueError, match=rf"{PAIR} 1s: open times must increase, {FIRST}000000 follows {FIRST + 29}000000"
    ):
        tests.update(bars.take(slice(1)))
    with pytest.raises(ValueError, match="a forming bar must not enter"):
        tests.update(replace(bars.take(slice(1)), complete=np.zeros(1, np.bool_)))


def test_names_of_values_and_counts_stand_over_their_values() -> None:
    tests = battery(*tied(np.random.default_rng(6), 300, 40), lag=2)
    row = look_rows((PAIR,), Interval.S1, [Look(0, FIRST, tests, 7)])
    assert _value(row, "cusum_hedge_ratio")[0] == tests.cusum.hedge_ratio.statistic
    assert _value(row, "cusum_plain_p_value")[0] == tests.cusum.plain.p_value
    assert _value(row, "hedge_ratio_se_long_run")[0] == tests.hedge_error.long_run
    assert _value(row, "adf_critical_10")[0] == tests.adf.critical.ten
    assert _value(row, "phi_se")[0] == tests.half_life.phi_se
    assert _value(row, "variance_ratio_16")[0] == tests.variance_ratio.ratios[3].ratio
    assert _value(row, "johansen_p_below")[0] == tests.johansen.p_between[1]
    counts = {name: int(count) for name, count in zip(LOOK_COUNTS, row.counts[0], strict=True)}
    assert counts == {
        "n": 300, "warmup_left": 7, "y_on_x_lag": 2, "x_on_y_lag": 2, "johansen_rank": tests.johansen.rank, "johansen_lag": 1,
        "hac_lag": tests.hedge_error.lag, "adf_lag": 2, "kpss_lag": tests.kpss.lag,
    }  # fmt: skip


def test_texts_and_ends_that_do_not_exist_in_the_table() -> None:
    slow = battery(*unrelated(np.random.default_rng(2), 300))
    assert math.isinf(slow.half_life.high)
    fast = battery(*tied(np.random.default_rng(1), 300, 2))
    rows = table_rows(look_rows((PAIR,), Interval.S1, [Look(0, FIRST, slow), Look(0, FIRST + 1, fast)]))
    assert rows.columns["half_life_says"].texts() == ["not distinguishable from a random walk", "reverts"]
    assert rows.columns["window_says"].texts()[1] is None
    assert np.isnan(rows.columns["half_life_high"]).tolist() == [True, False]
    long = replace(slow, half_life=replace(slow.half_life, windows=4.9))
    assert table_rows(look_rows((PAIR,), Interval.S1, [Look(0, FIRST, long)])).columns["window_says"].texts() == [
        "fewer than 5 half-lives"
    ]

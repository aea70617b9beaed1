"""What surrounds the formulas: warm-up, staleness, gaps, forming bars, snapshots, bad input."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from pair_series import CORE, FLOATS, PAIR, assert_same_bits, hard_closes, pair_bars

from flows.domain.frames import PairBars
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.methods import METHODS, estimator
from flows.stats.pair_stats import PairStatistics, statistics_of, warm_up
from flows.stats.prices import log_prices

MODEL = Model("m", window=20, z_window=20, correlation_window=12)
LIMIT_MS = 10_000


def _bars(rows: int = 200, index: np.ndarray | None = None) -> PairBars:
    y, x = hard_closes(max(rows, 80))
    return pair_bars(y[:rows], x[:rows], index)


def test_warmup_left_says_when_every_statistic_is_there() -> None:
    rng = np.random.default_rng(1)
    bars = pair_bars(rng.uniform(90, 110, 100), rng.uniform(40, 60, 100))
    for model, needed in (
        (MODEL, 21),
        (replace(MODEL, correlation_window=40), 41),
        (replace(MODEL, window=30, z_window=5), 31),
    ):
        stats = statistics_of(bars, model, LIMIT_MS)
        assert stats.warmup_left.tolist() == [max(needed - 1 - i, 0) for i in range(100)]
        assert stats.n.tolist() == [min(i + 1, model.window) for i in range(100)]
        there = ~np.isnan(np.stack([getattr(stats, name) for name in CORE])).any(axis=0)
        assert np.array_equal(there, stats.warmup_left == 0)


def test_a_gap_starts_the_windows_anew() -> None:
    index = np.arange(5_000, 5_200)
    index[90:] += 7
    bars = _bars(200, index)
    stats = statistics_of(bars, MODEL, LIMIT_MS)
    assert stats.n[88:93].tolist() == [20, 20, 1, 2, 3]
    assert np.isnan(stats.hedge_ratio[90:109]).all()
    after = statistics_of(bars.take(slice(90, None)), MODEL, LIMIT_MS)
    assert_same_bits(stats.take(slice(90, None)), after)


def test_a_stale_leg_blanks_its_own_bar_and_no_other() -> None:
    clean = _bars(120)
    y_age, x_age = clean.y_age_ms.copy(), clean.x_age_ms.copy()
    y_age[60], x_age[70], y_age[80], x_age[80], y_age[90] = 10_001, 10_001, 20_000, 20_000, 10_000
    stats = statistics_of(replace(clean, y_age_ms=y_age, x_age_ms=x_age), MODEL, LIMIT_MS)
    assert {i: int(s) for i, s in enumerate(stats.stale) if s} == {60: 1, 70: 2, 80: 3}
    fresh = stats.stale == 0
    whole = statistics_of(clean, MODEL, LIMIT_MS)
    for name in FLOATS:
        assert np.isnan(getattr(stats, name)[~fresh]).all()
        assert np.array_equal(getattr(stats, name)[fresh], getattr(whole, name)[fresh], equal_nan=True)
    assert np.array_equal(stats.n, whole.n)


def test_several_models_at_once_are_each_what_they_are_alone() -> None:
    models = (
        MODEL,
        Model("raw", price="raw", window=30, z_window=10, correlation_window=12),
        Model("long", window=90, z_window=90),
    )
    bars = _bars(400)
    together = PairStatistics((PAIR,), Interval.S1, models, LIMIT_MS).update(bars)
    assert [frame.model for frame in together] == ["m", "raw", "long"]
    for model, frame in zip(models, together, strict=True):
        assert_same_bits(frame, statistics_of(bars, model, LIMIT_MS))


def test_forming_bars_have_the_values_of_closed_ones_and_change_nothing() -> None:
    bars = _bars(150)
    closed, next_bar = bars.take(slice(0, 149)), bars.take(slice(149, None))
    statistics = PairStatistics((PAIR,), Interval.S1, (MODEL,), LIMIT_MS)
    statistics.update(closed)
    before = pickle.dumps(statistics.state())
    other_price = replace(next_bar, y_close=next_bar.y_close * 1.5, complete=np.array([False]))
    forming = replace(next_bar, complete=np.array([False]))
    assert not np.isnan(statistics.provisional(other_price)[0].zscore[0])
    as_formed = statistics.provisional(forming)[0]
    assert pickle.dumps(statistics.state()) == before
    as_closed = statistics.update(next_bar)[0]
    assert_same_bits(replace(as_formed, complete=np.array([True])), as_closed)
    whole = statistics_of(replace(bars, complete=np.arange(150) < 149), MODEL, LIMIT_MS)
    assert_same_bits(whole.take(slice(149, None)), as_formed)


def test_the_state_is_small_and_does_not_grow() -> None:
    model = Model("m")
    statistics = PairStatistics((PAIR,), Interval.S1, (model,), LIMIT_MS)
    y, x = hard_closes(5_000)
    bars = pair_bars(y, x)
    sizes = []
    for start in range(0, 5_000, 100):
        statistics.update(bars.take(slice(start, start + 100)))
        sizes.append(len(statistics.state().history.index))
    assert max(sizes) <= 2 * model.window
    assert len(pickle.dumps(statistics.state())) < 32_000


def test_no_bars_give_no_rows() -> None:
    statistics = PairStatistics((PAIR,), Interval.S1, (MODEL,), LIMIT_MS)
    assert len(statistics.update(_bars(0))[0]) == 0
    assert len(statistics.provisional(_bars(0))[0]) == 0
    assert len(statistics_of(_bars(0), MODEL, LIMIT_MS)) == 0


def test_bars_out_of_order_or_twice_are_refused() -> None:
    statistics = PairStatistics((PAIR,), Interval.S1, (MODEL,), LIMIT_MS)
    bars = _bars(50)
    statistics.update(bars)
    with pytest.raises(
        ValueError, match=r"ETHUSDT/BTCUSDT 1s: open times must increase, 1700000172000000 follows 1700000172000000"
    ):
        statistics.update(bars.take(slice(49, None)))
    with pytest.raises(ValueError, match="open times must increase"):
        statistics_of(bars.take(np.array([1, 0])), MODEL, LIMIT_MS)


def test_a_forming_bar_may_not_enter_the_windows() -> None:
    forming = replace(_bars(3), complete=np.array([True, True, False]))
    with pytest.raises(ValueError, match="forming bar must not enter"):
        PairStatistics((PAIR,), Interval.S1, (MODEL,), LIMIT_MS).update(forming)


def test_an_unknown_method_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r'model "a": method must be one of ols.*, was "magic"'):
        PairStatistics((PAIR,), Interval.S1, (Model("a", method="magic"),), LIMIT_MS)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_keeps_the_estimator_contract(name: str) -> None:
    model = replace(MODEL, method=name)
    bars = _bars(300)
    whole = statistics_of(bars, model, LIMIT_MS)
    statistics = PairStatistics((PAIR,), Interval.S1, (model,), LIMIT_MS)
    for row in range(300):
        frame = statistics.update(bars.take(slice(row, row + 1)))[0]
        assert_same_bits(frame, whole.take(slice(row, row + 1)))
        statistics = PairStatistics(
            (PAIR,), Interval.S1, (model,), LIMIT_MS, pickle.loads(pickle.dumps(statistics.state()))
        )
    made = estimator(model, (Pair("Y", "X"),))
    assert made.warmup > 0
    assert (made.reach(np.array([10_000])) <= 10_000 - made.warmup + 1).all()
    assert made.memory >= made.warmup


def test_warming_up_leaves_nothing_to_compile_for_the_first_bar() -> None:
    from flows.stats import block_sums, ols, zscore

    models = (MODEL, replace(MODEL, z_window=10))
    warm_up(models)
    kernels = (block_sums.block_moments, ols._ols, zscore._one_step, zscore._in_sample, zscore._own_window)
    before = [len(kernel.signatures) for kernel in kernels]
    assert all(count == 1 for count in before)
    statistics = PairStatistics((PAIR,), Interval.S1, models, LIMIT_MS)
    for piece in (_bars(100).take(slice(0, 60)), _bars(100).take(slice(60, 61))):
        statistics.update(piece)
    assert [len(kernel.signatures) for kernel in kernels] == before


def _logged(prices: np.ndarray) -> np.ndarray:
    out = np.empty(len(prices))
    log_prices(prices, out)
    return out


def test_logarithms_are_those_of_the_standard_library_to_the_last_bit() -> None:
    prices = np.round(np.random.default_rng(2).uniform(0.001, 100_000, 50_000), 4)
    assert _logged(prices).tolist() == [math.log(p) for p in prices.tolist()]
    for rows in (1, 3, 7):  # a kernel that treats the last rows of a vector otherwise would show here
        assert _logged(prices[:rows]).tolist() == [math.log(p) for p in prices[:rows].tolist()]
    assert np.isnan(_logged(np.array([0.0, -1.0, np.nan, np.inf]))).all()


def test_a_bar_that_lacks_trades_enters_the_windows_and_says_so() -> None:
    plain = _bars(80)
    marked = replace(plain, gap=np.where(np.arange(80) % 7 == 0, 3, 0).astype(np.int8))
    stats = statistics_of(marked, MODEL, LIMIT_MS)
    assert stats.gap.tolist() == marked.gap.tolist()
    assert_same_bits(replace(stats, gap=plain.gap), statistics_of(plain, MODEL, LIMIT_MS))
    assert stats.n[-1] == MODEL.window

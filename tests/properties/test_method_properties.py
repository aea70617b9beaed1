"""Properties of the hedge-ratio methods that hold to the last bit, for bars with everything that hurts."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_series import PAIR, assert_same_bits, pair_bars

from flows.domain.frames import PairBars, PairStats, concatenated
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.stats.methods import METHODS, estimator
from flows.stats.pair_stats import PairState, PairStatistics, statistics_of
from flows.stats.rows import one_stretch

LIMIT_MS = 10_000

every_method = pytest.mark.parametrize("method", sorted(METHODS.keys() - {"ols"}))  # which has these tests elsewhere
prices = st.integers(300, 420).map(lambda ticks: ticks * 0.25) | st.sampled_from(
    [100.0, 100.25, 1e5, 0.0, float("nan")]
)
steps = st.sampled_from([1] * 60 + [2, 50])


@st.composite
def some_bars(draw: st.DrawFn) -> PairBars:
    rows = draw(st.integers(1, 120))
    y, x = (np.array(draw(st.lists(prices, min_size=rows, max_size=rows))) for _ in "yx")
    index = 1_000_000 + draw(st.integers(0, 40)) + np.cumsum(draw(st.lists(steps, min_size=rows, max_size=rows)))
    return pair_bars(y, x, index)


@st.composite
def some_model(draw: st.DrawFn) -> Model:
    window = draw(st.integers(3, 14))
    z_window = draw(st.integers(3, window) | st.just(window))
    return Model("m", price=draw(st.sampled_from(["log", "raw"])), window=window, z_window=z_window, correlation_window=5)  # fmt: skip


def _pieces(bars: PairBars, cuts: list[int]) -> list[PairBars]:
    edges = [0, *sorted(cut % (len(bars) + 1) for cut in cuts), len(bars)]
    return [bars.take(slice(start, end)) for start, end in pairwise(edges)]


@every_method
@given(some_bars(), some_model(), st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=40, deadline=None)
def test_any_cut_and_a_restart_at_every_cut(method: str, bars: PairBars, model: Model, cuts: list[int]) -> None:
    model = replace(model, method=method)
    whole = statistics_of(bars, model, LIMIT_MS)
    statistics = PairStatistics((PAIR,), Interval.S1, (model,), LIMIT_MS)
    state: PairState | None = None
    frames: list[PairStats] = []
    resumed: list[PairStats] = []
    for piece in _pieces(bars, cuts):
        frames += statistics.update(piece)
        again = PairStatistics((PAIR,), Interval.S1, (model,), LIMIT_MS, state)
        if len(piece):  # what is forming is not remembered
            again.provisional(replace(piece, y_close=piece.y_close * 1.5, complete=np.zeros(len(piece), np.bool_)))
        resumed += again.update(piece)
        state = pickle.loads(pickle.dumps(again.state()))
    assert_same_bits(concatenated(frames), whole)
    assert_same_bits(concatenated(resumed), whole)


@every_method
@given(some_bars(), some_model(), st.integers(0, 120))
@settings(max_examples=40, deadline=None)
def test_what_follows_changes_no_row(method: str, bars: PairBars, model: Model, rows: int) -> None:
    model, rows = replace(model, method=method), min(rows, len(bars))
    whole = statistics_of(bars, model, LIMIT_MS)
    assert_same_bits(statistics_of(bars.take(slice(rows)), model, LIMIT_MS), whole.take(slice(rows)))


@every_method
@given(some_bars(), some_model(), st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_where_the_stream_began_is_forgotten(method: str, bars: PairBars, model: Model, dropped: int) -> None:
    """As soon as there are as many bars as the method remembers."""
    model, dropped = replace(model, method=method), min(dropped, len(bars))
    later = statistics_of(bars.take(slice(dropped, None)), model, LIMIT_MS)
    run = one_stretch(later.open_time // later.interval.us).run
    memory = max(estimator(model, (PAIR,)).memory, model.correlation_window + 1)
    rows = np.flatnonzero(run >= memory)
    assert_same_bits(later.take(rows), statistics_of(bars, model, LIMIT_MS).take(slice(dropped, None)).take(rows))


@every_method
@given(some_bars(), some_model(), st.integers(-8, 8), st.integers(-8, 8))
@settings(max_examples=40, deadline=None)
def test_powers_of_two_scale_through(method: str, bars: PairBars, model: Model, by_y: int, by_x: int) -> None:
    model = replace(model, price="raw", method=method)
    if method == "tls":
        by_x = by_y  # its line depends on the units of the legs relative to one another
    scaled = replace(bars, y_close=bars.y_close * 2.0**by_y, x_close=bars.x_close * 2.0**by_x)
    one, other = statistics_of(bars, model, LIMIT_MS), statistics_of(scaled, model, LIMIT_MS)
    for name, power in (
        ("hedge_ratio", by_y - by_x),
        ("hedge_ratio_se", by_y - by_x),
        ("intercept", by_y),
        ("r_squared", 0),
        ("spread", by_y),
        ("spread_mean", by_y),
        ("spread_std", by_y),
        ("zscore", 0),
        ("zscore_one_step", 0),
        ("hedge_ratio_se_hac", by_y - by_x),
        ("innovation_sd", 0),
        ("innovation_autocorrelation", 0),
        ("spread_bp", 0),
    ):
        assert np.array_equal(getattr(one, name) * 2.0**power, getattr(other, name), equal_nan=True), name


@every_method
@given(some_bars(), some_model())
@settings(max_examples=40, deadline=None)
def test_nothing_is_infinite_or_negative_that_cannot_be(method: str, bars: PairBars, model: Model) -> None:
    stats = statistics_of(bars, replace(model, method=method), LIMIT_MS)
    for name in ("hedge_ratio", "intercept", "spread", "spread_bp", "spread_mean", "zscore", "zscore_one_step"):
        assert not np.isinf(getattr(stats, name)).any(), name
    for name, high in (
        ("hedge_ratio_se", np.inf),
        ("hedge_ratio_se_hac", np.inf),
        ("spread_std", np.inf),
        ("innovation_sd", np.inf),
        ("r_squared", 1),
    ):
        values = getattr(stats, name)
        known = values[~np.isnan(values)]
        assert np.all((known >= 0) & (known <= high)), name
    assert np.isnan(stats.hedge_ratio[stats.n < model.window]).all()

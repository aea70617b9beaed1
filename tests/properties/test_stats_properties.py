"""Properties of the pair statistics that hold to the last bit for any bars, any gaps and any pieces."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_series import PAIR, assert_same_bits, pair_bars

from flows.domain.frames import PairBars, PairStats, concatenated
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.stats.pair_stats import PairStatistics, statistics_of

LIMIT_MS = 10_000

prices = st.integers(1, 400).map(lambda ticks: ticks * 0.25) | st.sampled_from([100.0, 100.25, 1e6, 0.0, float("nan")])
steps = st.sampled_from([1] * 30 + [2, 3, 50])


@st.composite
def some_bars(draw: st.DrawFn) -> PairBars:
    rows = draw(st.integers(1, 120))
    y, x = (np.array(draw(st.lists(prices, min_size=rows, max_size=rows))) for _ in "yx")
    index = 1_000_000 + draw(st.integers(0, 40)) + np.cumsum(draw(st.lists(steps, min_size=rows, max_size=rows)))
    return pair_bars(y, x, index)


@st.composite
def some_model(draw: st.DrawFn) -> Model:
    window = draw(st.integers(3, 17))
    z_window = draw(st.integers(3, window) | st.just(window))
    return Model("m", price=draw(st.sampled_from(["log", "raw"])), window=window, z_window=z_window,
                 correlation_window=draw(st.integers(3, 17)))  # fmt: skip


def _pieces(bars: PairBars, cuts: list[int]) -> list[PairBars]:
    edges = [0, *sorted(cut % (len(bars) + 1) for cut in cuts), len(bars)]
    return [bars.take(slice(start, end)) for start, end in pairwise(edges)]


@given(some_bars(), some_model(), st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=150, deadline=None)
def test_any_cut_and_a_restart_at_every_cut(bars: PairBars, model: Model, cuts: list[int]) -> None:
    whole = statistics_of(bars, model, LIMIT_MS)
    statistics = restarted = PairStatistics((PAIR,), Interval.S1, (model,), LIMIT_MS)
    frames: list[PairStats] = []
    frames_restarted: list[PairStats] = []
    for piece in _pieces(bars, cuts):
        frames += statistics.update(piece)
        state = pickle.loads(pickle.dumps(restarted.state())) if restarted is not statistics else None
        restarted = PairStatistics((PAIR,), Interval.S1, (model,), LIMIT_MS, state)
        frames_restarted += restarted.update(piece)
    assert_same_bits(concatenated(frames), whole)
    assert_same_bits(concatenated(frames_restarted), whole)


@given(some_bars(), some_model(), st.integers(0, 120))
@settings(max_examples=100, deadline=None)
def test_what_follows_changes_no_row(bars: PairBars, model: Model, rows: int) -> None:
    rows = min(rows, len(bars))
    whole = statistics_of(bars, model, LIMIT_MS)
    assert_same_bits(statistics_of(bars.take(slice(rows)), model, LIMIT_MS), whole.take(slice(rows)))


@given(some_bars(), some_model(), st.integers(0, 120))
@settings(max_examples=100, deadline=None)
def test_where_the_stream_began_is_forgotten_after_the_warm_up(bars: PairBars, model: Model, dropped: int) -> None:
    dropped = min(dropped, len(bars))
    later = statistics_of(bars.take(slice(dropped, None)), model, LIMIT_MS)
    warm = np.flatnonzero(later.warmup_left == 0)
    assert_same_bits(later.take(warm), statistics_of(bars, model, LIMIT_MS).take(slice(dropped, None)).take(warm))


@given(some_bars(), some_model(), st.integers(-8, 8), st.integers(-8, 8))
@settings(max_examples=100, deadline=None)
def test_powers_of_two_scale_through(bars: PairBars, model: Model, by_y: int, by_x: int) -> None:
    model = replace(model, price="raw")
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
    ):
        assert np.array_equal(getattr(one, name) * 2.0**power, getattr(other, name), equal_nan=True), name


@given(some_bars(), some_model())
@settings(max_examples=100, deadline=None)
def test_the_correlation_does_not_know_which_leg_is_which(bars: PairBars, model: Model) -> None:
    swapped = replace(bars, y_close=bars.x_close, x_close=bars.y_close)
    one, other = statistics_of(bars, model, LIMIT_MS), statistics_of(swapped, model, LIMIT_MS)
    assert np.array_equal(one.correlation, other.correlation, equal_nan=True)


@given(some_bars(), some_model())
@settings(max_examples=100, deadline=None)
def test_no_deviation_is_negative_and_no_correlation_beyond_one(bars: PairBars, model: Model) -> None:
    stats = statistics_of(bars, model, LIMIT_MS)
    for name, low, high in (
        ("hedge_ratio_se", 0, np.inf),
        ("spread_std", 0, np.inf),
        ("r_squared", 0, 1),
        ("correlation", -1, 1),
    ):
        values = getattr(stats, name)
        known = values[~np.isnan(values)]
        assert np.all((known >= low) & (known <= high)), name

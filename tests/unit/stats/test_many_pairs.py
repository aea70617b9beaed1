"""Pairs that are computed together: each has the bits that it has alone."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from pair_series import assert_same_bits, hard_closes, pair_bars, together

from flows.domain.frames import PairBars, PairStats, concatenated
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.history import History
from flows.stats.methods import METHODS
from flows.stats.pair_stats import PairStatistics, statistics_of

LIMIT_MS = 10_000
FIRST = 1_700_000_000


def _many() -> dict[Pair, PairBars]:
    """Histories that begin and end at different bars, one that begins at the bar after another one's end, gaps, and a pair without bars."""
    spans = {"A": (0, 400), "B": (150, 330), "C": (330, 480), "D": (20, 21), "E": (0, 0), "F": (60, 500)}
    made = {}
    for number, (name, (begin, end)) in enumerate(spans.items()):
        y, x = hard_closes(500, seed=number)
        index = np.arange(FIRST + begin, FIRST + end)
        index[len(index) // 2 :] += 3 if name == "F" else 0
        made[Pair(name, "X")] = pair_bars(y[begin:end], x[begin:end], index)
    return made


def _models(method: str) -> tuple[Model, ...]:
    return (
        Model("same", method=method, window=30, z_window=30, correlation_window=20),
        Model("own", method=method, price="raw", window=40, z_window=15, correlation_window=20),
    )


def _of_pair(frame: PairStats, p: int) -> PairStats:
    mine = frame.take(frame.pair == p)
    return replace(mine, pairs=(frame.pairs[p],), pair=np.zeros(len(mine), np.int32))


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("cut", [1, 7, 90, 1_000])
def test_each_pair_has_the_bits_that_it_has_alone_however_the_bars_come(method: str, cut: int) -> None:
    alone = _many()
    bars, models = together(alone), _models(method)
    statistics = PairStatistics(bars.pairs, Interval.S1, models, LIMIT_MS)
    index = bars.open_time // Interval.S1.us - FIRST
    frames: list[list[PairStats]] = []
    for start in range(0, 510, cut):
        frames.append(statistics.update(bars.take((index >= start) & (index < start + cut))))
        if start % 3 == 0:
            state = pickle.loads(pickle.dumps(statistics.state()))
            statistics = PairStatistics(bars.pairs, Interval.S1, models, LIMIT_MS, state)
    for model, parts in zip(models, zip(*frames, strict=True), strict=True):
        found = concatenated(list(parts))
        for p, pair in enumerate(bars.pairs):
            wanted = statistics_of(replace(alone[pair], pairs=(pair,)), model, LIMIT_MS)
            assert_same_bits(_of_pair(found, p), wanted)


def test_the_check_sees_a_pair_that_reaches_into_its_neighbour() -> None:
    """Two pairs given as one, the second beginning at the bar after the first one's end: the check above must see it."""
    alone = _many()
    before, after = alone[Pair("B", "X")], alone[Pair("C", "X")]
    glued = concatenated([before, after])
    wanted = statistics_of(after, _models("ols")[0], LIMIT_MS)
    found = statistics_of(glued, _models("ols")[0], LIMIT_MS)
    with pytest.raises(AssertionError):
        assert_same_bits(found.take(slice(len(before), None)), wanted)


def test_forming_bars_of_some_pairs_change_nothing() -> None:
    bars, models = together(_many()), _models("kalman")
    statistics = PairStatistics(bars.pairs, Interval.S1, models, LIMIT_MS)
    closed = (bars.open_time // Interval.S1.us - FIRST) < 200
    statistics.update(bars.take(closed))
    before = pickle.dumps(statistics.state())
    next_bars = bars.take(bars.open_time // Interval.S1.us - FIRST == 200)
    formed = statistics.provisional(replace(next_bars, complete=np.zeros(len(next_bars), np.bool_)))
    assert pickle.dumps(statistics.state()) == before
    for found, wanted in zip(formed, statistics.update(next_bars), strict=True):
        assert_same_bits(replace(found, complete=wanted.complete), wanted)


def test_a_plain_call_takes_many_pairs_with_forming_bars_at_their_ends() -> None:
    alone = _many()
    bars = together(alone)
    last = np.append(bars.pair[1:] != bars.pair[:-1], True)
    stats = statistics_of(replace(bars, complete=~last), _models("tls")[0], LIMIT_MS)
    assert np.array_equal(stats.pair, bars.pair)
    assert np.array_equal(stats.open_time, bars.open_time)
    assert np.array_equal(stats.complete, ~last)


def test_bars_of_other_pairs_or_not_pair_after_pair_are_refused() -> None:
    bars = together(_many())
    statistics = PairStatistics(bars.pairs, Interval.S1, _models("ols"), LIMIT_MS)
    with pytest.raises(ValueError, match="expected 1s bars of 6 pairs in their order, found others"):
        statistics.update(replace(bars, pairs=bars.pairs[::-1]))
    with pytest.raises(ValueError, match="expected 1s bars of 6 pairs"):
        statistics.update(replace(bars, interval=Interval.M1))
    with pytest.raises(ValueError, match="1s bars must come pair after pair"):
        statistics.update(bars.take(np.argsort(-bars.pair, kind="stable")))


def test_memory_follows_the_windows_after_a_large_piece() -> None:
    history, price = History(1), np.ones(10_000)
    sizes = []
    for rows in (10_000, *[100] * 60):
        index = history.next_index[0] + np.arange(rows)
        history.keep(history.written(np.zeros(rows, np.int32), index, np.stack((price[:rows], price[:rows]))))
        history.forget(history.next_index - 50)
        sizes.append(len(history.index))
        assert history.state().count.tolist() == [50]
    assert sizes[0] > 10_000
    assert max(sizes[30:]) < 1_000

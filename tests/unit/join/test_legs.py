"""From bars of many symbols to the legs of each pair."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from bar_frames import bars_of, chunk_of

from flows.domain.chunk import Chunk
from flows.domain.frames import concatenated
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.join.legs import LegSplitter

S = 1_000_000
PAIRS = (Pair("A", "B"), Pair("C", "B"), Pair("D", "E"))


def _splitter() -> LegSplitter:
    return LegSplitter(PAIRS, (Interval.S1, Interval.M1))


def test_each_pair_gets_the_bars_of_its_legs_in_their_own_scale() -> None:
    bars = bars_of(
        {"A": [(1, 105), (2, 106)], "B": [(1, 2000)], "C": [(2, 7)], "Z": [(1, 1)]},
        decimals={"A": 1, "B": 3, "C": 0, "Z": 2},
    )
    legs = {item.pair: item for item in _splitter().split(chunk_of(bars, watermark=3 * S))}
    assert set(legs) == {Pair("A", "B"), Pair("C", "B")}
    a, b = legs[Pair("A", "B")].y, legs[Pair("A", "B")].x
    assert a is not None
    assert b is not None
    assert (a.open_time.tolist(), a.close.tolist()) == ([S, 2 * S], [10.5, 10.6])
    assert (b.open_time.tolist(), b.close.tolist()) == ([S], [2.0])
    assert (a.closed_until, b.closed_until) == (3 * S, 3 * S)
    assert legs[Pair("C", "B")].x is b


def test_rows_may_come_in_any_order_of_symbols() -> None:
    bars = bars_of({"A": [(1, 1), (2, 2), (3, 3)], "B": [(1, 4), (2, 5), (3, 6)]})
    mixed = bars.take(np.array([3, 0, 1, 4, 5, 2]))
    (item,) = [item for item in _splitter().split(chunk_of(mixed, 4 * S)) if item.pair == PAIRS[0]]
    assert item.y is not None
    assert item.x is not None
    assert (item.y.close.tolist(), item.x.close.tolist()) == ([1, 2, 3], [4, 5, 6])


def test_a_leg_without_rows_is_passed_on_once_per_closed_interval() -> None:
    splitter, none = _splitter(), bars_of({"A": [], "B": []})
    assert len(splitter.split(chunk_of(none, 5 * S))) == 2  # A/B and C/B hear of B
    assert splitter.split(chunk_of(none, 5 * S + 999_999)) == []
    restarted = LegSplitter(PAIRS, (Interval.S1,), pickle.loads(pickle.dumps(splitter.state())))
    assert restarted.split(chunk_of(none, 5 * S + 999_999)) == []
    (item, _) = restarted.split(chunk_of(none, 6 * S))
    assert item.y is not None
    assert (len(item.y), item.y.closed_until) == (0, 6 * S)


def test_only_the_leg_whose_watermark_moved_is_passed_on() -> None:
    splitter, none = _splitter(), bars_of({"A": [], "B": []})
    splitter.split(chunk_of(none, 5 * S))
    (item,) = splitter.split(Chunk(np.array([7 * S, 5 * S]), none))
    assert (item.pair, item.x) == (Pair("A", "B"), None)


def test_an_interval_that_was_not_asked_for_is_ignored() -> None:
    bars = replace(bars_of({"A": [(0, 1)]}), interval=Interval.M5)
    assert _splitter().split(chunk_of(bars, 600 * S)) == []


def test_ages_reach_to_the_end_of_a_closed_bar_and_to_the_watermark_of_a_forming_one() -> None:
    bars = bars_of({"D": [(60, 1)], "E": [(60, 1)]}, interval=Interval.M1)
    bars = replace(bars, last_trade_time=np.array([61 * S, UNKNOWN]))
    (closed,) = _splitter().split(chunk_of(bars, 120 * S))
    assert closed.y is not None
    assert closed.x is not None
    assert (closed.y.age_ms.tolist(), closed.x.age_ms.tolist()) == ([59_000], [UNKNOWN])
    forming = replace(bars, complete=np.zeros(2, bool))
    for watermark, age in ((63 * S, 2_000), (60 * S, 0), (0, 0)):
        (item,) = _splitter().split(chunk_of(forming, watermark))
        assert item.y is not None
        assert item.y.age_ms.tolist() == [age]
        assert not item.complete


def test_a_forming_leg_ages_by_the_time_that_has_come_for_the_others() -> None:
    bars = bars_of({"D": [(60, 1), (61, 1), (62, 1)], "E": [(60, 1)]})
    held = replace(bars, last_trade_time=np.full(4, 60 * S), complete=np.zeros(4, bool))
    (item,) = _splitter().split(Chunk(np.array([61 * S, 62 * S + S // 2]), held))
    assert item.y is not None
    assert item.y.age_ms.tolist() == [1_000, 2_000, 2_500]


def test_the_gap_of_each_leg_goes_with_its_bars() -> None:
    bars = replace(bars_of({"D": [(5, 1), (6, 1)], "E": [(5, 1), (6, 1)]}), gap=np.array([True, False, True, True]))
    (item,) = _splitter().split(chunk_of(bars, 7 * S))
    assert item.y is not None
    assert item.x is not None
    assert (item.y.gap.tolist(), item.x.gap.tolist()) == ([True, False], [True, True])


def test_forming_bars_do_not_count_as_closed() -> None:
    splitter = _splitter()
    forming = replace(bars_of({"D": [(5, 1)]}), complete=np.array([False]))
    splitter.split(chunk_of(forming, 5 * S))
    assert splitter.state() == {}


def test_closed_and_forming_bars_in_one_chunk_are_refused() -> None:
    both = concatenated([bars_of({"D": [(5, 1)]}), replace(bars_of({"D": [(6, 1)]}), complete=np.array([False]))])
    with pytest.raises(ValueError, match="1s bars: closed and forming bars in one chunk"):
        _splitter().split(chunk_of(both, 6 * S))

"""The join by open time: what comes out, when, and what is dropped."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.join.aligner import Aligner, Dropped
from flows.join.legs import LegBars, PairLegs

S = 1_000_000
PAIR = Pair("Y", "X")


def leg(seconds: list[int], until: int = 0, complete: bool = True, factor: float = 1.0) -> LegBars:
    """Bars at these seconds whose close is the second times a factor."""
    times = np.array(seconds, np.int64) * S
    one, no_gap = np.ones(len(seconds), np.int64), np.zeros(len(seconds), np.bool_)
    return LegBars(times, times / S * factor, times // 1_000, one, no_gap, until * S, complete)


def legs(y: LegBars | None = None, x: LegBars | None = None) -> PairLegs:
    return PairLegs(PAIR, Interval.S1, y, x)


def _aligner(limit: int = 100) -> Aligner:
    return Aligner(PAIR, Interval.S1, limit)


def _seconds(aligner: Aligner, item: PairLegs) -> list[int]:
    return (aligner.add(item).rows.open_time // S).tolist()  # type: ignore[no-any-return]


def test_both_legs_at_the_same_time_make_a_pair_bar() -> None:
    chunk = _aligner().add(legs(leg([1, 2], factor=10), leg([1, 2])))
    rows = chunk.rows
    assert (rows.open_time.tolist(), rows.y_close.tolist(), rows.x_close.tolist()) == ([S, 2 * S], [10, 20], [1, 2])
    assert (rows.y_age_ms.tolist(), rows.x_trade_count.tolist()) == ([1_000, 2_000], [1, 1])
    assert rows.complete.all()
    assert chunk.watermark.tolist() == [3 * S]


def test_a_pair_bar_names_the_legs_that_lack_trades() -> None:
    y, x = (
        replace(leg([1, 2, 3, 4]), gap=np.array(gap))
        for gap in ([False, True, False, True], [False, False, True, True])
    )
    assert _aligner().add(legs(y, x)).rows.gap.tolist() == [0, 1, 2, 3]


def test_a_bar_waits_for_its_partner_and_comes_out_once() -> None:
    aligner = _aligner()
    assert _seconds(aligner, legs(y=leg([1, 2, 3]))) == []
    assert _seconds(aligner, legs(x=leg([1]))) == [1]
    assert _seconds(aligner, legs(x=leg([2, 3, 4]))) == [2, 3]
    assert _seconds(aligner, legs(y=leg([4]))) == [4]
    assert aligner.dropped == Dropped()


def test_bars_without_a_partner_are_dropped_once_it_cannot_come_any_more() -> None:
    aligner = _aligner()
    assert _seconds(aligner, legs(y=leg([1, 2, 3, 5]))) == []
    assert _seconds(aligner, legs(x=leg([3, 4]))) == [3]
    assert aligner.dropped == Dropped(y_alone=2, x_alone=1)  # y has passed 4 already
    assert _seconds(aligner, legs(x=leg([5]))) == [5]
    assert aligner.dropped == Dropped(y_alone=2, x_alone=1)


def test_the_watermark_of_a_silent_leg_releases_the_other() -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1, 2, 3])))
    chunk = aligner.add(legs(x=leg([], until=3)))
    assert len(chunk.rows) == 0
    assert chunk.watermark.tolist() == [3 * S]
    assert aligner.dropped == Dropped(y_alone=2)
    assert len(aligner.state().y) == 1
    assert _seconds(aligner, legs(x=leg([3]))) == [3]


def test_the_oldest_are_dropped_beyond_the_limit() -> None:
    aligner = _aligner(limit=3)
    assert _seconds(aligner, legs(y=leg([1, 2, 3, 4, 5]))) == []
    assert aligner.dropped == Dropped(y_overflow=2)
    assert _seconds(aligner, legs(x=leg([1, 2, 3, 4, 5]))) == [3, 4, 5]
    assert aligner.dropped == Dropped(y_overflow=2, x_alone=2)


def test_both_legs_of_one_item_meet_before_the_limit_is_applied() -> None:
    aligner = _aligner(limit=1)
    assert len(aligner.add(legs(leg([*range(1, 50)]), leg([*range(1, 50)]))).rows) == 49
    assert aligner.dropped == Dropped()


def test_the_state_goes_through_pickle_and_holds_what_waits() -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1, 2, 3]), x=leg([2])))
    again = Aligner(PAIR, Interval.S1, 100, pickle.loads(pickle.dumps(aligner.state())))
    assert again.dropped == Dropped(y_alone=1)
    assert _seconds(again, legs(x=leg([3]))) == [3]


@pytest.mark.parametrize("again", [[2], [1], [4, 4], [5, 4]])
def test_a_leg_that_goes_back_in_time_is_refused(again: list[int]) -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1, 2])))
    with pytest.raises(ValueError, match="Y/X 1s: bars of Y out of order"):
        aligner.add(legs(y=leg(again)))


def _formed(aligner: Aligner, item: PairLegs) -> list[tuple[int, float, float]]:
    rows = aligner.provisional(item)
    assert not rows.complete.any()
    return list(zip((rows.open_time // S).tolist(), rows.y_close.tolist(), rows.x_close.tolist(), strict=True))


def test_forming_bars_pair_with_forming_and_with_waiting_ones_and_change_nothing() -> None:
    aligner = _aligner()
    aligner.add(legs(leg([1, 2]), leg([1])))
    before = pickle.dumps(aligner.state())
    forming_y, forming_x = leg([3], complete=False, factor=10), leg([2, 3], complete=False)
    assert _formed(aligner, legs(forming_y, forming_x)) == [(2, 2, 2), (3, 30, 3)]
    assert pickle.dumps(aligner.state()) == before
    assert _seconds(aligner, legs(x=leg([2]))) == [2]


def test_forming_bars_of_two_partitions_meet() -> None:
    aligner = _aligner()
    aligner.add(legs(leg([1]), leg([1])))
    assert _formed(aligner, legs(y=leg([2], complete=False))) == []
    assert _formed(aligner, legs(x=leg([2], complete=False, factor=5))) == [(2, 2, 10)]
    assert _formed(aligner, legs(y=leg([2], complete=False, factor=3))) == [(2, 6, 10)]  # the newest of each leg


def test_a_forming_bar_is_forgotten_once_it_is_closed() -> None:
    aligner = _aligner()
    aligner.add(legs(leg([1]), leg([1])))
    aligner.provisional(legs(leg([2], complete=False), leg([2], complete=False)))
    aligner.add(legs(leg([2]), leg([2])))
    assert _formed(aligner, legs(y=leg([3], complete=False))) == []


def test_an_unknown_age_stays_unknown() -> None:
    unknown = replace(leg([1]), age_ms=np.array([UNKNOWN]))
    assert _aligner().add(legs(unknown, leg([1]))).rows.y_age_ms.tolist() == [UNKNOWN]

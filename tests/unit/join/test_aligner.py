"""The join by open time: what comes out, when, and what is dropped."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from leg_bars import leg, legs

from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.join.aligner import Aligner
from flows.join.legs import LegBars

S = 1_000_000
PAIRS = (Pair("Y", "X"),)


def _aligner(limit: int = 100) -> Aligner:
    return Aligner(PAIRS, Interval.S1, limit)


def _seconds(aligner: Aligner, item: LegBars) -> list[int]:
    return (aligner.add(item).rows.open_time // S).tolist()  # type: ignore[no-any-return]


def _dropped(aligner: Aligner) -> dict[str, int]:
    """What is not 0 for the first pair."""
    counts = aligner.dropped
    named = {
        f"{side}_{kind}": int(getattr(counts, kind)[row, 0])
        for row, side in enumerate("yx")
        for kind in ("alone", "overflow")
    }
    return {name: count for name, count in named.items() if count}


def _waiting(aligner: Aligner, symbol: str) -> int:
    waiting = aligner.state().waiting
    return int(np.diff(waiting.start)[waiting.symbols.index(symbol)])


def test_both_legs_at_the_same_time_make_a_pair_bar() -> None:
    chunk = _aligner().add(legs(y=leg([1, 2], factor=10), x=leg([1, 2])))
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
    assert _aligner().add(legs(y=y, x=x)).rows.gap.tolist() == [0, 1, 2, 3]


def test_a_bar_waits_for_its_partner_and_comes_out_once() -> None:
    aligner = _aligner()
    assert _seconds(aligner, legs(y=leg([1, 2, 3]))) == []
    assert _seconds(aligner, legs(x=leg([1]))) == [1]
    assert _seconds(aligner, legs(x=leg([2, 3, 4]))) == [2, 3]
    assert _seconds(aligner, legs(y=leg([4]))) == [4]
    assert _dropped(aligner) == {}


def test_bars_without_a_partner_are_dropped_once_it_cannot_come_any_more() -> None:
    aligner = _aligner()
    assert _seconds(aligner, legs(y=leg([1, 2, 3, 5]))) == []
    assert _seconds(aligner, legs(x=leg([3, 4]))) == [3]
    assert _dropped(aligner) == {"y_alone": 2, "x_alone": 1}  # y has passed 4 already
    assert _seconds(aligner, legs(x=leg([5]))) == [5]
    assert _dropped(aligner) == {"y_alone": 2, "x_alone": 1}


def test_the_watermark_of_a_silent_leg_releases_the_other() -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1, 2, 3])))
    chunk = aligner.add(legs(x=leg([], until=3)))
    assert len(chunk.rows) == 0
    assert chunk.watermark.tolist() == [3 * S]
    assert _dropped(aligner) == {"y_alone": 2}
    assert _waiting(aligner, "Y") == 1
    assert _seconds(aligner, legs(x=leg([3]))) == [3]


def test_the_oldest_are_dropped_beyond_the_limit() -> None:
    aligner = _aligner(limit=3)
    assert _seconds(aligner, legs(y=leg([1, 2, 3, 4, 5]))) == []
    assert _dropped(aligner) == {"y_overflow": 2}
    assert _seconds(aligner, legs(x=leg([1, 2, 3, 4, 5]))) == [3, 4, 5]
    assert _dropped(aligner) == {"y_overflow": 2, "x_alone": 2}


def test_both_legs_of_one_item_meet_before_the_limit_is_applied() -> None:
    aligner = _aligner(limit=1)
    assert len(aligner.add(legs(y=leg([*range(1, 50)]), x=leg([*range(1, 50)]))).rows) == 49
    assert _dropped(aligner) == {}


def test_the_state_goes_through_pickle_and_holds_what_waits() -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1, 2, 3]), x=leg([2])))
    again = Aligner(PAIRS, Interval.S1, 100, pickle.loads(pickle.dumps(aligner.state())))
    assert _dropped(again) == {"y_alone": 1}
    assert _seconds(again, legs(x=leg([3]))) == [3]


@pytest.mark.parametrize("again", [[2], [1], [4, 4], [5, 4]])
def test_a_leg_that_goes_back_in_time_is_refused(again: list[int]) -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1, 2])))
    with pytest.raises(ValueError, match="1s bars of Y out of order"):
        aligner.add(legs(y=leg(again)))


def _formed(aligner: Aligner, item: LegBars) -> list[tuple[int, float, float]]:
    rows = aligner.provisional(item)
    assert not rows.complete.any()
    return list(zip((rows.open_time // S).tolist(), rows.y_close.tolist(), rows.x_close.tolist(), strict=True))


def test_forming_bars_pair_with_forming_and_with_waiting_ones_and_change_nothing() -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1, 2]), x=leg([1])))
    before = pickle.dumps(aligner.state())
    forming_y, forming_x = leg([3], complete=False, factor=10), leg([2, 3], complete=False)
    assert _formed(aligner, legs(y=forming_y, x=forming_x)) == [(2, 2, 2), (3, 30, 3)]
    assert pickle.dumps(aligner.state()) == before
    assert _seconds(aligner, legs(x=leg([2]))) == [2]


def test_forming_bars_of_two_partitions_meet() -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1]), x=leg([1])))
    assert _formed(aligner, legs(y=leg([2], complete=False))) == []
    assert _formed(aligner, legs(x=leg([2], complete=False, factor=5))) == [(2, 2, 10)]
    assert _formed(aligner, legs(y=leg([2], complete=False, factor=3))) == [(2, 6, 10)]  # the newest of each leg


def test_a_forming_bar_is_forgotten_once_it_is_closed() -> None:
    aligner = _aligner()
    aligner.add(legs(y=leg([1]), x=leg([1])))
    aligner.provisional(legs(y=leg([2], complete=False), x=leg([2], complete=False)))
    aligner.add(legs(y=leg([2]), x=leg([2])))
    assert _formed(aligner, legs(y=leg([3], complete=False))) == []


def test_an_unknown_age_stays_unknown() -> None:
    unknown = replace(leg([1]), age_ms=np.array([UNKNOWN]))
    assert _aligner().add(legs(y=unknown, x=leg([1]))).rows.y_age_ms.tolist() == [UNKNOWN]


def test_pairs_that_share_a_leg_each_get_what_they_would_get_alone() -> None:
    pairs = (Pair("A", "X"), Pair("B", "X"), Pair("B", "A"))
    pieces = [
        legs(a=leg([1, 2, 4], 5), x=leg([1, 2, 3], 4)),
        legs(b=leg([2, 3, 4], 5, factor=7)),
        legs(x=leg([4, 5], 6), a=leg([], 6)),
        legs(b=leg([5, 6], 7, factor=7), x=leg([6], 7), a=leg([6], 7)),
    ]
    together = Aligner(pairs, Interval.S1, 100)
    alone = [Aligner((pair,), Interval.S1, 100) for pair in pairs]
    for piece in pieces:
        chunk = together.add(piece)
        for p, aligner in enumerate(alone):
            mine, wanted = chunk.rows.take(chunk.rows.pair == p), aligner.add(piece)
            assert chunk.watermark[p] == wanted.watermark[0]
            for name in ("open_time", "y_close", "x_close", "y_age_ms", "x_trade_count", "gap"):
                assert np.array_equal(getattr(mine, name), getattr(wanted.rows, name)), (pairs[p], name)
    counts = together.dropped
    assert counts.alone.tolist() == [[a.dropped.alone[row, 0] for a in alone] for row in range(2)]
    assert counts.alone.tolist() == [[0, 0, 2], [2, 1, 1]]


def test_a_pair_that_never_trades_does_not_keep_another_ones_bars_beyond_the_limit() -> None:
    pairs = (Pair("A", "X"), Pair("A", "DEAD"))
    aligner = Aligner(pairs, Interval.S1, 3)
    for second in range(1, 50):
        assert _seconds(aligner, legs(a=leg([second]), x=leg([second]))) == [second]
        assert _waiting(aligner, "A") <= 3
    assert _waiting(aligner, "X") == 0
    assert aligner.dropped.overflow.tolist() == [[0, 46], [0, 0]]
    assert _seconds(aligner, legs(dead=leg([10, 48, 49]))) == [48, 49]


def test_forming_bars_of_a_symbol_that_another_pair_waits_with_come_once() -> None:
    aligner = Aligner((Pair("A", "X"), Pair("A", "B")), Interval.S1, 100)
    assert _seconds(aligner, legs(a=leg([1, 2]), x=leg([1, 2]))) == [1, 2]  # B has said nothing yet: A waits for it
    forming = aligner.provisional(legs(a=leg([3], complete=False), x=leg([3], complete=False)))
    assert (forming.pair.tolist(), (forming.open_time // S).tolist()) == ([0], [3])
    forming = aligner.provisional(legs(b=leg([1, 2, 3], complete=False)))
    assert (forming.pair.tolist(), (forming.open_time // S).tolist()) == ([0, 1, 1, 1], [3, 1, 2, 3])

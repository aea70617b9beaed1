"""Trades that nobody can give: which bars say so, where there are none, and what a forming bar says."""

import numpy as np
import pytest
from tick_frames import START, S, marks_of, seconds_of, ticks_of, ticks_until

from flows.bars.open_bars import OpenBars
from flows.domain.chunk import Chunk
from flows.domain.frames import Bars
from flows.domain.interval import Interval


def _bars(fill_limit_s: int = 900) -> OpenBars:
    return OpenBars(tuple(Interval), fill_limit_s * S, 5 * S)


def test_a_short_gap_marks_its_ends_and_the_silence_between() -> None:
    closed = _bars().fold(ticks_until(8, [(0.5, 10, 1), (2.5, 11, 1), (5.5, 12, 1)], gaps=[2]))
    assert marks_of(closed) == {0: False, 1: False, 2: True, 3: True, 4: True, 5: True, 6: False, 7: False}
    assert [row[2] for row in seconds_of(closed)] == [1, 0, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(("length", "made"), [(5.0, True), (5.000_001, False)])
def test_a_gap_longer_than_the_limit_leaves_a_hole(length: float, made: bool) -> None:
    closed = _bars().fold(ticks_until(20, [(2.5, 10, 1), (2.5 + length, 11, 1)], gaps=[1]))
    between = [second for second in marks_of(closed) if 2 < second < 7]
    assert between == ([3, 4, 5, 6] if made else [])
    assert {second for second, gap in marks_of(closed).items() if gap} == {2, 7, *between}


def test_the_fill_limit_holds_in_a_gap_too() -> None:
    closed = _bars(fill_limit_s=1).fold(ticks_until(9, [(2.5, 10, 1), (7.5, 11, 1)], gaps=[1]))
    assert marks_of(closed) == {2: True, 3: True, 7: True, 8: False}


def test_without_a_gap_the_same_silence_is_silence() -> None:
    closed = _bars().fold(ticks_until(30, [(2.5, 10, 1), (22.5, 11, 1)]))
    assert list(marks_of(closed)) == [*range(2, 30)]
    assert not any(marks_of(closed).values())


def test_the_first_row_marks_its_own_bars_only() -> None:
    closed = _bars().fold(ticks_until(300, [(61.5, 10, 1), (62.5, 11, 1)], gaps=[0]))
    assert [second for second, gap in marks_of(closed).items() if gap] == [61]
    assert marks_of(closed, Interval.M1) == {60: True, 120: False, 180: False, 240: False}
    assert marks_of(closed, Interval.M5) == {0: True}


def test_longer_bars_that_hold_a_part_of_it_say_so() -> None:
    """From 0:59.5 to 4:00.5, longer than the limit: the minutes between have no bars, those of both ends are marked."""
    closed = _bars().fold(ticks_until(600, [(30.5, 9, 1), (59.5, 10, 1), (240.5, 11, 1), (360.5, 12, 1)], gaps=[2]))
    assert marks_of(closed, Interval.M1) == {0: True, 240: True, **dict.fromkeys((300, 360, 420, 480, 540), False)}
    assert marks_of(closed, Interval.M5) == {0: True, 300: False}


def test_silence_that_was_proven_is_not_touched_and_shortens_the_gap() -> None:
    """The trade is of 2.5 s, but until 62.4 s nothing traded: what is missing is from there to 65.5 s."""
    bars = _bars()
    early = bars.fold(ticks_until(2.6, [(2.5, 10, 1)])) + bars.fold(ticks_until(62.4))
    assert not any(marks_of(early).values())
    closed = bars.fold(ticks_until(120, [(65.5, 11, 1)], first_id=2, gaps=[0]))
    assert [second for second, gap in marks_of(closed).items() if gap] == [62, 63, 64, 65]
    assert marks_of(closed, Interval.M1) == {60: True}
    assert marks_of(early, Interval.M1) == {0: False}


def test_a_minute_whose_missing_seconds_have_no_bars_says_so() -> None:
    """Silence is proven until 50 s, then trades are missing until 1:10: the first minute lacks its end."""
    bars = _bars()
    bars.fold(ticks_until(50, [(2.5, 10, 1)]))
    closed = bars.fold(ticks_until(120, [(70.5, 11, 1)], first_id=2, gaps=[0]))
    assert list(marks_of(closed)) == [*range(70, 120)]
    assert marks_of(closed, Interval.M1) == {0: True, 60: True}


def test_the_bar_before_stays_as_it_is_when_it_is_out() -> None:
    bars = _bars()
    bars.fold(ticks_until(2.6, [(1.5, 10, 1)]))
    assert marks_of(bars.fold(ticks_until(4, [(3.2, 11, 1)], first_id=2, gaps=[0]))) == {2: True, 3: True}


def test_what_steps_back_into_a_gap_is_marked() -> None:
    """A bar between the ends that gets its trade after the gap is known; the silence on both sides of it stays marked."""
    closed = _bars().fold(ticks_until(9, [(1.5, 10, 1), (6.2, 11, 1), (5.3, 12, 1), (3.4, 13, 1)], gaps=[1]))
    assert [row[2] for row in seconds_of(closed)] == [1, 0, 1, 0, 1, 1, 0, 0]
    assert [second for second, gap in marks_of(closed).items() if gap] == [1, 2, 3, 4, 5, 6]


def test_what_steps_back_into_a_hole_makes_no_silent_bars() -> None:
    closed = _bars().fold(ticks_until(30, [(1.5, 10, 1), (21.2, 11, 1), (20.3, 12, 1), (18.4, 12, 1)], gaps=[1]))
    assert [second for second, gap in marks_of(closed).items() if gap] == [1, 18, 20, 21]
    assert 19 not in marks_of(closed)


def test_a_gap_before_a_trade_that_steps_back_reaches_to_the_newest() -> None:
    closed = _bars().fold(ticks_until(9, [(1.5, 10, 1), (4.5, 11, 1), (2.5, 12, 1)], gaps=[2]))
    assert [second for second, gap in marks_of(closed).items() if gap] == [2, 3, 4]


def test_a_gap_before_a_late_trade_is_one_before_the_next() -> None:
    bars = _bars()
    bars.fold(ticks_until(3.9, [(3.5, 10, 1)]))
    assert marks_of(bars.fold(ticks_until(3.9, [(1.5, 11, 1)], late=True, first_id=9, gaps=[0]))) == {}
    resumed = OpenBars(tuple(Interval), 900 * S, 5 * S, state=bars.state())
    assert marks_of(resumed.fold(ticks_until(8, [(6.5, 12, 1)], first_id=10))) == {
        3: True, 4: True, 5: True, 6: True, 7: False
    }  # fmt: skip


def test_forming_bars_say_what_they_lack() -> None:
    bars = _bars()
    bars.fold(ticks_until(3.4, [(1.5, 10, 1), (3.4, 11, 1)], gaps=[1]))
    forming = bars.provisional()
    assert marks_of(forming) == {3: True}
    assert marks_of(forming, Interval.M1) == {0: True}


def _minute_marks(cut: bool) -> tuple[dict[int, bool], dict[int, bool]]:
    rows = [(0.5, 10, 1), (2.5, 11, 1), (30.5, 12, 1), (31.5, 13, 1)]
    bars = _bars()
    out: list[Chunk[Bars]] = []
    parts = [[k] for k in range(4)] if cut else [[0, 1, 2, 3]]
    for part in parts:
        chunk = ticks_until(
            rows[part[-1]][0], [rows[k] for k in part], first_id=part[0] + 1, gaps=[part.index(2)] if 2 in part else []
        )
        out += bars.fold(chunk)
    out += bars.fold(Chunk(np.array([START + 60 * S]), ticks_of([])))
    return marks_of(out), marks_of(out, Interval.M1)


def test_the_cut_does_not_matter() -> None:
    assert _minute_marks(cut=True) == _minute_marks(cut=False)
    assert _minute_marks(cut=True)[0].keys() == {0, 1, 2, *range(30, 60)}

"""Open bars: silence, gaps, forming values, lateness and limits, each on an example small enough to read."""

from dataclasses import replace

import numpy as np
import pytest
from tick_frames import COIN, START, S, seconds_of, ticks_of, ticks_until

from flows.bars.open_bars import HELD_AHEAD_US, OpenBars
from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.domain.scale import UNKNOWN
from flows.errors import InputError

GAP_LIMIT = 5 * S


def test_a_bar_closes_when_the_watermark_passes_its_end() -> None:
    bars = OpenBars((Interval.S1,), 900 * S, GAP_LIMIT)
    assert seconds_of(bars.fold(ticks_until(0.999_999, [(0.5, 10, 1)]))) == []
    assert seconds_of(bars.fold(ticks_until(1))) == [(0, 10, 1, True)]
    assert seconds_of(bars.fold(ticks_until(1.9))) == []


def test_silent_seconds_repeat_the_close_until_the_limit() -> None:
    bars = OpenBars((Interval.S1,), 2 * S, GAP_LIMIT)
    closed = bars.fold(ticks_until(20, [(0.5, 10, 1), (10.5, 20, 1)]))
    # The last trade was at 0.5 s: seconds that begin up to 2.5 s are filled, then there is a hole.
    assert [row[:3] for row in seconds_of(closed)] == [
        (0, 10, 1), (1, 10, 0), (2, 10, 0), (10, 20, 1), (11, 20, 0), (12, 20, 0)
    ]  # fmt: skip
    silent = closed[0].rows.take(slice(1, 2))
    assert (silent.volume[0], silent.quote_volume[0], silent.taker_buy_volume[0]) == (0, 0, 0)
    assert (silent.first_trade_id[0], silent.last_trade_id[0]) == (UNKNOWN, UNKNOWN)
    assert silent.last_trade_time[0] == START + S // 2


def test_without_a_limit_nothing_is_made_up() -> None:
    bars = OpenBars((Interval.S1,), 0, GAP_LIMIT)
    assert [row[0] for row in seconds_of(bars.fold(ticks_until(9, [(0.5, 1, 1), (3.5, 1, 1)])))] == [0, 3]


def test_nothing_before_the_first_trade() -> None:
    bars = OpenBars(tuple(Interval), 900 * S, GAP_LIMIT)
    assert seconds_of(bars.fold(ticks_until(100))) == []
    assert seconds_of(bars.fold(ticks_until(103, [(101.5, 1, 1)]))) == [(101, 1, 1, True), (102, 1, 0, True)]


def test_a_silent_first_second_is_not_the_open_of_the_minute() -> None:
    """As in the exchange's klines: prices are those of trades, not of the minute before."""
    bars = OpenBars((Interval.M1,), 900 * S, GAP_LIMIT)
    closed = bars.fold(ticks_until(120, [(59.5, 99, 1), (61.5, 10, 1), (62, 12, 1)]))
    minute = closed[0].rows.take(slice(1, 2))
    assert [int(getattr(minute, name)[0]) for name in ("open", "high", "low", "close")] == [10, 12, 10, 12]


def test_late_trades_are_in_no_bar_and_counted_at_the_next() -> None:
    bars = OpenBars((Interval.S1, Interval.M1), 900 * S, GAP_LIMIT)
    bars.fold(ticks_until(5, [(0.5, 10, 1)]))
    bars.fold(ticks_until(5, [(0.7, 99, 7), (0.8, 99, 7)], late=True, first_id=2))
    closed = bars.fold(ticks_until(60, [(5.5, 11, 1)], first_id=4))
    seconds = closed[0].rows
    assert (seconds.open_time[0], seconds.late_count[0], seconds.volume[0]) == (START + 5 * S, 2, 1)
    assert seconds.late_count.sum() == 2
    assert closed[1].rows.late_count.tolist() == [2]
    assert closed[1].rows.volume.tolist() == [2]


def test_forming_bars_come_now_and_then_and_change_nothing() -> None:
    plain, forming = (
        OpenBars((Interval.S1, Interval.M1), 900 * S, GAP_LIMIT),
        OpenBars((Interval.S1, Interval.M1), 900 * S, GAP_LIMIT, S // 2),
    )
    closed: list[tuple[int, int, int, bool]] = []
    seen: list[tuple[int, int, int, bool]] = []
    moments = [k / 10 for k in range(1, 40)]
    for k, moment in enumerate(moments):
        chunk = ticks_until(moment, [(moment, 10 + k, 1)], first_id=k + 1)
        closed += seconds_of(plain.fold(chunk))
        seen += seconds_of(forming.fold(chunk))
    assert [row for row in seen if row[3]] == closed
    early = [row for row in seen if not row[3]]
    assert len(early) == 8  # each half second that the watermark enters
    assert [row[2] for row in early if row[0] == 1] == sorted(row[2] for row in early if row[0] == 1)


def test_provisional_bars_do_not_touch_the_state() -> None:
    bars = OpenBars(tuple(Interval), 900 * S, GAP_LIMIT)
    bars.fold(ticks_until(0.6, [(0.5, 10, 1)]))
    assert seconds_of(bars.provisional(), Interval.M5) == [(0, 10, 1, False)]
    assert seconds_of(bars.provisional(), Interval.S1) == [(0, 10, 1, False)]
    assert seconds_of(bars.fold(ticks_until(1, [(0.7, 11, 1)], first_id=2))) == [(0, 11, 2, True)]


def _held(bars: OpenBars, apart_s: float) -> list[Chunk[Bars]]:
    """What forms when AUSDT's watermark stands at 3.2 s and the other symbol's runs ahead of it."""
    symbols, seconds = np.array([0, 1], np.int32), np.array([1.5, 3.2 + apart_s])
    time = START + (seconds * S).astype(np.int64)
    one, ids = np.ones(2, np.int64), np.arange(2)
    coins = (*COIN, Instrument("BUSDT", 1, 2))
    ticks = Ticks(coins, symbols, time, ids, 10 * one, one, one.astype(np.int8), np.zeros(2, np.bool_))
    out = bars.fold(Chunk(START + np.array([3.2 * S, (3.2 + apart_s) * S]).astype(np.int64), ticks))
    return [
        replace(chunk, rows=chunk.rows.take(chunk.rows.symbol == 0)) for chunk in out if not chunk.rows.complete.all()
    ]


def test_a_symbol_that_is_held_back_forms_silent_bars_up_to_the_others() -> None:
    bars = OpenBars((Interval.S1, Interval.M1), 900 * S, GAP_LIMIT, S // 2)
    forming = _held(bars, 4.6)
    assert seconds_of(forming) == [(second, 10, 0, False) for second in (3, 4, 5, 6)]  # 7 is not over
    assert seconds_of(forming, Interval.M1) == [(0, 10, 1, False)]
    assert forming[0].rows.last_trade_time.tolist() == [START + 3 * S // 2] * 4
    caught_up = bars.fold(Chunk(np.full(2, START + 5 * S), replace(ticks_of([]), instruments=bars.state().instruments)))
    assert seconds_of(caught_up)[:2] == [(3, 10, 0, True), (4, 10, 0, True)]


def test_they_form_at_most_so_far_ahead_and_as_far_as_silence_is_filled() -> None:
    ahead = OpenBars((Interval.S1,), 900 * S, GAP_LIMIT, S // 2)
    assert [row[0] for row in seconds_of(_held(ahead, 3_600))] == [*range(3, 3 + HELD_AHEAD_US // S)]
    filled = OpenBars((Interval.S1,), 5 * S, GAP_LIMIT, S // 2)
    assert [row[0] for row in seconds_of(_held(filled, 3_600))] == [3, 4, 5, 6]


def test_at_the_end_of_the_input_nothing_is_formed_ahead() -> None:
    bars = OpenBars((Interval.S1,), 900 * S, GAP_LIMIT)
    _held(bars, 4.6)
    assert [row for row in seconds_of(bars.provisional()) if row[0] < 7] == []


def test_a_watermark_that_goes_back_is_ignored() -> None:
    bars = OpenBars((Interval.S1,), 900 * S, GAP_LIMIT)
    bars.fold(ticks_until(5, [(0.5, 10, 1)]))
    assert bars.fold(ticks_until(2)) == []
    assert seconds_of(bars.fold(ticks_until(6))) == [(5, 10, 0, True)]


def test_a_trade_in_a_bar_that_is_out_counts_as_late() -> None:
    """A source marks it so; if one ever does not, no bar comes twice."""
    bars = OpenBars((Interval.S1,), 900 * S, GAP_LIMIT)
    bars.fold(ticks_until(5, [(0.5, 10, 1)]))
    closed = bars.fold(ticks_until(7, [(1.5, 99, 9), (5.5, 11, 1)], first_id=2))
    assert seconds_of(closed) == [(5, 11, 1, True), (6, 11, 0, True)]
    assert closed[0].rows.late_count.tolist() == [1, 0]


def test_sums_beyond_what_is_exact_are_refused() -> None:
    bars = OpenBars((Interval.S1,), 900 * S, GAP_LIMIT)
    huge = [(0.1, 1 << 30, 1 << 29)] * 9
    with pytest.raises(InputError, match="AUSDT: the volume of one bar exceeds what can be summed exactly, at trade"):
        bars.fold(ticks_until(0.5, huge))


def test_sums_of_longer_bars_beyond_what_is_exact_are_refused() -> None:
    """Each second alone still fits."""
    bars = OpenBars((Interval.M1,), 900 * S, GAP_LIMIT)
    second = [(1 << 30, 1 << 29)] * 7
    for k in range(3):
        closed = bars.fold(ticks_until(k + 1, [(k + 0.1, *row) for row in second], first_id=7 * k + 1))
        assert seconds_of(closed, Interval.M1) == []
    with pytest.raises(
        InputError, match=r"AUSDT: the volume of the bar at 2024-07-19T00:00:00\.000000Z exceeds what can be"
    ):
        bars.fold(ticks_until(60))


def test_more_decimals_in_an_open_bar() -> None:
    bars = OpenBars(tuple(Interval), 900 * S, GAP_LIMIT)
    bars.fold(ticks_until(0.6, [(0.5, 10, 1)]))
    fine = ticks_of([(0.7, 1_005, 30)], first_id=2)
    fine = Ticks(
        (Instrument("AUSDT", 3, 3),), fine.symbol, fine.time, fine.trade_id, fine.price, fine.size, fine.side, fine.late
    )
    closed = bars.fold(Chunk(np.array([START + S]), fine))[0].rows
    assert closed.instruments[0].price_decimals == 3
    assert (closed.open[0], closed.close[0], closed.volume[0]) == (1_000, 1_005, 40)
    assert closed.quote_volume[0] == 1_000 * 10 + 1_005 * 30

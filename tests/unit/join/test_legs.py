"""From bars of many symbols to the legs of pairs."""

from dataclasses import replace

import numpy as np
import pytest
from bar_frames import bars_of, chunk_of

from flows.domain.chunk import Chunk
from flows.domain.frames import F64, I64, Bools, concatenated
from flows.domain.interval import Interval
from flows.domain.scale import UNKNOWN
from flows.join.legs import LegBars, legs_of

S = 1_000_000


def _of(legs: LegBars, symbol: str, column: str = "close") -> list[F64 | I64 | Bools]:
    s = legs.symbols.index(symbol)
    return getattr(legs, column)[legs.start[s] : legs.start[s + 1]].tolist()  # type: ignore[no-any-return]


def test_each_symbol_has_its_bars_in_its_own_scale() -> None:
    bars = bars_of(
        {"A": [(1, 105), (2, 106)], "B": [(1, 2000)], "C": [], "Z": [(1, 1)]},
        decimals={"A": 1, "B": 3, "C": 0, "Z": 2},
    )
    legs = legs_of(chunk_of(bars, watermark=3 * S))
    assert legs.symbols == ("A", "B", "C", "Z")
    assert (_of(legs, "A", "open_time"), _of(legs, "A")) == ([S, 2 * S], [10.5, 10.6])
    assert (_of(legs, "B"), _of(legs, "C"), _of(legs, "Z")) == ([2.0], [], [0.01])
    assert legs.closed_until.tolist() == [3 * S] * 4
    assert legs.complete


def test_rows_may_come_in_any_order_of_symbols() -> None:
    bars = bars_of({"A": [(1, 1), (2, 2), (3, 3)], "B": [(1, 4), (2, 5), (3, 6)]})
    mixed = bars.take(np.array([3, 0, 1, 4, 5, 2]))
    legs = legs_of(chunk_of(mixed, 4 * S))
    assert (_of(legs, "A"), _of(legs, "B")) == ([1, 2, 3], [4, 5, 6])


def test_a_symbol_is_closed_until_the_last_whole_interval_of_its_own_watermark() -> None:
    legs = legs_of(Chunk(np.array([7 * S + 999_999, 5 * S]), bars_of({"A": [], "B": []})))
    assert (len(legs), legs.closed_until.tolist()) == (0, [7 * S, 5 * S])


def test_ages_reach_to_the_end_of_a_closed_bar_and_to_the_watermark_of_a_forming_one() -> None:
    bars = bars_of({"D": [(60, 1)], "E": [(60, 1)]}, interval=Interval.M1)
    bars = replace(bars, last_trade_time=np.array([61 * S, UNKNOWN]))
    assert legs_of(chunk_of(bars, 120 * S)).age_ms.tolist() == [59_000, UNKNOWN]
    forming = replace(bars, complete=np.zeros(2, bool))
    for watermark, age in ((63 * S, 2_000), (60 * S, 0), (0, 0)):
        legs = legs_of(chunk_of(forming, watermark))
        assert _of(legs, "D", "age_ms") == [age]
        assert not legs.complete


def test_a_forming_leg_ages_by_the_time_that_has_come_for_the_others() -> None:
    bars = bars_of({"D": [(60, 1), (61, 1), (62, 1)], "E": [(60, 1)]})
    held = replace(bars, last_trade_time=np.full(4, 60 * S), complete=np.zeros(4, bool))
    assert _of(legs_of(Chunk(np.array([61 * S, 62 * S + S // 2]), held)), "D", "age_ms") == [1_000, 2_000, 2_500]


def test_the_gap_of_each_leg_goes_with_its_bars() -> None:
    bars = replace(bars_of({"D": [(5, 1), (6, 1)], "E": [(5, 1), (6, 1)]}), gap=np.array([True, False, True, True]))
    legs = legs_of(chunk_of(bars, 7 * S))
    assert (_of(legs, "D", "gap"), _of(legs, "E", "gap")) == ([True, False], [True, True])


def test_closed_and_forming_bars_in_one_chunk_are_refused() -> None:
    both = concatenated([bars_of({"D": [(5, 1)]}), replace(bars_of({"D": [(6, 1)]}), complete=np.array([False]))])
    with pytest.raises(ValueError, match="1s bars: closed and forming bars in one chunk"):
        legs_of(chunk_of(both, 6 * S))

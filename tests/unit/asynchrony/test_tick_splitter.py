"""What pairs get of a symbol: final ticks in time order, the last of each time, as logs of correctly rounded prices."""

import math
import random
from dataclasses import replace

import numpy as np
from tick_legs import PAIR, PAIRS, S, ticks_of

from flows.asynchrony.legs import NO_GAP, LegTicks
from flows.asynchrony.splitter import GroupTicks, TickSplitter
from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.domain.pair import GROUP_SIZE, Pair

DECIMALS = {"ETHUSDT": 2, "BTCUSDT": 1}
Row = tuple[str, int, int, float]


def _chunk(rows: list[Row], until: int, decimals: dict[str, int] = DECIMALS) -> Chunk[Ticks]:
    return Chunk(np.full(len(decimals), until, np.int64), ticks_of(rows, decimals))


def _of_y(items: list[GroupTicks]) -> list[tuple[int, float, int]]:
    """(time, log price, gap) of the y leg over several items."""
    legs = [item.legs[PAIR.y] for item in items if PAIR.y in item.legs]
    return [
        row
        for leg in legs
        for row in zip(leg.time.tolist(), leg.log_price.tolist(), leg.gap_from.tolist(), strict=True)
    ]


def _eth(time: int, trade_id: int, price: float = 100.0) -> Row:
    return ("ETHUSDT", time, trade_id, price)


def test_ticks_come_when_the_watermark_has_left_their_second() -> None:
    splitter = TickSplitter(PAIRS)
    assert splitter.split(_chunk([_eth(1_200_000, 1)], 1_200_000))[0].legs[PAIR.y] == _empty(1 * S)
    assert splitter.split(_chunk([_eth(1_900_000, 2)], 1_900_000)) == []
    (legs,) = splitter.split(_chunk([_eth(2_100_000, 3)], 2_100_000))
    assert [row[0] for row in _of_y([legs])] == [1_200_000, 1_900_000]
    assert [(len(leg), leg.until) for leg in (legs.legs[PAIR.y], legs.legs[PAIR.x])] == [(2, 2 * S), (0, 2 * S)]


class _empty:
    """Equal to a leg without ticks that is known until a time."""

    def __init__(self, until: int) -> None:
        self._until = until

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LegTicks) and len(other) == 0 and other.until == self._until


def test_order_is_of_time_and_of_one_time_the_last_id_stays() -> None:
    rows = [
        _eth(1_500_000, 3, 103), _eth(1_100_000, 1, 101), _eth(1_500_000, 5, 105), _eth(1_500_000, 4, 104), _eth(1_200_000, 2, 102),
    ]  # fmt: skip
    rng = random.Random(1)
    for _ in range(20):
        rng.shuffle(rows)
        made = _of_y(TickSplitter(PAIRS).split(_chunk(rows, 2 * S)))
        assert made == [
            (1_100_000, math.log(101), NO_GAP),
            (1_200_000, math.log(102), NO_GAP),
            (1_500_000, math.log(105), NO_GAP),
        ]


def test_late_ticks_and_symbols_of_no_pair_are_left_out() -> None:
    decimals = {**DECIMALS, "SOLUSDT": 3}
    chunk = _chunk([_eth(1_100_000, 1), _eth(1_200_000, 2), ("SOLUSDT", 1_300_000, 1, 5.0)], 2 * S, decimals)
    late = replace(chunk.rows, late=np.array([False, True, False]))
    splitter = TickSplitter(PAIRS)
    assert [row[0] for row in _of_y(splitter.split(Chunk(chunk.watermark, late)))] == [1_100_000]
    # A row of a second that is out, not marked by its source, changes nothing either.
    assert _of_y(splitter.split(_chunk([_eth(1_900_000, 3), _eth(2_500_000, 4)], 3 * S, decimals))) == [
        (2_500_000, math.log(100), NO_GAP)
    ]


def test_a_finer_scale_between_chunks_changes_no_price() -> None:
    splitter = TickSplitter(PAIRS)
    items = splitter.split(_chunk([_eth(1_100_000, 1, 3_424.98)], 1_100_000))
    items += splitter.split(_chunk([_eth(1_200_000, 2, 3_424.987)], 2 * S, {"ETHUSDT": 3, "BTCUSDT": 1}))
    assert [row[1] for row in _of_y(items)] == [math.log(3_424.98), math.log(3_424.987)]


def test_a_gap_goes_with_the_next_tick_that_counts() -> None:
    splitter = TickSplitter(PAIRS)
    splitter.split(_chunk([_eth(1_100_000, 1)], 1_300_000))
    chunk = _chunk([_eth(1_000_000, 2), _eth(9_200_000, 3), _eth(9_300_000, 4)], 10 * S)
    rows = replace(chunk.rows, gap=np.array([True, False, False]), late=np.array([True, False, False]))
    made = _of_y(splitter.split(Chunk(chunk.watermark, rows)))
    assert [(time, gap) for time, _, gap in made] == [(1_100_000, NO_GAP), (9_200_000, 1_300_000), (9_300_000, NO_GAP)]


def test_seconds_that_a_gap_touches_wait_for_the_tick_at_its_end() -> None:
    """Else what the pairs hear of them would depend on where the input is cut."""
    splitter = TickSplitter(PAIRS)
    splitter.split(_chunk([_eth(1_100_000, 1)], 1_300_000))
    chunk = _chunk([_eth(9_200_000, 3)], 9_200_000)
    (legs,) = splitter.split(Chunk(chunk.watermark, replace(chunk.rows, gap=np.array([True]))))
    assert legs.legs == {PAIR.x: _empty(9 * S)}
    (legs,) = splitter.split(_chunk([], 10 * S))
    assert _of_y([legs]) == [(1_100_000, math.log(100), NO_GAP), (9_200_000, math.log(100), 1_300_000)]


def test_each_symbol_is_worked_on_once_and_shared_by_the_groups() -> None:
    pairs = tuple(Pair(f"C{k:02}USDT", "BTCUSDT") for k in range(GROUP_SIZE + 2))
    decimals = {"BTCUSDT": 1, "C00USDT": 2, f"C{GROUP_SIZE}USDT": 3}
    chunk = _chunk([("BTCUSDT", 1_100_000, 1, 60_000.0), ("C00USDT", 1_300_000, 1, 5.0)], 2 * S, decimals)
    one, other = TickSplitter(pairs).split(chunk)
    assert (one.group, one.legs.keys()) == (0, {"BTCUSDT", "C00USDT"})
    assert (other.group, other.legs.keys()) == (1, {"BTCUSDT", f"C{GROUP_SIZE}USDT"})
    assert one.legs["BTCUSDT"] is other.legs["BTCUSDT"]


def test_a_chunk_that_ends_no_second_says_nothing() -> None:
    splitter = TickSplitter(PAIRS)
    splitter.split(_chunk([], S))
    for k in range(1, 100):
        assert splitter.split(_chunk([_eth(S + k * 9_000, k)], S + k * 9_000)) == []
    (item,) = splitter.split(_chunk([], 2 * S))
    assert len(_of_y([item])) == 99


def test_symbols_close_their_seconds_one_by_one() -> None:
    chunk = _chunk([_eth(1_100_000, 1), ("BTCUSDT", 1_200_000, 1, 60_000.0)], 0)
    splitter = TickSplitter(PAIRS)
    (legs,) = splitter.split(Chunk(np.array([2_500_000, 1_900_000]), chunk.rows))
    assert legs.legs.keys() == {PAIR.y, PAIR.x}
    assert legs.legs[PAIR.x] == _empty(1 * S)
    (legs,) = splitter.split(Chunk(np.array([2_500_000, 3_000_000]), chunk.rows.take(slice(0))))
    assert legs.legs.keys() == {PAIR.x}
    assert legs.legs[PAIR.x].time.tolist() == [1_200_000]

"""Open bars against the slow oracle, on random trades: any order within the lateness, late ones, silences proven or not, missing trades,
growing decimals, any cut."""

import pickle
from typing import Any

import numpy as np
from bar_oracle import Bar, bars_of, bars_until
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tick_inputs import GAP_LIMIT, Input, S, inputs

from flows.bars.open_bars import OpenBars
from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval


def _collected(chunks: list[Chunk[Bars]]) -> dict[Interval, list[Bar]]:
    out: dict[Interval, list[Bar]] = {interval: [] for interval in Interval}
    for chunk in chunks:
        out[chunk.rows.interval] += bars_of(chunk.rows)
    return out


def _plain(chunk: Chunk[Bars]) -> tuple[Any, ...]:
    return chunk.rows.interval, chunk.watermark.tolist(), chunk.rows.complete.tolist(), bars_of(chunk.rows)


def _by_key(bars: list[Bar]) -> list[Bar]:
    return sorted(bars, key=lambda bar: (bar.symbol, bar.open_time))


@settings(max_examples=150, deadline=None)
@given(inputs())
def test_closed_bars_equal_the_oracle(made: Input) -> None:
    bars = made.bars()
    out = _collected([closed for chunk in made.chunks for closed in bars.fold(chunk)])
    trades = made.trades()
    if all(trade.late for trade in trades):
        return
    for interval, found in out.items():
        wanted = bars_until(trades, int(made.chunks[-1].watermark[0]), interval.us, made.fill_limit, made.gap_limit)
        assert _by_key(found) == _by_key(wanted)
        for symbol in {bar.symbol for bar in found}:  # once each, in time order
            times = [bar.open_time for bar in found if bar.symbol == symbol]
            assert times == sorted(set(times))


@settings(max_examples=60, deadline=None)
@given(inputs(), st.data())
def test_a_resume_after_any_chunk_changes_nothing(made: Input, data: st.DataObject) -> None:
    whole = made.bars(500_000)
    wanted = [_plain(out) for chunk in made.chunks for out in whole.fold(chunk)]
    bars = made.bars(500_000)
    found = []
    for chunk in made.chunks:
        found += [_plain(out) for out in bars.fold(chunk)]
        snapshot = pickle.loads(pickle.dumps(bars.state()))
        bars.fold(chunk) if data.draw(
            st.booleans()
        ) else bars.provisional()  # what comes after a snapshot does not reach it
        bars = made.bars(500_000, snapshot)
    assert found == wanted


@settings(max_examples=60, deadline=None)
@given(inputs())
def test_provisional_bars_are_those_that_a_later_watermark_closes(made: Input) -> None:
    """With the watermark moved past everything and no fill, the open bars come out as they stood."""
    chunks = made.chunks
    bars = OpenBars(tuple(Interval), 0, GAP_LIMIT)
    for chunk in chunks[:-1]:
        bars.fold(chunk)
    forming = bars.provisional()
    assert not any(chunk.rows.complete.any() for chunk in forming)
    far = Chunk(chunks[-1].watermark + 3_600 * S, chunks[-1].rows)
    closed = bars.fold(far)
    traded = {i: [bar for bar in got if bar.trade_count] for i, got in _collected(closed).items()}
    early = {i: [bar for bar in got if bar.trade_count] for i, got in _collected(forming).items()}
    for interval in Interval:
        assert _by_key(early[interval]) == _by_key(traded[interval])


def _crossing(n: int) -> Input:
    """Pairs of seconds on both sides of a five-minute line, with holes between: the most longer bars that few seconds can make."""
    line = 1_721_347_200_000_000
    times = np.array([line + k * 600 * S + d for k in range(n) for d in (-S, 0)])
    ids = np.arange(2 * n, dtype=np.int64)
    ticks = Ticks(
        (Instrument("AUSDT", 1, 1),), np.zeros(2 * n, np.int32), times, ids, ids + 5, ids + 1,
        np.ones(2 * n, np.int8), np.zeros(2 * n, np.bool_),
    )  # fmt: skip
    return Input([Chunk(times[-1:] - 0, ticks), Chunk(times[-1:] + 600 * S, ticks.take(slice(0, 0)))], 0)


@settings(max_examples=1)
@given(st.just(_crossing(300)))
@example(_crossing(3))
def test_many_holes_in_one_chunk(made: Input) -> None:
    bars = made.bars()
    out = _collected([closed for chunk in made.chunks for closed in bars.fold(chunk)])
    trades = made.trades()
    for interval in (Interval.M1, Interval.M5):
        found = out[interval]
        assert len(found) == len(trades)
        assert [bar.trade_count for bar in found] == [1] * len(trades)
        assert [bar.close for bar in found] == [trade.price for trade in trades]

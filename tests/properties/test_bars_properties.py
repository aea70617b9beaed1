"""Open bars against the slow oracle, on random trades: any order within the lateness, late ones, silences, growing decimals, any cut."""

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
from bar_oracle import Bar, bars_of, bars_until, trades_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.bars.open_bars import OpenBars
from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval

START = 1_721_347_190_000_000
LATENESS = 1_000_000
S = 1_000_000
GAP_LIMIT = 5 * S

gaps = st.one_of(
    st.integers(0, 400_000), st.integers(0, 3 * S), st.integers(50 * S, 130 * S), st.integers(290 * S, 700 * S)
)
rows = st.lists(
    st.tuples(
        gaps,
        st.integers(0, 1_500_000),  # how far back it steps: beyond the lateness it is late
        st.integers(0, 1),
        st.integers(1, 10**7),
        st.integers(1, 10**6),
        st.sampled_from((1, -1, 0)),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=40,
)


@st.composite
def inputs(draw: st.DrawFn) -> tuple[list[Chunk[Ticks]], int]:
    """Chunks as a source makes them, with a finer scale and a second symbol in mid-stream, and a fill limit."""
    drawn = draw(rows)
    with_ids, with_sides, aggregates = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    cuts = sorted(draw(st.sets(st.integers(0, len(drawn)), max_size=6)) | {0, len(drawn)})
    finer_at = draw(st.integers(0, len(drawn)))
    fill_limit = draw(st.sampled_from((0, 500_000, 2 * S, 60 * S, 900 * S)))
    time = newest = START
    next_id = [1, 1]
    columns: list[tuple[int, int, int, int, int, int, bool, int, int]] = []
    for i, (gap, back, symbol, price, size, side, count) in enumerate(drawn):
        symbol = symbol if any(c[0] for c in drawn[:i]) else 0
        time += gap
        at = time - back
        late = at < newest - LATENESS
        newest = max(newest, at)
        count = count if aggregates else 1
        first = next_id[symbol]
        next_id[symbol] += count
        columns.append((symbol, at, first, price, size, side if with_sides else 0, late, first, first + count - 1))
    chunks, newest = [], 0
    for start, end in pairwise(cuts):
        part = list(zip(*columns[start:end], strict=True))
        fine = 2 if end > finer_at else 0
        coins = (Instrument("AUSDT", 1 + fine, 2), Instrument("BUSDT", 3, fine))[: 1 + any(c[0] for c in columns[:end])]
        i64 = [np.array(values, np.int64) for values in part]
        scale = np.array([10**fine, 1])[i64[0]], np.array([1, 10**fine])[i64[0]]
        newest = max(newest, *(int(t) for t in i64[1]))
        ticks = Ticks(
            coins, i64[0].astype(np.int32), i64[1], i64[2], i64[3] * scale[0], i64[4] * scale[1],
            i64[5].astype(np.int8), i64[6].astype(np.bool_), i64[7] if aggregates else None,
            i64[8] if aggregates else None, ids_known=with_ids,
        )  # fmt: skip
        chunks.append(Chunk(np.full(len(coins), newest - LATENESS), ticks))
    last = chunks[-1]
    heartbeat = last.rows.take(slice(0, 0))
    return [*chunks, Chunk(last.watermark + draw(st.integers(0, 1_300 * S)), heartbeat)], fill_limit


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
def test_closed_bars_equal_the_oracle(made: tuple[list[Chunk[Ticks]], int]) -> None:
    chunks, fill_limit = made
    bars = OpenBars(tuple(Interval), fill_limit, GAP_LIMIT)
    out = _collected([closed for chunk in chunks for closed in bars.fold(chunk)])
    trades = [trade for chunk in chunks for trade in trades_of(chunk.rows)]
    if all(trade.late for trade in trades):
        return
    for interval, found in out.items():
        wanted = bars_until(trades, int(chunks[-1].watermark[0]), interval.us, fill_limit)
        assert _by_key(found) == _by_key(wanted)
        for symbol in {bar.symbol for bar in found}:  # once each, in time order
            times = [bar.open_time for bar in found if bar.symbol == symbol]
            assert times == sorted(set(times))


@settings(max_examples=60, deadline=None)
@given(inputs(), st.data())
def test_a_resume_after_any_chunk_changes_nothing(made: tuple[list[Chunk[Ticks]], int], data: st.DataObject) -> None:
    chunks, fill_limit = made
    whole = OpenBars(tuple(Interval), fill_limit, GAP_LIMIT, 500_000)
    wanted = [_plain(out) for chunk in chunks for out in whole.fold(chunk)]
    bars = OpenBars(tuple(Interval), fill_limit, GAP_LIMIT, 500_000)
    found = []
    for chunk in chunks:
        found += [_plain(out) for out in bars.fold(chunk)]
        snapshot = pickle.loads(pickle.dumps(bars.state()))
        bars.fold(chunk) if data.draw(
            st.booleans()
        ) else bars.provisional()  # what comes after a snapshot does not reach it
        bars = OpenBars(tuple(Interval), fill_limit, GAP_LIMIT, 500_000, snapshot)
    assert found == wanted


@settings(max_examples=60, deadline=None)
@given(inputs())
def test_provisional_bars_are_those_that_a_later_watermark_closes(made: tuple[list[Chunk[Ticks]], int]) -> None:
    """With the watermark moved past everything and no fill, the open bars come out as they stood."""
    chunks, _ = made
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


def _crossing(n: int) -> tuple[list[Chunk[Ticks]], int]:
    """Pairs of seconds on both sides of a five-minute line, with holes between: the most longer bars that few seconds can make."""
    line = 1_721_347_200_000_000
    times = np.array([line + k * 600 * S + d for k in range(n) for d in (-S, 0)])
    ids = np.arange(2 * n, dtype=np.int64)
    ticks = Ticks(
        (Instrument("AUSDT", 1, 1),), np.zeros(2 * n, np.int32), times, ids, ids + 5, ids + 1,
        np.ones(2 * n, np.int8), np.zeros(2 * n, np.bool_),
    )  # fmt: skip
    return [Chunk(times[-1:] - 0, ticks), Chunk(times[-1:] + 600 * S, ticks.take(slice(0, 0)))], 0


@settings(max_examples=1)
@given(st.just(_crossing(300)))
@example(_crossing(3))
def test_many_holes_in_one_chunk(made: tuple[list[Chunk[Ticks]], int]) -> None:
    chunks, fill_limit = made
    bars = OpenBars(tuple(Interval), fill_limit, GAP_LIMIT)
    out = _collected([closed for chunk in chunks for closed in bars.fold(chunk)])
    trades = [trade for chunk in chunks for trade in trades_of(chunk.rows)]
    for interval in (Interval.M1, Interval.M5):
        found = out[interval]
        assert len(found) == len(trades)
        assert [bar.trade_count for bar in found] == [1] * len(trades)
        assert [bar.close for bar in found] == [trade.price for trade in trades]

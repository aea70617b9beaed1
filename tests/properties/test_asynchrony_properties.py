"""Properties of the correlation of ticks that hold to the last bit for any ticks, gaps, silences and pieces."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tick_legs import PAIR, PAIRS, S, bits, by_pair, ticks_of

from flows.asynchrony.legs import LegTicks
from flows.asynchrony.looks import LookRule
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics
from flows.asynchrony.splitter import TickSplitter
from flows.domain.chunk import Chunk
from flows.domain.frames import PairLeadLag, PairTickStats, Ticks, concatenated
from flows.domain.interval import Interval
from flows.domain.pair import Pair

SYMBOLS = {"ETHUSDT": 2, "BTCUSDT": 2, "SOLUSDT": 2}
GROUP = (PAIR, Pair("SOLUSDT", "BTCUSDT"), Pair("ETHUSDT", "SOLUSDT"))
LIMITS = Limits(fill_limit_us=8 * S, gap_limit_us=2 * S)
RULE = LookRule(cadence_s=7, window_s=20, ticks=80)
LATENESS = 300_000

pauses = st.sampled_from([0] * 6 + [1_000, 20_000, 50_000, 150_000, 400_000, 900_000, 1_000_000, 2_500_000, 12_000_000])
prices = st.sampled_from([100.0, 100.01, 100.02, 100.5, 101.0, 99.0])


@st.composite
def some_ticks(draw: st.DrawFn) -> Ticks:
    """Three symbols in one input, with steps back inside the lateness, late rows, and gaps; at times two of them trade only, or one."""
    rows, time, newest = [], 5 * S + draw(st.integers(0, 900)) * 1_000, dict.fromkeys(SYMBOLS, 0)
    late = []
    trading = draw(st.sampled_from([["ETHUSDT", "BTCUSDT"], list(SYMBOLS), list(SYMBOLS), ["BTCUSDT"]]))
    for k in range(draw(st.integers(1, 120))):
        time += draw(pauses)
        back = draw(st.sampled_from([0] * 8 + [1_000, 250_000, 700_000]))
        at, symbol = max(time - back, 0), draw(st.sampled_from(trading))
        late.append(at < newest[symbol] - LATENESS)
        newest[symbol] = max(newest[symbol], at)
        rows.append((symbol, at, k, draw(prices)))
    ticks = ticks_of(rows, SYMBOLS)
    gap = np.array(draw(st.lists(st.sampled_from([False] * 15 + [True]), min_size=len(rows), max_size=len(rows))))
    return replace(ticks, late=np.array(late), gap=gap if draw(st.booleans()) else None)


def _cut(ticks: Ticks, cuts: list[int]) -> list[Chunk[Ticks]]:
    """Pieces with each symbol's own watermark. A gap row begins a piece everywhere: where it is from is the watermark before."""
    edges = {0, len(ticks), *(cut % (len(ticks) + 1) for cut in cuts)}
    if ticks.gap is not None:
        edges |= set(np.flatnonzero(ticks.gap).tolist())
    newest = [np.maximum.accumulate(np.where(ticks.symbol == s, ticks.time, 0)) for s in range(len(SYMBOLS))]
    chunks = []
    for start, end in pairwise(sorted(edges)):
        watermark = np.maximum(np.array([of[end - 1] for of in newest]) - LATENESS, 0)
        chunks.append(Chunk(watermark, ticks.take(slice(start, end))))
    return chunks


Rows = dict[tuple[str, str], PairTickStats | PairLeadLag]


def _run(
    chunks: list[Chunk[Ticks]],
    window: int,
    restart: bool = False,
    pairs: tuple[Pair, ...] = GROUP,
    limits: Limits = LIMITS,
) -> Rows:
    splitter = TickSplitter(pairs)
    statistics = PairTickStatistics(pairs, tuple(Interval), window, RULE, limits)
    out: list[object] = []
    for chunk in chunks:
        for item in splitter.split(chunk):
            out += [made.rows for made in statistics.update(item.legs)]
        if restart:
            splitter = TickSplitter(pairs, pickle.loads(pickle.dumps(splitter.state())))
            state = pickle.loads(pickle.dumps(statistics.state()))
            statistics = PairTickStatistics(pairs, tuple(Interval), window, RULE, limits, state)
    return by_pair(out)


def _same(one: Rows, other: Rows) -> None:
    assert one.keys() == other.keys()
    for name, frame in one.items():
        assert bits(frame) == bits(other[name]), name


@given(some_ticks(), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_a_pair_in_a_group_has_the_rows_it_has_alone(ticks: Ticks, window: int) -> None:
    together = _run(_cut(ticks, list(range(0, 120, 5))), window)
    alone: Rows = {}
    for pair in GROUP:
        alone |= _run(_cut(ticks, []), window, pairs=(pair,))
    _same(together, alone)


@given(some_ticks(), st.integers(1, 9), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_a_restart_after_dropped_ticks(ticks: Ticks, window: int, pending: int) -> None:
    """What is dropped may depend on the cut, what is made of it may not depend on a restart, and it stays within one."""
    chunks, limits = _cut(ticks, list(range(0, 120, 3))), replace(LIMITS, pending=pending)
    rows = _run(chunks, window, limits=limits)
    _same(_run(chunks, window, restart=True, limits=limits), rows)
    for frame in rows.values():
        assert np.array_equal(frame.reason == 0, ~np.isnan(frame.correlation))


@given(some_ticks(), st.integers(1, 9), st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=100, deadline=None)
def test_any_cut_and_a_restart_at_every_cut(ticks: Ticks, window: int, cuts: list[int]) -> None:
    whole = _run(_cut(ticks, []), window)
    _same(_run(_cut(ticks, cuts), window), whole)
    _same(_run(_cut(ticks, cuts), window, restart=True), whole)


@given(some_ticks(), st.integers(1, 9), st.integers(0, 120))
@settings(max_examples=80, deadline=None)
def test_what_follows_changes_no_row(ticks: Ticks, window: int, rows: int) -> None:
    whole = _run(_cut(ticks, []), window)
    for name, early in _run(_cut(ticks.take(slice(max(rows % len(ticks), 1))), []), window, restart=False).items():
        assert bits(early) == bits(whole[name].take(slice(len(early)))), name


@given(some_ticks(), st.integers(1, 9), st.integers(0, 60))
@settings(max_examples=80, deadline=None)
def test_where_the_stream_began_is_forgotten_once_the_window_is_full(ticks: Ticks, window: int, start_s: int) -> None:
    chunks = _cut(ticks, list(range(0, 120, 7)))
    whole = _run(chunks, window)
    later_chunks = [Chunk(chunk.watermark, chunk.rows.take(chunk.rows.time >= start_s * S)) for chunk in chunks]
    for name, later in _run(later_chunks, window).items():
        if not isinstance(later, PairTickStats):
            continue
        full = np.flatnonzero(later.warmup_left == 0)
        same = whole[name].take(np.isin(whole[name].open_time, later.open_time[full]))  # type: ignore[union-attr]
        assert bits(later.take(full)) == bits(same), name


@given(some_ticks(), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_what_is_shown_lies_within_one_and_what_is_not_has_a_reason(ticks: Ticks, window: int) -> None:
    for frame in _run(_cut(ticks, []), window).values():
        known = ~np.isnan(frame.correlation)
        assert np.all(np.abs(frame.correlation[known]) <= 1)
        assert np.array_equal(frame.reason == 0, known)


@given(some_ticks(), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_the_correlation_does_not_know_which_leg_is_which(ticks: Ticks, window: int) -> None:
    swapped = Pair(PAIR.x, PAIR.y)
    rows = _run(_cut(ticks, []), window, pairs=(PAIR, swapped))
    for pair, name in rows:
        if pair == str(PAIR) and name != "looks":
            one, other = rows[pair, name], rows[str(swapped), name]
            assert np.array_equal(one.correlation, other.correlation, equal_nan=True)


def test_a_running_sum_would_be_seen() -> None:
    """The negative control: sums kept by adding and taking away depend on what has left the window."""
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1e-4, 3_000) ** 2
    values[500] = 1.0
    running, block = 0.0, []
    for k, value in enumerate(values.tolist()):
        running += value
        if k >= 50:
            running -= values[k - 50]
        block.append(running)
    fresh = [float(np.sum(values[k - 49 : k + 1])) for k in range(1_000, 3_000)]
    assert max(abs(a - b) / b for a, b in zip(block[1_000:], fresh, strict=True)) > 1e-12


def test_legs_of_two_sources_in_any_order() -> None:
    """Each leg from its own partition, one far ahead of the other or by turns."""
    rng = np.random.default_rng(4)
    rows = [(name, int(t), k, 100 + float(rng.integers(0, 9))) for name in ("ETHUSDT", "BTCUSDT")
            for k, t in enumerate(np.sort(rng.integers(0, 60_000, 900)) * 1_000)]  # fmt: skip
    legs: dict[str, list[dict[str, LegTicks]]] = {}
    for name in ("ETHUSDT", "BTCUSDT"):
        splitter = TickSplitter(PAIRS)
        ticks = ticks_of([row for row in rows if row[0] == name], {name: 0})
        pieces = np.array_split(np.arange(len(ticks)), 30)
        legs[name] = [
            item.legs for piece in pieces
            for item in splitter.split(Chunk(ticks.time[piece[-1]] * np.ones(1, np.int64), ticks.take(piece)))
        ]  # fmt: skip
    y, x = legs["ETHUSDT"], legs["BTCUSDT"]
    results = []
    for order in (y + x, x + y, [item for both in zip(y, x, strict=True) for item in both]):
        statistics = PairTickStatistics(PAIRS, (Interval.S1,), 5, RULE, LIMITS)
        made = [chunk.rows for item in order for chunk in statistics.update(item)]
        results.append(
            [bits(concatenated([f for f in made if isinstance(f, kind)])) for kind in (PairTickStats, PairLeadLag)]
        )
    assert results[0] == results[1] == results[2]

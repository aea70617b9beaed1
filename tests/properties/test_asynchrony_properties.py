"""Properties of the correlation of ticks that hold to the last bit for any ticks, gaps, silences and pieces."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tick_legs import PAIR, S, bits, ticks_of

from flows.asynchrony.frames import PairLeadLag, PairTickStats
from flows.asynchrony.legs import PairTicks, TickSplitter
from flows.asynchrony.looks import LookRule
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics, TickChunk
from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks, concatenated
from flows.domain.interval import Interval

LIMITS = Limits(fill_limit_us=8 * S, gap_limit_us=2 * S)
RULE = LookRule(cadence_s=7, window_s=20, ticks=80)
LATENESS = 300_000

pauses = st.sampled_from([0] * 6 + [1_000, 20_000, 50_000, 150_000, 400_000, 900_000, 1_000_000, 2_500_000, 12_000_000])
prices = st.sampled_from([100.0, 100.01, 100.02, 100.5, 101.0, 99.0])


@st.composite
def some_ticks(draw: st.DrawFn) -> Ticks:
    """Two symbols in one input, with steps back inside the lateness, late rows, and gaps."""
    rows, time, newest = [], 5 * S + draw(st.integers(0, 900)) * 1_000, 0
    late = []
    for k in range(draw(st.integers(1, 120))):
        time += draw(pauses)
        back = draw(st.sampled_from([0] * 8 + [1_000, 250_000, 700_000]))
        at = max(time - back, 0)
        late.append(at < newest - LATENESS)
        newest = max(newest, at)
        rows.append((draw(st.sampled_from(["ETHUSDT", "BTCUSDT"])), at, k, draw(prices)))
    ticks = ticks_of(rows, {"ETHUSDT": 2, "BTCUSDT": 2})
    gap = np.array(draw(st.lists(st.sampled_from([False] * 15 + [True]), min_size=len(rows), max_size=len(rows))))
    return replace(ticks, late=np.array(late), gap=gap if draw(st.booleans()) else None)


def _cut(ticks: Ticks, cuts: list[int], gap_cuts: bool) -> list[Chunk[Ticks]]:
    """Pieces with the watermark of their newest row. A gap row begins a piece everywhere: where it is from is the watermark before."""
    edges = {0, len(ticks), *(cut % (len(ticks) + 1) for cut in cuts)}
    if gap_cuts and ticks.gap is not None:
        edges |= set(np.flatnonzero(ticks.gap).tolist())
    ordered = sorted(edges)
    newest = np.maximum.accumulate(ticks.time)
    chunks = []
    for start, end in pairwise(ordered):
        watermark = np.full(2, newest[end - 1] - LATENESS, np.int64)
        chunks.append(Chunk(watermark, ticks.take(slice(start, end))))
    return chunks


def _run(chunks: list[Chunk[Ticks]], window: int, restart: bool) -> dict[str, PairTickStats | PairLeadLag]:
    splitter = TickSplitter((PAIR,))
    statistics = PairTickStatistics(PAIR, tuple(Interval), window, RULE, LIMITS)
    out: list[TickChunk] = []
    for chunk in chunks:
        for legs in splitter.split(chunk):
            out += statistics.update(legs)
        if restart:
            splitter = TickSplitter((PAIR,), pickle.loads(pickle.dumps(splitter.state())))
            state = pickle.loads(pickle.dumps(statistics.state()))
            statistics = PairTickStatistics(PAIR, tuple(Interval), window, RULE, LIMITS, state)
    frames: dict[str, list[PairTickStats | PairLeadLag]] = {}
    for made in out:
        name = str(made.rows.interval) if isinstance(made.rows, PairTickStats) else "looks"
        frames.setdefault(name, []).append(made.rows)
    return {name: concatenated(parts) for name, parts in frames.items()}


def _same(one: dict[str, PairTickStats | PairLeadLag], other: dict[str, PairTickStats | PairLeadLag]) -> None:
    assert one.keys() == other.keys()
    for name, frame in one.items():
        assert bits(frame) == bits(other[name]), name


@given(some_ticks(), st.integers(1, 9), st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=100, deadline=None)
def test_any_cut_and_a_restart_at_every_cut(ticks: Ticks, window: int, cuts: list[int]) -> None:
    whole = _run(_cut(ticks, [], True), window, restart=False)
    _same(_run(_cut(ticks, cuts, True), window, restart=False), whole)
    _same(_run(_cut(ticks, cuts, True), window, restart=True), whole)


@given(some_ticks(), st.integers(1, 9), st.integers(0, 120))
@settings(max_examples=80, deadline=None)
def test_what_follows_changes_no_row(ticks: Ticks, window: int, rows: int) -> None:
    whole = _run(_cut(ticks, [], True), window, restart=False)
    for name, early in _run(
        _cut(ticks.take(slice(max(rows % len(ticks), 1))), [], True), window, restart=False
    ).items():
        assert bits(early) == bits(whole[name].take(slice(len(early)))), name


@given(some_ticks(), st.integers(1, 9), st.integers(0, 60))
@settings(max_examples=80, deadline=None)
def test_where_the_stream_began_is_forgotten_once_the_window_is_full(ticks: Ticks, window: int, start_s: int) -> None:
    chunks = _cut(ticks, list(range(0, 120, 7)), True)
    whole = _run(chunks, window, restart=False)
    later_chunks = [Chunk(chunk.watermark, chunk.rows.take(chunk.rows.time >= start_s * S)) for chunk in chunks]
    for name, later in _run(later_chunks, window, restart=False).items():
        if not isinstance(later, PairTickStats):
            continue
        full = np.flatnonzero(later.warmup_left == 0)
        same = whole[name].take(np.isin(whole[name].open_time, later.open_time[full]))  # type: ignore[union-attr]
        assert bits(later.take(full)) == bits(same), name


@given(some_ticks(), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_what_is_shown_lies_within_one_and_what_is_not_has_a_reason(ticks: Ticks, window: int) -> None:
    for frame in _run(_cut(ticks, [], True), window, restart=False).values():
        known = ~np.isnan(frame.correlation)
        assert np.all(np.abs(frame.correlation[known]) <= 1)
        assert np.array_equal(frame.reason == 0, known)


@given(some_ticks(), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_the_correlation_does_not_know_which_leg_is_which(ticks: Ticks, window: int) -> None:
    swapped = replace(ticks, symbol=(1 - ticks.symbol).astype(np.int32))
    one, other = (_run(_cut(t, [], True), window, restart=False) for t in (ticks, swapped))
    for name in one.keys() - {"looks"}:
        assert np.array_equal(one[name].correlation, other[name].correlation, equal_nan=True)


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
    legs: dict[str, list[PairTicks]] = {}
    for name in ("ETHUSDT", "BTCUSDT"):
        splitter = TickSplitter((PAIR,))
        ticks = ticks_of([row for row in rows if row[0] == name], {name: 0})
        pieces = np.array_split(np.arange(len(ticks)), 30)
        legs[name] = [
            item for piece in pieces
            for item in splitter.split(Chunk(ticks.time[piece[-1]] * np.ones(1, np.int64), ticks.take(piece)))
        ]  # fmt: skip
    y, x = legs["ETHUSDT"], legs["BTCUSDT"]
    results = []
    for order in (y + x, x + y, [item for both in zip(y, x, strict=True) for item in both]):
        statistics = PairTickStatistics(PAIR, (Interval.S1,), 5, RULE, LIMITS)
        made = [chunk.rows for item in order for chunk in statistics.update(item)]
        results.append(
            [bits(concatenated([f for f in made if isinstance(f, kind)])) for kind in (PairTickStats, PairLeadLag)]
        )
    assert results[0] == results[1] == results[2]

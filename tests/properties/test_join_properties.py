"""The aligner against a join of complete lists, for any legs in any pieces."""

import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.domain.frames import concatenated
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.join.aligner import Aligner
from flows.join.legs import LegBars, PairLegs

S = 1_000_000
PAIR = Pair("Y", "X")


def _bars(seconds: list[int], until: int) -> LegBars:
    times = np.array(seconds, np.int64) * S
    return LegBars(times, np.sqrt(times), times // 7, times // 11, times % (3 * S) == 0, until, True)


def _pieces(seconds: list[int], cuts: list[tuple[int, bool]]) -> list[LegBars]:
    """The leg in pieces: after some of them the watermark stands just before the next bar."""
    edges = sorted((cut % (len(seconds) + 1), heartbeat) for cut, heartbeat in cuts)
    out, start = [], 0
    for edge, heartbeat in edges:
        next_open = seconds[edge] if edge < len(seconds) else seconds[-1] + 1
        out.append(_bars(seconds[start:edge], next_open * S if heartbeat else 0))
        start = edge
    return [*out, _bars(seconds[start:], 0)]


legs = st.sets(st.integers(1, 60), min_size=1, max_size=40).map(sorted)
cuts = st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=6)
turns = st.lists(st.sampled_from(["y", "x", "yx"]), max_size=14)


@given(legs, legs, cuts, cuts, turns)
@settings(max_examples=300, deadline=None)
def test_the_rows_of_both_in_order_and_every_bar_accounted_for(y, x, cuts_y, cuts_x, turns) -> None:
    pieces = {"y": _pieces(y, cuts_y), "x": _pieces(x, cuts_x)}
    aligner = Aligner(PAIR, Interval.S1, pending_limit=1_000)
    frames, watermark = [], 0
    for turn in [*turns, *["yx"] * 7]:
        taken = {name: pieces[name].pop(0) if pieces[name] and name in turn else None for name in "yx"}
        if taken["y"] is None and taken["x"] is None:
            continue
        chunk = aligner.add(PairLegs(PAIR, Interval.S1, taken["y"], taken["x"]))
        assert np.all(chunk.rows.open_time + S > watermark)  # nothing below a watermark that was given out
        assert np.all(chunk.rows.open_time + S <= chunk.watermark[0])
        watermark = int(chunk.watermark[0])
        frames.append(chunk.rows)
        aligner = Aligner(PAIR, Interval.S1, 1_000, pickle.loads(pickle.dumps(aligner.state())))
    rows = concatenated(frames)
    both = sorted(set(y) & set(x))
    assert rows.open_time.tolist() == [second * S for second in both]
    assert np.array_equal(rows.y_close, rows.x_close)
    assert np.array_equal(rows.y_age_ms, rows.open_time // 7)
    assert np.array_equal(rows.x_trade_count, rows.open_time // 11)
    assert rows.gap.tolist() == [3 if second % 3 == 0 else 0 for second in both]
    state = aligner.state()
    assert len(both) + state.dropped.y_alone + len(state.y) == len(y)
    assert len(both) + state.dropped.x_alone + len(state.x) == len(x)
    assert state.dropped.y_overflow == state.dropped.x_overflow == 0
    assert min(len(state.y), len(state.x)) == 0


@given(legs, legs, st.integers(1, 10), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_what_waits_never_exceeds_the_limit(y, x, limit, behind) -> None:
    aligner = Aligner(PAIR, Interval.S1, limit)
    rows = 0
    queue = [("y", s) for s in y] + [("x", s) for s in x]
    queue.sort(key=lambda item: item[1] + (behind if item[0] == "x" else 0))
    for name, second in queue:
        bars = _bars([second], 0)
        rows += len(
            aligner.add(PairLegs(PAIR, Interval.S1, bars if name == "y" else None, bars if name == "x" else None)).rows
        )
        assert max(len(aligner.state().y), len(aligner.state().x)) <= limit
    dropped = aligner.dropped
    assert rows + dropped.y_alone + dropped.y_overflow + len(aligner.state().y) == len(y)
    assert rows + dropped.x_alone + dropped.x_overflow + len(aligner.state().x) == len(x)

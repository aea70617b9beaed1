"""The aligner against a join of complete lists, for any legs in any pieces."""

import pickle
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from leg_bars import leg
from leg_bars import legs as legs_together

from flows.domain.frames import concatenated
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.join.aligner import Aligner
from flows.join.legs import LegBars

S = 1_000_000
PAIRS = (Pair("Y", "X"),)


def _bars(seconds: list[int], until: int) -> LegBars:
    times = np.array(seconds, np.int64) * S
    return replace(
        leg(seconds),
        close=np.sqrt(times),
        age_ms=times // 7,
        trade_count=times // 11,
        gap=times % (3 * S) == 0,
        closed_until=np.array([until]),
    )


def _waiting(aligner: Aligner) -> tuple[int, int]:
    return tuple(np.diff(aligner.state().waiting.start).tolist())


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
    aligner = Aligner(PAIRS, Interval.S1, pending_limit=1_000)
    frames, watermark = [], 0
    for turn in [*turns, *["yx"] * 7]:
        taken = {name: pieces[name].pop(0) if pieces[name] and name in turn else None for name in "yx"}
        if taken["y"] is None and taken["x"] is None:
            continue
        chunk = aligner.add(legs_together(y=taken["y"], x=taken["x"]))
        assert np.all(chunk.rows.open_time + S > watermark)  # nothing below a watermark that was given out
        assert np.all(chunk.rows.open_time + S <= chunk.watermark[0])
        watermark = int(chunk.watermark[0])
        frames.append(chunk.rows)
        aligner = Aligner(PAIRS, Interval.S1, 1_000, pickle.loads(pickle.dumps(aligner.state())))
    rows = concatenated(frames)
    both = sorted(set(y) & set(x))
    assert rows.open_time.tolist() == [second * S for second in both]
    assert np.array_equal(rows.y_close, rows.x_close)
    assert np.array_equal(rows.y_age_ms, rows.open_time // 7)
    assert np.array_equal(rows.x_trade_count, rows.open_time // 11)
    assert rows.gap.tolist() == [3 if second % 3 == 0 else 0 for second in both]
    dropped, waiting = aligner.dropped, _waiting(aligner)
    assert len(both) + dropped.alone[0, 0] + waiting[0] == len(y)
    assert len(both) + dropped.alone[1, 0] + waiting[1] == len(x)
    assert not dropped.overflow.any()
    assert min(waiting) == 0


@given(legs, legs, st.integers(1, 10), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_what_waits_never_exceeds_the_limit(y, x, limit, behind) -> None:
    aligner = Aligner(PAIRS, Interval.S1, limit)
    rows = 0
    queue = [("y", s) for s in y] + [("x", s) for s in x]
    queue.sort(key=lambda item: item[1] + (behind if item[0] == "x" else 0))
    for name, second in queue:
        bars = _bars([second], 0)
        rows += len(aligner.add(legs_together(**{name: bars})).rows)
        assert max(_waiting(aligner)) <= limit
    dropped, waiting = aligner.dropped, _waiting(aligner)
    assert rows + dropped.alone[0, 0] + dropped.overflow[0, 0] + waiting[0] == len(y)
    assert rows + dropped.alone[1, 0] + dropped.overflow[1, 0] + waiting[1] == len(x)

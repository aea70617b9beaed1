"""The join as a Bytewax operator."""

import logging

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, PairBars
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.join.aligner import Aligner, AlignerState, Dropped
from flows.join.legs import ClosedSlots, LegSplitter, PairLegs

_log = logging.getLogger(__name__)


class _LegsLogic(StatefulBatchLogic[Chunk[Bars], PairLegs, ClosedSlots]):
    def __init__(self, splitter: LegSplitter) -> None:
        self._splitter = splitter

    def on_batch(self, chunks: list[Chunk[Bars]]) -> tuple[list[PairLegs], bool]:
        return [legs for chunk in chunks for legs in self._splitter.split(chunk)], StatefulBatchLogic.RETAIN

    def snapshot(self) -> ClosedSlots:
        return self._splitter.state()


class _AlignLogic(StatefulBatchLogic[PairLegs, Chunk[PairBars], AlignerState | None]):
    def __init__(self, pending_limit: int, state: AlignerState | None) -> None:
        self._pending_limit, self._state = pending_limit, state
        self._aligner: Aligner | None = None  # made at the first item, which names the pair and the interval
        self._told = False

    def on_batch(self, items: list[PairLegs]) -> tuple[list[Chunk[PairBars]], bool]:
        return [chunk for legs in items if (chunk := self._fold(legs)) is not None], StatefulBatchLogic.RETAIN

    def _fold(self, legs: PairLegs) -> Chunk[PairBars] | None:
        if self._aligner is None:
            self._aligner = Aligner(legs.pair, legs.interval, self._pending_limit, self._state)
        before = self._aligner.watermark
        if not legs.complete:
            forming = self._aligner.provisional(legs)
            return Chunk(before, forming) if len(forming) else None
        chunk = self._aligner.add(legs)
        self._tell_overflow(legs, self._aligner.dropped)
        return chunk if len(chunk.rows) or chunk.watermark[0] > before[0] else None

    def _tell_overflow(self, legs: PairLegs, dropped: Dropped) -> None:
        if dropped.y_overflow + dropped.x_overflow and not self._told:
            self._told = True
            told = "%s %s: one leg is more than %d bars ahead of the other: its oldest bars are dropped"
            _log.warning(told, legs.pair, legs.interval, self._pending_limit)

    def snapshot(self) -> AlignerState | None:
        return self._aligner.state() if self._aligner else self._state


@operator
def pair_bars(
    step_id: str,
    up: KeyedStream[Chunk[Bars]],
    pairs: tuple[Pair, ...],
    intervals: tuple[Interval, ...],
    pending_limit: int,
) -> KeyedStream[Chunk[PairBars]]:
    """Both legs of every pair at the same open time, keyed by `Y/X interval`; forming pair bars come in chunks of their own."""
    legs = op.stateful_batch("legs", up, lambda state: _LegsLogic(LegSplitter(pairs, intervals, state)))
    by_pair = op.map("by_pair", legs, lambda item: (f"{item[1].pair} {item[1].interval}", item[1]))
    return op.stateful_batch("align", by_pair, lambda state: _AlignLogic(pending_limit, state))

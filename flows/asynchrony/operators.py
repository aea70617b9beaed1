"""Correlation of ticks and lead-lag as a Bytewax operator."""

import logging

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from flows.asynchrony.legs import PairTicks, SplitState, TickSplitter
from flows.asynchrony.looks import LookRule
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics, TickChunk, TickPairState
from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.domain.interval import Interval
from flows.domain.pair import Pair

_log = logging.getLogger(__name__)


class _SplitLogic(StatefulBatchLogic[Chunk[Ticks], PairTicks, SplitState]):
    def __init__(self, splitter: TickSplitter) -> None:
        self._splitter = splitter

    def on_batch(self, chunks: list[Chunk[Ticks]]) -> tuple[list[PairTicks], bool]:
        return [legs for chunk in chunks for legs in self._splitter.split(chunk)], StatefulBatchLogic.RETAIN

    def snapshot(self) -> SplitState:
        return self._splitter.state()


class _PairLogic(StatefulBatchLogic[PairTicks, TickChunk, TickPairState | None]):
    def __init__(
        self, intervals: tuple[Interval, ...], window: int, rule: LookRule, limits: Limits, state: TickPairState | None
    ) -> None:
        self._intervals, self._window, self._rule, self._limits, self._state = intervals, window, rule, limits, state
        self._statistics: PairTickStatistics | None = None  # made at the first item, which names the pair
        self._told = False

    def on_batch(self, items: list[PairTicks]) -> tuple[list[TickChunk], bool]:
        return [chunk for legs in items for chunk in self._fold(legs)], StatefulBatchLogic.RETAIN

    def _fold(self, legs: PairTicks) -> list[TickChunk]:
        if self._statistics is None:
            self._statistics = PairTickStatistics(
                legs.pair, self._intervals, self._window, self._rule, self._limits, self._state
            )
        chunks = self._statistics.update(legs)
        if self._statistics.dropped and not self._told:
            self._told = True
            told = "%s: one leg is more than %d ticks ahead of the other: its oldest ticks are dropped"
            _log.warning(told, legs.pair, self._limits.pending)
        return chunks

    def snapshot(self) -> TickPairState | None:
        return self._statistics.state() if self._statistics else self._state


@operator
def pair_tick_stats(
    step_id: str,
    up: KeyedStream[Chunk[Ticks]],
    pairs: tuple[Pair, ...],
    intervals: tuple[Interval, ...],
    window: int,
    rule: LookRule,
    limits: Limits,
) -> KeyedStream[TickChunk]:
    """Chunks of `PairTickStats`, one per interval with rows, and of `PairLeadLag` at each look, keyed by `Y/X`."""
    legs = op.stateful_batch("split", up, lambda state: _SplitLogic(TickSplitter(pairs, state)))
    by_pair = op.map("by_pair", legs, lambda item: (str(item[1].pair), item[1]))
    return op.stateful_batch("fold", by_pair, lambda state: _PairLogic(intervals, window, rule, limits, state))

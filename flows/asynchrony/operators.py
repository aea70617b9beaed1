"""Correlation of ticks and lead-lag as a Bytewax operator."""

import logging

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from flows.asynchrony.group_state import GroupState
from flows.asynchrony.looks import LookRule
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics, TickChunk
from flows.asynchrony.splitter import GroupTicks, SplitState, TickSplitter
from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.domain.interval import Interval
from flows.domain.pair import Pair, groups

_log = logging.getLogger(__name__)


class _SplitLogic(StatefulBatchLogic[Chunk[Ticks], GroupTicks, SplitState]):
    def __init__(self, splitter: TickSplitter) -> None:
        self._splitter = splitter

    def on_batch(self, chunks: list[Chunk[Ticks]]) -> tuple[list[GroupTicks], bool]:
        return [legs for chunk in chunks for legs in self._splitter.split(chunk)], StatefulBatchLogic.RETAIN

    def snapshot(self) -> SplitState:
        return self._splitter.state()


class _GroupLogic(StatefulBatchLogic[GroupTicks, TickChunk, GroupState | None]):
    def __init__(
        self,
        pairs: tuple[Pair, ...],
        intervals: tuple[Interval, ...],
        window: int,
        rule: LookRule,
        limits: Limits,
        state: GroupState | None,
    ) -> None:
        self._groups, self._of_all, self._limits, self._state = groups(pairs), (intervals, window, rule), limits, state
        self._statistics: PairTickStatistics | None = None  # made at the first item, which names the group
        self._told: set[str] = set()

    def on_batch(self, items: list[GroupTicks]) -> tuple[list[TickChunk], bool]:
        return [chunk for item in items for chunk in self._fold(item)], StatefulBatchLogic.RETAIN

    def _fold(self, item: GroupTicks) -> list[TickChunk]:
        if self._statistics is None:
            pairs = self._groups[item.group]
            self._statistics = PairTickStatistics(pairs, *self._of_all, self._limits, self._state)
        chunks = self._statistics.update(item.legs)
        for symbol in self._statistics.dropped.keys() - self._told:
            self._told.add(symbol)
            told = "%s is more than %d ticks ahead of another leg of its pairs: its oldest ticks are dropped"
            _log.warning(told, symbol, self._limits.pending)
        return chunks

    def snapshot(self) -> GroupState | None:
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
    """Chunks of `PairTickStats`, one per interval with rows, and of `PairLeadLag` at looks, keyed by the number of the group of pairs."""
    legs = op.stateful_batch("split", up, lambda state: _SplitLogic(TickSplitter(pairs, state)))
    by_group = op.map("by_group", legs, lambda item: (str(item[1].group), item[1]))
    return op.stateful_batch("fold", by_group, lambda state: _GroupLogic(pairs, intervals, window, rule, limits, state))

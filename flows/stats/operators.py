"""The statistics as a Bytewax operator."""

from typing import TypeAlias

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from flows.domain.chunk import Chunk
from flows.domain.frames import PairBars, PairStats
from flows.domain.model import Model
from flows.stats.cohorts import Cohorts, CohortState

States: TypeAlias = tuple[CohortState, ...]


class _PairStatsLogic(StatefulBatchLogic[Chunk[PairBars], Chunk[PairStats], States | None]):
    def __init__(self, models: tuple[Model, ...], stale_after_ms: int, state: States | None) -> None:
        self._models, self._stale_after_ms, self._state = models, stale_after_ms, state
        self._statistics: Cohorts | None = None  # made at the first chunk, which names the pairs and the interval

    def on_batch(self, chunks: list[Chunk[PairBars]]) -> tuple[list[Chunk[PairStats]], bool]:
        return [out for chunk in chunks for out in self._fold(chunk)], StatefulBatchLogic.RETAIN

    def _fold(self, chunk: Chunk[PairBars]) -> list[Chunk[PairStats]]:
        bars = chunk.rows
        if self._statistics is None:
            self._statistics = Cohorts(bars.pairs, bars.interval, self._models, self._stale_after_ms, self._state or ())
        forming = len(bars) > 0 and not bars.complete[0]
        frames = self._statistics.provisional(bars) if forming else self._statistics.update(bars)
        return [Chunk(chunk.watermark, frame) for frame in frames]

    def snapshot(self) -> States | None:
        return self._statistics.state() if self._statistics else self._state


@operator
def pair_stats(
    step_id: str, up: KeyedStream[Chunk[PairBars]], models: tuple[Model, ...], stale_after_ms: int
) -> KeyedStream[Chunk[PairStats]]:
    """Statistics of every pair bar, one chunk per model; a chunk of forming bars changes no window."""
    return op.stateful_batch("fold", up, lambda state: _PairStatsLogic(models, stale_after_ms, state))

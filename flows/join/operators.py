"""The join as a Bytewax operator."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from flows.domain.chunk import Chunk
from flows.domain.frames import I64, Bars, PairBars
from flows.domain.interval import Interval
from flows.domain.pair import Pair, groups
from flows.join.aligner import Aligner, AlignerState
from flows.join.legs import LegBars, legs_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _GroupLegs:
    """Bars for the pairs of a group, which they name: the engine builds a step's logic without telling it its key."""

    group: tuple[Pair, ...]
    interval: Interval
    legs: LegBars


class _AlignLogic(StatefulBatchLogic[_GroupLegs, Chunk[PairBars], AlignerState | None]):
    def __init__(self, pending_limit: int, state: AlignerState | None) -> None:
        self._pending_limit, self._state = pending_limit, state
        self._aligner: Aligner | None = None  # made at the first item
        self._told = False

    def on_batch(self, items: list[_GroupLegs]) -> tuple[list[Chunk[PairBars]], bool]:
        return [chunk for item in items if (chunk := self._fold(item)) is not None], StatefulBatchLogic.RETAIN

    def _fold(self, item: _GroupLegs) -> Chunk[PairBars] | None:
        if self._aligner is None:
            self._aligner = Aligner(item.group, item.interval, self._pending_limit, self._state)
        before = self._aligner.watermark
        if not item.legs.complete:
            forming = self._aligner.provisional(item.legs)
            return Chunk(before, forming) if len(forming) else None
        chunk = self._aligner.add(item.legs)
        self._tell_overflow(item, self._aligner.dropped.overflow)
        return chunk if len(chunk.rows) or np.any(chunk.watermark > before) else None

    def _tell_overflow(self, item: _GroupLegs, overflow: I64) -> None:
        if not self._told and overflow.any():
            self._told = True
            pair = item.group[int(np.flatnonzero(overflow.any(axis=0))[0])]
            told = "%s %s: one leg is more than %d bars ahead of the other: its oldest bars are dropped"
            _log.warning(told, pair, item.interval, self._pending_limit)

    def snapshot(self) -> AlignerState | None:
        return self._aligner.state() if self._aligner else self._state


@operator
def pair_bars(
    step_id: str, up: KeyedStream[Chunk[Bars]], pairs: tuple[Pair, ...], pending_limit: int
) -> KeyedStream[Chunk[PairBars]]:
    """Both legs of every pair at the same open time, keyed by `interval group`; forming pair bars come in chunks of their own.

    The pairs are worked on in groups (`flows.domain.pair.groups`), so that many share what an item costs the engine.
    """
    grouped = groups(pairs)
    symbols = [frozenset(symbol for pair in group for symbol in (pair.y, pair.x)) for group in grouped]

    def by_group(item: tuple[str, Chunk[Bars]]) -> Iterator[tuple[str, _GroupLegs]]:
        interval, legs = item[1].rows.interval, legs_of(item[1])
        for g, group in enumerate(grouped):
            if not symbols[g].isdisjoint(legs.symbols):
                yield f"{interval} {g}", _GroupLegs(group, interval, legs)

    legs = op.flat_map("by_group", up, by_group)
    return op.stateful_batch("align", legs, lambda state: _AlignLogic(pending_limit, state))

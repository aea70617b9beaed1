"""Bars as a Bytewax operator: one stateful step keyed by source partition."""

from typing import TypeAlias

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from flows.bars.open_bars import BarsState, OpenBars
from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, Ticks
from flows.domain.interval import Interval

BarChunks: TypeAlias = KeyedStream[Chunk[Bars]]


class _BarsLogic(StatefulBatchLogic[Chunk[Ticks], Chunk[Bars], BarsState]):
    def __init__(self, bars: OpenBars) -> None:
        self._bars = bars

    def on_batch(self, values: list[Chunk[Ticks]]) -> tuple[list[Chunk[Bars]], bool]:
        return [bars for chunk in values for bars in self._bars.fold(chunk)], StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Chunk[Bars]], bool]:
        return self._bars.provisional(), StatefulBatchLogic.RETAIN

    def snapshot(self) -> BarsState:
        return self._bars.state()


@operator
def ohlcv_bars(
    step_id: str,
    up: KeyedStream[Chunk[Ticks]],
    intervals: tuple[Interval, ...],
    fill_limit_us: int,
    gap_limit_us: int,
    forming_every_us: int,
) -> KeyedStream[Chunk[Bars]]:
    """Tumbling bars of every interval, keyed like the ticks. See `flows.bars.open_bars.OpenBars`."""

    def build(state: BarsState | None) -> _BarsLogic:
        return _BarsLogic(OpenBars(intervals, fill_limit_us, gap_limit_us, forming_every_us, state))

    return op.stateful_batch("fold", up, build)

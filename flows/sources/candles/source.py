"""Checked candles as a Bytewax source of closed bars: one partition."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.domain.chunk import Chunk
from flows.domain.frames import Bars
from flows.domain.interval import Interval
from flows.sources import stop
from flows.sources.candles.bars import CHUNK_TIMES, chunks
from flows.sources.candles.reading import Candles

PARTITION = "candles"
Item = tuple[str, Chunk[Bars]]


class CandleSource(FixedPartitionedSource[Item, int]):
    """`(PARTITION, chunk)` for each interval, in time order over all symbols.

    Attributes:
        size: chunks in all. on_progress: called with those given out so far.
    """

    def __init__(self, candles: Candles, intervals: tuple[Interval, ...]) -> None:
        self._candles, self._intervals = candles, intervals
        self.size = -(-len(set(candles.columns["open_time"].tolist())) // CHUNK_TIMES)
        self.on_progress: Callable[[int], None] = lambda _: None

    def list_parts(self) -> list[str]:
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "_CandlePartition":
        first = resume_state or 0
        return _CandlePartition(chunks(self._candles, self._intervals, first), first, self.on_progress)


class _CandlePartition(StatefulSourcePartition[Item, int]):
    def __init__(self, items: Iterator[list[Chunk[Bars]]], given: int, on_progress: Callable[[int], None]) -> None:
        self._items, self._given, self._on_progress = items, given, on_progress

    def next_batch(self) -> Iterable[Item]:
        if stop.requested():
            raise StopIteration
        batch = next(self._items)
        self._given += 1
        self._on_progress(self._given)
        return [(PARTITION, chunk) for chunk in batch]

    def next_awake(self) -> datetime | None:
        return None

    def snapshot(self) -> int:
        return self._given

"""The files as a source that is watched, cut at random, killed, or begins later; and the sink that keeps what comes out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from flows.audit.cells import Recorder
from flows.domain.chunk import Chunk
from flows.domain.frames import I64, Ticks
from flows.sinks.tables import GROUPS, Storable, table_rows
from flows.sources.files import FileSource

Item = tuple[str, Chunk[Any]]
_PIECES = 4


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to a source.

    Attributes:
        cuts: seed of further cuts of its chunks at random rows; None: none.
        batches: after so many it is killed, like a process: no end of input, no last snapshot; None: never.
        begins_us: trades before this time are left out.
    """

    cuts: int | None = None
    batches: int | None = None
    begins_us: int | None = None


class TreatedSource(FixedPartitionedSource[Item, Any]):
    """A source with a treatment.

    Attributes:
        watermarks: newest one by symbol.
        batches: that were read. first_us, last_us: the earliest and latest trade in time; None before the first.
    """

    def __init__(self, source: FileSource, treatment: Treatment) -> None:
        self._source, self._treatment = source, treatment
        self.watermarks: dict[str, int] = {}
        self.batches = 0
        self.first_us: int | None = None
        self.last_us: int | None = None

    def list_parts(self) -> list[str]:
        return self._source.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> "_TreatedPartition":
        return _TreatedPartition(self, self._source.build_part(step_id, for_part, resume_state), self._treatment)

    def see(self, chunk: Chunk[Any]) -> None:
        """Remember what a chunk promises."""
        if not isinstance(chunk.rows, Ticks):
            return
        for instrument, watermark in zip(chunk.rows.instruments, chunk.watermark.tolist(), strict=True):
            self.watermarks[instrument.symbol] = max(watermark, self.watermarks.get(instrument.symbol, 0))
        times = chunk.rows.time[~chunk.rows.late]
        if len(times):
            first, last = int(times.min()), int(times.max())
            self.first_us = first if self.first_us is None else min(first, self.first_us)
            self.last_us = last if self.last_us is None else max(last, self.last_us)


class _TreatedPartition(StatefulSourcePartition[Item, Any]):
    def __init__(self, owner: TreatedSource, inner: StatefulSourcePartition[Any, Any], treatment: Treatment) -> None:
        self._owner, self._inner, self._treatment = owner, inner, treatment
        self._random = None if treatment.cuts is None else Random(treatment.cuts)
        self._before: I64 = np.zeros(0, np.int64)

    def next_batch(self) -> Iterable[Item]:
        if self._owner.batches == self._treatment.batches:
            raise AbortExecution
        batch = list(self._inner.next_batch())
        self._owner.batches += 1
        out: list[Item] = []
        for key, chunk in batch:
            self._owner.see(chunk)
            out += [(key, piece) for piece in self._treated(chunk)]
        return out

    def next_awake(self) -> datetime | None:
        return self._inner.next_awake()

    def snapshot(self) -> Any:
        return self._inner.snapshot()

    def _treated(self, chunk: Chunk[Any]) -> list[Chunk[Any]]:
        if not isinstance(chunk.rows, Ticks):
            return [chunk]
        begins = self._treatment.begins_us
        if begins is not None:
            chunk = replace(chunk, rows=chunk.rows.take(chunk.rows.time >= begins))
        return [chunk] if self._random is None else self._cut(chunk, self._random)

    def _cut(self, chunk: Chunk[Ticks], random: Random) -> list[Chunk[Ticks]]:
        """The chunk in pieces; only the last may promise what the whole promised."""
        rows = len(chunk.rows)
        before = np.zeros(len(chunk.watermark), np.int64)
        before[: len(self._before)] = self._before
        self._before = chunk.watermark
        ends = sorted({random.randrange(1, rows) for _ in range(_PIECES - 1)}) if rows > 1 else []
        edges = [0, *ends, rows]
        pieces = [chunk.rows.take(slice(start, end)) for start, end in pairwise(edges)]
        return [Chunk(before, piece) for piece in pieces[:-1]] + [Chunk(chunk.watermark, pieces[-1])]


class RecordingSink(FixedPartitionedSink[Storable, None]):
    """Keeps the rows of every frame that the flow emits, whatever its table is."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def list_parts(self) -> list[str]:
        return list(GROUPS)

    def part_fn(self, item_key: str) -> int:
        return GROUPS.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_RecordingPartition":
        return _RecordingPartition(self._recorder)


class _RecordingPartition(StatefulSinkPartition[Storable, None]):
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def write_batch(self, values: list[Storable]) -> None:
        for frame in values:
            interval = getattr(frame, "interval", None)
            self._recorder.add(table_rows(frame), 0 if interval is None else interval.us)

    def snapshot(self) -> None:
        """Rows are kept as they come."""

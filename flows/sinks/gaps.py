"""A sink around another that counts the bars that lack trades, to be told at the end of a run."""

import threading
from collections import Counter

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from flows.domain.frames import Bars
from flows.domain.interval import Interval
from flows.sinks.tables import Storable


class GapCountingSink(FixedPartitionedSink[Storable, None]):
    """Hands every item on and counts as it passes. Forming bars count: at the end of a file they are the last word.

    Attributes:
        bars: bars with `gap`, by symbol and interval.
    """

    def __init__(self, sink: FixedPartitionedSink[Storable, None]) -> None:
        self.bars: Counter[tuple[str, Interval]] = Counter()
        self._sink = sink
        self._lock = threading.Lock()

    def list_parts(self) -> list[str]:
        return self._sink.list_parts()

    def part_fn(self, item_key: str) -> int:
        return self._sink.part_fn(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_CountingPartition":
        return _CountingPartition(self, self._sink.build_part(step_id, for_part, resume_state))

    def count(self, bars: Bars) -> None:
        """Add a frame's rows."""
        with self._lock:
            for symbol in bars.symbol[bars.gap].tolist():
                self.bars[bars.instruments[symbol].symbol, bars.interval] += 1

    def told(self) -> list[str]:
        """A sentence for each symbol whose bars lack trades."""
        return [
            f"bars of {symbol} that lack trades (column gap): "
            + ", ".join(f"{self.bars[symbol, i]:,} of {i}" for i in Interval if self.bars[symbol, i])
            for symbol in sorted({symbol for symbol, _ in self.bars})
        ]


class _CountingPartition(StatefulSinkPartition[Storable, None]):
    def __init__(self, counts: GapCountingSink, part: StatefulSinkPartition[Storable, None]) -> None:
        self._counts, self._part = counts, part

    def write_batch(self, values: list[Storable]) -> None:
        for frame in values:
            if isinstance(frame, Bars) and frame.gap.any():
                self._counts.count(frame)
        self._part.write_batch(values)

    def snapshot(self) -> None:
        self._part.snapshot()

    def close(self) -> None:
        self._part.close()

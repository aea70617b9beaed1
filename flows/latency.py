"""How long each stage of the live flow takes, as histograms: bounded memory whatever happens, quantiles to within 5 %.

traded_sent      the exchange's own delay, E − T
sent_received    the network, received − lead − E: negative where the measured lead is too large, and told so
received_chunk   the queue, from the socket to the chunk that is handed to the dataflow
chunk_bar        from the newest chunk handed out to the bars that reach the sink
bar_row          from there until the database has accepted the rows
"""

import math
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flows.domain.frames import LATENCY_STAGES, FeedLatency

_PER_DOUBLING = 8
_DOUBLINGS = 40
_HALF = _PER_DOUBLING * _DOUBLINGS
"""Buckets of one sign: from 1 µs to 12 days, each 9 % wide."""


class Histogram:
    """Counts of microseconds in logarithmic buckets of both signs; what is below 1 µs is 0."""

    def __init__(self) -> None:
        self._counts = np.zeros(2 * _HALF + 1, np.int64)
        self._largest = -math.inf

    def add(self, values_us: ArrayLike) -> None:
        """Count each value, shape (n,) or a single one."""
        values = np.atleast_1d(np.asarray(values_us, np.float64))
        if len(values):
            size = np.abs(values)
            steps = np.floor(np.log2(np.maximum(size, 1.0)) * _PER_DOUBLING).astype(np.int64) + 1
            steps = np.where(size < 1.0, 0, np.minimum(steps, _HALF))
            self._counts += np.bincount(_HALF + np.where(values < 0, -steps, steps), minlength=2 * _HALF + 1)
            self._largest = max(self._largest, float(values.max()))

    @property
    def text(self) -> str:
        """The counts, `bucket:count` each, as they are stored; '' of none. `add_text` reads them."""
        buckets = np.flatnonzero(self._counts)
        return " ".join(f"{bucket - _HALF}:{self._counts[bucket]}" for bucket in buckets.tolist())

    def add_text(self, text: str, largest_us: float) -> None:
        """Count what another histogram has counted.

        Args:
            text: of that one. largest_us: its largest value.

        Raises:
            ValueError: that is not the text of a histogram.
        """
        for part in text.split():
            bucket, _, count = part.partition(":")
            if abs(int(bucket)) > _HALF or int(count) < 1:
                raise ValueError(f'histogram "{text}": no bucket {part}')
            self._counts[_HALF + int(bucket)] += int(count)
            self._largest = max(self._largest, largest_us)

    def counts_between(self, edges_us: ArrayLike) -> NDArray[np.int64]:
        """How many values lie in each interval between ascending edges, shape (n + 1,): the first below all edges, the last above.

        A bucket counts as a whole where its middle lies.
        """
        buckets = np.flatnonzero(self._counts)
        at = np.searchsorted(
            np.asarray(edges_us, np.float64), [_middle_us(b - _HALF) for b in buckets.tolist()], side="right"
        )
        return np.bincount(at, self._counts[buckets], minlength=np.size(edges_us) + 1).astype(np.int64)

    @property
    def count(self) -> int:
        """Values counted."""
        return int(self._counts.sum())

    @property
    def largest_us(self) -> float:
        """The largest value, exactly; NaN of none."""
        return self._largest if self.count else math.nan

    def quantile_us(self, share: float) -> float:
        """The value that `share` of all do not exceed: the middle of its bucket, at most the largest; NaN of none."""
        reached = np.cumsum(self._counts)
        if not reached[-1]:
            return math.nan
        bucket = int(np.searchsorted(reached, max(1, math.ceil(share * int(reached[-1]))))) - _HALF
        return min(_middle_us(bucket), self._largest)


def _middle_us(bucket: int) -> float:
    return math.copysign(2.0 ** ((abs(bucket) - 0.5) / _PER_DOUBLING), bucket) if bucket else 0.0


class Latency:
    """Histograms of all stages since they were last taken. Source, sink and health server may be in different threads.

    Args:
        clock_s: a clock that never steps, seconds.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock_s, threading.Lock()
        self._stages = {stage: Histogram() for stage in LATENCY_STAGES}
        self._handed_out: float | None = None

    def add(self, stage: str, values_us: NDArray[np.int64]) -> None:
        """Count values of one stage."""
        with self._lock:
            self._stages[stage].add(values_us)

    def hands_out(self) -> None:
        """A chunk with trades leaves the source now."""
        self._handed_out = self._clock()

    def bars_arrive(self) -> None:
        """Bars reach the sink now."""
        if self._handed_out is not None:
            with self._lock:
                self._stages["chunk_bar"].add((self._clock() - self._handed_out) * 1e6)

    def bars_stored(self, arrived_s: float) -> None:
        """The database has accepted the bars that arrived then."""
        with self._lock:
            self._stages["bar_row"].add((self._clock() - arrived_s) * 1e6)

    def take(self, time_us: int) -> FeedLatency:
        """One row per stage, stamped `time_us`; the histograms begin anew."""
        with self._lock:
            taken, self._stages = self._stages, {stage: Histogram() for stage in LATENCY_STAGES}
        found = list(taken.values())
        p50, p95, p99 = (np.array([each.quantile_us(share) / 1e3 for each in found]) for share in (0.5, 0.95, 0.99))
        return FeedLatency(
            np.full(len(found), time_us, np.int64),
            np.array(list(taken), np.object_),
            p50,
            p95,
            p99,
            np.array([each.largest_us / 1e3 for each in found]),
            np.array([each.count for each in found], np.int64),
            np.array([each.text for each in found], np.object_),
        )

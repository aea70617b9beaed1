"""The pollers behind the pictures of trades: one for each range, whatever the number of pages that look at it."""

import math
import time
from collections.abc import Callable
from typing import Protocol

from dashboard.analysis.ticks import COLUMNS, TickGrids, TicksAsked
from dashboard.poller import Poller

TICKS_POLL_S = 5.0


class Source(Protocol):
    """What is asked: `dashboard.data.Reader`, or a stand-in of a test."""

    def ticks(self, asked: TicksAsked) -> TickGrids: ...

    def close(self) -> None: ...


class TicksWatch(Poller["TickGrids | None"]):
    """The grids of one range for all pages that look at it, counted anew when a column's time has passed.

    A range with ends is asked for once: later trades do not fall into it.

    Attributes:
        grids: None before the first answer.
    """

    def __init__(
        self,
        source: Source,
        of: TicksAsked,
        poll_s: float = TICKS_POLL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(source.close, poll_s)
        self._source, self._clock = source, clock
        self._asked_s = -math.inf
        self.of = of
        self.grids: TickGrids | None = None

    def _ask(self) -> "TickGrids | None":
        now = self._clock()
        if self.grids is not None and now - self._asked_s < self._column_s(self.grids):
            return None
        found = self._source.ticks(self.of)
        self._asked_s = now
        return found

    def _column_s(self, grids: TickGrids) -> float:
        """Seconds that a column stands for: what is newer would not be seen."""
        return (grids.end_us - grids.start_us) / COLUMNS / 1e6 if self.of.end_us is None else math.inf

    def _take(self, answer: "TickGrids | None") -> bool:
        before = self.grids
        if answer is None or (before is not None and _same(before, answer)):
            return False
        self.grids = answer
        return True


def _same(one: TickGrids, other: TickGrids) -> bool:
    """Of the same trades."""
    ends = (one.start_us, one.end_us, one.why) == (other.start_us, other.end_us, other.why)
    return ends and [g and g.trades for g in (one.y, one.x)] == [g and g.trades for g in (other.y, other.x)]

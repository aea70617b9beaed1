"""The pollers behind the pictures of trades: one for each range, whatever the number of pages that look at it."""

from typing import Protocol

from dashboard.analysis.ticks import TickGrids, TicksAsked
from dashboard.poller import Poller

TICKS_POLL_S = 5.0


class Source(Protocol):
    """What is asked: `dashboard.data.Reader`, or a stand-in of a test."""

    def ticks(self, asked: TicksAsked) -> TickGrids: ...

    def close(self) -> None: ...


class TicksWatch(Poller["TickGrids | None"]):
    """The grids of one range for all pages that look at it. A range with ends is asked for once: later trades do not fall into it.

    Attributes:
        grids: None before the first answer.
    """

    def __init__(self, source: Source, of: TicksAsked, poll_s: float = TICKS_POLL_S) -> None:
        super().__init__(source.close, poll_s)
        self._source = source
        self.of = of
        self.grids: TickGrids | None = None

    def _ask(self) -> "TickGrids | None":
        known = self.grids is not None and self.of.end_us is not None
        return None if known else self._source.ticks(self.of)

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

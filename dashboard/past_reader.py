"""Reads what was known around the moment of one page, in threads, and ahead of where it plays."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from dashboard.data import MissingTableError
from dashboard.history import Moments, Span
from dashboard.poller import Status
from dashboard.selection import Selection
from flows.errors import StorageError

log = logging.getLogger(__name__)

_AGAIN_S = 0.8
"""A database that is away is asked again after so long."""
_SPAN_S = 2.0
"""What is stored may grow: it is looked at anew for an answer that comes so much later."""
_PLAYED_S, _MOST_AHEAD = 20.0, 6_000
"""So many seconds of play are read ahead, and so many bars at most."""


class PastSource(Protocol):
    """What is asked: `dashboard.data.Reader`, or a stand-in of a test."""

    def span(self, selection: Selection) -> Span | None: ...

    def moments(self, selection: Selection, at_us: int, lookback: int, ahead: int, span: Span | None) -> Moments: ...

    def close(self) -> None: ...


class PastReader:
    """Holds the rows around one moment. To be used on the event loop.

    Attributes:
        moments: the newest answer, None before the first. status: how the asking goes.
    """

    def __init__(self, open_source: Callable[[], PastSource], told: Callable[[], None]) -> None:
        self._open, self._told = open_source, told
        self._source: PastSource | None = None
        self._task: asyncio.Task[None] | None = None
        self._again_s = 0.0
        self._asked_s = 0.0
        self._ended = False
        self.moments: Moments | None = None
        self.status = Status()

    def need(self, selection: Selection, at_us: int, lookback: int, speed: float) -> bool:
        """Ask for what was known at a moment, where it is not here, or will soon be played through.

        Args:
            speed: of play; 0 where it stands still.

        Returns:
            whether all is here.
        """
        bar_us, held = selection.interval.us, self.moments
        ahead = min(_MOST_AHEAD, max(lookback // 2, int(_PLAYED_S * speed * 1e6 / bar_us)))
        here = held is not None and held.covers(selection, at_us, lookback)
        soon = held is not None and speed > 0 and held.until_us - at_us < ahead * bar_us // 2
        if (not here or (soon and self._may_grow())) and self._task is None and time.monotonic() >= self._again_s:
            self._task = asyncio.get_running_loop().create_task(self._read(selection, at_us, lookback, ahead))
            self._task.add_done_callback(self._done)
        return here

    def at_end(self, at_us: int) -> bool:
        """Whether nothing is stored after that moment, as far as is known."""
        held = self.moments
        return held is not None and held.span is not None and at_us >= held.span.last_us and not self._may_grow()

    def end(self) -> None:
        """Ask no more."""
        self._ended = True
        if self._task is None:
            self._close()

    def _may_grow(self) -> bool:
        """Whether more may be stored than was at the newest answer: it was read up to its end, and that is some time ago."""
        held = self.moments
        if held is None or held.span is None or held.until_us < held.span.last_us:
            return True
        return time.monotonic() - self._asked_s > _SPAN_S

    async def _read(self, selection: Selection, at_us: int, lookback: int, ahead: int) -> None:
        started = time.perf_counter()
        try:
            self.moments = await asyncio.to_thread(self._ask, selection, at_us, lookback, ahead)
        except MissingTableError as error:
            self._answered(str(error))
            self._again_s = time.monotonic() + _AGAIN_S
            self.moments = Moments(selection, at_us, at_us, lookback, None)
        except StorageError as error:
            self._failed(str(error))
        else:
            self._asked_s = time.monotonic()
            self.status.latency_s.append(time.perf_counter() - started)
            self._answered("")

    def _ask(self, selection: Selection, at_us: int, lookback: int, ahead: int) -> Moments:
        if self._source is None:
            self._source = self._open()
        return self._source.moments(selection, at_us, lookback, ahead, self._source.span(selection))

    def _answered(self, reason: str) -> None:
        self.status.polls += 1
        self.status.reconnects += self.status.down_since is not None
        self.status.down_since, self.status.reason = None, reason

    def _failed(self, reason: str) -> None:
        self.status.polls += 1
        self.status.errors += 1
        self.status.reason = reason
        self.status.down_since = self.status.down_since or time.time()
        self._again_s = time.monotonic() + _AGAIN_S
        asyncio.get_running_loop().call_later(_AGAIN_S, self._tell)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            log.error("the past could not be read because of a defect", exc_info=error)
            self._failed(f"the page stopped reading because of a defect: {error!r}")
        if self._ended:
            self._close()
        self._tell()

    def _tell(self) -> None:
        if not self._ended:
            self._told()

    def _close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

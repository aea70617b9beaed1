"""One poller per selection in the whole process; pages subscribe and are told that something changed, never what.

Pollers live on the event loop of the server and ask the database in a thread. They start with the first subscriber and end with the
last one. A database that is away is a state to be shown, not an error to be raised.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from dashboard.data import Catalogue, MissingTableError, Selection, readers
from dashboard.frame import Frame, Rows, loaded, merged
from flows.errors import StorageError
from flows.storage.client import Address

log = logging.getLogger(__name__)

Subscriber = Callable[[], None]
Answer = TypeVar("Answer")
_BACKOFF_MAX_S = 0.8
"""The longest pause between two attempts, so that the page is back within about a second of the database."""
_CATALOGUE_POLL_S = 1.0
_LATENCIES = 240


class Source(Protocol):
    """What a poller asks: `dashboard.data.Reader`, or a stand-in of a test."""

    def catalogue(self, dataset: str) -> Catalogue | None: ...

    def rows(self, selection: Selection, since_us: int | None, limit: int) -> Rows: ...

    def close(self) -> None: ...


class Status:
    """How the asking goes.

    Attributes:
        down_since: wall clock in seconds since the epoch when the database stopped answering; None while it answers.
        reason: what it said last, or why there is nothing to show; '' when all is well.
        latency_s: the last query times.
    """

    def __init__(self) -> None:
        self.down_since: float | None = None
        self.reason = ""
        self.polls = 0
        self.errors = 0
        self.reconnects = 0
        self.latency_s: deque[float] = deque(maxlen=_LATENCIES)

    def latency_ms(self) -> tuple[float, float]:
        """Median and 95th percentile of the last query times; NaN before the first."""
        if not self.latency_s:
            return float("nan"), float("nan")
        p50, p95 = np.percentile(self.latency_s, (50, 95)) * 1000
        return float(p50), float(p95)


class Poller(Generic[Answer]):
    """Asks again and again while anyone listens."""

    def __init__(self, source: Source, poll_s: float) -> None:
        self.status = Status()
        self._source = source
        self._poll_s = poll_s
        self._subscribers: list[Subscriber] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    @property
    def asked(self) -> bool:
        """Whether the database has ever answered."""
        return bool(self.status.latency_s)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` after the first answer and every change, on the event loop.

        Returns:
            what ends that; calling it twice does no harm.
        """
        self._subscribers.append(subscriber)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._ended)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def _ask(self) -> Answer:
        """The query; runs in a thread."""
        raise NotImplementedError

    def _take(self, answer: Answer) -> bool:
        """Keep the answer; true if it brought news. Runs on the event loop."""
        raise NotImplementedError

    async def _run(self) -> None:
        pause = self._poll_s
        try:
            while self._subscribers:
                pause = self._poll_s if await self._poll() else min(2 * pause, max(_BACKOFF_MAX_S, self._poll_s))
                await asyncio.sleep(pause)
        finally:
            self._task = None
            self._source.close()

    async def _poll(self) -> bool:
        """One question and what follows from it; false if the database did not answer."""
        self.status.polls += 1
        started = time.perf_counter()
        try:
            answer = await asyncio.to_thread(self._ask)
        except MissingTableError as error:
            if self._answered(str(error)):
                self._notify()
            return True
        except StorageError as error:
            self._failed(str(error))
            return False
        first = not self.asked
        self.status.latency_s.append(time.perf_counter() - started)
        back, news = self._answered(""), self._take(answer)
        if first or back or news:
            self._notify()
        return True

    def _answered(self, reason: str) -> bool:
        """Note that the database is there; true if that, or the reason for having no rows, is news."""
        was_down = self.status.down_since is not None
        news = was_down or self.status.reason != reason
        self.status.reconnects += was_down
        self.status.down_since, self.status.reason = None, reason
        return news

    def _failed(self, reason: str) -> None:
        self.status.errors += 1
        self.status.reason = reason
        if self.status.down_since is None:
            self.status.down_since = time.time()
            log.warning("database away: %s", reason)
            self._notify()

    def _notify(self) -> None:
        for subscriber in list(self._subscribers):
            try:
                subscriber()
            except Exception:  # whatever a page does wrong, the others and the database are not to blame
                log.exception("a page failed to take an update and is dropped")
                self._subscribers.remove(subscriber)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A defect must not look like a quiet market."""
        if not task.cancelled() and (error := task.exception()):
            log.error("a poller ended by a defect", exc_info=error)
            self._failed(f"the page stopped reading because of a defect: {error!r}")


@dataclass(frozen=True)
class _Loaded:
    """Rows and what was asked for."""

    rows: Rows
    limit: int
    full: bool


class Feed(Poller[_Loaded]):
    """The rows of one selection."""

    def __init__(self, source: Source, selection: Selection, poll_s: float) -> None:
        super().__init__(source, poll_s)
        self.selection = selection
        self.frame = Frame()
        self._limit = 0
        self._reload = True

    def need(self, rows: int) -> None:
        """Hold at least so many rows; more than before means a full load."""
        if rows > self._limit:
            self._limit, self._reload = rows, True

    def _ask(self) -> _Loaded:
        limit = self._limit
        since = None if self._reload else self.frame.since(self.selection.interval.us)
        return _Loaded(self._source.rows(self.selection, since, limit), limit, since is None)

    def _take(self, answer: _Loaded) -> bool:
        before = self.frame
        if answer.full:
            self._reload = answer.limit < self._limit
            if len(answer.rows.times) or len(before):
                self.frame = loaded(answer.rows, before, answer.limit)
        elif (after := merged(before, answer.rows, self._limit)) is None:
            self._reload = True
        else:
            self.frame = after
        return self.frame is not before


class CatalogueWatch(Poller[Catalogue | None]):
    """What a dataset holds; it may come to be, or change, while pages look at it.

    Attributes:
        catalogue: None while the database has no such dataset, or has not been asked.
    """

    def __init__(self, source: Source, dataset: str) -> None:
        super().__init__(source, _CATALOGUE_POLL_S)
        self.dataset = dataset
        self.catalogue: Catalogue | None = None

    def _ask(self) -> Catalogue | None:
        return self._source.catalogue(self.dataset)

    def _take(self, answer: Catalogue | None) -> bool:
        news = answer != self.catalogue
        self.catalogue = answer
        return news


class Hub:
    """All pollers of the process."""

    def __init__(self, open_source: Callable[[], Source], poll_s: float) -> None:
        self._open_source = open_source
        self._poll_s = poll_s
        self._feeds: dict[Selection, Feed] = {}
        self._watches: dict[str, CatalogueWatch] = {}

    def feed(self, selection: Selection) -> Feed:
        """The feed of a selection. Subscribe at once: a feed without subscribers is forgotten at the next call."""
        self._drop_idle()
        return self._feeds.setdefault(selection, Feed(self._open_source(), selection, self._poll_s))

    def watch(self, dataset: str) -> CatalogueWatch:
        """The watch over a dataset's description."""
        self._drop_idle()
        return self._watches.setdefault(dataset, CatalogueWatch(self._open_source(), dataset))

    @property
    def feeds(self) -> tuple[Feed, ...]:
        return tuple(self._feeds.values())

    def _drop_idle(self) -> None:
        """Forget feeds nobody looks at: their rows would be stale, and names come from the address bar."""
        self._feeds = {key: feed for key, feed in self._feeds.items() if feed.subscribers}
        self._watches = {key: watch for key, watch in self._watches.items() if watch.subscribers}


@cache
def shared_hub(address: Address, roots: tuple[Path, ...], poll_s: float) -> Hub:
    """The hub of this process for a server. It outlives the served script, whose globals end with each session.

    Args:
        roots: as of `dashboard.data.readers`.
    """
    return Hub(readers(address, roots), poll_s)

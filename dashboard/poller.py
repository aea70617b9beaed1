"""Asks the database again and again while anyone listens, in a thread, and says how that goes.

Pollers live on the event loop of the server. They start with the first subscriber and end with the last one. A database that is away
is a state to be shown, not an error to be raised.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from dashboard.data import MissingTableError
from flows.errors import StorageError

log = logging.getLogger(__name__)

Subscriber = Callable[[], None]
Answer = TypeVar("Answer")
_BACKOFF_MAX_S = 0.8
"""The longest pause between two attempts, so that the page is back within about a second of the database."""
QUERIES_KEPT = 240
"""So many query times are remembered."""


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
        self.latency_s: deque[float] = deque(maxlen=QUERIES_KEPT)

    def latency_ms(self) -> tuple[float, float]:
        """Median and 95th percentile of the last query times; NaN before the first."""
        if not self.latency_s:
            return float("nan"), float("nan")
        p50, p95 = np.percentile(self.latency_s, (50, 95)) * 1000
        return float(p50), float(p95)


class Poller(Generic[Answer]):
    """Asks again and again while anyone listens; `close` is called when nobody does any more."""

    def __init__(self, close: Callable[[], None], poll_s: float) -> None:
        self.status = Status()
        self._close = close
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
            self._close()

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

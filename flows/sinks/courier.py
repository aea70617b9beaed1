"""Rows on their way to a slow place, in a thread of their own: the dataflow does not wait for the database."""

import threading
import time
from collections.abc import Callable

from flows.sinks.tables import Storable


class Courier:
    """Takes rows and delivers them soon, in the order in which they came; what comes during a delivery goes together in the next.

    Args:
        deliver: called in the thread, with everything that waits and the monotonic time at which the first of it came. What it
            raises is raised by every method from then on, and what it was given stays undelivered.
        pause_s: between the beginnings of two deliveries: fewer, larger ones cost the database less.
        most_rows: that may wait; beyond it `put` waits.
    """

    def __init__(self, deliver: Callable[[list[Storable], float], None], pause_s: float, most_rows: int) -> None:
        self._deliver, self._pause_s, self._most_rows = deliver, pause_s, most_rows
        self._changed = threading.Condition()
        self._waiting: list[Storable] = []
        self._sending: list[Storable] = []
        self._rows = 0
        self._since_s = 0.0
        self._hurry = self._closing = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def put(self, rows: Storable) -> None:
        """Hand rows over; waits while too many wait."""
        with self._changed:
            self._changed.wait_for(lambda: self._rows < self._most_rows or self._error is not None)
            self._check()
            if not self._waiting:
                self._since_s = time.monotonic()
            self._waiting.append(rows)
            self._rows += len(rows)
            self._changed.notify_all()

    def undelivered(self) -> tuple[Storable, ...]:
        """Everything that was handed over and is not known to have arrived, in order. Returns at once."""
        with self._changed:
            self._check()
            return (*self._sending, *self._waiting)

    def flush(self) -> None:
        """Return when everything that was handed over has been delivered."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._waiting or self._sending) or self._error is not None)
            self._hurry = False
            self._check()

    def close(self) -> None:
        """End the thread after the delivery that is on its way; what waits is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        due_s = 0.0
        while (batch := self._next(due_s)) is not None:
            due_s = time.monotonic() + self._pause_s
            error: BaseException | None = None
            try:
                self._deliver(*batch)
            except BaseException as failure:  # noqa: BLE001 - raised again where rows are handed over
                error = failure
            with self._changed:
                self._error = error
                if error is None:
                    self._sending = []
                self._changed.notify_all()
                if error is not None:
                    return

    def _next(self, due_s: float) -> tuple[list[Storable], float] | None:
        """Everything that waits, once it is time; None when there is nothing more to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            while not (self._hurry or self._closing) and (left := due_s - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._closing:
                return None
            self._sending, self._waiting, self._rows = self._waiting, [], 0
            self._changed.notify_all()
            return self._sending, self._since_s

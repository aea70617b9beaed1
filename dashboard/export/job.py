"""The work of one export, in a thread: rows into a file that is whole or is not there."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from psycopg import sql

from dashboard.export.formats import writer
from dashboard.export.pages import counted, pages
from dashboard.export.wanted import Wanted
from flows.errors import PairdeskError

log = logging.getLogger(__name__)
_TELL_S = 0.2


class Source(Protocol):
    """What is asked: `dashboard.data.Reader`."""

    def query(self, statement: sql.Composed, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]: ...

    def close(self) -> None: ...


class State(Enum):
    """How an export stands."""

    WAITING = "waiting"
    READING = "reading"
    READY = "ready"
    EMPTY = "empty"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Export:
    """One export.

    Attributes:
        done, total: rows; the total is what there was at the beginning, and may be exceeded by a live table.
        error: for a person, '' where none. bytes: of the file, once it is ready.
    """

    def __init__(self, wanted: Wanted, path: Path) -> None:
        self.wanted, self.path = wanted, path
        self.state = State.WAITING
        self.done = self.total = self.bytes = 0
        self.error = ""
        self._cancelled = threading.Event()

    @property
    def over(self) -> bool:
        return self.state not in (State.WAITING, State.READING)

    def cancel(self) -> None:
        """End it after the page of rows that it is at."""
        self._cancelled.set()

    def run(self, open_source: Callable[[], Source], told: Callable[[], None]) -> None:
        """Do the work; `told` is called in this thread when there is news, not too often.

        Whatever goes wrong is in `state` and `error`; a file that is not whole is removed.
        """
        try:
            self._run(open_source, told)
        except (PairdeskError, OSError) as error:
            self._failed(str(error))
        except Exception as error:  # the thread is shared: a defect in one export must be seen and not stop the others
            log.exception("an export ended by a defect")
            self._failed(f"a defect: {error!r}")
        if self.state is not State.READY:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
        told()

    def _failed(self, why: str) -> None:
        self.state, self.error = State.FAILED, f"{why}; nothing was saved after {self.done:,} rows"

    def _run(self, open_source: Callable[[], Source], told: Callable[[], None]) -> None:
        source = open_source()
        try:
            if self._cancelled.is_set():
                self.state = State.CANCELLED
                return
            self.state = State.READING
            self.total = counted(source.query, self.wanted)
            if not self.total:
                self.state = State.EMPTY
                return
            told()
            self._write(source, told)
        finally:
            source.close()

    def _write(self, source: Source, told: Callable[[], None]) -> None:
        out = writer(self.wanted.form, self.path, self.wanted.table)
        said = time.monotonic()
        try:
            for rows in pages(source.query, self.wanted):
                if self._cancelled.is_set():
                    self.state = State.CANCELLED
                    return
                out.write(rows)
                self.done += len(rows)
                if time.monotonic() - said > _TELL_S:
                    said = time.monotonic()
                    told()
        finally:
            out.close()
        self.bytes = self.path.stat().st_size
        self.state = State.READY

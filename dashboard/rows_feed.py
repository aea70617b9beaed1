"""The pollers of one selection's rows: as they are stored, and with the statistics of a model that the flow does not compute."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from dashboard.frame import CLOSED, ROW_OF, STATS_FIELDS, Frame, Rows, loaded, merged
from dashboard.poller import Poller, Subscriber
from dashboard.selection import Selection
from dashboard.what_if import WhatIf, WhatIfSource
from flows.domain.model import Model

_SAID_AFTER_S = 0.3
"""What is done sooner needs no progress."""
_SAID_EVERY_S = 0.2


class RowsSource(Protocol):
    """Where rows come from: `dashboard.data.Reader`, or a stand-in of a test."""

    def rows(self, selection: Selection, since_us: int | None, limit: int) -> Rows: ...

    def close(self) -> None: ...


class WhatIfRowsSource(RowsSource, WhatIfSource, Protocol):
    """The same, with the bars that statistics are computed of."""


@dataclass(frozen=True)
class Loaded:
    """Rows and what was asked for."""

    rows: Rows
    limit: int
    full: bool


class Feed(Poller[Loaded | None]):
    """The rows of one selection.

    Attributes:
        progress: how far a long computation is, in words; '' where there is none.
    """

    def __init__(self, source: RowsSource, selection: Selection, poll_s: float) -> None:
        super().__init__(source.close, poll_s)
        self._source = source
        self.selection = selection
        self.what_if: Model | None = None
        self.frame = Frame()
        self.progress = ""
        self._limit = 0
        self._reload = True

    def need(self, rows: int) -> None:
        """Hold at least so many rows; more than before means a full load."""
        if rows > self._limit:
            self._limit, self._reload = rows, True

    def _ask(self) -> Loaded | None:
        limit = self._limit
        since = None if self._reload else self.frame.since(self.selection.interval.us)
        return Loaded(self._source.rows(self.selection, since, limit), limit, since is None)

    def _take(self, answer: Loaded | None) -> bool:
        if answer is None:
            return False
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


class _NobodyWaitsError(Exception):
    """The page looks at something else by now."""


class WhatIfFeed(Feed):
    """The rows of a selection with another model's statistics, computed in the thread that asks.

    Args:
        begun: rows to show until the first are there: the bars are the same.
    """

    def __init__(
        self, source: WhatIfRowsSource, selection: Selection, poll_s: float, what_if: WhatIf, begun: Frame
    ) -> None:
        super().__init__(source, selection, poll_s)
        self._computed_of, self._of = source, what_if
        self.what_if = what_if.model
        self.frame = _without_statistics(begun)
        self._asked: Loaded | None = None
        self._given: Loaded | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        self._loop = asyncio.get_running_loop()
        return super().subscribe(subscriber)

    def _ask(self) -> Loaded | None:
        asked = super()._ask()
        if asked is None or (self._given is not None and _same(asked, self._asked)):
            return self._given
        began = said = time.monotonic()

        def going(share: float) -> None:
            nonlocal said
            if not self.subscribers:
                raise _NobodyWaitsError
            now = time.monotonic()
            if now - began > _SAID_AFTER_S and now - said > _SAID_EVERY_S:
                said = now
                self._say(f"computing over stored bars: {share:.0%}")

        try:
            rows = self._of.follow(self._computed_of, asked.rows, going)
        except _NobodyWaitsError:
            return None
        finally:
            self._say("")
        self._asked, self._given = asked, replace(asked, rows=rows)
        return self._given

    def _say(self, progress: str) -> None:
        """To the pages, from the thread."""
        if progress != self.progress and self._loop is not None and not self._loop.is_closed():
            self.progress = progress
            if progress:
                self._loop.call_soon_threadsafe(self._notify)


def _same(asked: Loaded, before: Loaded | None) -> bool:
    """Whether the database said the same again, as it does between two forming values."""
    return (
        before is not None
        and asked.full == before.full
        and np.array_equal(asked.rows.times, before.rows.times)
        and np.array_equal(asked.rows.values, before.rows.values, equal_nan=True)
    )


def _without_statistics(frame: Frame) -> Frame:
    values = frame.values.copy()
    values[[*map(ROW_OF.__getitem__, STATS_FIELDS), ROW_OF[CLOSED[-1]]]] = np.nan
    return replace(frame, values=values)

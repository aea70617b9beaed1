"""The export of the Data view: its form, its work in a thread, and the file that is offered at the end."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dashboard.export.job import Export
from dashboard.export.wanted import FORMS, Wanted, span_of
from dashboard.hub import Hub
from dashboard.parts.part import Seen
from dashboard.stored import Stored
from dashboard.transfers import Offer, Transfers
from dashboard.views.export import export_status
from flows.errors import NotStoredError
from flows.explain.question import iso
from flows.storage.schema import dataset_tables

_AT_ONCE = threading.Semaphore(2)
"""Exports that read at the same time; the others wait, so that the pages stay quick."""
_SECOND, _HOUR, _DAY = 1_000_000, 3_600_000_000, 86_400_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What the form says. Empty ends of the range are open."""

    table: str = ""
    form: str = FORMS[0]
    whose: str = "pair"
    since: str = ""
    until: str = ""


class Exporter:
    """One page's exports, one at a time."""

    def __init__(self, hub: Hub, transfers: Transfers, soon: Callable[[], None]) -> None:
        self._hub, self._transfers, self._soon = hub, transfers, soon
        self.choice = Choice()
        self._export: Export | None = None
        self._error = self._href = ""
        self._ended = False

    def begin(self, seen: Seen, stored: Stored) -> None:
        """Export what the form says; what was exported before is let go of."""
        self.cancel()
        self._transfers.drop(self._transfers.offers)
        self._export, self._error = None, ""
        try:
            wanted = self._wanted(seen, stored)
            key, path = self._transfers.place(wanted.file_name)
        except (NotStoredError, OSError) as error:
            self._error = str(error)
            return
        self._href = f"transfer/{self._transfers.token}/file/{key}"
        export = self._export = Export(wanted, path)
        self._transfers.offers[key] = Offer(path, wanted.file_name)
        loop = asyncio.get_running_loop()

        def told() -> None:
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(self._told, export)

        def work() -> None:
            with _AT_ONCE:
                export.run(self._hub.source, told)

        threading.Thread(target=work, name="export", daemon=True).start()

    def cancel(self) -> None:
        """End what is on its way."""
        if self._export is not None:
            self._export.cancel()

    def end(self) -> None:
        """The page is over."""
        self._ended = True
        self.cancel()

    def status(self) -> str:
        """HTML of how it stands."""
        return export_status(self._export, self._error, self._href)

    def preset(self, name: str, seen: Seen, stored: Stored) -> dict[str, Any]:
        """A range by its name, as the texts of the form."""
        end_us = self._newest_us(seen, stored)
        since = {
            "lookback": int(seen.frame.times[0]) if len(seen.frame) else end_us - _HOUR,
            "hour": end_us - _HOUR,
            "today": end_us - end_us % _DAY,
        }.get(name)
        return {"since": "" if since is None else iso(max(0, since - since % _SECOND)), "until": ""}

    def _wanted(self, seen: Seen, stored: Stored) -> Wanted:
        choice, catalogue, selection = self.choice, seen.catalogue, seen.selection
        if catalogue is None or selection is None:
            raise NotStoredError("nothing is stored yet")
        table = next((table for table in dataset_tables(catalogue.intervals) if table.name == choice.table), None)
        span = stored.table(choice.table)
        if table is None or span is None or span.rows is None:
            raise NotStoredError(f'there is no table "{choice.table}" in this dataset')
        form = next((form for form in FORMS if form == choice.form), FORMS[0])
        from_us, to_us = span_of(choice.since, choice.until)
        if not choice.since.strip() and span.first_us is not None:
            from_us = span.first_us
        if not choice.until.strip() and span.last_us is not None:
            newest = span.last_us if catalogue.recorded else max(span.last_us, stored.now_us)
            to_us = max(from_us, newest - newest % _SECOND) + _SECOND
        pair = selection.pair if choice.whose == "pair" else None
        return Wanted(catalogue.dataset, catalogue.origin, table, pair, from_us, to_us, form)

    def _newest_us(self, seen: Seen, stored: Stored) -> int:
        """Now, or where nothing more comes the newest row's time."""
        if seen.catalogue is not None and not seen.catalogue.recorded:
            return stored.now_us
        return max((table.last_us for table in stored.tables if table.last_us is not None), default=stored.now_us)

    def _told(self, export: Export) -> None:
        if not self._ended and export is self._export:
            self._soon()

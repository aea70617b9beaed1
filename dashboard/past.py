"""The time machine of one page: what it looks back to, the controls, and what was known then."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dashboard.charts.panel import html
from dashboard.data import Catalogue
from dashboard.hub import Hub
from dashboard.parts.part import Seen
from dashboard.playhead import SPEEDS, Playhead, stepped
from dashboard.poller import Status
from dashboard.selection import Selection
from dashboard.state import LATEST_US, Desk, reading
from dashboard.views.past import TIME_BAR, says
from flows.errors import NotStoredError
from flows.explain.question import microseconds

_TICK_MS = 500


class Past:
    """Holds the moment while a page looks back; `Desk.at_us` is the moment at which it last stood still, None while it is live.

    Attributes:
        bar: the controls; their HTML never changes, as who types or drags would lose what he holds.
        said: its `tags` hold one dict that says how they stand (`assets/desk/past.js` names the keys).
        asking: by its `tags` the browser asks, [{n, do, value}].
    """

    def __init__(
        self,
        hub: Hub,
        desk: Desk,
        document: Any,
        soon: Callable[[], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk, self._document, self._soon = desk, document, soon
        self._reader = hub.past(soon)
        self._head = Playhead(clock_s)
        self._head.speed = desk.speed
        self._callback: Any = None
        self._jumps = 1
        self._selection: Selection | None = None
        self._newest_us: int | None = None
        self._wrong = ""
        self._read = False
        self.bar = html("past-bar", TIME_BAR, by_browser=False)
        self.said = html("past", by_browser=False)
        self.asking = html("past-asking", by_browser=False)
        self.bar.visible = self.said.visible = self.asking.visible = False
        self.said.tags = [{"at": None}]
        self.asking.on_change("tags", self._asked)
        if desk.at_us is not None:
            self._head.seek(desk.at_us)

    @property
    def on(self) -> bool:
        """Whether the page looks back."""
        return self._desk.at_us is not None

    @property
    def at_us(self) -> int | None:
        """The moment it looks back to; None while it is live."""
        return self._head.at_us if self.on else None

    @property
    def status(self) -> Status:
        """How the reading goes."""
        return self._reader.status

    def seen(self, catalogue: Catalogue, selection: Selection) -> Seen:
        """What was known then. While it is being read, so much of it as is here: never a later row."""
        self._selection = selection
        at_us, lookback, head = self._held(selection), self._desk.lookback, self._head
        here = self._reader.need(selection, at_us, lookback, head.speed if head.playing else 0.0)
        moments, self._read = self._reader.moments, here
        if moments is None or moments.selection != selection:
            return Seen(catalogue, selection, status=self._reader.status, at_us=at_us)
        frame = moments.frame_at(at_us, lookback)
        now = reading(frame, selection.pair, selection.interval, catalogue.model(selection.model))
        quality, status = moments.quality_at(at_us), self._reader.status
        told_apart = replace(frame, generation=2 * self._jumps + here)
        return Seen(catalogue, selection, now, told_apart, status, quality, at_us=at_us)

    def _held(self, selection: Selection) -> int:
        """The moment, held back while what was known then is being read, and at the end of what is stored."""
        head, moments = self._head, self._reader.moments
        at_us = head.at_us
        if not head.playing or moments is None or moments.selection != selection or moments.span is None:
            return at_us
        if at_us >= moments.span.last_us and self._reader.at_end(at_us):
            head.pause()  # before the seek: a head that plays would go on from the end by what the next line takes
            head.seek(moments.span.last_us)
            self._pause()
        elif moments.from_us <= moments.until_us < at_us:
            head.seek(moments.until_us)
        return head.at_us

    def write(self, seen: Seen) -> None:
        """Bring the controls up to date."""
        if seen.at_us is None:
            self._newest_us = seen.now.last_close_us if seen.now is not None else None
            if self.bar.visible:
                self.bar.visible, self.said.tags = False, [{"at": None}]
            return
        moments, head = self._reader.moments, self._head
        span = moments.span if moments is not None and moments.selection == seen.selection else None
        state = {
            "at": seen.at_us / 1000, "playing": head.playing, "speed": head.speed,
            "first": span.first_us / 1000 if span else None, "last": span.last_us / 1000 if span else None,
            "step": seen.selection.interval.us / 1000 if seen.selection else None,
            "cover": "".join("01"[each] for each in span.cover) if span else "",
            "says": self._wrong or says(
                seen.at_us, span, read=self._read, away=seen.status.down_since is not None,
                at_end=span is not None and seen.at_us >= span.last_us,
            ),
        }  # fmt: skip
        self.bar.visible, self.said.tags = True, [state]

    def end(self) -> None:
        """Ask no more."""
        self._stop()
        self._reader.end()

    def _asked(self, _name: str, _old: object, new: list[dict[str, Any]]) -> None:
        """The browser wants something; what it may not ask for is left out."""
        wish, value, self._wrong = new[0].get("do"), new[0].get("value"), ""
        if wish == "live":
            self._stop()
            self._head.pause()
            self._desk.at_us = None
        elif wish == "back" and not self.on and self._newest_us is not None:
            self._go(self._newest_us)
        elif self.on and wish == "play":
            self._play()
        elif self.on and wish == "pause":
            self._pause()
        elif wish == "speed" and value in SPEEDS:
            self._head.set_speed(float(value))
            self._desk.speed = float(value)
        elif self.on and wish == "step" and value in (-1, 1) and self._selection is not None:
            self._pause()
            self._go(stepped(self._head.at_us, self._selection.interval.us, value))
        elif self.on and wish == "seek":
            self._seek(value)
        self._soon()

    def _seek(self, value: object) -> None:
        """To milliseconds, or to a time as a person writes it."""
        try:
            self._go(round(1000 * value) if isinstance(value, int | float) else microseconds(str(value)[:40]))
        except (NotStoredError, ValueError, OverflowError):
            self._wrong = f'expected a time in UTC such as 2024-03-01 12:00:00, found "{str(value)[:40]}"'

    def _go(self, at_us: int) -> None:
        """Look back to a moment: what is drawn is not what went before it."""
        if not 0 <= at_us < LATEST_US:
            raise ValueError(at_us)
        if at_us != stepped(self._head.at_us, self._selection.interval.us if self._selection else 1, 1):
            self._jumps += 1
        self._head.seek(at_us)
        self._desk.at_us = at_us

    def _play(self) -> None:
        self._head.play()
        if self._callback is None:
            self._callback = self._document.add_periodic_callback(self._soon, _TICK_MS)

    def _pause(self) -> None:
        self._head.pause()
        self._stop()
        self._desk.at_us = self._head.at_us

    def _stop(self) -> None:
        if self._callback is not None:
            self._document.remove_periodic_callback(self._callback)
            self._callback = None

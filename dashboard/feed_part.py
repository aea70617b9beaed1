"""What one page shows of the feed: pills in the header, its part of the banner, and the Feed view."""

import time
from collections.abc import Callable
from typing import Any

from bokeh.models import Column, Row

from dashboard.charts.panel import html
from dashboard.data import Catalogue
from dashboard.feed import Legs
from dashboard.hub import EventsWatch, Hub, LegsWatch
from dashboard.state import Desk
from dashboard.views.feed import events_card, legs_card, stages_card
from dashboard.views.legs import feed_banner, leg_pills
from dashboard.views.notice import waiting

_ASK_GAPS = "pairsDesk.ask({ gaps: !pairsDesk.asked.gaps })"
_FILTER = f'<div class="filter"><button onclick="{_ASK_GAPS}">gaps and losses only</button></div>'


class FeedPart:
    """The regions, and the watches behind them. A replay has events and no status.

    Attributes:
        pills: for the header. filter: of the events. layout: the Feed view. Nothing is written to it while it is not shown.
    """

    def __init__(self, hub: Hub, desk: Desk, soon: Callable[[], None]) -> None:
        self._hub, self._desk, self._soon = hub, desk, soon
        self.filter = html("filter", _FILTER, by_browser=False)
        self.pills, self.legs, self.stages, self.events = (
            html(name, by_browser=False) for name in ("pills", "feed-legs", "feed-stages", "feed-events")
        )
        self.layout = self._layout()
        self._legs: LegsWatch | None = None
        self._events: EventsWatch | None = None
        self._endings: dict[str, Callable[[], None]] = {}
        self._catalogue: Catalogue | None = None
        self._shown: tuple[Legs, tuple[str, ...]] | None = None

    def _layout(self) -> Any:
        self.legs.styles = {"flex": "1 1 0", "min-width": "0", "overflow": "auto"}
        self.stages.styles = {"flex": "0 0 auto", "width": "max-content", "overflow": "auto"}
        self.events.styles = {"flex": "1 1 0", "min-height": "0", "overflow": "auto"}
        top = Row(
            self.legs,
            self.stages,
            sizing_mode="stretch_width",
            spacing=6,
            margin=0,
            styles={"flex": "0 1 auto", "max-height": "45%"},
        )
        return Column(
            top, self.filter, self.events, name="feed-view", sizing_mode="stretch_both", spacing=0, margin=0,
            styles={"padding": "6px", "box-sizing": "border-box", "flex": "1 1 0", "min-height": "0"},
        )  # fmt: skip

    def follow(self, catalogue: Catalogue) -> None:
        """Watch what the view needs; to be called after every change of catalogue or view."""
        self._catalogue = catalogue
        if catalogue.origin != "replay" and self._legs is None:
            self._legs = self._hub.legs(catalogue.dataset)
            self._endings["legs"] = self._legs.subscribe(self._soon)
        shown, gaps_only = self._desk.view == "feed", self._desk.gaps_only
        if self._events is not None and not (shown and self._events.gaps_only == gaps_only):
            self._endings.pop("events")()
            self._events = None
        if shown and self._events is None:
            self._events = self._hub.events(catalogue.dataset, gaps_only)
            self._endings["events"] = self._events.subscribe(self._soon)

    def end(self) -> None:
        """Unsubscribe from everything."""
        for ending in self._endings.values():
            ending()
        self._endings.clear()
        self._legs = self._events = None

    def banner(self, symbols: tuple[str, ...]) -> str:
        """What is wrong with the feed of a pair; '' where nothing is, or nothing is known."""
        known = self._legs is not None and self._legs.asked and self._legs.status.down_since is None
        return feed_banner(self._legs.legs, symbols) if known and self._legs is not None else ""

    def write(self, symbols: tuple[str, ...]) -> None:
        """Bring the regions up to date.

        Args:
            symbols: the legs of the selected pair.
        """
        watch = self._legs
        known = watch is not None and watch.status.down_since is None and (watch.asked or watch.status.reason)
        shown = (watch.legs, symbols) if known and watch is not None else None
        if shown != self._shown:
            self._shown = shown
            self.pills.text = leg_pills(*shown, int(1000 * time.time())) if shown else ""
        if self._desk.view == "feed":
            self._write_view()

    def _write_view(self) -> None:
        catalogue, watch, events = self._catalogue, self._legs, self._events
        if catalogue is None:
            self.legs.text = waiting(self._desk.dataset, asked=False)
            return
        if watch is not None:
            every = dict.fromkeys(symbol for pair in catalogue.pairs for symbol in (pair.y, pair.x))
            self.legs.text = legs_card(watch.legs, every, watch.status.reason)
            self.stages.text = stages_card(watch.legs)
        for region, there in (
            (self.legs, watch is not None),
            (self.stages, watch is not None and bool(watch.legs.stages)),
        ):
            region.visible = there
        if events is not None and (events.asked or events.status.reason):
            self.events.text = events_card(events.events, events.gaps_only, events.status.reason)

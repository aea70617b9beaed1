"""The Feed view: how each leg stands, where the time goes, and what happened."""

from collections.abc import Callable
from typing import Any

from bokeh.models import Column, Row

from dashboard.charts.panel import held, html
from dashboard.data import Catalogue
from dashboard.hub import EventsWatch, LegsWatch
from dashboard.parts.part import Context, Seen
from dashboard.views.feed import events_card, gaps_filter, legs_card, stages_card
from dashboard.views.notice import waiting


class FeedPart:
    """The regions, and the watches behind them. A replay has events and no status."""

    def __init__(self, context: Context) -> None:
        self._hub, self._desk, self._soon = context.hub, context.desk, context.soon
        self.filter, self.legs, self.stages, self.events = (
            html(name, by_browser=False) for name in ("filter", "feed-legs", "feed-stages", "feed-events")
        )
        self.layout: Any = held(self._layout())
        self._legs: LegsWatch | None = None
        self._events: EventsWatch | None = None
        self._endings: dict[str, Callable[[], None]] = {}

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

    def follow(self, seen: Seen, shown: bool) -> None:
        """Watch what the view needs."""
        catalogue = seen.catalogue
        if not shown or catalogue is None:
            self.end()
            return
        if catalogue.origin != "replay" and self._legs is None:
            self._legs = self._hub.legs(catalogue.dataset)
            self._endings["legs"] = self._legs.subscribe(self._soon)
        gaps_only = self._desk.gaps_only
        if self._events is None or self._events.gaps_only != gaps_only:
            before = self._endings.pop("events", None)
            self._events = self._hub.events(catalogue.dataset, gaps_only)
            self._endings["events"] = self._events.subscribe(self._soon)
            if before is not None:
                before()

    def end(self) -> None:
        """Unsubscribe from everything."""
        for ending in self._endings.values():
            ending()
        self._endings.clear()
        self._legs = self._events = None

    def write(self, seen: Seen) -> None:
        """Bring the regions up to date."""
        catalogue, watch, events = seen.catalogue, self._legs, self._events
        if catalogue is None:
            self.legs.text = waiting(self._desk.dataset, asked=False)
            return
        self.filter.text = gaps_filter(self._desk.gaps_only)
        if watch is not None:
            self.legs.text = legs_card(watch.legs, _symbols(catalogue), watch.status.reason)
            self.stages.text = stages_card(watch.legs)
        for region, there in (
            (self.legs, watch is not None),
            (self.stages, watch is not None and bool(watch.legs.stages)),
        ):
            region.visible = there
        if events is not None and (events.asked or events.status.reason):
            self.events.text = events_card(events.events, events.gaps_only, events.status.reason)


def _symbols(catalogue: Catalogue) -> dict[str, None]:
    """Every symbol once, in the order of the pairs."""
    return dict.fromkeys(symbol for pair in catalogue.pairs for symbol in (pair.y, pair.x))

"""The Health view: what the flow says, how each leg stands, where the time goes, the tables, what the page costs, what happened."""

from collections.abc import Callable
from typing import Any, TypeVar

from bokeh.models import Column, Row

from dashboard.charts.panel import html
from dashboard.data import Catalogue
from dashboard.health_watch import DistributionWatch, FlowWatch, PageMeter, StorageWatch
from dashboard.hub import EventsWatch, LegsWatch
from dashboard.parts.part import Context, Seen
from dashboard.poller import Poller
from dashboard.rows_feed import Feed
from dashboard.views.feed import events_card, gaps_filter, legs_card
from dashboard.views.health import Held, as_of_card, cost_card, flow_card, held_card, storage_card
from dashboard.views.latency import stages_card
from dashboard.views.notice import waiting

P = TypeVar("P", bound=Poller[Any])
_REGIONS = ("flow", "feed-legs", "feed-stages", "tables", "cost", "held", "filter", "feed-events")


class HealthPart:
    """The regions, and the watches behind them. A replay has events and tables, and no feed."""

    def __init__(self, context: Context) -> None:
        self._hub, self._desk, self._soon, self._document = context.hub, context.desk, context.soon, context.document
        self._at = {name: html(name, by_browser=False) for name in _REGIONS}
        self.layout: Any = self._layout()
        self._legs: LegsWatch | None = None
        self._storage: StorageWatch | None = None
        self._spread: DistributionWatch | None = None
        self._flow: FlowWatch | None = None
        self._meter: PageMeter | None = None
        self._events: EventsWatch | None = None
        self._past = False
        self._endings: dict[str, Callable[[], None]] = {}

    def _layout(self) -> Any:
        at = self._at
        at["feed-events"].styles = {"flex": "0 0 auto", "max-height": "340px", "overflow": "auto"}
        at["feed-legs"].styles = {"max-height": "300px", "overflow": "auto"}
        happens = _column("1 1 0", at["feed-legs"], at["cost"], at["held"], at["filter"], at["feed-events"])
        stored = _column("0 0 532px", at["feed-stages"], at["tables"])
        both = Row(happens, stored, sizing_mode="stretch_width", spacing=6, margin=0, styles={"align-items": "start"})
        return Column(
            at["flow"], both, name="health-view", sizing_mode="stretch_both", spacing=0, margin=0,
            styles={"padding": "6px", "box-sizing": "border-box", "flex": "1 1 0", "min-height": "0", "overflow": "auto"},
        )  # fmt: skip

    def follow(self, seen: Seen, shown: bool) -> None:
        """Watch what the view needs."""
        catalogue = seen.catalogue
        if not shown or catalogue is None or (seen.at_us is None) == self._past:
            self.end()
            self._past = seen.at_us is not None
            if not shown or catalogue is None:
                return
        dataset = catalogue.dataset
        if self._meter is None:
            self._meter = self._watch("meter", self._hub.meter())
        if self._storage is None and not self._past:
            self._storage = self._watch("tables", self._hub.storage(dataset, catalogue.intervals))
            if not catalogue.recorded:
                self._legs = self._watch("legs", self._hub.legs(dataset))
                self._spread = self._watch("spread", self._hub.distributions(dataset))
                flow = self._hub.flow(dataset)
                self._flow = self._watch("flow", flow) if flow is not None else None
        gaps_only = self._desk.gaps_only
        if self._events is None or self._events.gaps_only != gaps_only:
            before = self._endings.pop("events", None)
            self._events = self._hub.events(dataset, gaps_only, self if self._past else None)
            self._events.until_us = seen.at_us
            self._watch("events", self._events)
            if before is not None:
                before()
        self._events.until_us = seen.at_us

    def _watch(self, name: str, poller: P) -> P:
        self._endings[name] = poller.subscribe(self._soon)
        return poller

    def end(self) -> None:
        """Unsubscribe from everything."""
        for ending in self._endings.values():
            ending()
        self._endings.clear()
        self._legs = self._events = self._storage = self._spread = self._flow = self._meter = None

    def write(self, seen: Seen) -> None:
        """Bring the regions up to date."""
        catalogue, at = seen.catalogue, self._at
        if catalogue is None:
            at["flow"].text = waiting(self._desk.dataset, asked=False)
            return
        flow = flow_card(self._flow.said, self._flow.why) if self._flow is not None else ""
        _write(at["flow"], flow if seen.at_us is None else as_of_card(seen.at_us))
        storage = self._storage
        self._write_feed(
            seen, catalogue, dict(storage.storage.trades_per_second) if storage and storage.asked else None
        )
        if storage is not None and (storage.asked or storage.status.reason):
            _write(at["tables"], storage_card(storage.storage, self._clock_us(catalogue), storage.status.reason))
        elif self._past:
            _write(at["tables"], "")
        if self._meter is not None:
            name = f"{self._desk.pair} {self._desk.interval}"
            asking = [poller.status for poller in self._hub.pollers]
            at["cost"].text = cost_card(seen.status, name, asking, _sessions(self._document), self._meter.cost)
        feeds = held_card(self._held(feed, catalogue) for feed in self._hub.feeds)
        _write(at["held"], "" if self._past else feeds)

    def _write_feed(self, seen: Seen, catalogue: Catalogue, rates: dict[str, float] | None) -> None:
        legs, events, at = self._legs, self._events, self._at
        symbols = dict.fromkeys(symbol for pair in catalogue.pairs for symbol in (pair.y, pair.x))
        _write(at["feed-legs"], legs_card(legs.legs, symbols, legs.status.reason, rates) if legs is not None else "")
        spread = self._spread.distributions if self._spread is not None else ()
        _write(at["feed-stages"], stages_card(legs.legs, spread) if legs is not None else "")
        at["filter"].text = gaps_filter(self._desk.gaps_only)
        if events is not None and (events.asked or events.status.reason):
            known = [event for event in events.events if seen.at_us is None or event.time_us <= seen.at_us]
            at["feed-events"].text = events_card(known, events.gaps_only, events.status.reason)

    def _clock_us(self, catalogue: Catalogue) -> int | None:
        """The exchange's clock: rows carry its times. The database's where no feed says how far it is ahead."""
        if catalogue.recorded or self._storage is None:
            return None
        legs, now_us = self._legs.legs if self._legs is not None else None, self._storage.storage.now_us
        if legs is None or legs.newest_us is None or legs.flow_silent:
            return now_us
        return legs.newest_us - 1000 * legs.legs[0].lead_ms

    def _held(self, feed: Feed, catalogue: Catalogue) -> Held:
        of, frame, clock_us = feed.selection, feed.frame, self._clock_us(catalogue)
        known = clock_us is not None and len(frame) and of.dataset == catalogue.dataset
        ended_ms = (clock_us - int(frame.times[-1]) - of.interval.us) / 1000 if known and clock_us else float("nan")
        name = f"{of.dataset + ': ' if of.dataset else ''}{of.pair} {of.interval}"
        return Held(name, of.model, len(frame), frame.sequence, feed.subscribers, max(0.0, ended_ms))


def _column(flex: str, *regions: Any) -> Any:
    styles = {"flex": flex, "min-width": "0"}
    return Column(*regions, sizing_mode="stretch_width", spacing=0, margin=0, styles=styles)


def _write(region: Any, text: str) -> None:
    """Set the text of a region that takes no room while it has none."""
    region.update(text=text, visible=bool(text))


def _sessions(document: Any) -> int | None:
    """Open pages of this process; None where the document is not served."""
    context = document.session_context
    return len(context.server_context.sessions) if context is not None else None

"""One page: its view-model, its charts, and how a change in the hub reaches them.

Everything is a closure or a method of imported code: the globals of a served script are gone when a session ends.
"""

import time
from collections.abc import Callable
from typing import Any

import panel as pn
from bokeh.models import Column, Row

from dashboard import theme
from dashboard.charts.panel import html
from dashboard.charts.workspace import charts
from dashboard.data import Catalogue
from dashboard.explain_part import ExplainPart
from dashboard.feed_part import FeedPart
from dashboard.frame import Frame, columns, plan
from dashboard.hub import CatalogueWatch, Feed, Hub, QualityWatch
from dashboard.nav import nav
from dashboard.poller import Status
from dashboard.quality import Quality
from dashboard.selectors import selectors
from dashboard.state import Desk, Reading, reading, spread_scale, spread_unit
from dashboard.views.header import header
from dashboard.views.notice import banner, notice, waiting
from dashboard.views.quality import legs_card, look_card, verdict_card
from dashboard.views.rail import model_card, signal_card, window_table
from dashboard.views.tiles import tiles


def build(hub: Hub, lookback: int = 600) -> Any:
    """The template of a new session, served by Panel."""
    theme.keep_requests_local(pn.state.curdoc)
    desk = Desk(lookback=lookback)
    desk.read({key: values[0].decode() for key, values in pn.state.session_args.items()})
    session = Session(hub, desk, pn.state.curdoc)
    pn.state.onload(lambda: session.document.add_next_tick_callback(session.start))
    pn.state.on_session_destroyed(lambda _context: session.end())
    return session.template


class Session:
    """A browser's page from its first paint to its end."""

    def __init__(self, hub: Hub, desk: Desk, document: Any) -> None:
        self.hub, self.desk, self.document = hub, desk, document
        self.nav = nav(desk)
        self.feed_part = FeedPart(hub, desk, self._soon_feed)
        self.explain_part = ExplainPart(hub, desk, self._soon)
        self.charts = charts(self.nav, self.feed_part.filter, self.feed_part.pills)
        self.header, self.banner, self.tiles = (html(name, by_browser=False) for name in ("header", "banner", "tiles"))
        self._watch: CatalogueWatch | None = None
        self._feed: Feed | None = None
        self._quality: QualityWatch | None = None
        self._endings: dict[str, Callable[[], None]] = {}
        self._drawn = Frame()
        self._meta: dict[str, object] = {}
        self._reading: Reading | None = None
        self._scheduled = self._ended = False
        self._location = pn.state.location
        desk.param.watch(lambda *_events: self._turn(), ["view", "gaps_only", "explain"])
        document.js_on_event("document_ready", self.charts.script)
        self.template = self._layout()
        desk.param.watch(lambda *_events: self._select(), ["catalogue", "pair", "interval", "model", "lookback"])
        self.refresh()

    @property
    def _views(self) -> dict[str, Any]:
        """The layouts of which one is shown."""
        return {"workspace": self.charts.layout, "feed": self.feed_part.layout, "explain": self.explain_part.layout}

    def _layout(self) -> Any:
        page = Column(self.banner, self.tiles, *self._views.values(), sizing_mode="stretch_both", spacing=0, margin=0)
        self.header.styles = {"flex": "1 1 0", "width": "auto", "min-width": "0"}
        pills = self.feed_part.pills
        for region in (self.nav, pills, self.charts.clock):
            region.styles = {"flex": "0 0 auto", "width": "max-content"}
        top = Row(self.nav, self.header, pills, self.charts.clock, sizing_mode="stretch_width", margin=0, spacing=10)
        buttons = Column(self.charts.controls, sizing_mode="stretch_width", margin=0)
        template = theme.template("Pairs desk")
        template.header.append(pn.pane.Bokeh(top, sizing_mode="stretch_width", margin=0))
        template.sidebar.extend(
            [*selectors(self.desk), pn.pane.Bokeh(buttons, sizing_mode="stretch_width", margin=(6, 4))]
        )
        template.main.append(pn.pane.Bokeh(page, sizing_mode="stretch_both", margin=0))
        return template

    def start(self) -> None:
        """Subscribe, once the page stands in the browser: rows streamed earlier would be lost or doubled there."""
        self._watch = self.hub.watch(self.desk.dataset)
        self._endings["watch"] = self._watch.subscribe(self._soon)
        self.refresh()

    def end(self) -> None:
        """Unsubscribe from everything."""
        self._ended = True
        for ending in self._endings.values():
            ending()
        self._endings.clear()
        self.feed_part.end()
        self.explain_part.end()
        self._feed = self._watch = self._quality = None

    def _soon(self) -> None:
        """Refresh under the document's lock; several changes before that make one refresh."""
        if not self._scheduled:
            self._scheduled = True
            self.document.add_next_tick_callback(self.refresh)

    def _soon_feed(self) -> None:
        """The same for what shows the feed alone, which changes each second."""
        self.document.add_next_tick_callback(self.refresh_feed)

    def _select(self) -> None:
        """Read another selection, from the next poll on."""
        selection = self.desk.selection
        if selection is None or self._watch is None:
            return
        if self._feed is None or self._feed.selection != selection:
            endings = [self._endings.pop(name, None) for name in ("feed", "quality")]
            self._feed = self.hub.feed(selection)
            self._endings["feed"] = self._feed.subscribe(self._soon)
            self._quality = self.hub.quality(selection.dataset, selection.pair, selection.interval)
            self._endings["quality"] = self._quality.subscribe(self._soon)
            for ending in filter(None, endings):
                ending()
        self._feed.need(self.desk.lookback)
        self._drawn = Frame(generation=-1)
        self._turn()

    def _turn(self) -> None:
        """Show another view, and keep the address."""
        if self._location is not None:
            self._location.search = self.desk.query()
        if self.desk.catalogue is not None and not self._ended:
            self.feed_part.follow(self.desk.catalogue)
        self._soon()

    def refresh(self) -> None:
        """Bring the browser up to date with hub and view-model."""
        self._scheduled = False
        if self._ended:
            return
        found = self._watch.catalogue if self._watch is not None else None
        if found is not None and found != self.desk.catalogue:
            self.desk.adopt(found)
        for view, region in self._views.items():
            region.visible = view == self.desk.view
        if self._feed is None or self.desk.selection is None:
            self._show_waiting()
            return
        status, frame = self._feed.status, self._feed.frame.tail(self.desk.lookback)
        catalogue = self.desk.catalogue
        assert catalogue is not None
        selection = self.desk.selection
        now = reading(frame, selection.pair, selection.interval, catalogue.model(selection.model))
        if self._quality is not None:
            self._quality.closed(now.last_close_us)
        self.explain_part.follow(selection, now.last_stats_us)
        self._tell(catalogue, now, status)
        self._draw(frame)
        self._write(catalogue, now, frame, status)

    def refresh_feed(self) -> None:
        """Bring what shows the feed up to date, and the banner."""
        now, feed = self._reading, self._feed
        if self._ended or now is None or feed is None:
            return
        symbols = (now.y.symbol, now.x.symbol)
        self.feed_part.write(symbols)
        _write(self.banner, banner(feed.status, now, self.desk.remarks, self.feed_part.banner(symbols)))

    def _show_waiting(self) -> None:
        status = self._watch.status if self._watch is not None else Status()
        self.header.text = header(None, self.desk.dataset, status, 0)
        _write(self.banner, banner(status, None, self.desk.remarks))
        away = status.down_since is not None
        asked = self._watch is not None and self._watch.asked
        _write(self.charts.notice, "" if away else waiting(self.desk.dataset, asked))
        self._reading = None
        self.feed_part.write(())
        self.explain_part.write()

    def _tell(self, catalogue: Catalogue, now: Reading, status: Status) -> None:
        """Tell the browser how to draw, when that changes."""
        model = catalogue.model(self.desk.model)
        meta: dict[str, object] = {
            "key": f"{self.desk.dataset} {self.desk.pair} {self.desk.interval} {self.desk.model}",
            "y": now.y.symbol, "x": now.x.symbol, "step": now.interval.us / 1000, "scale": spread_scale(model),
            "unit": spread_unit(model), "entry": self.desk.entry, "exit": self.desk.exit,
            "down": status.down_since is not None, "replay": catalogue.origin == "replay",
        }  # fmt: skip
        if meta != self._meta:
            self._meta = meta
            self.charts.source.tags = [{**meta, "now": time.time() * 1000}]
            self.charts.layout.styles = {
                **self.charts.layout.styles,
                "filter": "grayscale(0.75) brightness(0.8)" if meta["down"] else "none",
            }

    def _draw(self, frame: Frame) -> None:
        source = self.charts.source
        if self._drawn.generation == -1 or not len(frame):
            if len(frame) or len(source.data["time"]):
                source.data = columns(frame)
        else:
            update = plan(self._drawn, frame)
            if update.full is not None:
                source.data = update.full
            if update.patches:
                source.patch(update.patches)
            if update.stream:
                source.stream(update.stream, rollover=self.desk.lookback)
        self._drawn = frame

    def _write(self, catalogue: Catalogue, now: Reading, frame: Frame, status: Status) -> None:
        entry, exit_ = self.desk.entry, self.desk.exit
        self.header.text = header(catalogue.origin, self.desk.dataset, status, len(frame))
        self._reading = now
        self.refresh_feed()
        self.explain_part.write()
        quality = self._quality.quality if self._quality is not None else Quality()
        _write(self.tiles, tiles(now, quality, entry, exit_) if self.desk.view == "workspace" else "")
        _write(self.charts.notice, "" if status.down_since is not None else notice(now, status.reason))
        if self.desk.view == "workspace":
            self.charts.signal.text = signal_card(now, entry, exit_)
            self.charts.looks.text = verdict_card(quality, now) + look_card(quality, now)
            self.charts.rail.text = legs_card(quality, now) + window_table(frame, now) + model_card(now)


def _write(region: Any, text: str) -> None:
    """Set the text of a region that takes no room while it has none."""
    region.update(text=text, visible=bool(text))

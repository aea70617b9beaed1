"""One page: its view-model, its views, and how a change in the hub reaches them.

Everything is a closure or a method of imported code: the globals of a served script are gone when a session ends.
"""

from collections.abc import Callable
from typing import Any

import panel as pn
from bokeh.models import Column, CustomJS, Row

from dashboard import theme
from dashboard.apply_box import ApplyBox
from dashboard.charts.panel import html
from dashboard.hub import CatalogueWatch, Hub, QualityWatch
from dashboard.nav import ASKED, TOOLS, nav
from dashboard.parts import LOOK_BACK, PARTS, Context, Part, Seen
from dashboard.parts.workspace import WorkspacePart
from dashboard.past import Past
from dashboard.pills import Pills
from dashboard.poller import Status
from dashboard.quality import Quality
from dashboard.rows_feed import Feed
from dashboard.selectors import selectors
from dashboard.stage import Stage
from dashboard.state import Desk, Reading, reading
from dashboard.views.header import header
from dashboard.views.notice import banner
from dashboard.views.past import LOOK_BACK_BUTTON, present_only
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
        self._context = Context(hub, desk, document, self._soon)
        self.workspace = WorkspacePart(self._context)
        self.parts: dict[str, Part] = {"workspace": self.workspace}
        self.nav, self.pills = nav(desk), Pills(hub, self._soon_feed)
        self.header, self.banner, self.tiles = (html(name, by_browser=False) for name in ("header", "banner", "tiles"))
        self.present_only = html("present-only", by_browser=False)
        self.past = Past(hub, desk, document, self._soon)
        self.stage = Stage()
        self._watch: CatalogueWatch | None = None
        self._feed: Feed | None = None
        self._quality: QualityWatch | None = None
        self._endings: dict[str, Callable[[], None]] = {}
        self._reading: Reading | None = None
        self._scheduled = self._ended = False
        self._location, self._user = pn.state.location, pn.state.user
        document.js_on_event(
            "document_ready", self.workspace.charts.script(self.nav, self.pills.region, self.past, self.stage)
        )
        document.js_on_event("document_ready", CustomJS(code=theme.TRANSFER_JS))
        self.apply_box = ApplyBox(desk, hub, self._soon)
        self.template = self._layout()
        desk.param.watch(lambda *_events: self._turn(), [*ASKED.values(), "ticks", "speed"])
        selected = ["catalogue", "pair", "interval", "model", "what", "lookback", "at_us"]
        desk.param.watch(lambda *_events: self._select(), selected)
        self.refresh()

    def _frame(self) -> Any:
        """What stands above every view, and the views under it; those not visited yet are not made."""
        self.stage.add(
            "workspace",
            Column(self.tiles, self.workspace.layout, sizing_mode="stretch_both", spacing=0, margin=0),
        )
        above = self.past.bar, self.past.said, self.past.asking, self.banner, self.present_only
        column = Column(*above, self.stage.layout, sizing_mode="stretch_both", spacing=0, margin=0)
        return pn.pane.Bokeh(column, sizing_mode="stretch_both", margin=0)

    def _layout(self) -> Any:
        clock = self.workspace.charts.clock
        self.header.styles = {"flex": "1 1 0", "width": "auto", "min-width": "0"}
        tools = html("tools", TOOLS, by_browser=False)
        for region in (self.nav, self.pills.region, clock, tools):
            region.styles = {"flex": "0 0 auto", "width": "max-content"}
        top = Row(
            self.nav, self.header, self.pills.region, clock, tools, sizing_mode="stretch_width", margin=0, spacing=10
        )
        look_back = html("look-back", LOOK_BACK_BUTTON, by_browser=False)
        buttons = Column(self.workspace.charts.controls, look_back, sizing_mode="stretch_width", margin=0)
        template = theme.template("Pairs desk", self.desk.theme)
        template.header.append(pn.pane.Bokeh(top, sizing_mode="stretch_width", margin=0))
        template.sidebar.extend(
            [
                *selectors(self.desk),
                *self.apply_box.views,
                pn.pane.Bokeh(buttons, sizing_mode="stretch_width", margin=(6, 4)),
            ]
        )
        template.main.append(self._frame())
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
        self.pills.end()
        self.past.end()
        self.apply_box.end()
        for part in self.parts.values():
            part.end()
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
        if self.past.on:
            self._let_go()
            self._turn()
            return
        tried = self.desk.what_if
        if self._feed is None or (self._feed.selection, self._feed.what_if) != (selection, tried):
            endings = [self._endings.pop(name, None) for name in ("feed", "quality")]
            self._feed = self.hub.feed(selection) if tried is None else self.hub.what_if(selection, tried)
            self._endings["feed"] = self._feed.subscribe(self._soon)
            self._quality = self.hub.quality(selection.dataset, selection.pair, selection.interval)
            self._endings["quality"] = self._quality.subscribe(self._soon)
            for ending in filter(None, endings):
                ending()
        self._feed.need(self.desk.lookback)
        self._turn()

    def _let_go(self) -> None:
        """Ask for what is new no more."""
        for name in ("feed", "quality"):
            if ending := self._endings.pop(name, None):
                ending()
        self._feed = self._quality = None

    def _turn(self) -> None:
        """Show another view, and keep the address."""
        if self._location is not None:
            self._location.search = self.desk.query()
        self._soon()

    def refresh(self) -> None:
        """Bring the browser up to date with hub and view-model."""
        self._scheduled = False
        if self._ended:
            return
        found = self._watch.catalogue if self._watch is not None else None
        if found is not None and found != self.desk.catalogue:
            self.desk.adopt(found)
        seen = self._see()
        self._reading = seen.now
        self.past.write(seen)
        self.apply_box.follow(self.desk.catalogue)
        self.pills.follow(self.desk.catalogue)
        view = self.desk.view
        if view not in self.parts:
            self._make(view)
            return
        shown = seen.at_us is None or view in LOOK_BACK
        _write(self.present_only, "" if shown else present_only(view, sorted(LOOK_BACK)))
        for name, part in self.parts.items():
            part.follow(seen, shown and name == view)
        self.refresh_feed()
        origin = seen.catalogue.origin if seen.catalogue is not None else None
        tried = self.desk.what_if if seen.at_us is None else None
        self.header.text = header(
            origin, self.desk.dataset, seen.status, len(seen.frame), self._user, tried.name if tried else ""
        )
        if view == "workspace":
            _write(self.tiles, tiles(seen.now, seen.quality, self.desk.entry, self.desk.exit) if seen.now else "")
        if shown:
            self.parts[view].write(seen)
        self.stage.show(view, shown)

    def _make(self, view: str) -> None:
        """The first visit."""
        self.parts[view] = PARTS[view](self._context)
        self.stage.add(view, self.parts[view].layout)
        self._soon()

    def _see(self) -> Seen:
        """What hub and view-model say now."""
        catalogue, selection, feed = self.desk.catalogue, self.desk.selection, self._feed
        if self.past.on and catalogue is not None and selection is not None:
            return self.past.seen(catalogue, selection)
        if feed is None or selection is None or catalogue is None:
            return Seen(catalogue, status=self._watch.status if self._watch is not None else Status())
        frame = feed.frame.tail(self.desk.lookback)
        model = feed.what_if or catalogue.model(selection.model)
        now = reading(frame, selection.pair, selection.interval, model, feed.what_if is not None)
        quality = Quality()
        if self._quality is not None:
            self._quality.closed(now.last_close_us)
            quality = self._quality.quality
        return Seen(catalogue, selection, now, frame, feed.status, quality, feed.progress)

    def refresh_feed(self) -> None:
        """Bring what shows the feed up to date, and the banner."""
        if self._ended:
            return
        now, live = self._reading, not self.past.on
        symbols = (now.y.symbol, now.x.symbol) if now is not None else ()
        self.pills.write(symbols, live)
        asking = self._feed if now is not None and live else self._watch
        status = self.past.status if not live else asking.status if asking is not None else Status()
        _write(
            self.banner,
            banner(status, now, self.desk.remarks, self.pills.banner(symbols) if now is not None and live else ""),
        )


def _write(region: Any, text: str) -> None:
    """Set the text of a region that takes no room while it has none."""
    region.update(text=text, visible=bool(text))

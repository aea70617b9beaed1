"""The pictures of trades at the foot of the Analysis view: a range up to the newest trade, or what is zoomed into."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dashboard.analysis.ticks import LEAST_US, TickGrids, TicksAsked
from dashboard.analysis.ticks_watch import TicksWatch
from dashboard.charts.panel import html
from dashboard.charts.ticks import TickPictures
from dashboard.parts.part import Context, Seen
from dashboard.state import TICK_RANGES
from dashboard.views.ticks import ranges, ticks_head, ticks_note


class Trades:
    """The pictures, and the watch behind them."""

    def __init__(self, context: Context) -> None:
        self._hub, self._desk, self._soon = context.hub, context.desk, context.soon
        self.pictures = TickPictures(self._zoomed, self._back)
        self.ranges = html("tick-ranges", by_browser=False)
        self.ranges.on_change("tags", lambda _name, _old, new: self._asked(new))
        self.layouts = (self.ranges, self.pictures.layout)
        self._of: TicksAsked | None = None
        self._zoom: tuple[int, int] | None = None
        self._watch: TicksWatch | None = None
        self._ending: Callable[[], None] | None = None
        self._drawn: tuple[str, TickGrids | None, TicksAsked | None] = ("", None, None)

    def follow(self, seen: Seen, shown: bool) -> None:
        """Watch the range in view, or let go of it."""
        if not shown or seen.selection is None:
            self.end()
            return
        of = TicksAsked(seen.selection.dataset, seen.selection.pair, self._desk.ticks)
        if of != self._of:
            self._of, self._zoom = of, None
        asked = of if self._zoom is None else replace(of, start_us=self._zoom[0], end_us=self._zoom[1])
        if self._watch is not None and self._watch.of == asked:
            return
        before, self._watch = self._ending, self._hub.ticks(asked)
        self._ending = self._watch.subscribe(self._soon)
        if before is not None:
            before()

    def write(self, seen: Seen) -> None:
        """Draw what has changed; while another range is being counted the one before stays."""
        watch = self._watch
        self.ranges.text = ranges(self._desk.ticks, self._zoom is not None)
        away = watch is not None and watch.status.down_since is not None
        grids = watch.grids if watch is not None else None
        drawn_why, drawn, of = self._drawn
        if grids is None and drawn is not None and of == self._of:
            return
        why = "The database is away; this goes on when it is back." if away else "Counting the trades."
        if drawn is not grids or drawn_why != why:
            self._drawn = why, grids, self._of
            self._draw(grids, why)

    def end(self) -> None:
        """Let go of the watch."""
        if self._ending is not None:
            self._ending()
        self._watch = self._ending = None

    def _draw(self, grids: TickGrids | None, why: str) -> None:
        pair = self._of.pair if self._of is not None else None
        y, x = (grids.y, grids.x) if grids is not None else (None, None)
        legs = ((y, pair.y if pair else ""), (x, pair.x if pair else ""))
        heads = [ticks_head(grid, symbol, grids) for grid, symbol in legs]
        notes = [ticks_note(grid, grids, why) for grid, _ in legs]
        self.pictures.draw(grids, (heads[0], heads[1]), (notes[0], notes[1]))

    def _zoomed(self, start_ms: float, end_ms: float) -> None:
        """The user has moved the range."""
        if not 0.0 <= start_ms < end_ms < 1e14:
            return
        start, end = round(start_ms * 1_000), round(end_ms * 1_000)
        self._zoom = start, max(end, start + LEAST_US)
        self._soon()

    def _asked(self, tags: list[Any]) -> None:
        """A button was pressed; what it may not ask for is left out."""
        wanted = tags[0].get("ticks") if tags and isinstance(tags[0], dict) else None
        if wanted in TICK_RANGES:
            self._desk.ticks = wanted
            self._back()

    def _back(self) -> None:
        """To the range of the buttons."""
        self._zoom = None
        self._soon()

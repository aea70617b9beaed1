"""Trades of both legs as images of counts; dragging and the wheel ask for the range in view anew."""

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import DoubleTap, RangesUpdate
from bokeh.models import ColumnDataSource, HoverTool, LogColorMapper, PanTool, Row, WheelZoomTool

from dashboard import theme
from dashboard.analysis.ticks import ROWS, Grid, TickGrids
from dashboard.charts.plain import Picture, around, picture

_FAINTEST = 70
_MOST = 65_535
"""Of a cell as it is sent; the head says the exact number in view."""


class TickPictures:
    """Two pictures with one time axis.

    Args:
        zoomed: called with the ends of the range in view, in ms, after the user has moved it. back: to the range of the buttons.
    """

    def __init__(self, zoomed: Callable[[float, float], None], back: Callable[[], None]) -> None:
        self._y = _Leg("ticks-y", theme.LEG_Y, "Trades of the first leg by time and price", None)
        self._x = _Leg("ticks-x", theme.LEG_X, "Trades of the second leg by time and price", self._y.picture)
        self._shown = (0.0, 0.0)
        self.layout = Row(
            self._y.picture.layout, self._x.picture.layout, sizing_mode="stretch_width", spacing=6, margin=0,
            styles={"flex": "0 0 260px", "height": "260px"},
        )  # fmt: skip

        def moved(event: Any) -> None:
            start, end = self._shown
            slack = 0.002 * (end - start)
            if abs(event.x0 - start) > slack or abs(event.x1 - end) > slack:
                zoomed(event.x0, event.x1)

        for leg in (self._y, self._x):
            leg.picture.figure.on_event(RangesUpdate, moved)
            leg.picture.figure.on_event(DoubleTap, lambda _event: back())

    def draw(self, grids: TickGrids | None, heads: tuple[str, str], notes: tuple[str, str]) -> None:
        """The counts of a range."""
        if grids is None or grids.why:
            for leg, head, note in zip((self._y, self._x), heads, notes, strict=True):
                leg.clear(head, note)
            return
        self._shown = grids.start_us / 1_000, grids.end_us / 1_000
        for leg, grid, head, note in zip((self._y, self._x), (grids.y, grids.x), heads, notes, strict=True):
            leg.draw(grid, self._shown, head, note)


class _Leg:
    def __init__(self, name: str, colour: str, label: str, beside: Picture | None) -> None:
        self.picture = picture(name, times=True, label=label, x_range=beside.x_range if beside else None)
        self.source = ColumnDataSource(_nothing(), name=f"{name}-image")
        palette = [f"{colour}{alpha:02x}" for alpha in np.linspace(_FAINTEST, 255, 64).astype(int)]
        self.mapper = LogColorMapper(palette=palette, low=1, high=2, low_color="#00000000")
        fig = self.picture.figure
        image = fig.image("image", "x", "y", "dw", "dh", source=self.source, color_mapper=self.mapper)
        told = [("time", "$x{%F %T} UTC"), ("price", "$y{0,0.[0000]}"), ("trades in the cell", "@image{0,0}")]
        pan, zoom = PanTool(dimensions="width"), WheelZoomTool(dimensions="width")
        fig.add_tools(pan, zoom, HoverTool(renderers=[image], tooltips=told, formatters={"$x": "datetime"}))
        fig.toolbar.active_drag, fig.toolbar.active_scroll = pan, zoom

    def clear(self, head: str, note: str) -> None:
        self.source.data = _nothing()
        self.picture.show(head, note)

    def draw(self, grid: Grid | None, ends: tuple[float, float], head: str, note: str) -> None:
        if grid is None or not grid.trades:
            self.clear(head, note)
            self.picture.x_range.update(start=ends[0], end=ends[1])
            return
        counts = np.minimum(grid.counts, _MOST).astype(np.uint16)
        self.mapper.high = max(2, int(counts.max()))
        height = ROWS * grid.row_height
        self.source.data = {
            "image": [counts],
            "x": [ends[0]],
            "y": [grid.low],
            "dw": [ends[1] - ends[0]],
            "dh": [height],
        }
        self.picture.show(head, note, ends, around(grid.low, grid.low + height))


def _nothing() -> dict[str, list[Any]]:
    return {name: [] for name in ("image", "x", "y", "dw", "dh")}

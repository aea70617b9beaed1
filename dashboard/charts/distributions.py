"""How spread and z are distributed, and how long the spread remembers."""

from typing import TYPE_CHECKING

import numpy as np
from bokeh.models import ColumnDataSource, Span

from dashboard import theme
from dashboard.charts.plain import hover, picture

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfBars
    from dashboard.analysis.distribution import Histogram


class Bars:
    """A histogram with the normal curve of the same mean and deviation, and the newest value."""

    def __init__(self, name: str, colour: str, label: str) -> None:
        self.picture = picture(name, label=label)
        fig = self.picture.figure
        self.bars = ColumnDataSource({"left": [], "right": [], "count": []}, name=f"{name}-bars")
        self.curve = ColumnDataSource({"x": [], "y": []}, name=f"{name}-curve")
        quads = fig.quad(
            left="left",
            right="right",
            top="count",
            bottom=0,
            source=self.bars,
            fill_color=colour,
            fill_alpha=0.45,
            line_color=theme.PANEL,
        )
        fig.line("x", "y", source=self.curve, color=theme.MUTED, line_dash="dashed", line_width=1.5)
        self.now = Span(dimension="height", line_color=theme.AMBER, line_width=2, visible=False)
        fig.add_layout(self.now)
        fig.yaxis[0].ticker.desired_num_ticks = 3
        fig.add_tools(
            hover([quads], [("from", "@left{0.[0000]}"), ("to", "@right{0.[0000]}"), ("bars", "@count{0,0}")])
        )

    def draw(self, of: "Histogram | None", head: str, note: str) -> None:
        """The newest values."""
        if of is None or not len(of.counts):
            self.bars.data, self.curve.data = {"left": [], "right": [], "count": []}, {"x": [], "y": []}
            self.now.visible = False
            self.picture.show(head, note)
            return
        self.bars.data = {"left": of.edges[:-1], "right": of.edges[1:], "count": of.counts}
        self.curve.data = {"x": of.curve_x, "y": of.curve_y}
        self.now.update(location=of.summary.last, visible=True)
        top = max(float(of.counts.max()), float(of.curve_y.max()))
        self.picture.show(head, note, (float(of.curve_x[0]), float(of.curve_x[-1])), (0.0, 1.08 * top))


class Lags:
    """Autocorrelation of the spread and of its changes, with the band of values without memory."""

    def __init__(self) -> None:
        self.picture = picture("acf", label="Autocorrelation of the spread and of its changes")
        fig = self.picture.figure
        self.spread = ColumnDataSource({"lag": [], "r": []}, name="acf-spread")
        self.change = ColumnDataSource({"lag": [], "r": []}, name="acf-change")
        self.band = ColumnDataSource({"lag": [], "low": [], "high": []}, name="acf-band")
        fig.varea("lag", "low", "high", source=self.band, fill_color=theme.MUTED, fill_alpha=0.16)
        fig.add_layout(Span(location=0, dimension="width", line_color=theme.BORDER))
        stems = fig.vbar("lag", 0.3, "r", source=self.change, fill_color=theme.LEG_X, line_color=None)
        fig.line("lag", "r", source=self.spread, color=theme.SPREAD, line_width=1.5)
        dots = fig.scatter("lag", "r", source=self.spread, size=4, fill_color=theme.SPREAD, line_color=None)
        fig.add_tools(hover([stems, dots], [("lag", "@lag{0} bars"), ("r", "@r{0.000}")]))

    def draw(self, of: "OfBars | None", head: str, note: str) -> None:
        """The newest window."""
        spread, change = (of.spread_acf.r, of.change_acf.r) if of is not None else (np.empty(0), np.empty(0))
        for source, r in ((self.spread, spread), (self.change, change)):
            source.data = {"lag": np.arange(1, len(r) + 1, dtype=np.float64), "r": r}
        if of is None or not len(spread):
            self.band.data = {"lag": [], "low": [], "high": []}
            self.picture.show(head, note)
            return
        ends, bound = np.array([0.5, len(spread) + 0.5]), of.spread_acf.bound
        self.band.data = {"lag": ends, "low": np.full(2, -bound), "high": np.full(2, bound)}
        low = min(float(spread.min()), float(change.min()) if len(change) else 0.0, -bound)
        self.picture.show(head, note, (ends[0], ends[1]), (low - 0.05, 1.05))

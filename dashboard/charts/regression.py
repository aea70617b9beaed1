"""The scatter of the legs' prices with the line of each method."""

from typing import TYPE_CHECKING

import numpy as np
from bokeh.models import ColumnDataSource

from dashboard import theme
from dashboard.charts.plain import around, hover, picture, thinned

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfBars

METHODS = {"ols": theme.LEG_Y, "tls": theme.LEG_X, "huber": theme.UP, "theil_sen": theme.SPREAD, "kalman": theme.AMBER}
"""Colours of the lines; `panel.css` has the same for the legend."""
_DASHES = {"ols": "solid", "tls": "dashed", "huber": "dotdash", "theil_sen": "dotted", "kalman": "dashdot"}


class Scatter:
    """Prices of the window, and the line of each method through them."""

    def __init__(self) -> None:
        self.picture = picture("scatter", label="Regression of the legs with the line of each method")
        fig = self.picture.figure
        self.points = ColumnDataSource({"x": [], "y": [], "alpha": [], "time": []}, name="scatter-points")
        self.lines = {name: ColumnDataSource({"x": [], "y": []}, name=f"line-{name}") for name in METHODS}
        dots = fig.scatter(
            "x", "y", source=self.points, size=4, fill_color=theme.CORRELATION, fill_alpha="alpha", line_color=None
        )
        self.drawn = {
            name: fig.line("x", "y", source=source, color=METHODS[name], line_dash=_DASHES[name], line_width=1.5)
            for name, source in self.lines.items()
        }
        fig.add_tools(
            hover([dots], [("bar", "@time{%F %T} UTC"), ("x", "$snap_x{0.[000000]}"), ("y", "$snap_y{0.[000000]}")])
        )

    def draw(self, of: "OfBars | None", head: str, legend: str, note: str) -> None:
        """The newest window."""
        if of is None or len(of.fit.times) < 2 or not (np.isfinite(of.fit.x).all() and np.isfinite(of.fit.y).all()):
            self.points.data = {"x": [], "y": [], "alpha": [], "time": []}
            for source in self.lines.values():
                source.data = {"x": [], "y": []}
            self.picture.show(head, note)
            return
        made = of.fit
        few = thinned(len(made.times))
        age = np.linspace(0.12, 0.95, len(made.times))
        self.points.data = {
            "x": np.ascontiguousarray(made.x[few]),
            "y": np.ascontiguousarray(made.y[few]),
            "alpha": age[few].astype(np.float32),
            "time": made.times[few] / 1_000,
        }
        ends = np.array(around(float(made.x.min()), float(made.x.max())))
        for at, line in enumerate(made.lines):
            known = np.isfinite(line.hedge_ratio)
            self.lines[line.method].data = {
                "x": ends if known else [], "y": line.intercept + line.hedge_ratio * ends if known else [],
            }  # fmt: skip
            self.drawn[line.method].glyph.line_width = 3.2 if at == made.own else 1.5
        self.picture.show(head, note, (ends[0], ends[1]), around(float(made.y.min()), float(made.y.max())))
        self.picture.below(legend)

"""Which leg leads: correlation of the ticks by the shift between them."""

from typing import TYPE_CHECKING

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Span

from dashboard import theme
from dashboard.charts.plain import around, hover, picture

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfLead

_MARKS_MS = (-5_000, -1_000, -100, 0, 100, 1_000, 5_000)


class LeadLags:
    """Correlation of the ticks by the shift of one leg, with its error and the best shift."""

    def __init__(self) -> None:
        self.picture = picture("lead", label="Correlation of the ticks by the shift between the legs")
        fig = self.picture.figure
        fig.xaxis[0].ticker = FixedTicker()
        self.source = ColumnDataSource({"at": [], "lag": [], "rho": [], "low": [], "high": []}, name="lead-curve")
        fig.varea("at", "low", "high", source=self.source, fill_color=theme.CORRELATION, fill_alpha=0.16)
        fig.add_layout(Span(location=0, dimension="width", line_color=theme.BORDER))
        self.zero = Span(dimension="height", line_color=theme.MUTED, line_dash="dotted", visible=False)
        self.best = Span(dimension="height", line_color=theme.AMBER, line_width=2, visible=False)
        for mark in (self.zero, self.best):
            fig.add_layout(mark)
        fig.line("at", "rho", source=self.source, color=theme.CORRELATION, line_width=1.8)
        dots = fig.scatter("at", "rho", source=self.source, size=4, fill_color=theme.CORRELATION, line_color=None)
        told = [("shift", "@lag{0,0} ms"), ("ρ", "@rho{0.000}"), ("95 %", "@low{0.000} to @high{0.000}")]
        fig.add_tools(hover([dots], told))

    def draw(self, of: "OfLead | None", head: str, foot: str, note: str) -> None:
        """The newest look's curve."""
        if of is None or not len(of.rho):
            self.source.data = {name: [] for name in self.source.data}
            self.zero.visible = self.best.visible = False
            self.picture.show(head, note)
            return
        at = np.arange(len(of.lags_ms), dtype=np.float64)
        low, high = of.rho - of.reach, of.rho + of.reach
        self.source.data = {"at": at, "lag": of.lags_ms, "rho": of.rho, "low": low, "high": high}
        place = dict(zip(of.lags_ms.tolist(), at.tolist(), strict=True))
        axis = self.picture.figure.xaxis[0]
        axis.ticker.ticks = [place[mark] for mark in _MARKS_MS]
        axis.major_label_overrides = {place[mark]: f"{mark:+,}" if mark else "0" for mark in _MARKS_MS}
        self.zero.update(location=place[0], visible=True)
        found = np.isfinite(of.lead_ms)
        self.best.update(location=place[of.lead_ms] if found else None, visible=bool(found))
        ends = around(min(float(low.min()), 0.0), max(float(high.max()), 0.0))
        self.picture.show(head, note, (-1.0, len(at)), ends)
        self.picture.below(foot)

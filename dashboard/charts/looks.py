"""What the tests of a pair said over time: the share of looks that pass, and the half-life."""

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Span

from dashboard import theme
from dashboard.charts.plain import around, hover, picture, thinned

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfLooks


class Shares:
    """Share of the looks that pass, over the last period."""

    def __init__(self) -> None:
        self.picture = picture("share", times=True, label="Share of the looks that pass over time")
        fig = self.picture.figure
        self.source = ColumnDataSource({"time": [], "both": [], "y_on_x": [], "x_on_y": [], "known": []}, name="shares")
        fig.line("time", "y_on_x", source=self.source, color=theme.LEG_Y, line_width=1.2, line_dash="dotted")
        fig.line("time", "x_on_y", source=self.source, color=theme.LEG_X, line_width=1.2, line_dash="dashed")
        both = fig.line("time", "both", source=self.source, color=theme.UP, line_width=2.2)
        self.chance = Span(dimension="width", line_color=theme.MUTED, line_dash="dashed", visible=False)
        fig.add_layout(self.chance)
        fig.yaxis[0].formatter = NumeralTickFormatter(format="0 %")
        told = [("look", "@time{%F %T} UTC"), ("both", "@both{0.0 %}"), ("y on x", "@y_on_x{0.0 %}"), ("x on y", "@x_on_y{0.0 %}"),
                ("looks known", "@known{0,0}")]  # fmt: skip
        fig.add_tools(hover([both], told, mode="vline"))

    def draw(self, of: "OfLooks | None", head: str, note: str) -> None:
        """The newest history."""
        history = of.history if of is not None else None
        if history is None or not np.isfinite(history.y_on_x).any():
            self.source.data = {name: [] for name in self.source.data}
            self.chance.visible = False
            self.picture.show(head, note)
            return
        few = thinned(len(history.times))
        shares = {name: getattr(history, name)[few] for name in ("both", "y_on_x", "x_on_y")}
        self.source.data = {
            "time": history.times[few] / 1_000,
            **shares,
            "known": history.known[few].astype(np.float64),
        }
        self.chance.update(location=history.level, visible=True)
        top = max(
            2 * history.level, *(float(np.nanmax(share)) for share in shares.values() if np.isfinite(share).any())
        )
        self.picture.show(head, note, _span(history.times), (0.0, min(1.02, 1.1 * top)))


class HalfLives:
    """Half-life of each look with its interval; looks that cannot be told from a random walk are marks at the foot."""

    def __init__(self) -> None:
        self.picture = picture("half-life", times=True, label="Half-life over time with its interval")
        fig = self.picture.figure
        self.source = ColumnDataSource({"time": [], "half_life": [], "low": [], "high": []}, name="half-lives")
        self.walks = ColumnDataSource({"time": [], "at": []}, name="walks")
        fig.segment(
            "time", "low", "time", "high", source=self.source, line_color=theme.SPREAD, line_alpha=0.35, line_width=3
        )
        line = fig.line("time", "half_life", source=self.source, color=theme.SPREAD, line_width=1.6)
        fig.scatter("time", "half_life", source=self.source, size=3, fill_color=theme.SPREAD, line_color=None)
        fig.scatter("time", "at", source=self.walks, marker="dash", angle=np.pi / 2, size=7, line_color=theme.MUTED)
        told = [
            ("look", "@time{%F %T} UTC"),
            ("half-life", "@half_life{0.0} bars"),
            ("95 %", "@low{0.0} to @high{0.0}"),
        ]
        fig.add_tools(hover([line], told, mode="vline"))

    def draw(self, of: "OfLooks | None", head: str, note: str) -> None:
        """The newest history."""
        history = of.history if of is not None else None
        if history is None or not (np.isfinite(history.half_life).any() or history.walk.any()):
            self.source.data, self.walks.data = {name: [] for name in self.source.data}, {"time": [], "at": []}
            self.picture.show(head, note)
            return
        few = thinned(len(history.times))
        known = {name: getattr(history, name)[few] for name in ("half_life", "low", "high")}
        self.source.data = {"time": history.times[few] / 1_000, **known}
        top = 1.1 * _robust_top(history.high) if np.isfinite(history.high).any() else 1.0
        walks = history.times[few][history.walk[few]] / 1_000
        self.walks.data = {"time": walks, "at": np.full(len(walks), 0.03 * top)}
        self.picture.show(head, note, _span(history.times), (0.0, top))


def _span(times: Any) -> tuple[float, float]:
    return around(float(times[0]) / 1_000, float(times[-1]) / 1_000, 0.02)


def _robust_top(values: Any) -> float:
    """Most of them: an interval that hardly ends must not flatten the rest."""
    known = values[np.isfinite(values)]
    return float(min(known.max(), 4.0 * np.median(known)))

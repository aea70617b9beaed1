"""The pictures of the Analysis view. Each is told its part of the analysis and draws it anew: a few kilobytes every three seconds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter, Span

from dashboard import theme
from dashboard.charts.plain import Picture, around, picture

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfBars, OfLead, OfLooks
    from dashboard.analysis.distribution import Histogram

MOST_POINTS = 1_200
"""Of the scatter and of a history: of more, every second, third … is drawn, the newest always."""
METHODS = {"ols": theme.LEG_Y, "tls": theme.LEG_X, "huber": theme.UP, "theil_sen": theme.SPREAD, "kalman": theme.AMBER}
"""Colours of the lines; `panel.css` has the same for the legend."""
_DASHES = {"ols": "solid", "tls": "dashed", "huber": "dotdash", "theil_sen": "dotted", "kalman": "dashdot"}
_MARKS_MS = (-5_000, -1_000, -100, 0, 100, 1_000, 5_000)


def thinned(n: int) -> slice:
    """Of n rows at most `MOST_POINTS`, evenly, with the last."""
    step = -(-n // MOST_POINTS) or 1
    return slice((n - 1) % step if n else 0, None, step)


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
            _hover([dots], [("bar", "@time{%F %T} UTC"), ("x", "$snap_x{0.[000000]}"), ("y", "$snap_y{0.[000000]}")])
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
            "x": _sent(made.x[few]), "y": _sent(made.y[few]), "alpha": age[few].astype(np.float32), "time": made.times[few] / 1_000,
        }  # fmt: skip
        ends = np.array(around(float(made.x.min()), float(made.x.max())))
        for at, line in enumerate(made.lines):
            known = np.isfinite(line.hedge_ratio)
            self.lines[line.method].data = {
                "x": ends if known else [], "y": line.intercept + line.hedge_ratio * ends if known else [],
            }  # fmt: skip
            self.drawn[line.method].glyph.line_width = 3.2 if at == made.own else 1.5
        self.picture.show(head, note, (ends[0], ends[1]), around(float(made.y.min()), float(made.y.max())))
        self.picture.below(legend)


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
            _hover([quads], [("from", "@left{0.[0000]}"), ("to", "@right{0.[0000]}"), ("bars", "@count{0,0}")])
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
        fig.add_tools(_hover([stems, dots], [("lag", "@lag{0} bars"), ("r", "@r{0.000}")]))

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
        fig.add_tools(_hover([both], told, mode="vline"))

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
        fig.add_tools(_hover([line], told, mode="vline"))

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


class LeadLags:
    """Correlation of the ticks by the shift of one leg, with its error and the best shift."""

    def __init__(self) -> None:
        self.picture = picture("lead", label="Correlation of the ticks by the shift between the legs")
        fig = self.picture.figure
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
        fig.add_tools(_hover([dots], told))

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
        axis.ticker = FixedTicker(ticks=[place[mark] for mark in _MARKS_MS])
        axis.major_label_overrides = {place[mark]: f"{mark:+,}" if mark else "0" for mark in _MARKS_MS}
        self.zero.update(location=place[0], visible=True)
        found = np.isfinite(of.lead_ms)
        self.best.update(location=place[of.lead_ms] if found else None, visible=bool(found))
        ends = around(min(float(low.min()), 0.0), max(float(high.max()), 0.0))
        self.picture.show(head, note, (-1.0, len(at)), ends)
        self.picture.below(foot)


@dataclass(frozen=True)
class Pictures:
    """All of them."""

    scatter: Scatter
    spread: Bars
    zscore: Bars
    lags: Lags
    shares: Shares
    half_lives: HalfLives
    lead: LeadLags


def pictures() -> Pictures:
    """All of them, empty."""
    return Pictures(
        Scatter(), Bars("spread-bars", theme.SPREAD, "Distribution of the spread"),
        Bars("z-bars", theme.ZSCORE, "Distribution of z"), Lags(), Shares(), HalfLives(), LeadLags(),
    )  # fmt: skip


def _hover(renderers: list[Any], told: list[tuple[str, str]], mode: str = "mouse") -> HoverTool:
    return HoverTool(
        renderers=renderers, tooltips=told, formatters={"@time": "datetime"}, mode=mode, attachment="horizontal"
    )


def _sent(values: Any) -> Any:
    """As the browser gets them: float64, as prices differ in their last digits."""
    return np.ascontiguousarray(values)


def _span(times: Any) -> tuple[float, float]:
    return around(float(times[0]) / 1_000, float(times[-1]) / 1_000, 0.02)


def _robust_top(values: Any) -> float:
    """Most of them: an interval that hardly ends must not flatten the rest."""
    known = values[np.isfinite(values)]
    return float(min(known.max(), 4.0 * np.median(known)))


__all__ = ["Picture", "Pictures", "pictures", "thinned"]

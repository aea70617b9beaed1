"""The charts of the workspace: candles of both legs and normalised closes; spread, z, correlation, hedge ratio."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from bokeh.models import BoxAnnotation, Column, ColumnDataSource, CustomJS, Range1d, Row, Span

from dashboard import theme
from dashboard.charts.controls import controls
from dashboard.charts.panel import Panel, html, panel
from dashboard.frame import Frame, columns
from dashboard.signals import Crossing
from dashboard.state import THRESHOLDS

_SCRIPTS = (
    "lighter", "text", "series", "desk", "copy", "fit", "pointer", "heads", "thresholds", "signals", "header", "past",
    "paint", "words", "keyboard", "stage", "start",
)  # fmt: skip
"""What makes up the script of the page, in order: `desk` is the object, the files after it add to what it can do."""
_DESK_JS = "\n".join((theme.ASSETS / "desk" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
_LEG_COLUMNS = ("open", "high", "low", "close", "volume", "colour", "fill", "norm", "gap")


@dataclass(frozen=True)
class Charts:
    """What a session writes to, and the layout.

    Attributes:
        source: the whole look-back, drawn by nothing: the browser copies what is in view from it. Its `tags` hold one
            dict that says how to draw it (`desk/desk.js` names the keys).
        signal_rows: where z crosses the thresholds (`signal_columns`). Its `tags` hold one dict, {pair, fresh}: those to be told of now.
        notice: the card over the charts of statistics.
        clock: time, age and follow state, written by the browser.
        signal, latest, looks, rail: the cards beside the charts; `looks` changes with a look at the pair only, and is sent no more often.
        arguments: what the browser's script works on, beside what is not of the charts (`script`).
    """

    source: ColumnDataSource
    signal_rows: ColumnDataSource
    notice: Any
    clock: Any
    controls: Any
    layout: Row
    signal: Any
    latest: Any
    looks: Any
    rail: Any
    arguments: dict[str, Any]

    def script(self, nav: Any, pills: Any, past: Any, stage: Any) -> CustomJS:
        """To be run once in the browser when the document is ready.

        Args:
            nav: the buttons by which the browser asks for another view. pills: the state of the feed.
            past: the time machine. stage: where the views stand.
        """
        more = {"nav": nav, "pills": pills, "past": past.said, "past_bar": past.bar, "asking": past.asking}
        more |= {"stage": stage.layout, "places": stage.places}
        return CustomJS(args={**self.arguments, **more}, code=_DESK_JS)


def charts() -> Charts:
    """Empty charts."""
    source = ColumnDataSource(data=columns(Frame()), name="rows", tags=[{}])
    leg_columns = [f"{leg}_{name}" for leg in "yx" for name in _LEG_COLUMNS]
    shown = [
        "time",
        *leg_columns,
        "spread",
        "mean",
        "zscore",
        "correlation",
        "r_squared",
        "ticks",
        "hedge_ratio",
        "error",
    ]
    shown += [f"spread_{name}" for name in ("top", "bottom", "colour", "fill")]
    view = ColumnDataSource(data={name: [] for name in shown}, name="view", syncable=False)
    bands = ColumnDataSource(data={"x": [], "inner": [], "outer": []}, name="bands", syncable=False)
    errors = ColumnDataSource(data={"x": [], "band": []}, name="errors", syncable=False)
    x_range = Range1d(0, 1, name="time", syncable=False)
    cursor = Span(
        dimension="height", line_color=theme.MUTED, line_dash="dotted", line_width=1, syncable=False, level="overlay"
    )
    cursor.location = None
    pin = Span(dimension="height", line_color=theme.AMBER, line_width=1, syncable=False, level="overlay")
    pin.location = None
    upright = (cursor, pin)

    signal_rows = ColumnDataSource(data=signal_columns(()), name="signals", tags=[{}])
    marks = {
        name: ColumnDataSource(data={"time": [], "price": []}, name=f"marks-{name}", syncable=False)
        for name in ("y", "x", "spread", "zscore")
    }
    y, y_last, y_volume = _candles("y", x_range, upright, view, marks["y"])
    x, x_last, x_volume = _candles("x", x_range, upright, view, marks["x"])
    norm = panel("norm", x_range, upright, 4, digits="0.00")
    norm.figure.line("time", "y_norm", source=view, color=theme.LEG_Y, line_width=1.3)
    norm.figure.line("time", "x_norm", source=view, color=theme.LEG_X, line_width=1.3)
    norm.figure.add_layout(_level(0, theme.BORDER))

    spread = panel("spread", x_range, upright, 6)
    spread.figure.patch("x", "outer", source=bands, fill_color=theme.SPREAD, fill_alpha=0.08, line_color=None)
    spread.figure.patch("x", "inner", source=bands, fill_color=theme.SPREAD, fill_alpha=0.13, line_color=None)
    spread.figure.line("time", "mean", source=view, color=theme.MUTED, line_dash="dashed")
    line = spread.figure.line("time", "spread", source=view, color=theme.SPREAD, line_width=1.5, syncable=False)
    bodies = spread.figure.vbar(
        "time", "width", "spread_top", "spread_bottom", source=view, fill_color="spread_fill", line_color="spread_colour",
        visible=False, syncable=False,
    )  # fmt: skip
    _gaps(spread.figure, marks["spread"])
    zscore, levels, zones = _zscore(x_range, upright, view, marks)
    correlation = panel("correlation", x_range, upright, 4)
    correlation.figure.line("time", "r_squared", source=view, color=theme.MUTED, line_width=1.2, line_dash="dotted")
    correlation.figure.line("time", "correlation", source=view, color=theme.CORRELATION, line_width=1.5)
    correlation.figure.line("time", "ticks", source=view, color=theme.TICKS, line_width=1.3)
    hedge = panel("hedge", x_range, upright, 4, digits="0.000")
    hedge.figure.patch("x", "band", source=errors, fill_color=theme.AMBER, fill_alpha=0.16, line_color=None)
    hedge.figure.line("time", "hedge_ratio", source=view, color=theme.AMBER, line_width=1.5)

    notice = html(
        "notice",
        by_browser=False,
        position="absolute",
        top="38%",
        left="0",
        width="100%",
        z_index="5",
        pointer_events="none",
    )
    signal, latest, looks, rail = (html(name, by_browser=False) for name in ("signal", "latest", "looks", "rail"))
    side = Column(
        signal, latest, looks, rail, name="side", width=252, sizing_mode="stretch_height", spacing=0, margin=0,
        styles={"flex": "0 0 252px", "width": "252px", "overflow": "auto", "height": "100%"},
    )  # fmt: skip
    clock, buttons = (
        html("clock"),
        html("controls", controls(THRESHOLDS), by_browser=False, padding="0 4px", box_sizing="border-box"),
    )
    left, right = _column(y, x, norm), _column(spread, zscore, correlation, hedge)
    right.children.append(notice)
    layout = Row(  # the tags make the sources part of the document, as no renderer does
        left, right, side, sizing_mode="stretch_both", spacing=6, margin=0, tags=[source, signal_rows],
        styles={"padding": "6px", "box-sizing": "border-box", "flex": "1 1 0", "min-height": "560px"},
    )  # fmt: skip
    panels = {p.name: p for p in (y, x, norm, spread, zscore, correlation, hedge)}
    arguments = {
        "source": source, "view": view, "bands": bands, "errors": errors, "spread_as": {"line": line, "bodies": bodies},
        "x_range": x_range, "cursor": cursor, "pin": pin, "clock": clock,
        "controls": buttons,
        "figures": {name: p.figure for name, p in panels.items()}, "heads": {name: p.head for name, p in panels.items()},
        "y_ranges": {name: p.y_range for name, p in panels.items()}, "volumes": {"y": y_volume, "x": x_volume},
        "last": {"y": y_last, "x": x_last}, "time_axes": [norm.figure.xaxis[0], hedge.figure.xaxis[0]],
        "levels": levels, "bounds": THRESHOLDS, "signal_rows": signal_rows, "zones": zones, "marks": marks,
        "palettes": {name: asdict(palette) for name, palette in theme.PALETTES.items()},
    }  # fmt: skip
    return Charts(source, signal_rows, notice, clock, buttons, layout, signal, latest, looks, rail, arguments)


def _column(*panels: Panel) -> Column:
    return Column(
        *[p.layout for p in panels], sizing_mode="stretch_both", spacing=6,
        styles={"flex": "1 1 0", "min-width": "0", "min-height": "0", "position": "relative"},
    )  # fmt: skip


def _level(at: float | None, colour: str, dash: str = "solid") -> Span:
    return Span(location=at, dimension="width", line_color=colour, line_dash=dash, line_width=1, syncable=False)


def _candles(
    leg: str, x_range: Range1d, upright: tuple[Span, ...], view: ColumnDataSource, marks: ColumnDataSource
) -> tuple[Panel, Span, Range1d]:
    made = panel(leg, x_range, upright, 7)
    fig, volume, last = made.figure, Range1d(0, 1, syncable=False), _level(None, theme.MUTED, "dotted")
    fig.extra_y_ranges = {"volume": volume}
    colour = f"{leg}_colour"
    fig.vbar(
        "time",
        "width",
        f"{leg}_volume",
        source=view,
        fill_color=colour,
        fill_alpha=0.3,
        line_color=None,
        y_range_name="volume",
    )
    fig.segment("time", f"{leg}_low", "time", f"{leg}_high", source=view, line_color=colour)
    fig.vbar("time", "width", f"{leg}_top", f"{leg}_bottom", source=view, fill_color=f"{leg}_fill", line_color=colour)
    _gaps(fig, marks)
    view.data.update({"width": [], f"{leg}_top": [], f"{leg}_bottom": []})
    fig.add_layout(last)
    return made, last, volume


def _gaps(fig: Any, marks: ColumnDataSource) -> None:
    """A diamond where a bar lacks trades."""
    fig.scatter("time", "price", source=marks, marker="diamond", size=9, fill_color=theme.AMBER, line_color=theme.PANEL)


def signal_columns(found: Iterable[Crossing]) -> dict[str, list[Any]]:
    """Signals as the browser holds them: `time` in milliseconds, `zscore`, `kind`."""
    return {
        "time": [at.time_us / 1000 for at in found],
        "zscore": [at.zscore for at in found],
        "kind": [at.kind.value for at in found],
    }


def _zscore(
    x_range: Range1d, upright: tuple[Span, ...], view: ColumnDataSource, marks: dict[str, ColumnDataSource]
) -> tuple[Panel, dict[str, Span], dict[str, BoxAnnotation]]:
    made = panel("zscore", x_range, upright, 7)
    colours = {"short": theme.DOWN, "long": theme.UP, "exit": theme.MUTED}
    zones = {
        name: BoxAnnotation(
            fill_color=colour,
            fill_alpha=0.08 if name == "exit" else 0.13,
            line_color=None,
            visible=False,
            syncable=False,
        )
        for name, colour in colours.items()
    }
    levels = {"short": _level(None, theme.DOWN, "dashed"), "long": _level(None, theme.UP, "dashed")}
    levels |= {name: _level(None, theme.MUTED, "dashed") for name in ("exit_above", "exit_below")}
    for mark in (*zones.values(), *levels.values(), _level(0, theme.BORDER)):
        made.figure.add_layout(mark)
    made.figure.line("time", "zscore", source=view, color=theme.ZSCORE, line_width=1.5)
    _gaps(made.figure, marks["zscore"])
    marks["signals"] = ColumnDataSource(
        data={name: [] for name in ("time", "z", "marker", "size", "fill", "line")},
        name="marks-signals",
        syncable=False,
    )
    made.figure.scatter(
        "time",
        "z",
        marker="marker",
        size="size",
        fill_color="fill",
        line_color="line",
        source=marks["signals"],
        line_width=1.5,
    )
    return made, levels, zones

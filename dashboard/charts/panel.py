"""One chart panel: a head line with the read-out, and a styled figure under it."""

from dataclasses import dataclass
from typing import Any

from bokeh.models import (
    Column,
    DatetimeTickFormatter,
    Div,
    InlineStyleSheet,
    NumeralTickFormatter,
    Pane,
    PanTool,
    Range1d,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dashboard import theme

_TIMES = DatetimeTickFormatter(
    milliseconds="%H:%M:%S", seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hourmin="%H:%M", hours="%H:%M", days="%m-%d"
).properties_with_values(include_defaults=False)  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """A figure, its head line, its own y range, and the layout that holds both."""

    name: str
    figure: Any
    head: Div
    y_range: Range1d
    layout: Column


def panel(name: str, x_range: Range1d, upright: tuple[Span, ...], weight: int, *, digits: str = "0[.]00") -> Panel:
    """An empty panel.

    Args:
        upright: lines that all panels have: the crosshair first.
        weight: share of the column's height.
        digits: format of the y labels.
    """
    y_range = Range1d(0, 1, syncable=False)
    fig = figure(
        x_range=x_range, y_range=y_range, x_axis_type="datetime", y_axis_location="right", sizing_mode="stretch_both",
        height=60, min_height=40, toolbar_location=None, tools="", output_backend="canvas",
        min_border_left=6, min_border_right=70, min_border_top=2,
        min_border_bottom=4, name=name, lod_threshold=None, background_fill_color=theme.PANEL, border_fill_color=theme.PANEL,
        border_fill_alpha=1.0, outline_line_color=theme.BORDER, outline_line_alpha=1.0,
    )  # fmt: skip
    pan, zoom = PanTool(dimensions="width"), WheelZoomTool(dimensions="width")
    fig.add_tools(pan, zoom)
    fig.toolbar.active_drag, fig.toolbar.active_scroll = pan, zoom
    styled(fig)
    fig.xaxis[0].visible = fig.yaxis[0].visible = (
        False  # an empty chart has no scale; the browser shows them with the first rows
    )
    fig.xaxis[0].formatter = DatetimeTickFormatter(**_TIMES)
    fig.xaxis[0].ticker.desired_num_ticks = 6
    fig.yaxis[0].formatter = NumeralTickFormatter(format=digits, syncable=False)
    fig.yaxis[0].ticker.desired_num_ticks = 5 if weight > 4 else 4
    fig.yaxis[0].ticker.num_minor_ticks = 0
    for line in upright:
        fig.add_layout(line)
    head = html(name=f"head-{name}")
    layout = Column(
        head, fig, sizing_mode="stretch_both", spacing=0,
        styles={"flex": f"{weight} 1 0", "min-height": "0", "border": f"1px solid {theme.css('rule')}", "border-radius": "4px",
                "background": theme.css("panel"), "overflow": "hidden"},
    )  # fmt: skip
    return Panel(name, fig, head, y_range, layout)


def styled(fig: Any) -> None:
    """Give axes and grid of a figure the look of the page."""
    for axis in (fig.xaxis[0], fig.yaxis[0]):
        axis.syncable = False
        axis.axis_line_color = None
        axis.major_tick_line_color = None
        axis.minor_tick_line_color = None
        axis.major_label_text_color = theme.MUTED
        axis.major_label_text_font = theme.FONT
        axis.major_label_text_font_size = "10px"
        axis.major_label_standoff = 4
    fig.grid.grid_line_color = theme.GRID
    fig.grid.grid_line_alpha = 1.0


def html(name: str, text: str = "", *, by_browser: bool = True, **styles: str) -> Div:
    """A region of HTML that stretches over its width.

    Args:
        by_browser: its text is written in the browser and never sent back.
    """
    return Div(
        text=text, name=name, sizing_mode="stretch_width", margin=0, syncable=not by_browser, styles=styles, disable_math=True,
        stylesheets=[InlineStyleSheet(css=theme.PANEL_CSS)],
    )  # fmt: skip


def apart(*elements: Any, **styles: str) -> Pane:
    """Layouts one under the other whose changes are their own.

    When a text, a size or a visibility changes Bokeh goes through all layouts from the outermost down, writes most of their styles anew
    and paints their figures. A `Pane` is no layout to it: each of its elements is an outermost one.
    """
    column = {"display": "flex", "flex-direction": "column", "min-height": "0", "min-width": "0"}
    return Pane(
        elements=[*elements], styles={**column, **{key.replace("_", "-"): value for key, value in styles.items()}}
    )

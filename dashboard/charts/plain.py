"""A picture that is redrawn every few seconds: a head line, a figure with ranges of its own, and a note where it is empty."""

from dataclasses import dataclass
from typing import Any

from bokeh.models import Div, HoverTool, Pane, Range1d
from bokeh.plotting import figure

from dashboard import theme
from dashboard.charts.panel import apart, html
from dashboard.charts.panel import styled as styled_axes

MOST_POINTS = 1_200
"""Of a scatter or a history: of more, every second, third … is drawn, the newest always."""


@dataclass(frozen=True)
class Picture:
    """A figure and what stands around it; written to by the server only."""

    figure: Any
    x_range: Range1d
    y_range: Range1d
    head: Div
    note: Div
    foot: Div
    layout: Pane

    def show(
        self, head: str, note: str, x: tuple[float, float] | None = None, y: tuple[float, float] | None = None
    ) -> None:
        """The words, and the ranges; without ranges the figure has no scale."""
        _write(self.head, head)
        _write(self.note, note)
        for axis in (self.figure.xaxis[0], self.figure.yaxis[0]):
            axis.visible = x is not None
        if x is not None and y is not None:
            self.x_range.update(start=x[0], end=x[1])
            self.y_range.update(start=y[0], end=y[1])

    def below(self, text: str) -> None:
        """What stands under the figure."""
        _write(self.foot, text)


def picture(
    name: str, weight: int = 1, *, times: bool = False, label: str = "", x_range: Range1d | None = None
) -> Picture:
    """An empty one.

    Args:
        weight: share of the column's height. times: x is a time. label: what a screen reader says of it. x_range: that of another picture.
    """
    x_range, y_range = x_range or Range1d(0, 1, syncable=False), Range1d(0, 1, syncable=False)
    fig = figure(
        x_range=x_range, y_range=y_range, x_axis_type="datetime" if times else "linear", y_axis_location="right",
        sizing_mode="stretch_both", height=60, min_height=40, toolbar_location=None, tools="", output_backend="canvas",
        min_border_left=8, min_border_right=58, min_border_top=4, min_border_bottom=4, name=name, lod_threshold=None,
        background_fill_color=theme.PANEL, border_fill_color=theme.PANEL, outline_line_color=theme.BORDER,
    )  # fmt: skip
    styled_axes(fig)
    head, foot = html(f"head-{name}", by_browser=False), html(f"foot-{name}", by_browser=False)
    foot.visible = False
    note = html(
        f"note-{name}",
        by_browser=False,
        position="absolute",
        top="34%",
        left="0",
        width="100%",
        z_index="5",
        pointer_events="none",
    )
    note.visible = False
    fig.styles = {"flex": "1 1 0", "min-height": "40px"}
    layout = apart(
        head, fig, foot, note, flex=f"{weight} 1 0", border=f"1px solid {theme.css('rule')}", border_radius="4px",
        background=theme.css("panel"), overflow="hidden", position="relative",
    )  # fmt: skip
    layout.html_attributes = {"role": "img", "aria-label": label or name}
    return Picture(fig, x_range, y_range, head, note, foot, layout)


def around(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """A range with some air on both sides."""
    room = share * (high - low) or abs(high) * 1e-6 or 1.0
    return low - room, high + room


def thinned(n: int) -> slice:
    """Of n rows at most `MOST_POINTS`, evenly, with the last."""
    step = -(-n // MOST_POINTS) or 1
    return slice((n - 1) % step if n else 0, None, step)


def hover(renderers: list[Any], told: list[tuple[str, str]], mode: str = "mouse") -> HoverTool:
    """Says of the bar, dot or moment under the pointer what it is."""
    return HoverTool(
        renderers=renderers, tooltips=told, formatters={"@time": "datetime"}, mode=mode, attachment="horizontal"
    )


def _write(region: Any, text: str) -> None:
    region.update(text=text, visible=bool(text))

"""Colours, styles, and what keeps every request on this host."""

from pathlib import Path
from typing import Any

import panel as pn
import panel.reactive
from panel.theme.fast import Fast

ASSETS = Path(__file__).parent / "assets"

GROUND, PANEL, BORDER = "#0d1117", "#11161f", "#222b38"
TEXT, MUTED, GRID = "#e6edf3", "#8b98a9", "#1b2330"
UP, DOWN, AMBER = "#26a69a", "#ef5350", "#e3b341"
LEG_Y, LEG_X, SPREAD, ZSCORE, CORRELATION = "#f0883e", "#6cb6ff", "#c297ff", "#f0f3f6", "#56d4dd"
FONT = "Inter, 'Segoe UI', system-ui, 'Liberation Sans', Arial, sans-serif"

PAGE_CSS = (ASSETS / "page.css").read_text(encoding="utf-8")
WIDGET_CSS = (ASSETS / "widgets.css").read_text(encoding="utf-8")
PANEL_CSS = (ASSETS / "panel.css").read_text(encoding="utf-8")


_LOCAL_DIST = "static/extensions/panel/"


def keep_requests_local(document: Any) -> None:
    """Make Panel name no other host.

    Its Fast design links a web font; what it renders outside a page request (a session made by a reconnecting browser, a pane
    written to later) takes its styles from a CDN unless the document says where they are. Private names of the pinned Panel: tests
    fail if they go, or if a request leaves the host.
    """
    Fast._resources = {kind: urls for kind, urls in Fast._resources.items() if kind != "font"}
    panel.reactive.CDN_DIST = _LOCAL_DIST
    document.template_variables["dist_url"] = _LOCAL_DIST


def template(title: str) -> Any:
    """The empty page."""
    return pn.template.FastListTemplate(
        title=title, site="", theme="dark", theme_toggle=False, main_layout=None, font_url="", font=FONT, sidebar_width=208,
        busy_indicator=None, raw_css=[PAGE_CSS], background_color=GROUND, neutral_color=PANEL, accent_base_color=LEG_X,
        header_background=GROUND, header_color=TEXT, shadow=False, corner_radius=4,
    )  # fmt: skip

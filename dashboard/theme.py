"""Colours, styles, and what keeps every request on this host."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import panel as pn
import panel.reactive
from panel.theme.fast import Fast

ASSETS = Path(__file__).parent / "assets"

FONT = "Inter, 'Segoe UI', system-ui, 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """Every colour of a theme, by what it is for. No two roles of one theme share a colour: charts are repainted by it.

    Text colours have a contrast of at least 4.5 to `ground` and `panel`; up and down differ in lightness too, for who sees no hue.
    """

    ground: str
    panel: str
    raised: str
    chosen: str
    rule: str
    edge: str
    grid: str
    strong: str
    text: str
    soft: str
    muted: str
    faint: str
    up: str
    down: str
    amber: str
    leg_y: str
    leg_x: str
    spread: str
    zscore: str
    correlation: str
    ticks: str
    up_zone: str
    down_zone: str
    up_tint: str
    amber_tint: str
    blue_tint: str
    alarm: str
    alarm_tint: str
    alarm_ground: str
    alarm_rule: str
    amber_ground: str
    amber_rule: str
    heat_up: str
    heat_down: str


DARK = Palette(
    ground="#0d1117", panel="#11161f", raised="#161d29", chosen="#1c2b40", rule="#222b38", edge="#2f3a4a", grid="#1b2330",
    strong="#ffffff", text="#e6edf3", soft="#c9d3de", muted="#8b98a9", faint="#7d8a9b",
    up="#3fc1b0", down="#f0504d", amber="#e3b341", leg_y="#f0883e", leg_x="#6cb6ff", spread="#c297ff", zscore="#f0f3f6",
    correlation="#56d4dd", ticks="#f5d76e", up_zone="#1d4f4b", down_zone="#5c2a2d",
    up_tint="#12312f", amber_tint="#362c14", blue_tint="#152a42",
    alarm="#ffa198", alarm_tint="#3d1a1c", alarm_ground="#2b1417", alarm_rule="#6b2a2d", amber_ground="#221c0e", amber_rule="#57461a",
    heat_up="#1d6bae", heat_down="#b05404",
)  # fmt: skip
LIGHT = Palette(
    ground="#f6f8fa", panel="#ffffff", raised="#eef2f6", chosen="#dbe9f9", rule="#d5dce5", edge="#b4c0cd", grid="#e9edf2",
    strong="#000000", text="#16202c", soft="#2b3746", muted="#566373", faint="#66727e",
    up="#097a70", down="#a61b1b", amber="#8a5a00", leg_y="#b4500a", leg_x="#1a66c2", spread="#7a3fc4", zscore="#17212d",
    correlation="#0b7285", ticks="#806000", up_zone="#a6d8d2", down_zone="#efb5b4",
    up_tint="#e8f7f5", amber_tint="#f8ebcd", blue_tint="#dceafa",
    alarm="#8f1a1a", alarm_tint="#fbe0df", alarm_ground="#fdeceb", alarm_rule="#e3a09e", amber_ground="#fdf6e3", amber_rule="#ddc283",
    heat_up="#7fb8ea", heat_down="#f2ab62",
)  # fmt: skip
PALETTES = {"dark": DARK, "light": LIGHT}
GROUND, PANEL, BORDER, TEXT, MUTED, GRID = DARK.ground, DARK.panel, DARK.rule, DARK.text, DARK.muted, DARK.grid
UP, DOWN, AMBER, TICKS = DARK.up, DARK.down, DARK.amber, DARK.ticks
LEG_Y, LEG_X, SPREAD, ZSCORE, CORRELATION = DARK.leg_y, DARK.leg_x, DARK.spread, DARK.zscore, DARK.correlation
"""Figures are made in the dark colours; the browser repaints them (`assets/desk/paint.js`)."""


def css(role: str) -> str:
    """A colour of the theme in force, for HTML: `var(--leg-y)`."""
    return f"var(--{role.replace('_', '-')})"


def _variables(first: str) -> str:
    """The palettes as properties of the document, which shadow roots inherit; `first` until the browser has chosen."""
    sheets = []
    for name, palette in PALETTES.items():
        colours = " ".join(f"--{role.replace('_', '-')}: {colour};" for role, colour in asdict(palette).items())
        selector = f":root[data-theme={name}]" + (", :root:not([data-theme])" if name == first else "")
        sheets.append(f"{selector} {{ color-scheme: {name}; {colours} }}")
    return "\n".join(sheets)


_PAGE_CSS = (ASSETS / "page.css").read_text(encoding="utf-8")
WIDGET_CSS = (ASSETS / "widgets.css").read_text(encoding="utf-8")
DATA_CSS = (ASSETS / "data.css").read_text(encoding="utf-8")
TRANSFER_JS = (ASSETS / "transfer.js").read_text(encoding="utf-8")
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


class _Frame(pn.template.FastListTemplate):
    """Panel's template, but `theme` of the address is ours: Panel would look it up among its own names, and fail."""

    @staticmethod
    def _get_theme_from_query_args() -> None:
        return None


def template(title: str, first: str = "") -> Any:
    """The empty page.

    Args:
        first: the theme that the address asks for; else dark.
    """
    first = first or "dark"
    style = PALETTES[first]
    return _Frame(
        title=title, site="", theme="dark", theme_toggle=False, main_layout=None, font_url="", font=FONT, sidebar_width=208,
        busy_indicator=None, raw_css=[f"{_variables(first)}\n{_PAGE_CSS}"], background_color=style.ground, neutral_color=style.panel,
        accent_base_color=style.leg_x, header_background=style.ground, header_color=style.text, shadow=False, corner_radius=4,
    )  # fmt: skip

"""The view switch, and what the browser may ask the server for."""

from typing import Any

from dashboard.charts.panel import html
from dashboard.state import LONGEST_TIME, THEMES, VIEWS, Desk

_VIEWS = "".join(
    f'<button data-view="{view}" onclick="pairsDesk.ask({{ view: \'{view}\' }})">{view.capitalize()}</button>'
    for view in VIEWS
)


TOOLS = """<div class="tools"><button class="theme" aria-label="Switch between dark and light" title="dark or light (t)"
 onclick="pairsDesk.switchTheme()">◐</button></div>"""
"""What stands at the right end of the header."""


def nav(desk: Desk) -> Any:
    """The switch. Its `tags` hold one dict, {view, gaps, explain, theme, entry, exit}, that browser and server both write:
    `pairsDesk.ask` does."""
    region = html("nav", f'<nav class="views" aria-label="Views">{_VIEWS}</nav>', by_browser=False)

    def show(*_events: object) -> None:
        region.tags = [
            {
                "view": desk.view,
                "gaps": desk.gaps_only,
                "explain": desk.explain,
                "theme": desk.theme,
                "entry": desk.entry,
                "exit": desk.exit,
            }
        ]

    def asked(_name: str, _old: object, new: list[dict[str, Any]]) -> None:
        """The browser wants another view; what it may not ask for is left out."""
        view, time, theme = (new[0].get(name) for name in ("view", "explain", "theme"))
        desk.param.update(
            view=view if view in VIEWS else desk.view,
            gaps_only=new[0].get("gaps") is True,
            explain=time[:LONGEST_TIME] if isinstance(time, str) else desk.explain,
            theme=theme if theme in THEMES else desk.theme,
        )
        desk.set_thresholds(new[0].get("entry"), new[0].get("exit"))

    show()
    region.on_change("tags", asked)
    desk.param.watch(show, ["view", "gaps_only", "explain", "theme", "entry", "exit"])
    return region

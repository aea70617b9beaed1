"""The view switch, and what the browser may ask the server for."""

from typing import Any

from dashboard.charts.panel import html
from dashboard.state import BOARD_MAPS, LONGEST_FILTER, LONGEST_TIME, THEMES, VIEWS, Desk, is_board_sort

_VIEWS = "".join(
    f'<button data-view="{view}" onclick="pairsDesk.ask({{ view: \'{view}\' }})">{view.capitalize()}</button>'
    for view in VIEWS
)


TOOLS = """<div class="tools"><button class="theme" aria-label="Switch between dark and light" title="dark or light (t)"
 onclick="pairsDesk.switchTheme()">◐</button><button aria-label="Keyboard shortcuts" title="keys (?)" aria-haspopup="dialog"
 onclick="pairsDesk.sheet()">?</button></div>"""
"""What stands at the right end of the header."""


ASKED = {
    "view": "view", "gaps": "gaps_only", "explain": "explain", "theme": "theme", "entry": "entry", "exit": "exit", "bodies": "bodies",
    "pair": "pair", "sort": "board_sort", "filter": "board_filter", "map": "board_map",
}  # fmt: skip
"""What the browser may ask for, and its name in the view-model."""


def nav(desk: Desk) -> Any:
    """The switch. Its `tags` hold one dict, with the keys of `ASKED`, that browser and server both write: `pairsDesk.ask` does."""
    region = html("nav", f'<nav class="views" aria-label="Views">{_VIEWS}</nav>', by_browser=False)

    def show(*_events: object) -> None:
        region.tags = [{key: getattr(desk, name) for key, name in ASKED.items()}]

    def asked(_name: str, _old: object, new: list[dict[str, Any]]) -> None:
        """The browser wants another view; what it may not ask for is left out."""
        wanted = new[0]
        view, time, pair, sort, words = (wanted.get(key) for key in ("view", "explain", "pair", "sort", "filter"))
        known = desk.catalogue is not None and any(pair == str(one) for one in desk.catalogue.pairs)
        if known and pair != desk.pair:
            desk.param.update(pair=pair, remarks=())
        desk.param.update(
            view=view if view in VIEWS else desk.view,
            gaps_only=wanted.get("gaps") is True,
            explain=time[:LONGEST_TIME] if isinstance(time, str) else desk.explain,
            theme=wanted["theme"] if wanted.get("theme") in THEMES else desk.theme,
            board_sort=sort if isinstance(sort, str) and is_board_sort(sort) else desk.board_sort,
            board_filter=words[:LONGEST_FILTER] if isinstance(words, str) else desk.board_filter,
            board_map=wanted["map"] if wanted.get("map") in BOARD_MAPS else desk.board_map,
            bodies=wanted.get("bodies") is True,
        )
        desk.set_thresholds(new[0].get("entry"), new[0].get("exit"))

    show()
    region.on_change("tags", asked)
    desk.param.watch(show, list(ASKED.values()))
    return region

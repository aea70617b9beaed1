"""The Pairs view: every watched pair in one table, and the heat map of all symbols. Drawn by the browser from what is told here.

One text a refresh, in a property that nothing draws: on the event loop 99 rows take 0.5 ms that way, 4 ms as patches of a column
source, 80 ms through a table widget; on the wire all three are 9 to 12 kB.
"""

from collections.abc import Callable
from typing import Any

import orjson
from bokeh.models import CustomJS, InlineStyleSheet

from dashboard import theme
from dashboard.board import Board, difference
from dashboard.board_data import Looks
from dashboard.board_watch import BoardFeed, CorrelationWatch, LooksWatch
from dashboard.charts.panel import html
from dashboard.correlations import Correlations
from dashboard.data import Catalogue
from dashboard.parts.part import Context, Seen
from dashboard.quality import Quality
from dashboard.selection import Selection
from dashboard.views.pairs import Told, heading, heat, look_row, points, rows

_ASSETS = theme.ASSETS / "pairs"
_SCRIPTS = ("cells", "view", "rows", "order", "heat", "start")
_SCRIPT = "\n".join((_ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
_STYLE = (_ASSETS / "pairs.css").read_text(encoding="utf-8")


class PairsPart:
    """The region, the watches behind it, and what its browser has been told."""

    def __init__(self, context: Context) -> None:
        self._hub, self._desk, self._soon = context.hub, context.desk, context.soon
        self.region = html("pairs", '<div class="mount"></div>', by_browser=False)
        self.region.sizing_mode = "stretch_both"
        self.region.stylesheets = [*self.region.stylesheets, InlineStyleSheet(css=_STYLE)]
        self.region.js_on_change("tags", CustomJS(args={"host": self.region}, code=_SCRIPT))
        self.layout: Any = self.region
        self._of: Selection | None = None
        self._board: BoardFeed | None = None
        self._looks: LooksWatch | None = None
        self._correlations: CorrelationWatch | None = None
        self._endings: list[Callable[[], None]] = []
        self._forget()

    def _forget(self) -> None:
        """The browser is to be told everything anew."""
        self._told: Told | None = None
        self._told_board: Board | None = None
        self._told_looks: dict[str, tuple[Any, ...]] = {}
        self._told_map: Correlations | None = None
        self._said: str | None = None
        self._sequence = getattr(self, "_sequence", 0)

    def follow(self, seen: Seen, shown: bool) -> None:
        """Watch what the view needs."""
        selection, catalogue = seen.selection, seen.catalogue
        if not shown or selection is None or catalogue is None:
            self.end()
            return
        of = (selection.dataset, selection.interval, selection.model)
        if self._of is None or of != (self._of.dataset, self._of.interval, self._of.model):
            before, self._endings = self._endings, []
            self._board = self._hub.board(*of)
            self._looks = self._hub.looks(*of[:2])
            self._correlations = self._hub.correlations(*of[:2])
            self._need(catalogue)
            self._endings = [watch.subscribe(self._soon) for watch in (self._board, self._looks, self._correlations)]
            for ending in before:
                ending()
            self._of = selection
            self._forget()
        self._need(catalogue)

    def _need(self, catalogue: Catalogue) -> None:
        if self._board is not None and self._correlations is not None:
            self._board.need(tuple(map(str, catalogue.pairs)))
            self._correlations.need(symbols(catalogue))

    def end(self) -> None:
        """Unsubscribe from everything."""
        for ending in self._endings:
            ending()
        self._endings = []
        self._of = self._board = self._looks = self._correlations = None

    def write(self, seen: Seen) -> None:
        """Tell the browser what it lacks."""
        if seen.catalogue is None or self._of is None or self._board is None:
            return
        model = seen.catalogue.model(self._of.model)
        message = self._rows(Told(model, self._desk.entry, self._desk.exit))
        message |= self._look_rows() | self._map()
        if (said := self._board.status.reason) != self._said:
            self._said = said
            message["said"] = said
        if message:
            self._sequence += 1
            self.region.tags = [orjson.dumps({"sequence": self._sequence, **message}).decode()]

    def _rows(self, told: Told) -> dict[str, Any]:
        watch = self._board
        if watch is None or not watch.board.pairs:
            return {}
        board, before = watch.board, self._told_board
        if before is board and told == self._told:
            return {}
        change = difference(before if told == self._told else None, board)
        self._told_board, self._told = board, told
        message: dict[str, Any] = {"newest": board.newest, "asked": watch.asked}
        if change.full:
            self._told_looks = {}
            message["heading"] = heading(board, told)
        return message | {"rows": rows(board, told, change.pairs), "points": points(change.points)}

    def _look_rows(self) -> dict[str, Any]:
        looks: Looks | None = self._looks.looks if self._looks is not None else None
        board = self._told_board
        if looks is None or board is None:
            return {}
        newest_us = board.newest * board.bar_us if board.newest >= 0 else None
        changed = []
        for i, pair in enumerate(board.pairs):
            row = look_row(i, pair, looks.of.get(pair, _NOTHING), board.bar_us, newest_us)
            if row != self._told_looks.get(pair):
                self._told_looks[pair] = row
                changed.append(row)
        return {"looks": changed} if changed else {}

    def _map(self) -> dict[str, Any]:
        found = self._correlations.correlations if self._correlations is not None else None
        if found is None or found is self._told_map:
            return {}
        self._told_map = found
        return {"map": heat(found)}


_NOTHING = Quality(asked=True)


def symbols(catalogue: Catalogue) -> tuple[str, ...]:
    """Every symbol once, in the order of the pairs, what explains before what is explained."""
    return tuple(dict.fromkeys(symbol for pair in catalogue.pairs for symbol in (pair.x, pair.y)))

"""Where the views of a page stand, one upon the other, each at its full size; which one is seen is settled in the browser."""

from typing import Any

from bokeh.models import Column, InlineStyleSheet, Pane

from dashboard.state import VIEWS

_AWAY = ":host(:not([data-shown])) { content-visibility: hidden; visibility: hidden; pointer-events: none; }"
"""Unlike one without `display`, a view that is away this way keeps its size: nothing is laid out anew when it comes back."""
_PLACE = {"position": "absolute", "inset": "0", "display": "flex", "flex-direction": "column"}
_STAGE = {"position": "relative", "flex": "1 1 0", "min-height": "628px"}


class Stage:
    """A place for every view.

    A place is a `Pane`, which is no layout to Bokeh: a text, a size or a visibility that changes within makes Bokeh go through the
    layouts up to there, and no further into the page or the other views.

    Attributes:
        layout: all places. Its `tags` hold one dict, {view, shown}: the server's word (`assets/desk/stage.js`).
        places: by name of the view; empty until it is visited.
    """

    def __init__(self) -> None:
        self.places = {
            view: Pane(name=f"view-{view}", css_classes=[f"view-{view}"], styles=_PLACE, stylesheets=[InlineStyleSheet(css=_AWAY)])
            for view in VIEWS
        }  # fmt: skip
        self.layout = Column(
            *self.places.values(), name="stage", sizing_mode="stretch_both", margin=0, styles=_STAGE, tags=[{}]
        )

    def add(self, view: str, layout: Any) -> None:
        """The first visit: the Bokeh layout of a view."""
        self.places[view].elements = [layout]

    def show(self, view: str, shown: bool) -> None:
        """The view that the server has written to, and whether it has anything to show."""
        self.layout.tags = [{"view": view, "shown": shown}]

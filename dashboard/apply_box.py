"""The buttons by which a model is applied or removed, and what is said about it, in the side bar."""

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
from bokeh.models import Column

from dashboard import theme
from dashboard.applying import AppliedWatch, no_flow, standing
from dashboard.charts.panel import html
from dashboard.data import Catalogue
from dashboard.hub import Hub
from dashboard.state import Desk


class ApplyBox:
    """Widgets for the side bar; what they say follows the page's refreshes.

    Args:
        soon: asks for a refresh.
    """

    def __init__(self, desk: Desk, hub: Hub, soon: Callable[[], None]) -> None:
        self._desk, self._hub, self._soon = desk, hub, soon
        self._watch: AppliedWatch | None = None
        self._origin = ""
        self._unsubscribe: Callable[[], None] = lambda: None
        look = {"sizing_mode": "stretch_width", "margin": (3, 4), "stylesheets": [theme.WIDGET_CSS], "visible": False}
        self.apply, self.remove = pn.widgets.Button(label="Apply", **look), pn.widgets.Button(label="Remove", **look)
        self.said = html("apply-said", by_browser=False)
        said = Column(self.said, sizing_mode="stretch_width", margin=0)
        self.views = [self.apply, self.remove, pn.pane.Bokeh(said, sizing_mode="stretch_width", margin=(0, 4))]
        self.apply.on_click(lambda _event: self._apply())
        self.remove.on_click(lambda _event: self._remove())

    def follow(self, catalogue: Catalogue | None) -> None:
        """Bring the buttons and the sentence up to date; to be called at every refresh."""
        tried = self._desk.what_if
        if catalogue is None:
            return
        if self._desk.at_us is not None:
            self.apply.visible = self.remove.visible = False
            self._say(
                f"Looking back: what {self._desk.model} said then. {tried.name} is back with the present."
                if tried
                else ""
            )
            return
        why = no_flow(catalogue)
        if not why and catalogue.origin != self._origin:
            self._subscribe(catalogue.origin)
        watch = None if why else self._watch
        stored = {model.name for model in watch.applied.models} if watch is not None else set()
        self._set(
            self.apply,
            tried is not None and tried.name not in stored,
            f"Apply {tried.name}" if tried else "Apply",
            bool(why),
        )
        removable = tried.name if tried is not None else self._desk.model
        self._set(self.remove, removable in stored, f"Remove {removable}", False)
        if watch is None:
            self._say(why if tried is not None else "")
        else:
            self._say(standing(tried, self._desk.model, catalogue, watch), watch.said or watch.applied.problem)

    def end(self) -> None:
        """Let go of what is watched."""
        self._unsubscribe()

    def _subscribe(self, origin: str) -> None:
        self._watch = self._hub.applied(origin)
        self._origin = origin
        if self._watch is not None:
            self._unsubscribe()
            self._unsubscribe = self._watch.subscribe(self._soon)

    def _apply(self) -> None:
        tried = self._desk.what_if
        if tried is not None and self._watch is not None and self._allowed():
            self._watch.apply(tried)

    def _remove(self) -> None:
        if self._watch is not None and self._allowed():
            tried = self._desk.what_if
            self._watch.remove(tried.name if tried is not None else self._desk.model)

    def _allowed(self) -> bool:
        """A browser may press a button that it was not shown."""
        return self._desk.catalogue is not None and not no_flow(self._desk.catalogue)

    def _set(self, button: Any, visible: bool, label: str, disabled: bool) -> None:
        if (button.visible, button.label, button.disabled) != (visible, label, disabled):
            button.param.update(visible=visible, label=label, disabled=disabled)

    def _say(self, text: str, problem: str = "") -> None:
        found = f'<div class="problem" role="alert">{escape(problem)}</div>' if problem else ""
        found += f'<div class="hint" role="status">{escape(text)}</div>' if text else ""
        if self.said.text != found:
            self.said.update(text=found, visible=bool(found))

"""The Explain view: one stored row, chosen by its time or the newest closed one, and how it came to be."""

import time
from collections.abc import Callable

from bokeh.models import Column

from dashboard.charts.panel import html
from dashboard.explaining import Asked
from dashboard.hub import Hub
from dashboard.selection import Selection
from dashboard.state import Desk
from dashboard.views.explain import explain_body, explain_head, nothing_to_explain
from flows.explain.question import iso

_AGAIN_S = 3.0
"""A database that was away is asked again no sooner."""


class ExplainPart:
    """The regions, and the question behind them. Nothing is asked or written while the view is not shown.

    Attributes:
        layout: the view.
    """

    def __init__(self, hub: Hub, desk: Desk, soon: Callable[[], None]) -> None:
        self._desk = desk
        self._explainer = hub.explainer(soon)
        self._selection: Selection | None = None
        self._asked_s = 0.0
        self.head, self.body = (html(name, by_browser=False) for name in ("explain-head", "explain-body"))
        self.body.styles = {"flex": "1 1 0", "min-height": "0", "overflow": "auto"}
        self.layout = Column(
            self.head, self.body, name="explain-view", sizing_mode="stretch_both", spacing=0, margin=0,
            styles={"padding": "6px", "box-sizing": "border-box", "flex": "1 1 0", "min-height": "0"},
        )  # fmt: skip

    def follow(self, selection: Selection | None, newest_us: int | None) -> None:
        """Ask for what the page wants explained; to be called after every change.

        Args:
            newest_us: open time of the newest closed row, which is explained where no time is chosen.
        """
        self._selection = selection
        if self._desk.view != "explain" or selection is None:
            self._explainer.end()
            return
        if not self._desk.explain and newest_us is not None:
            self._desk.explain = iso(newest_us)
        answer, now = self._explainer.answer, time.monotonic()
        again = answer is not None and answer.away and now - self._asked_s > _AGAIN_S
        asked = Asked(selection, self._desk.explain)
        if self._desk.explain and (answer is None or answer.asked != asked or again):
            self._asked_s = now
            self._explainer.ask(asked)

    def write(self) -> None:
        """Bring the regions up to date."""
        if self._desk.view != "explain":
            return
        answer = self._explainer.answer
        self.head.text = explain_head(self._selection, self._desk.explain)
        self.body.text = explain_body(answer) if answer is not None else nothing_to_explain()

    def end(self) -> None:
        """Ask for nothing any more."""
        self._explainer.end()

"""The Explain view: one stored row, chosen by its time or the newest closed one, and how it came to be."""

import time

from bokeh.models import Column

from dashboard.charts.panel import html
from dashboard.explaining import Asked
from dashboard.parts.part import Context, Seen
from dashboard.views.explain import explain_body, explain_head, not_known_yet, nothing_to_explain
from flows.errors import NotStoredError
from flows.explain.question import iso, microseconds

_AGAIN_S = 3.0
"""A database that was away is asked again no sooner."""


class ExplainPart:
    """The regions, and the question behind them. Nothing is asked while the view is not shown."""

    def __init__(self, context: Context) -> None:
        self._desk = context.desk
        self._explainer = context.hub.explainer(context.soon)
        self._asked_s = 0.0
        self._later = False
        self.head, self.body = (html(name, by_browser=False) for name in ("explain-head", "explain-body"))
        self.body.styles = {"flex": "1 1 0", "min-height": "0", "overflow": "auto"}
        self.layout = Column(
            self.head, self.body, name="explain-view", sizing_mode="stretch_both", spacing=0, margin=0,
            styles={"padding": "6px", "box-sizing": "border-box", "flex": "1 1 0", "min-height": "0"},
        )  # fmt: skip

    def follow(self, seen: Seen, shown: bool) -> None:
        """Ask for what the page wants explained: the bar of the address, or the newest closed row."""
        if not shown or seen.selection is None or seen.now is None:
            self._explainer.end()
            return
        newest_us = seen.now.last_stats_us
        if not self._desk.explain and newest_us is not None:
            self._desk.explain = iso(newest_us)
        self._later = _not_known(seen, self._desk.explain)
        if self._later:
            self._explainer.end()
            return
        answer, now = self._explainer.answer, time.monotonic()
        again = answer is not None and answer.away and now - self._asked_s > _AGAIN_S
        asked = Asked(seen.selection, self._desk.explain)
        if self._desk.explain and (answer is None or answer.asked != asked or again):
            self._asked_s = now
            self._explainer.ask(asked)

    def write(self, seen: Seen) -> None:
        """Bring the regions up to date."""
        answer = self._explainer.answer
        self.head.text = explain_head(seen.selection, self._desk.explain)
        if self._later and seen.at_us is not None:
            self.body.text = not_known_yet(seen.at_us)
        else:
            self.body.text = explain_body(answer) if answer is not None else nothing_to_explain()

    def end(self) -> None:
        """Ask for nothing any more."""
        self._explainer.end()


def _not_known(seen: Seen, time: str) -> bool:
    """Whether the bar had not ended at the moment that the page looks back to."""
    if seen.at_us is None or seen.selection is None or not time:
        return False
    try:
        return microseconds(time) + seen.selection.interval.us > seen.at_us
    except NotStoredError:
        return False  # the explanation says what is wrong with it

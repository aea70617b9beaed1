"""The parameters of the model in the side bar: any change of them is a what-if at once."""

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
from bokeh.models import Column

from dashboard import theme
from dashboard.charts.panel import html
from dashboard.model_text import PARAMETERS, TEXTS, WINDOWS, model_of, problems_of, text_of
from dashboard.state import Desk

_LOOK = {"sizing_mode": "stretch_width", "stylesheets": [theme.WIDGET_CSS]}
_LABELS = {"method": "Method", "window": "Window", "z_window": "z window", "correlation_window": "Corr. window"}


class ModelEditor:
    """Widgets that follow the view-model and write to it.

    Attributes:
        views: for the side bar, from top to bottom.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._showing = False
        choice: Callable[..., Any] = pn.widgets.RadioButtonGroup
        self.widgets: dict[str, Any] = {
            "method": pn.widgets.Select(label="Method", options=list(TEXTS["method"]), margin=(3, 4), **_LOOK),
            "price": choice(label="Price form", options=list(TEXTS["price"]), margin=(3, 4), **_LOOK),
            "source": choice(label="Price of a bar", options=list(TEXTS["source"]), margin=(3, 4), **_LOOK),
            **{
                # No limits here: the browser would silently put another number in place of a wrong one.
                name: pn.widgets.IntInput(label=_LABELS[name], margin=(3, 4), **_LOOK)
                for name in WINDOWS
            },
        }
        self.said = html("model-said", by_browser=False)
        self.back = pn.widgets.Button(label="Back", visible=False, margin=(3, 4), **_LOOK)
        row = pn.Row(self.widgets["window"], self.widgets["z_window"], sizing_mode="stretch_width", margin=0)
        said = pn.pane.Bokeh(
            Column(self.said, sizing_mode="stretch_width", margin=0), sizing_mode="stretch_width", margin=(0, 4)
        )
        self.views = [
            self.widgets["method"],
            pn.Row(self.widgets["price"], self.widgets["source"], sizing_mode="stretch_width", margin=0),
            row, self.widgets["correlation_window"], said, self.back,
        ]  # fmt: skip
        for name, widget in self.widgets.items():
            widget.param.watch(self._changed(name), "value")
        self.back.on_click(lambda _event: desk.param.update(what=""))
        desk.param.watch(lambda *_events: self._show(), ["catalogue", "model", "what"])
        self._show()

    def _show(self) -> None:
        """The parameters of the model that the page shows."""
        desk = self._desk
        model = desk.what_if or (desk.catalogue.model(desk.model) if desk.catalogue is not None else None)
        if model is None:
            return
        self._set({name: getattr(model, name) for name in PARAMETERS})
        self._say([])
        self.back.param.update(label=f"Back to {desk.model}", visible=bool(desk.what))

    def _set(self, values: dict[str, Any]) -> None:
        """Into the widgets, without taking that for a wish of the person's."""
        self._showing = True
        try:
            for name, value in values.items():
                widget = self.widgets[name]
                if name in TEXTS and value not in widget.options:  # a method of a newer flow
                    widget.options = [*widget.options, value]
                widget.value = value
        finally:
            self._showing = False

    def _changed(self, name: str) -> Callable[[Any], None]:
        def changed(event: Any) -> None:
            if self._showing or self._desk.catalogue is None:
                return
            if name == "window" and self.widgets["z_window"].value == event.old:
                self._set({"z_window": event.new})  # equal windows stay equal
            self._take()

        return changed

    def _take(self) -> None:
        """What the widgets say, if that makes a model; a stored one of the same parameters is shown itself."""
        desk, values = self._desk, {name: widget.value for name, widget in self.widgets.items()}
        assert desk.catalogue is not None
        if problems := problems_of(values):
            self._say(list(problems.values()))
            return
        self._say([])
        text = text_of(model_of(values))
        same = next((model.name for model in desk.catalogue.models if text_of(model) == text), None)
        desk.param.update(**({"model": same, "what": ""} if same is not None else {"what": text}), remarks=())

    def _say(self, problems: list[str]) -> None:
        lines = "".join(f"<div>{escape(problem)}</div>" for problem in problems)
        self.said.text = f'<div class="problem" role="alert">{lines}</div>' if problems else ""
        self.said.visible = bool(problems)

"""The widgets of the side bar."""

from collections.abc import Callable
from typing import Any

import panel as pn

from dashboard import theme
from dashboard.model_editor import ModelEditor
from dashboard.state import LOOKBACKS, Desk


def selectors(desk: Desk) -> list[Any]:
    """Widgets that follow the view-model and write to it."""
    look = {"sizing_mode": "stretch_width", "margin": (6, 4), "stylesheets": [theme.WIDGET_CSS]}
    made = {
        "pair": pn.widgets.Select(label="Pair", **look),
        "interval": pn.widgets.RadioButtonGroup(label="Interval", **look),
        "model": pn.widgets.Select(label="Model", **look),
        "lookback": pn.widgets.Select(label="Look-back, bars", **look),
    }

    def show(*_events: object) -> None:
        known = desk.catalogue
        options: dict[str, list[Any]] = {
            "pair": [str(pair) for pair in known.pairs] if known else [desk.pair],
            "interval": [str(interval) for interval in known.intervals] if known else [desk.interval or "1s"],
            "model": [model.name for model in known.models] if known else [desk.model],
            "lookback": sorted({*LOOKBACKS, desk.lookback}),
        }
        for name, widget in made.items():
            widget.param.update(options=options[name], value=getattr(desk, name) or options[name][0])
            widget.param.trigger("value")  # the pressed button is an index, which new options move

    def take(name: str) -> Callable[[Any], None]:
        def chosen(event: Any) -> None:
            if desk.catalogue is not None and event.new != getattr(desk, name):
                # A stored model that is chosen is looked at, whatever was tried out before.
                desk.param.update(**{name: event.new, "remarks": ()}, **({"what": ""} if name == "model" else {}))

        return chosen

    for name, widget in made.items():
        widget.param.watch(take(name), "value")
    show()
    # The pair can be chosen in the table of pairs too, and a model by its parameters.
    desk.param.watch(lambda _event: made["pair"].param.update(value=desk.pair), ["pair"])
    desk.param.watch(show, ["catalogue", "model"])
    return [*(made[name] for name in ("pair", "interval", "lookback", "model")), *ModelEditor(desk).views]

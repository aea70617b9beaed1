"""The figures are whole by Bokeh's own checks, which the served page does without."""

from dataclasses import fields
from typing import Any

from bokeh.core.validation.check import check_integrity
from bokeh.plotting import figure

from dashboard.charts.analysis import pictures
from dashboard.charts.ticks import TickPictures
from dashboard.charts.workspace import charts


def issues(layout: Any) -> list[str]:
    """What Bokeh finds wrong with a layout and all that is in it."""
    found = check_integrity(layout.references())
    return [f"{issue.name}: {issue.extra}" for issue in (*found.error, *found.warning)]


def test_every_figure_is_whole() -> None:
    drawn = pictures()
    analysis = [getattr(drawn, each.name).picture.layout for each in fields(drawn)]
    for layout in (charts().layout, TickPictures(lambda _start, _end: None, lambda: None).layout, *analysis):
        assert layout.select({"type": figure}), "no figure in it"
        assert not issues(layout)


def test_what_is_not_whole_is_found() -> None:
    bad = figure()
    bad.line("nowhere", "y", source=charts().source.clone(data={"y": [1.0]}))
    empty = figure()
    assert any("BAD_COLUMN_NAME" in each for each in issues(bad))
    assert any("MISSING_RENDERERS" in each for each in issues(empty))

"""An explanation for a person, and as JSON."""

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.explain.compare import Compared
from flows.explain.explanation import Explanation
from flows.explain.question import iso
from flows.explain.stored import Value
from flows.explain.windows import WindowUse

_FORMS = {"log": "natural logarithms of the", "raw": "as they are, the"}
_SOURCES = {"close": "closes", "vwap": "mean prices of the bars weighted by size (vwap)"}
_DASH = "–"


def show(explanation: Explanation, console: Console) -> None:
    """Print where the number comes from, its windows, and each column beside what it is when it is made again."""
    question = explanation.question
    console.print(
        Text(f"{question.pair}  {question.interval}  {question.model.name}  {iso(question.open_time)}", "bold")
    )
    for name, value in facts(explanation).items():
        console.print(Text(f"{name:<12}", "dim"), Text(value), sep="")
    for note in explanation.notes:
        console.print(Text(f"! {note}", "yellow"))
    console.print(_windows(explanation.windows))
    console.print(_columns(explanation))
    console.print(Text(correlation_sentence(explanation)))
    for line in verdicts(explanation):
        console.print(Text(line))


def verdicts(explanation: Explanation) -> tuple[str, str]:
    """Two sentences: whether our own library and another give the stored row."""
    wrong = [column.name for column in explanation.columns if not column.same]
    if wrong:
        own = f"flows.stats {explanation.version} on the stored bars DIFFERS from the stored row in {', '.join(wrong)}"
    else:
        own = f"flows.stats {explanation.version} on the stored bars gives the stored row to the last bit"
    off = [column.name for column in explanation.columns if column.agrees is False]
    if explanation.confirmed is None:
        return own, f"other library: {explanation.oracle}"
    if off:
        return own, f"{explanation.oracle} DIFFERS in {', '.join(off)}"
    return own, f"{explanation.oracle}: every number within its tolerance"


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The same as JSON values. Times are ISO, null is null."""
    question, dataset = explanation.question, explanation.dataset
    own, other = verdicts(explanation)
    interval = explanation.correlation_interval
    return {
        "pair": str(question.pair),
        "interval": str(question.interval),
        "open_time": iso(question.open_time),
        "model": dataclasses.asdict(question.model),
        "dataset": {
            "name": dataset.name,
            "origin": dataset.origin,
            "version": dataset.version,
            "settings_hash": dataset.settings_hash or None,
            "settings": dict(dataset.settings),
        },
        "version": explanation.version,
        "y_close": explanation.y_close,
        "x_close": explanation.x_close,
        "bars": explanation.bars,
        "run": explanation.run,
        "stale_after_ms": explanation.stale_after_ms,
        "windows": [_window(window) for window in explanation.windows],
        "notes": list(explanation.notes),
        "nulls": dict(explanation.nulls),
        "correlation_interval": None if interval is None else {"low": interval[0], "high": interval[1]},
        "no_correlation_interval": explanation.no_interval,
        "oracle": explanation.oracle,
        "columns": {column.name: _column(column) for column in explanation.columns},
        "reproduced": explanation.reproduced,
        "confirmed": explanation.confirmed,
        "verdicts": [own, other],
    }


def facts(explanation: Explanation) -> dict[str, str]:
    """Where the number comes from, in words."""
    question, dataset = explanation.question, explanation.dataset
    model = question.model
    name = f'dataset "{dataset.name}"' if dataset.name else "main dataset"
    settings = f"settings {dataset.settings_hash}" if dataset.settings_hash else "settings not recorded"
    return {
        "written by": f"pairdesk {dataset.version}, {name}, origin {dataset.origin}, {settings}",
        "model": f"{model.method}, window {model.window:,}, z window {model.z_window:,}, "
        f"correlation {model.correlation_window:,} returns",
        "prices": f"{_FORMS[model.price]} {_SOURCES[model.source]}",
        "closes": f"y {question.pair.y} {explanation.y_close!r}, x {question.pair.x} {explanation.x_close!r}",
        "line": "y = intercept + hedge_ratio · x;  spread = y - intercept - hedge_ratio · x",
        "bars": f"{explanation.bars:,} read, {explanation.run:,} consecutive up to this one",
    }


def correlation_sentence(explanation: Explanation) -> str:
    """The interval of the correlation and what it supposes."""
    if explanation.correlation_interval is None:
        return f"95 % interval of the correlation: none, {explanation.no_interval}"
    low, high = explanation.correlation_interval
    returns = explanation.question.model.correlation_window
    return f"95 % interval of the correlation, were its {returns:,} returns normal and independent: {low:.4f} to {high:.4f}"


def _windows(windows: tuple[WindowUse, ...]) -> Table:
    table = _table("Windows", ("For", "From", "To", "Bars", "Wanted", "Silent y", "Silent x", "Gap y", "Gap x"), left=3)
    for window in windows:
        times = [_DASH if time is None else iso(time) for time in (window.first_open_time, window.last_open_time)]
        counts = (window.there, window.wanted, window.y_silent, window.x_silent, window.y_gap, window.x_gap)
        table.add_row(window.name, *times, *(f"{count:,}" for count in counts))
    return table


def _columns(explanation: Explanation) -> Table:
    heads = ("Column", "Stored", "Own library", "Other library", "Difference", "Relative", "Tolerance")
    table = _table("Numbers", heads, left=1)
    for column in explanation.columns:
        if column.name in ("open_time", "pair", "model"):
            continue
        why = explanation.nulls.get(column.name)
        stored = f"null ({why})" if why else _cell(column.stored)
        own = "same bits" if column.same else _cell(column.own)
        other = _cell(column.oracle) if column.agrees is not None else ""
        table.add_row(
            column.name, stored, own, other, *map(_small, (column.difference, column.relative, column.tolerance)),
            style="red" if not column.same or column.agrees is False else "",
        )  # fmt: skip
    return table


def _table(title: str, heads: tuple[str, ...], left: int) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for i, head in enumerate(heads):
        table.add_column(head, justify="left" if i < left else "right", overflow="fold")
    return table


def _cell(value: Value) -> str:
    if value is None:
        return _DASH
    return repr(value) if isinstance(value, float) else str(value)


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def _window(window: WindowUse) -> dict[str, Any]:
    made = dataclasses.asdict(window)
    for name in ("first_open_time", "last_open_time"):
        made[name] = None if made[name] is None else iso(made[name])
    return made


def _column(column: Compared) -> dict[str, Any]:
    made = dataclasses.asdict(column)
    del made["name"]
    return made

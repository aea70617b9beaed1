"""The Explain view: the recipe of one stored row, and the row made again by our own library and by another."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from dashboard.explaining import Answer, Explained
from dashboard.selection import Selection
from dashboard.views.text import DASH
from flows.errors import NotStoredError
from flows.explain.question import iso, microseconds

if TYPE_CHECKING:
    from flows.explain.compare import Compared
    from flows.explain.windows import WindowUse

_KEYS = ("open_time", "pair", "model")
_WINDOW_HEADS = ("For", "First bar", "Last bar", "Bars", "Silent", "Gaps")
_COLUMN_HEADS = ("Number", "Stored", "flows.stats", "Other library", "Difference", "Relative", "Tolerance")


def explain_head(selection: Selection | None, time: str) -> str:
    """What is explained, and buttons for the bars beside it. `time` may be anything that stands in an address."""
    if selection is None:
        return ""
    of = f"{selection.pair} {selection.interval} {selection.model}"
    try:
        at = microseconds(time)
        steps = [iso(at - selection.interval.us), iso(at + selection.interval.us)]
    except (NotStoredError, ValueError, OverflowError):  # the body says so
        steps = []
    words = ("◀ bar before", "bar after ▶")
    beside = "".join(_button(f"explain: '{step}'", said) for step, said in zip(steps, words, strict=False))
    newest = _button("explain: ''", "newest closed bar")
    back = _button("view: 'workspace'", "back to the charts")
    return (
        f'<div class="filter explain"><b>{escape(of)}</b><input aria-label="Open time of the bar, UTC" value="{escape(time)}"'
        f' onchange="pairsDesk.ask({{ explain: this.value }})">{beside}{newest}'
        f'<span class="space"></span>{back}</div>'
    )


def _button(wanted: str, words: str) -> str:
    return f'<button onclick="pairsDesk.ask({{ {wanted} }})">{words}</button>'


def nothing_to_explain() -> str:
    """No row is chosen and none is closed."""
    return _card(
        "Nothing to explain yet", '<div class="quiet">The first closed bar with statistics can be explained.</div>'
    )


def not_known_yet(at_us: int) -> str:
    """The chosen bar had not ended at the moment that the page looks back to."""
    why = f"At {iso(at_us)}, which this page looks back to, that bar had not ended. Choose an earlier bar, or a later moment."
    return _card("Not known then", f'<div class="quiet">{why}</div>')


def explain_body(answer: Answer) -> str:
    """How far the question is, why it has no answer, or the answer."""
    if answer.error:
        more = " Trying again." if answer.away else ""
        return f'<div class="banner{"" if answer.away else " amber"}" role="alert">{escape(answer.error)}.{more}</div>'
    if answer.explained is None:
        return _card(
            f"Explaining {escape(answer.asked.time)}",
            f'<div class="quiet" role="status">{escape(answer.doing)} …</div><div class="busy"><i></i></div>',
        )
    of = answer.explained
    made = of.explanation
    left = _facts_card(of.facts) + _notes_card(made.notes) + _windows_card(made.windows) + _interval_card(of.interval)
    return (
        f'{_verdicts(of)}<div class="split"><div>{left}</div><div>{_columns_card(made.columns, made.nulls)}</div></div>'
    )


def _verdicts(of: Explained) -> str:
    made = of.explanation
    marks = {True: ("good", "✓"), False: ("bad", "✗"), None: ("", "○")}
    lines = "".join(
        f'<div class="{marks[held][0]}" data-held="{held}"><b>{marks[held][1]}</b> {escape(sentence)}</div>'
        for held, sentence in ((made.reproduced, of.own), (made.confirmed, of.other))
    )
    return f'<div class="card held" role="status">{lines}</div>'


def _facts_card(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts.items())
    return _card("Where it comes from", f'<table class="facts" aria-label="Where it comes from">{rows}</table>')


def _notes_card(notes: Sequence[str]) -> str:
    lines = "".join(f'<div class="amber">{escape(note)}</div>' for note in notes)
    return _card("To be known about this row", lines) if notes else ""


def _interval_card(sentence: str) -> str:
    return _card("Correlation", f"<div>{escape(sentence)}</div>")


def _windows_card(windows: Sequence["WindowUse"]) -> str:
    return _card("Windows", _table("windows", "Windows of the row", _WINDOW_HEADS, "".join(map(_window, windows))))


def _window(window: "WindowUse") -> str:
    first, last = (
        DASH if time is None else iso(time).replace("T", " ").removesuffix("Z")
        for time in (window.first_open_time, window.last_open_time)
    )
    bars = f"{window.there:,}" + (f" of {window.wanted:,}" if window.there != window.wanted else "")
    pairs = ((window.y_silent, window.x_silent), (window.y_gap, window.x_gap))
    counts = "".join(f'<td class="{"amber" if any(legs) else ""}">{legs[0]:,} · {legs[1]:,}</td>' for legs in pairs)
    return f'<tr><th scope="row">{escape(window.name)}</th><td>{first}</td><td>{last}</td><td>{bars}</td>{counts}</tr>'


def _columns_card(columns: Sequence["Compared"], nulls: Mapping[str, str]) -> str:
    rows = "".join(_column(column, nulls) for column in columns if column.name not in _KEYS)
    return _card("The row, three times", _table("columns", "Every column of the row", _COLUMN_HEADS, rows))


def _column(column: "Compared", nulls: Mapping[str, str]) -> str:
    why = nulls.get(column.name)
    stored = f'<span class="muted">null: {escape(why)}</span>' if why else _cell(column.stored)
    own = '<span class="up">same bits</span>' if column.same else f'<span class="down">{_cell(column.own)}</span>'
    other = _cell(column.oracle) if column.agrees is not None else ""
    small = "".join(f"<td>{_small(value)}</td>" for value in (column.difference, column.relative, column.tolerance))
    wrong = not column.same or column.agrees is False
    return (
        f'<tr data-column="{column.name}" class="{"wrong" if wrong else ""}"><th scope="row">{column.name}</th>'
        f"<td>{stored}</td><td>{own}</td><td>{other}</td>{small}</tr>"
    )


def _cell(value: object) -> str:
    """Every digit that there is."""
    return DASH if value is None else escape(repr(value) if isinstance(value, float) else str(value))


def _small(value: float | None) -> str:
    return "" if value is None else "0" if value == 0 else f"{value:.1e}"


def _table(kind: str, caption: str, heads: Sequence[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<table class="wide {kind}" aria-label="{caption}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _card(title: str, text: str) -> str:
    return f'<div class="card"><h4>{title}</h4>{text}</div>'

"""The Data view: the form of an export, and how the export stands."""

from collections.abc import Sequence
from html import escape

from dashboard.export.job import Export, State
from dashboard.export.wanted import FORMS
from dashboard.views.stored import size

PRESETS = {"lookback": "Look-back", "hour": "Last hour", "today": "Today", "all": "All"}
_FORM_WORDS = {"csv": "CSV", "ndjson": "JSON lines", "parquet": "Parquet"}


def export_form(tables: Sequence[str], chosen: str, form: str, whose: str, pair: str, possible: bool) -> str:
    """Table, format, rows and range. What is typed stays in the browser, which tells it with every change.

    Args:
        whose: `pair` or `all`. possible: whether this server can send files.
    """
    if not possible:
        return (
            '<div class="card"><h4>Export and upload</h4><div class="quiet">This server was started without them:'
            " <b>panel serve dashboard/app.py --plugins dashboard.routes</b> has both.</div></div>"
        )
    options = "".join(
        f'<option value="{escape(name)}"{" selected" if name == chosen else ""}>{escape(name)}</option>' for name in tables
    )  # fmt: skip
    presets = "".join(
        f'<button type="button" onclick="pairsTransfers.submit(this.form, \'preset-{name}\')">{word}</button>'
        for name, word in PRESETS.items()
    )
    return (
        '<form class="card transfer" aria-label="Export" onsubmit="return pairsTransfers.submit(this, \'export\')"'
        " onchange=\"pairsTransfers.submit(this, 'change')\"><h4>Export</h4>"
        f'<label class="field"><span>Table</span><select name="table">{options}</select></label>'
        f"{_choice('Format', 'form', {name: _FORM_WORDS[name] for name in FORMS}, form)}"
        f"{_choice('Rows', 'whose', {'pair': escape(pair), 'all': 'all pairs'}, whose)}"
        '<div class="range"><label class="field"><span>From, UTC</span>'
        '<input name="since" autocomplete="off" spellcheck="false" placeholder="the first row"></label>'
        '<label class="field"><span>To, UTC, not included</span>'
        '<input name="until" autocomplete="off" spellcheck="false" placeholder="the last row"></label></div>'
        f'<div class="presets" role="group" aria-label="Range">{presets}</div>'
        '<button class="go" type="submit">Export</button></form>'
    )


def _choice(title: str, name: str, words: dict[str, str], chosen: str) -> str:
    radios = "".join(
        f'<label><input type="radio" name="{name}" value="{value}"{" checked" if value == chosen else ""}><span>{word}</span></label>'
        for value, word in words.items()
    )
    return f'<fieldset class="choice"><legend>{title}</legend>{radios}</fieldset>'


def export_status(export: Export | None, error: str, href: str) -> str:
    """Progress with a way to end it, the finished file, or what went wrong; '' where there is nothing to say.

    Args:
        error: what is wrong with the form. href: of the finished file.
    """
    if error:
        return f'<div class="card transfer" role="alert"><span class="down">{escape(error)}</span></div>'
    if export is None:
        return ""
    name, state = escape(export.wanted.file_name), export.state
    if state in (State.WAITING, State.READING):
        share = min(1.0, export.done / export.total) if export.total else 0.0
        said = (
            "waiting for another export"
            if state is State.WAITING
            else f"{export.done:,} of {export.total:,} rows · {share:.0%}"
        )
        inner = (
            f'<div class="row">{said}<button onclick="pairsTransfers.send({{ action: \'cancel\' }})">Cancel</button></div>'
            f'<div class="track" role="progressbar" aria-label="Export" aria-valuenow="{100 * share:.0f}" aria-valuemin="0"'
            f' aria-valuemax="100"><i style="width:{100 * share:.1f}%"></i></div>'
        )
    elif state is State.READY:
        inner = f'{export.done:,} rows, {size(export.bytes)}: <a href="{escape(href)}" download="{name}" data-save>save again</a>'
    elif state is State.EMPTY:
        inner = "No rows there: choose another range or table."
    elif state is State.CANCELLED:
        inner = f"Cancelled after {export.done:,} rows; nothing was saved."
    else:
        return f'<div class="card transfer" role="alert"><b>{name}</b><span class="down">{escape(export.error)}</span></div>'
    return (
        f'<div class="card transfer" role="status" data-state="{state.value}"><b class="name">{name}</b>{inner}</div>'
    )

"""The Data view: where files are dropped, what was found in them, and how storing them goes."""

from collections.abc import Sequence
from html import escape
from typing import Any

from dashboard.transfers import UPLOAD_LIMIT_BYTES
from dashboard.uploader import Stage, Upload
from dashboard.views.stored import size
from dashboard.views.text import date_utc
from flows.storage.schema import dataset_name


def upload_form(token: str, too_large: str) -> str:
    """The drop zone, written once: what it shows of a transfer is drawn by the browser.

    Args:
        too_large: what to say of a file beyond the limit, with {size} in it.
    """
    return (
        f'<section class="card transfer" aria-label="Upload" data-url="transfer/{escape(token)}/upload" data-limit="{UPLOAD_LIMIT_BYTES}"'
        f' data-too-large="{escape(too_large)}"><h4>Upload<span class="muted">up to {size(UPLOAD_LIMIT_BYTES)} a file</span></h4>'
        '<label class="drop" ondragover="this.classList.add(\'over\'); return false" ondragleave="this.classList.remove(\'over\')"'
        ' ondrop="return pairsTransfers.dropped(event, this)">'
        '<input type="file" multiple aria-label="Files of ticks or candles" onchange="pairsTransfers.chosen(this)">'
        "<b>Drop files here, or choose them</b>"
        "<span>ticks: NDJSON, CSV, Parquet · candles: CSV with open, high, low, close · .gz and .zst of each</span></label>"
        '<div class="sending" role="status"></div></section>'
    )


def upload_report(upload: Upload, pairs: Sequence[str]) -> str:
    """What was found, the form that stores it, or what went wrong; '' where nothing was uploaded.

    Args:
        pairs: those of the page, proposed where the files have both legs.
    """
    if upload.stage is Stage.NONE:
        return ""
    names = f'<b class="name">{escape(", ".join(upload.files))}</b>'
    if upload.stage is Stage.CHECKING:
        return _card(names + _progress("Checking every row", upload.share))
    if upload.stage is Stage.FAILED:
        return _card(f'{names}<div class="down" role="alert">{escape(upload.error)}</div>')
    if upload.stage is Stage.STORING:
        return _card(names + _progress(f"Storing as {escape(upload.dataset)}", upload.share))
    if upload.stage is Stage.STORED:
        link = f'<a href="?dataset={escape(upload.dataset)}">look at {escape(upload.dataset)}</a>'
        return _card(f"{names}<div>Stored: {link}.</div>{_notes(upload.notes)}")
    return _card(names + _found(upload.report) + (_store_form(upload, pairs) if upload.good else ""))


def _found(report: dict[str, Any]) -> str:
    kind = f"{report['interval']} candles".strip() if report["kind"] == "candles" else "ticks"
    rows = "".join(
        f'<tr><th scope="row">{escape(of["symbol"])}</th><td>{of["rows"]:,}</td><td>{_span(of)}</td></tr>'
        for of in report["symbols"]
    )
    table = f'<table class="facts" aria-label="Symbols in the files">{rows}</table>' if rows else ""
    head = f'<div class="found">{report["rows"]:,} rows of {kind}</div>{table}'
    return head + _problems(report) + _notes(report["notes"]) + _preview(report["preview"])


def _span(of: dict[str, Any]) -> str:
    return f"{date_utc(of['first_us']).removesuffix(' UTC')} … {date_utc(of['last_us'])}"


def _problems(report: dict[str, Any]) -> str:
    if not report["problems"]:
        return ""
    shown = report["first"]
    more = f", the first {len(shown)}" if report["problems"] > len(shown) else ""
    items = "".join(f"<li><b>{escape(file)} line {line:,}</b> {escape(reason)}</li>" for file, line, reason in shown)
    return (
        f'<div class="problems" role="alert"><b class="down">{report["problems"]:,} bad rows: nothing can be stored</b>{more}'
        f"<ol>{items}</ol></div>"
    )


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<div class="note">{escape(note)}</div>' for note in notes)


def _preview(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return (
        '<div class="preview" tabindex="0" role="region" aria-label="First rows"><table class="wide">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _store_form(upload: Upload, pairs: Sequence[str]) -> str:
    symbols = [of["symbol"] for of in upload.report["symbols"]]
    proposed = upload.pairs or ", ".join(proposed_pairs(symbols, pairs))
    if not proposed:
        return (
            '<div class="problems amber">A pair needs two symbols: give the file of the other leg too.</div>'
            + _discard()
        )
    name = upload.dataset or dataset_name(upload.files[0])
    error = f'<div class="down" role="alert">{escape(upload.error)}</div>' if upload.error else ""
    return (
        '<form aria-label="Store" onsubmit="return pairsTransfers.store(this)">'
        f"{_field('Name of the dataset', 'dataset', name)}{_field('Pairs Y/X, with commas between', 'pairs', proposed)}"
        f'{error}<button class="go" type="submit">Store as a dataset</button></form>{_discard()}'
    )


def _field(label: str, name: str, value: str) -> str:
    return (
        f'<label class="field"><span>{label}</span>'
        f'<input name="{name}" maxlength="1000" autocomplete="off" spellcheck="false" value="{escape(value)}"></label>'
    )


def proposed_pairs(symbols: Sequence[str], pairs: Sequence[str]) -> list[str]:
    """The page's pairs that have both legs among the symbols; else the first two symbols.

    >>> proposed_pairs(["AAA", "BBB"], ["BBB/AAA", "CCC/AAA"]), proposed_pairs(["AAA", "BBB"], []), proposed_pairs(["AAA"], [])
    (['BBB/AAA'], ['AAA/BBB'], [])
    """
    known = [pair for pair in pairs if set(pair.split("/")) <= set(symbols)]
    return known or (["/".join(symbols[:2])] if len(symbols) > 1 else [])


def _discard() -> str:
    return (
        '<button type="button" class="second" onclick="pairsTransfers.send({ action: \'discard\' })">Discard</button>'
    )


def _progress(word: str, share: float) -> str:
    return (
        f'<div class="row">{word} · {share:.0%}<button onclick="pairsTransfers.send({{ action: \'cancel-upload\' }})">Cancel</button></div>'
        f'<div class="track" role="progressbar" aria-label="{word}" aria-valuenow="{100 * share:.0f}" aria-valuemin="0"'
        f' aria-valuemax="100"><i style="width:{100 * share:.1f}%"></i></div>'
    )


def _card(inner: str) -> str:
    return f'<div class="card transfer">{inner}</div>'

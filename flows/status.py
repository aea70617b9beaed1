"""How the running flow stands, in a terminal: what its `/status` says, as tables."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.domain.frames import BAD_EVENTS, BAD_STATES, GOOD_STATES, LEG_STATES, WARNING_EVENTS
from flows.errors import PairdeskError

_TIMEOUT_S = 5.0
_MOST_BYTES = 16 << 20
_EVENTS = 20
_DASH = "–"
_TIMES = frozenset({"since", "time"})
_COLOURS = {
    **dict.fromkeys((*LEG_STATES, *WARNING_EVENTS), "yellow"),
    **dict.fromkeys((*BAD_STATES, *BAD_EVENTS), "red"),
    **dict.fromkeys(GOOD_STATES, "green"),
}

Status = Mapping[str, Any]


def fetch(host: str, port: int) -> Status:
    """What the flow says of itself.

    Raises:
        PairdeskError: nothing answers there, or something that is not the flow.
    """
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/status"
    advice = 'start the flow with "pairs up", or set health.host and health.port to where it runs'
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it runs here, whatever proxy the web needs
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            body = answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        raise PairdeskError(
            f"asked {url} for the status of the flow: HTTP {error.code}, that is not the flow: {advice}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise PairdeskError(f"asked {url} for the status of the flow: no answer ({why}): {advice}") from None
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "ready" not in found:
        text = _plain(body[:60].decode(errors="replace"))
        raise PairdeskError(
            f'asked {url} for the status of the flow: expected a JSON object with "ready", found "{text}": {advice}'
        )
    return found


def show(status: Status, console: Console) -> None:
    """Print tables of everything; what the flow does not say is left out or a dash."""
    ready, alive = status.get("ready") is True, status.get("alive") is not False
    verdict = Text("READY", "bold green") if ready else Text("NOT READY", "bold red")
    if not alive:
        verdict.append("  the flow does not turn", "red")
    elif not status.get("legs"):
        verdict.append("  the feed has not begun", "yellow")
    console.print(verdict, _facts(status), sep="   ")
    for table in (_legs(status), _connections(status), _latency(status), _events(status)):
        if table.row_count:
            console.print(table)


def _facts(status: Status) -> Text:
    rest = _mapping(status.get("rest"))
    facts = {
        "as of": _time(status.get("time")),
        "local clock ahead, ms": status.get("lead_ms"),
        "messages queued": status.get("queued_messages"),
        "REST weight used": rest.get("used_weight"),
        "REST": rest.get("problem") or None,
        **_mapping(status.get("counts")),
    }
    return Text("   ".join(f"{_plain(name)} {_cell(value)}" for name, value in facts.items() if value is not None))


def _legs(status: Status) -> Table:
    rows = [
        {**row, "last_id": None if row.get("last_id") == -1 else row.get("last_id")}
        for row in _rows(status.get("legs"))
    ]
    heads = ("state", "since", "last_trade_age_s", "last_id", "held", "filled", "missing", "detail")
    named = ("State", "Since, UTC", "Last trade, s ago", "Last id", "Held", "Filled", "Lost", "Detail")
    return _table("Legs", ("Symbol", *named), ("symbol", *heads), rows, coloured="state")


def _connections(status: Status) -> Table:
    rows = [{**row, "number": number} for number, row in enumerate(_rows(status.get("connections")), 1)]
    heads = ("Connection", "Flowing", "Since, UTC", "Opened", "Detail")
    return _table("Connections", heads, ("number", "flowing", "since", "opened", "detail"), rows)


def _latency(status: Status) -> Table:
    rows = [
        {"stage": name.replace("_", " → "), **_mapping(row)} for name, row in _mapping(status.get("latency")).items()
    ]
    heads = ("Latency, ms", "p50", "p95", "p99", "max", "Count")
    return _table("Latency", heads, ("stage", "p50_ms", "p95_ms", "p99_ms", "max_ms", "count"), rows)


def _events(status: Status) -> Table:
    newest = _rows(status.get("events"))[::-1][:_EVENTS]
    heads = ("Time, UTC", "Kind", "Symbol", "Detail")
    return _table("Events, newest first", heads, ("time", "kind", "symbol", "detail"), newest, coloured="kind")


def _table(title: str, heads: Sequence[str], keys: Sequence[str], rows: Any, coloured: str = "") -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    found = _rows(rows)
    for head, key in zip(heads, keys, strict=True):
        numbers = any(isinstance(row.get(key), int | float) for row in found)
        table.add_column(head, justify="right" if numbers else "left", overflow="fold")
    for row in found:
        table.add_row(*(_text(_time(row.get(key)) if key in _TIMES else row.get(key), key == coloured) for key in keys))
    return table


def _time(value: Any) -> Any:
    """An ISO time to the second, without its zone, which is UTC."""
    return value[:19].replace("T", " ") if isinstance(value, str) else value


def _text(value: Any, coloured: bool) -> Text:
    return Text(_cell(value), _COLOURS.get(str(value), "") if coloured else "")


def _cell(value: Any) -> str:
    """One value as text that cannot steer the terminal."""
    if value is None:
        return _DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _plain(str(round(value, 3)) if isinstance(value, float) else str(value))


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

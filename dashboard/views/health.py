"""The Health view beside legs, latencies and events: what the flow says, the tables, and what the page costs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from dashboard.charts.strokes import row_of_bars
from dashboard.health import FlowStatus, PageCost, Storage, TableStanding
from dashboard.poller import QUERIES_KEPT, Status
from dashboard.views.table import card, quiet, table
from dashboard.views.text import DASH, age, date_utc, number

_TABLE_HEADS = ("Table", "Rows", "Rows/s", "Newest row, UTC", "Behind", "Not yet visible", "State")
_CONNECTION_HEADS = ("Connection", "Flowing", "Since, UTC", "Opened", "Detail")
_HELD_HEADS = ("Feed", "Model", "Bars held", "Sequence", "Pages", "Since its last bar")


@dataclass(frozen=True, slots=True)
class Held:
    """A feed that the page holds for its sessions; `age_ms` of the end of its newest bar, NaN where that is no matter of now."""

    name: str
    model: str
    bars: int
    sequence: int
    subscribers: int
    age_ms: float


def flow_card(said: FlowStatus | None, why: str = "") -> str:
    """All that the flow says of itself, beside its legs, latencies and events, which it also stores.

    Args:
        said: None where it has not answered. why: what was said instead.
    """
    if said is None:
        return card("Flow", quiet(escape(why) or "Asking the flow …"))
    ready, alive = said.get("ready") is True, said.get("alive") is not False
    word = (
        f'<span class="pill {"teal" if ready else "red"}" data-role="ready">{"READY" if ready else "NOT READY"}</span>'
    )
    note = "the flow does not turn" if not alive else "" if said.get("legs") else "the feed has not begun"
    facts = "".join(
        f'<div class="fact"><span>{escape(name)}</span><b>{value}</b></div>' for name, value in _facts(said)
    )
    links = "".join(_connection(number_, row) for number_, row in enumerate(_rows(said.get("connections")), 1))
    connections = table("connections", "Connections to the exchange", _CONNECTION_HEADS, links) if links else ""
    return card(
        f'Flow {word} <span class="amber">{note}</span>', f'<div class="facts">{facts}</div>{connections}', "flow"
    )


def _facts(said: FlowStatus) -> list[tuple[str, str]]:
    rest = _mapping(said.get("rest"))
    weight = rest.get("used_weight")
    limit = f" of {_plain(rest['weight_limit'])}" if rest.get("weight_limit") is not None else ""
    facts = {
        "as of": _time(said.get("time")),
        "local clock ahead, ms": said.get("lead_ms"),
        "messages queued": said.get("queued_messages"),
        "REST weight used": None if weight is None else f"{_plain(weight)}{limit}",
        "REST": rest.get("problem") or None,
        **_mapping(said.get("counts")),
    }
    return [(name.replace("_", " "), _plain(value)) for name, value in facts.items() if value is not None]


def _connection(number_: int, row: Mapping[str, Any]) -> str:
    flowing = row.get("flowing") is True
    cells = (_time(row.get("since")), row.get("opened"))
    return (
        f'<tr><td>{number_}</td><td class="{"up" if flowing else "down"}">{"yes" if flowing else "no"}</td>'
        f'{"".join(f"<td>{_plain(cell)}</td>" for cell in cells)}<td class="words">{_plain(row.get("detail"))}</td></tr>'
    )


def as_of_card(at_us: int) -> str:
    """What is shown of the past, and what is not."""
    return card(
        f"As of {date_utc(at_us)}",
        quiet(
            "Events up to then, and what this page costs now. How legs and tables stood is known of the present only."
        ),
    )


def storage_card(storage: Storage, clock_us: int | None, reason: str = "") -> str:
    """A row for every table.

    Args:
        clock_us: what time it is for the rows: the exchange's clock; None for a replay, whose rows are behind nothing.
        reason: what the database says where it does not tell.
    """
    if not storage.tables:
        return card("Tables", quiet(escape(reason) or "This dataset has no tables yet."))
    rows = "".join(_table_row(each, storage.per_second.get(each.name, math.nan), clock_us) for each in storage.tables)
    waiting = sum(each.pending for each in storage.tables)
    title = f'Tables <span class="muted">database {number(waiting, 0)} rows behind what it has accepted</span>'
    return card(title, table("tables", "The tables of the dataset", _TABLE_HEADS, rows))


def _table_row(of: TableStanding, per_second: float, clock_us: int | None) -> str:
    behind = DASH
    if of.newest_us is not None and clock_us is not None:
        ended_us = of.newest_us + _LENGTHS_US.get(of.name.rpartition("_")[2], 0)
        behind = "forming" if ended_us > clock_us + _CLOCKS_US else age(max(0, clock_us - ended_us) / 1000)
    pressed = ("writes" if of.rows else "empty", "less memory", "waits for memory")[min(of.pressure, 2)]
    state = "SUSPENDED" if of.suspended else pressed
    bad = "down" if of.suspended else "amber" if of.pressure else ""
    waiting = "amber" if of.pending else ""
    return (
        f'<tr data-table="{of.name}"><th scope="row">{of.name}</th><td>{DASH if of.rows is None else f"{of.rows:,}"}</td>'
        f"<td>{number(per_second, 1)}</td><td>{date_utc(of.newest_us).removesuffix(' UTC')}</td><td>{behind}</td>"
        f'<td class="{waiting}">{of.pending:,}</td><td class="{bad}">{state}</td></tr>'
    )


_LENGTHS_US = {"1s": 1_000_000, "1m": 60_000_000, "5m": 300_000_000}
_CLOCKS_US = 1_000_000
"""A bar that ends later than now by more than this is still open; less may be the difference of two clocks."""


def cost_card(status: Status, name: str, asking: Sequence[Status], sessions: int | None, cost: PageCost) -> str:
    """Query times of the selected feed as bars, and what the page takes.

    Args:
        name: of the selected feed. asking: how it goes with every poller. sessions: open pages, None where not known.
    """
    ms = [1000 * seconds for seconds in status.latency_s]
    most = max(ms, default=math.nan)
    p50, p95 = (number(each, 1) for each in status.latency_ms())
    says = f"query times: median {p50} ms, 95th percentile {p95} ms, the longest {number(most, 1)} ms"
    bars = f'<div class="scaled">{row_of_bars(ms, QUERIES_KEPT, says)}<span>{number(most, 0)} ms</span></div>'
    delays = np.array(cost.loop_s) * 1000
    p95_loop, most_loop = (
        (float(np.percentile(delays, 95)), float(delays.max())) if len(delays) else (math.nan, math.nan)
    )
    tiles = (
        ("Polls", f"{sum(each.polls for each in asking):,}", "of all pollers"),
        ("Errors", f"{sum(each.errors for each in asking):,}", "queries that failed"),
        ("Reconnects", f"{sum(each.reconnects for each in asking):,}", "after an outage"),
        ("Sessions", DASH if sessions is None else f"{sessions:,}", "open pages"),
        ("Server memory", number(cost.rss_bytes / 2**20, 0, unit=" MiB"), "resident"),
        ("CPU", number(100 * cost.cpu, 0, unit=" %"), "of one core"),
        ("Event loop", number(p95_loop, 1, unit=" ms"), f"95 %; most {number(most_loop, 0)} ms"),
    )
    strip = "".join(
        f'<div class="tile" data-tile="{label}"><div class="label">{label}</div><div class="value">{value}</div>'
        f'<div class="sub">{sub}</div></div>'
        for label, value, sub in tiles
    )
    shares = f'<span class="muted">median {p50}, 95 % {p95} ms</span>'
    title = f"Query time of {escape(name)}, last {QUERIES_KEPT} polls {shares}"
    return card(title, f'{bars}<div class="tiles costs">{strip}</div>', "cost")


def held_card(feeds: Iterable[Held]) -> str:
    """The feeds that the page holds, for all who look at it."""
    rows = "".join(
        f'<tr data-feed="{escape(each.name)}"><th scope="row">{escape(each.name)}</th><td>{escape(each.model)}</td><td>{each.bars:,}</td>'
        f"<td>{each.sequence:,}</td><td>{each.subscribers:,}</td><td>{age(each.age_ms)}</td></tr>"
        for each in feeds
    )
    text = (
        table("held", "Feeds that the page holds", _HELD_HEADS, rows) if rows else quiet("The page holds no feed yet.")
    )
    return card("Feeds held by the page", text)


def _time(value: Any) -> Any:
    """An ISO time to the second, without its zone, which is UTC."""
    return value[:19].replace("T", " ") if isinstance(value, str) else value


def _plain(value: Any) -> str:
    """A value of the status as HTML."""
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        value = round(value, 3)
    return f"{value:,}" if isinstance(value, int | float) else escape(str(value))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

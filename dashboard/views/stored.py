"""The Data view: datasets, what each table of one holds, and the newest trades."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from dashboard.data import RECORDED
from dashboard.stored import Holes, Stored, StoredDataset, StoredTable, Trade
from dashboard.views.text import DASH, age, date_utc, number

_HEADS = ("Table", "Rows", "First, UTC", "Last, UTC", "Lag", "On disk", "Gaps")
_TRADE_HEADS = ("Time, UTC", "Symbol", "Price", "Size", "Side", "Id")
_SLOW_INTERVALS = 3
"""A bar that is later than so many of its intervals is late."""
_UNITS = ("B", "kB", "MB", "GB", "TB")


def stored_card(stored: Stored, dataset: str, origin: str, reason: str = "") -> str:
    """Which datasets there are, and a table of the chosen one's tables.

    Args:
        reason: what the database says where it has told nothing yet.
    """
    if not stored.tables:
        return f'<div class="card"><h4>Stored</h4><div class="quiet">{escape(reason) or "Asking the database …"}</div></div>'
    filled = [table for table in stored.tables if table.rows]
    rows = "".join(_row(table, stored, origin in RECORDED) for table in filled)
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADS)
    total = sum(table.rows or 0 for table in stored.tables)
    disk = f", {size(sum(stored.sizes.values()))} on disk" if stored.sizes else ""
    return (
        f'<div class="card"><h4>Stored<span class="muted">{total:,} rows{disk} · gaps of tables of bars, sizes each half minute'
        f"</span></h4>{_switch(stored.datasets, dataset)}"
        f'<table class="wide tables" aria-label="What is stored"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f"{_others('Empty', [table.name for table in stored.tables if table.rows == 0], 'nothing has been written to them')}"
        f"{_others('Not there', [table.name for table in stored.tables if table.rows is None], 'nothing has made them yet')}</div>"
    )


def _others(word: str, names: Sequence[str], why: str) -> str:
    """Tables without rows, in one line."""
    return f'<div class="others"><b>{word}</b> ({why}): {escape(", ".join(names))}</div>' if names else ""


def _switch(datasets: Sequence[StoredDataset], chosen: str) -> str:
    """Links, so that a dataset can be opened beside this one too."""
    links = "".join(
        f'<a href="?dataset={quote(of.name)}" data-dataset="{escape(of.name)}"{" aria-current=page" if of.name == chosen else ""}>'
        f'{escape(of.name) or "main"} <span class="origin">{escape(of.origin.upper())}</span></a>'
        for of in datasets
    )
    return f'<nav class="datasets" aria-label="Datasets">{links}</nav>'


def _row(table: StoredTable, stored: Stored, recorded: bool) -> str:
    start = f'<tr data-table="{escape(table.name)}"><th scope="row">{escape(table.name)}</th>'
    return (
        f"{start}<td>{table.rows:,}</td><td>{_moment(table.first_us)}</td><td>{_moment(table.last_us)}</td>"
        f"{_lag(table, stored.now_us, recorded)}{_disk(table, stored)}{_gaps(stored.holes.get(table.name))}</tr>"
    )


def _lag(table: StoredTable, now_us: int, recorded: bool) -> str:
    lag = table.lag_us(now_us)
    if recorded or lag is None:
        return f'<td title="made of files: nothing more comes">{DASH}</td>'
    late = table.interval is not None and lag > _SLOW_INTERVALS * table.interval.us and table.name.startswith("bars_")
    return f'<td class="{"amber" if late else ""}">{age(lag / 1000)}</td>'


def _disk(table: StoredTable, stored: Stored) -> str:
    found = stored.sizes.get(table.name)
    return f"<td>{DASH if found is None else size(found)}</td>"


def _gaps(holes: Holes | None) -> str:
    if holes is None:
        return f'<td class="words muted">{DASH}</td>'
    if not holes.flagged and not holes.missing:
        return '<td class="words">none</td>'
    words = []
    if holes.flagged:
        words.append(f"{holes.flagged:,} bars lack trades")
    if holes.missing:
        words.append(f"{holes.missing:,} bars missing")
    if holes.longest is not None:
        words.append(f"longest {age(holes.longest.longest_us / 1000)}, {escape(holes.longest.symbol)}")
    return f'<td class="words amber">{"; ".join(words)}</td>'


def trades_card(trades: Sequence[Trade], paused: bool, why_none: str) -> str:
    """The newest trades of the pair's legs, newest first, and the button that holds them still."""
    button = (
        f'<button class="quiet-button" aria-pressed="{str(paused).lower()}"'
        f" onclick=\"pairsTransfers.send({{ action: 'pause' }})\">{'Go on' if paused else 'Pause'}</button>"
    )
    if not trades:
        return f'<div class="card"><h4>Newest ticks</h4><div class="quiet">{escape(why_none)}</div></div>'
    places = {
        symbol: (_places(t.price for t in trades if t.symbol == symbol), _places(t.amount for t in trades if t.symbol == symbol))
        for symbol in {t.symbol for t in trades}
    }  # fmt: skip
    rows = "".join(_trade(trade, *places[trade.symbol]) for trade in trades)
    head = "".join(f'<th scope="col">{name}</th>' for name in _TRADE_HEADS)
    state = ' <span class="amber">held still</span>' if paused else ""
    return (
        f'<div class="card"><h4>Newest ticks<span class="muted">the last {len(trades):,} of both legs</span>{state}{button}</h4>'
        f'<table class="wide ticks" aria-label="Newest ticks"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _trade(trade: Trade, price_places: int, size_places: int) -> str:
    tone = {"buy": "up", "sell": "down"}.get(trade.side, "")
    late = ' <span class="amber">late</span>' if trade.late else ""
    return (
        f"<tr><td>{_fine(trade.time_us)}{late}</td><td>{escape(trade.symbol)}</td><td class={tone or 'none'}>"
        f"{number(trade.price, price_places)}</td><td>{number(trade.amount, size_places)}</td><td>{escape(trade.side) or DASH}</td>"
        f"<td>{DASH if trade.trade_id is None else trade.trade_id}</td></tr>"
    )


def _places(values: object) -> int:
    """Decimals that show every one of the values whole."""
    return max((len(f"{value:.8f}".rstrip("0").partition(".")[2]) for value in values), default=0)  # type: ignore[attr-defined]


def size(count: int) -> str:
    """Bytes for a person.

    >>> size(0), size(2_228_224), size(119_110_656)
    ('0 B', '2.2 MB', '119 MB')
    """
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 100 else f"{value:.1f} {_UNITS[unit]}"


def _moment(us: int | None) -> str:
    return date_utc(us).removesuffix(" UTC")


def _fine(us: int) -> str:
    return f"{datetime.fromtimestamp(us / 1e6, UTC):%H:%M:%S}.{us // 1000 % 1000:03d}"

"""Every table of a disturbed live run against the tables of the same trades replayed in peace."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from flows.domain.interval import Interval
from flows.storage.client import Address, connect
from flows.storage.schema import (
    FEED_EVENTS,
    PAIR_LEAD_LAG,
    REJECTS,
    TRADES,
    Table,
    bars_table,
    pair_stats_table,
    pair_tests_table,
    pair_tick_stats_table,
    pair_verdicts_table,
    table_name,
)

HEADER = ("symbol", "a", "f", "l", "time", "p", "q", "m")
_TRADE_COLUMNS = ("symbol", "trade_id", "price", "amount", "side", "trade_count")


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the ids of the run, over all symbols."""

    expected: int
    seen: int
    lost: int
    doubled: int
    late: int

    def __str__(self) -> str:
        return f"ids expected {self.expected:,}, seen {self.seen:,}, lost {self.lost:,}, doubled {self.doubled:,}, late {self.late:,}"


def write_reference(path: Path, trades: dict[str, list[dict[str, Any]]]) -> None:
    """The exchange's own rows of each symbol as one CSV of ticks, in time order.

    Args:
        trades: rows as REST prints them, by symbol.
    """
    rows = [(row["T"], symbol, row) for symbol, of in trades.items() for row in of]
    rows.sort(key=lambda each: (each[0], each[1], each[2]["a"]))
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEADER)
        for time, symbol, row in rows:
            maker = "true" if row["m"] else "false"
            out.writerow((symbol, row["a"], row["f"], row["l"], time, row["p"], row["q"], maker))


def first_and_last_ids(address: Address) -> dict[str, tuple[int, int]]:
    """Lowest and highest id stored of each symbol."""
    with connect(address) as sql:
        rows = sql.execute("SELECT symbol, min(trade_id), max(trade_id) FROM trades").fetchall()
    return {symbol: (low, high) for symbol, low, high in rows}


def counts(address: Address, trades: dict[str, list[dict[str, Any]]]) -> Counts:
    """The ids in table `trades` against those the exchange made."""
    expected = {(symbol, row["a"]) for symbol, of in trades.items() for row in of}
    with connect(address) as sql:
        rows = sql.execute("SELECT symbol, trade_id, late FROM trades").fetchall()
    last = {symbol: of[-1]["a"] for symbol, of in trades.items()}
    inside = [(symbol, identity) for symbol, identity, _ in rows if identity <= last[symbol]]
    seen = set(inside)
    late = sum(bool(each[2]) for each in rows)
    return Counts(len(expected), len(seen & expected), len(expected - seen), len(inside) - len(expected & seen), late)


def tables_of(interval: Interval) -> list[Table]:
    """All that is made of the trades of an interval."""
    kinds = (bars_table, pair_stats_table, pair_tick_stats_table, pair_tests_table, pair_verdicts_table)
    return [kind(interval) for kind in kinds]


def differences(address: Address, reference: str, until_us: int) -> list[str]:
    """What differs up to a time, in words: the first differing row of each table; empty where all tables are equal.

    Args:
        reference: dataset of the replay. until_us: rows that end later are left out: the run was cut off there.
    """
    found = []
    with connect(address) as sql:
        found += _differing(sql, TRADES, _TRADE_COLUMNS, reference, until_us)
        found += _differing(sql, PAIR_LEAD_LAG, _names(PAIR_LEAD_LAG), reference, until_us)
        for interval in Interval:
            whole = until_us - until_us % interval.us - interval.us
            for table in tables_of(interval):
                found += _differing(sql, table, _names(table), reference, whole)
    return found


def captured_differences(address: Address, replayed: str) -> list[str]:
    """What differs between the tables of a live run and those of its capture's replay: every column of every final row."""
    tables: list[Table] = [TRADES, REJECTS, FEED_EVENTS, PAIR_LEAD_LAG]
    for interval in Interval:
        tables += tables_of(interval)
    found = []
    with connect(address) as sql:
        for table in tables:
            closed = " WHERE complete" if "complete" in dict(table.columns) else ""
            live, again = (
                sorted(sql.execute(f"SELECT * FROM {name}{closed}").fetchall(), key=repr)  # noqa: S608
                for name in (table.name, table_name(table.name, replayed))
            )
            if live != again or not (live or _may_be_empty(table)):
                first = next(((a, b) for a, b in zip(live, again, strict=False) if a != b), None)
                found.append(
                    f"{table.name}: {len(live):,} rows live, {len(again):,} replayed; first difference {first}"
                )
    return found


def _may_be_empty(table: Table) -> bool:
    """Nothing was refused; or the run is shorter than the round of looks that a verdict needs."""
    return table is REJECTS or table.name.startswith(("pair_tests", "pair_verdicts"))


def _names(table: Table) -> tuple[str, ...]:
    """What must be equal: all but the mark of the first bars, which only a live run has."""
    return tuple(name for name, _ in table.columns[1:] if name not in ("complete", "gap"))


def _differing(
    sql: "psycopg.Connection[Any]", of: Table, names: tuple[str, ...], reference: str, until_us: int
) -> list[str]:
    table = of.name
    live, calm = (_rows(sql, of, name, names, until_us) for name in (table, table_name(table, reference)))
    if live == calm:
        return [] if live or _may_be_empty(of) else [f"{table}: no row to compare"]
    missing, extra = sorted(calm.keys() - live.keys()), sorted(live.keys() - calm.keys())
    other = sorted(key for key in live.keys() & calm.keys() if live[key] != calm[key])
    told = (
        f"{table}: {len(calm):,} rows expected, {len(missing):,} missing, {len(extra):,} extra, {len(other):,} differ"
    )
    if other:
        key = other[0]
        pairs = zip(names, live[key], calm[key], strict=True)
        told += f"; first {key}: " + ", ".join(f"{name} {a!r} instead of {b!r}" for name, a, b in pairs if a != b)
    elif missing or extra:
        told += f"; first {(missing or extra)[0]}"
    return [told]


def _rows(
    sql: "psycopg.Connection[Any]", of: Table, table: str, names: tuple[str, ...], until_us: int
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Closed rows by their key. Floats compare by their bits, as text that reads back exactly; NaN comes as None."""
    time, closed = of.timestamp, " AND complete" if "complete" in dict(of.columns) else ""
    query = f"SELECT cast({time} AS long), {', '.join(names)} FROM {table} WHERE cast({time} AS long) < %s{closed}"  # noqa: S608
    return {row[: len(of.keys)]: row[1:] for row in sql.execute(query, (until_us,)).fetchall()}


def marked_bars(address: Address) -> dict[str, int]:
    """How many closed bars of each table say that trades are missing."""
    with connect(address) as sql:
        tables = [bars_table(interval).name for interval in Interval]
        rows = [sql.execute(f"SELECT count() FROM {table} WHERE gap AND complete").fetchone() for table in tables]  # noqa: S608
    return {table: int(row[0]) for table, row in zip(tables, rows, strict=True) if row is not None}

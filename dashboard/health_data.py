"""SQL to how the tables of a dataset stand, and to distributions of latencies."""

from typing import Any

from psycopg import sql

from dashboard.feed_data import Query, until_clause
from dashboard.health import Distribution, TableStanding
from flows.domain.frames import LATENCY_STAGES
from flows.errors import StorageError
from flows.latency import Histogram
from flows.storage.schema import FEED_LATENCY, TRADES, Table, table_name

_TABLES = sql.SQL(
    "SELECT table_name, table_row_count, cast(table_max_timestamp AS long), cast(table_last_write_timestamp AS long),"
    " wal_pending_row_count, table_suspended, table_memory_pressure_level, cast(now() AS long)"
    " FROM tables() WHERE table_name IN ({names})"
)
RATE_S, SPAN_MIN = 60, 5
_TRADES = sql.SQL(
    "SELECT symbol, count() FROM {table} WHERE timestamp > (SELECT dateadd('s', -{seconds}, max(timestamp)) FROM {table})"
)
_HISTOGRAMS = sql.SQL(
    "SELECT stage, histogram, max_ms FROM {table} WHERE count > 0 AND timestamp >"
    " (SELECT dateadd('m', -{minutes}, max(timestamp)) FROM {table}{until}){and_until}"
)


def read_tables(query: Query, tables: tuple[Table, ...], dataset: str) -> tuple[int, tuple[TableStanding, ...]]:
    """The server's clock, and how each table of the dataset stands that is there, in the order of `tables`."""
    names = [table_name(table.name, dataset) for table in tables]
    places = sql.SQL(", ").join([sql.Placeholder()] * len(names))
    rows = query(_TABLES.format(names=places), tuple(names))
    found = {row[0]: row for row in rows}
    now_us = max((row[-1] for row in rows), default=0)
    return now_us, tuple(
        _standing(table.name, found[name]) for table, name in zip(tables, names, strict=True) if name in found
    )


def _standing(name: str, row: tuple[Any, ...]) -> TableStanding:
    _, rows, newest_us, written_us, pending, suspended, pressure, _ = row
    return TableStanding(name, rows, newest_us, written_us, pending or 0, bool(suspended), pressure or 0)


def read_trade_rates(query: Query, dataset: str) -> dict[str, float]:
    """Trades a second of each symbol over the newest `RATE_S` seconds of the dataset's trades."""
    table = sql.Identifier(table_name(TRADES.name, dataset))
    rows = query(_TRADES.format(table=table, seconds=sql.Literal(RATE_S)), ())
    return {symbol: count / RATE_S for symbol, count in rows}


def read_distributions(query: Query, dataset: str, until_us: int | None = None) -> tuple[Distribution, ...]:
    """Latencies of each stage within the newest `SPAN_MIN` minutes, in the order of the stages; those never measured are left out.

    Raises:
        StorageError: a row is not what the flow writes.
    """
    table = sql.Identifier(table_name(FEED_LATENCY.name, dataset))
    where, parameters = until_clause("timestamp", until_us)
    statement = _HISTOGRAMS.format(
        table=table,
        minutes=sql.Literal(SPAN_MIN),
        until=sql.SQL(" WHERE ") + where if parameters else sql.SQL(""),
        and_until=sql.SQL(" AND ") + where if parameters else sql.SQL(""),
    )
    found: dict[str, Histogram] = {}
    for stage, text, most_ms in query(statement, (*parameters, *parameters)):
        if not text:
            continue  # of a flow that stored quantiles only
        try:
            found.setdefault(stage, Histogram()).add_text(text, 1000 * most_ms)
        except ValueError as error:
            raise StorageError(f"table {FEED_LATENCY.name}, stage {stage}: {error}") from error
    return tuple(Distribution(stage, found[stage]) for stage in LATENCY_STAGES if stage in found)

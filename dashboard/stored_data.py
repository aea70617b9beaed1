"""SQL to what is stored: rows, spans, sizes and holes of the tables of a dataset, and its newest trades."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from psycopg import sql

from dashboard.stored import Holes, StoredDataset, StoredTable, SymbolHoles, Trade
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.storage.schema import DATASETS, TRADES, Table, bars_table, dataset_tables, table_name

Query = Callable[[sql.Composed, tuple[Any, ...]], list[tuple[Any, ...]]]
"""Runs a statement with its parameters."""

_NAMES = sql.SQL("SELECT table_name, cast(now() AS long) FROM tables()")
_SPAN = sql.SQL(
    "SELECT {name} AS name, count() AS rows, cast(min({time}) AS long) AS first, cast(max({time}) AS long) AS last FROM {table}"
)
_SIZE = sql.SQL("SELECT {name} AS name, sum(diskSize) AS bytes FROM table_partitions({table})")
_HOLES = sql.SQL(
    "SELECT symbol, count(), sum(CASE WHEN gap THEN 1 ELSE 0 END), min(at), max(at), max(step) FROM (SELECT symbol, gap,"
    " cast(open_time AS long) AS at, cast(open_time AS long) - lag(cast(open_time AS long)) OVER (PARTITION BY symbol"
    " ORDER BY open_time) AS step FROM {table} WHERE complete)"
)
_TRADES = sql.SQL(
    "SELECT cast(timestamp AS long), symbol, trade_id, price, amount, side, late FROM {table}"
    " WHERE symbol IN (%s, %s) LIMIT {limit}"
)
_DATASETS = sql.SQL("SELECT dataset, origin, pairs FROM {table}").format(table=sql.Identifier(DATASETS.name))


def read_tables(query: Query, dataset: str, intervals: tuple[Interval, ...]) -> tuple[int, tuple[StoredTable, ...]]:
    """The database's time in microseconds, and every table that the dataset should have, in the order of the schema."""
    found = query(sql.Composed([_NAMES]), ())
    there = {name for name, _ in found}
    wanted = dataset_tables(intervals)
    known = [table for table in wanted if table_name(table.name, dataset) in there]
    spans = {row[0]: row[1:] for row in _united(query, [_span(table, dataset) for table in known])}
    tables = []
    for table in wanted:
        rows, first, last = spans.get(table.name, (None, None, None))
        tables.append(StoredTable(table.name, rows, first, last, interval_of(table, intervals)))
    return found[0][1] if found else 0, tuple(tables)


def read_datasets(query: Query) -> tuple[StoredDataset, ...]:
    """Every dataset of the root: the main one first, then by name."""
    found = [StoredDataset(name or "", origin or "", (pairs or "").count("/")) for name, origin, pairs in query(
        sql.Composed([_DATASETS]), ()
    )]  # fmt: skip
    return tuple(sorted(found, key=lambda dataset: dataset.name))


def read_sizes(query: Query, dataset: str, tables: Iterable[StoredTable]) -> dict[str, int]:
    """Bytes on disk of the tables that are there."""
    asked = [
        _SIZE.format(name=sql.Literal(table.name), table=sql.Literal(table_name(table.name, dataset)))
        for table in tables
        if table.rows is not None
    ]
    return {name: int(size or 0) for name, size in _united(query, asked)}


def read_holes(query: Query, dataset: str, tables: Iterable[StoredTable]) -> dict[str, Holes]:
    """What the tables of bars lack."""
    of = {bars_table(interval).name: interval for interval in Interval}
    asked = [(table.name, of[table.name]) for table in tables if table.rows and table.name in of]
    return {name: _holes(query(_of(_HOLES, name, dataset), ()), interval) for name, interval in asked}


def _holes(rows: Sequence[tuple[Any, ...]], interval: Interval) -> Holes:
    return Holes(
        tuple(
            SymbolHoles(
                symbol, bars, flagged, (last - first) // interval.us + 1 - bars, max(0, (step or 0) - interval.us)
            )
            for symbol, bars, flagged, first, last, step in sorted(rows, key=lambda row: str(row[0]))
        )
    )


def read_trades(query: Query, dataset: str, pair: Pair, limit: int) -> tuple[Trade, ...]:
    """The newest trades of both legs, newest first."""
    table = sql.Identifier(table_name(TRADES.name, dataset))
    rows = query(_TRADES.format(table=table, limit=sql.Literal(-limit)), (pair.y, pair.x))
    return tuple(Trade(r[0], r[1], r[2], r[3], r[4], r[5] or "", r[6]) for r in reversed(rows))


def interval_of(table: Table, intervals: tuple[Interval, ...]) -> Interval | None:
    """The interval of a table that is stamped at the open of bars."""
    if table.timestamp != "open_time":
        return None
    return next((interval for interval in intervals if table.name.endswith(f"_{interval}")), None)


def _span(table: Table, dataset: str) -> sql.Composed:
    return _SPAN.format(
        name=sql.Literal(table.name),
        time=sql.Identifier(table.timestamp),
        table=sql.Identifier(table_name(table.name, dataset)),
    )


def _of(statement: sql.SQL, table: str, dataset: str) -> sql.Composed:
    return statement.format(table=sql.Identifier(table_name(table, dataset)))


def _united(query: Query, statements: Sequence[sql.Composed]) -> list[tuple[Any, ...]]:
    """The rows of several statements in one question."""
    return query(sql.Composed([sql.SQL(" UNION ALL ").join(statements)]), ()) if statements else []

"""SQL to the newest verdict, look, correlation of ticks and lead of one pair."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from psycopg import sql

from dashboard.feed_data import Query, pg_time
from dashboard.quality import Lead, Look, Quality, Ticks, Verdict
from dashboard.selection import Selection
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.storage.schema import (
    PAIR_LEAD_LAG,
    Table,
    pair_tests_table,
    pair_tick_stats_table,
    pair_verdicts_table,
    table_name,
)

_NEWEST = sql.SQL(
    "SELECT cast({time} AS long), {names} FROM {table} WHERE pair = %s LATEST ON {time} PARTITION BY pair"
)
_KNOWN_BEFORE = sql.SQL(
    "SELECT cast({time} AS long), {names} FROM {table} WHERE pair = %s AND {time} <= %s LATEST ON {time} PARTITION BY pair"
)
_KNOWN_AFTER = sql.SQL(
    "SELECT cast({time} AS long), {names} FROM {table} WHERE pair = %s AND {time} > %s AND {time} <= %s"
)
TABLES: dict[str, tuple[type, Callable[[Interval], Table]]] = {
    "ticks": (Ticks, pair_tick_stats_table),
    "verdict": (Verdict, pair_verdicts_table),
    "tests": (Look, pair_tests_table),
    "lead": (Lead, lambda _interval: PAIR_LEAD_LAG),
}
Row = TypeVar("Row")


def read_quality(
    query: Query, missing: type[Exception], dataset: str, pair: Pair, interval: Interval, before: Quality | None
) -> Quality:
    """The newest rows of a pair.

    Args:
        missing: what `query` raises where there is no such table.
        before: only what changes with every bar is read anew; the rest, which changes with every look, is taken from here.
    """
    found: dict[str, Any] = {}
    absent = set(before.no_table if before else ())
    for name in ("ticks",) if before else TABLES:
        kind, table = TABLES[name]
        try:
            found[name] = _newest(query, kind, table(interval), dataset, pair)
            absent.discard(name)
        except missing:
            absent.add(name)
    return replace(before or Quality(), **found, no_table=frozenset(absent), asked=True)


def read_known(query: Query, name: str, of: Selection, from_us: int, until_us: int) -> tuple[tuple[int, Any], ...]:
    """Records of one kind with the time from which on each was known: the newest of before `from_us`, and all from there to `until_us`.

    What is said of a bar is known when it has ended, a lead at the time of its look.
    """
    kind, table_of = TABLES[name]
    table = table_of(of.interval)
    later_us = 0 if table is PAIR_LEAD_LAG else of.interval.us
    first, last = pg_time(from_us - later_us), pg_time(until_us - later_us)
    rows = [
        *query(_statement(_KNOWN_BEFORE, kind, table, of.dataset), (str(of.pair), first)),
        *query(_statement(_KNOWN_AFTER, kind, table, of.dataset), (str(of.pair), first, last)),
    ]
    return tuple((row[0] + later_us, as_record(kind, row)) for row in rows)


def _newest(query: Query, kind: type[Row], table: Table, dataset: str, pair: Pair) -> Row | None:
    """The newest row of the pair."""
    rows = query(_statement(_NEWEST, kind, table, dataset), (str(pair),))
    return as_record(kind, rows[-1]) if rows else None


def _statement(statement: sql.SQL, kind: type[Any], table: Table, dataset: str) -> sql.Composed:
    time, *others = (field.name for field in fields(kind))
    return statement.format(
        time=sql.Identifier(time),
        names=sql.SQL(", ").join(map(sql.Identifier, others)),
        table=sql.Identifier(table_name(table.name, dataset)),
    )


def as_record(kind: type[Row], stored: Sequence[Any]) -> Row:
    """A row of a query as the record whose fields its columns are."""
    return kind(*map(_value, stored, (field.type for field in fields(kind))))  # type: ignore[arg-type]


def _value(stored: Any, kind: Any) -> Any:
    """Null as NaN or ''. Always the same NaN, so that equal rows are equal."""
    if kind is float:
        return math.nan if stored is None or stored != stored else float(stored)
    return (stored or "") if kind is str else stored

"""SQL to the newest verdict, look, correlation of ticks and lead of one pair."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from psycopg import sql

from dashboard.feed_data import Query
from dashboard.quality import Lead, Look, Quality, Ticks, Verdict
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
_TABLES: dict[str, tuple[type, Callable[[Interval], Table]]] = {
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
    for name in ("ticks",) if before else _TABLES:
        kind, table = _TABLES[name]
        try:
            found[name] = _newest(query, kind, table(interval), dataset, pair)
            absent.discard(name)
        except missing:
            absent.add(name)
    return replace(before or Quality(), **found, no_table=frozenset(absent), asked=True)


def _newest(query: Query, kind: type[Row], table: Table, dataset: str, pair: Pair) -> Row | None:
    """The newest row of the pair as a record whose fields are columns, the time first."""
    time, *others = (field.name for field in fields(kind))  # type: ignore[arg-type]
    statement = _NEWEST.format(
        time=sql.Identifier(time),
        names=sql.SQL(", ").join(map(sql.Identifier, others)),
        table=sql.Identifier(table_name(table.name, dataset)),
    )
    rows = query(statement, (str(pair),))
    return as_record(kind, rows[-1]) if rows else None


def as_record(kind: type[Row], stored: Sequence[Any]) -> Row:
    """A row of a query as the record whose fields its columns are."""
    return kind(*map(_value, stored, (field.type for field in fields(kind))))  # type: ignore[arg-type]


def _value(stored: Any, kind: Any) -> Any:
    """Null as NaN or ''. Always the same NaN, so that equal rows are equal."""
    if kind is float:
        return math.nan if stored is None or stored != stored else float(stored)
    return (stored or "") if kind is str else stored

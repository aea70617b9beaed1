"""Rows of a table page by page: each page is a query of its own, so that neither side ever holds more, and none runs long."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from dashboard.export.wanted import Wanted
from flows.storage.schema import ColumnType, table_name

Rows = list[tuple[Any, ...]]
Query = Callable[[sql.Composed, tuple[Any, ...]], Rows]
PAGE_ROWS = 5_000
"""Few enough that the driver, which keeps the interpreter to itself while it makes objects of a page, holds no page of the desk up."""

_WHERE = sql.SQL(" FROM {table} WHERE {time} >= %s AND {time} < %s{whose}")


def counted(query: Query, wanted: Wanted) -> int:
    """How many rows there are."""
    rows = query(sql.SQL("SELECT count()") + _where(wanted), _parameters(wanted, wanted.from_us))
    return int(rows[0][0])


def pages(query: Query, wanted: Wanted, page_rows: int = PAGE_ROWS) -> Iterator[Rows]:
    """The rows in time order; times are microseconds. The next page begins at the last time of the one before, which leaves its rows
    of that time to it: rows of one time are never torn apart, lost or doubled."""
    since, limit = wanted.from_us, page_rows
    columns = sql.SQL(", ").join(
        sql.SQL("cast({} AS long)").format(sql.Identifier(name)) if kind is ColumnType.TIMESTAMP else sql.Identifier(name)
        for name, kind in wanted.table.columns
    )  # fmt: skip
    selected = sql.SQL("SELECT ") + columns + _where(wanted)
    while True:
        rows = query(selected + sql.SQL(" LIMIT {}").format(sql.Literal(limit)), _parameters(wanted, since))
        if len(rows) < limit:
            if rows:
                yield rows
            return
        last = rows[-1][0]
        whole = len(rows)
        while whole and rows[whole - 1][0] == last:
            whole -= 1
        if not whole:  # a page of a single time
            limit *= 2
            continue
        yield rows[:whole]
        since, limit = last, page_rows


def _where(wanted: Wanted) -> sql.Composed:
    column, names = wanted.narrowed
    whose = sql.SQL("")
    if column:
        marks = sql.SQL(", ").join(sql.SQL("%s") for _ in names)
        whose = sql.SQL(" AND {} IN ({})").format(sql.Identifier(column), marks)  # type: ignore[assignment]
    return _WHERE.format(
        table=sql.Identifier(table_name(wanted.table.name, wanted.dataset)),
        time=sql.Identifier(wanted.table.timestamp),
        whose=whose,
    )


def _parameters(wanted: Wanted, since_us: int) -> tuple[Any, ...]:
    return (_naive(since_us), _naive(wanted.to_us), *wanted.narrowed[1])


def _naive(us: int) -> datetime:
    """As PGwire takes times: naive, meaning UTC."""
    whole = datetime.fromtimestamp(us // 1_000_000, UTC)
    return whole.replace(microsecond=us % 1_000_000, tzinfo=None)

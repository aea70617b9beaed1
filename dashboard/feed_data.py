"""SQL to legs, latencies and events of the feed."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from dashboard.feed import GAP_KINDS, Answer, FeedEvent, LegStatus, StageLatency
from flows.storage.schema import FEED_EVENTS, FEED_LATENCY, FEED_STATUS, table_name

Query = Callable[[sql.Composed, tuple[Any, ...]], list[tuple[Any, ...]]]
"""Runs a statement with its parameters."""

# One status holds all legs; a leg that an earlier run of the flow had is not among the newest rows. The database says what time it
# is in the same answer.
_STATUS = sql.SQL(
    "SELECT cast(now() AS long), symbol, state, cast(since AS long), detail, cast(timestamp AS long), cast(last_trade_time AS long),"
    " last_id, held, filled, missing, lead_ms"
    " FROM (SELECT * FROM {table} WHERE timestamp > (SELECT dateadd('s', -2, max(timestamp)) FROM {table}))"
    " LATEST ON timestamp PARTITION BY symbol"
)
_LATENCY = sql.SQL(
    "SELECT stage, cast(timestamp AS long), p50_ms, p95_ms, p99_ms, max_ms, count FROM {table}"
    " LATEST ON timestamp PARTITION BY stage"
)
_EVENTS = sql.SQL(
    "SELECT cast(timestamp AS long), number, kind, symbol, detail, from_id, to_id, count FROM {table}{where} LIMIT {limit}"
)
_KINDS = sql.SQL("kind IN ({})").format(sql.SQL(", ").join(sql.Literal(kind) for kind in GAP_KINDS))


def until_clause(column: str, until_us: int | None) -> tuple[sql.Composable, tuple[Any, ...]]:
    """A condition that holds for rows up to that time, and its parameters; nothing for None."""
    if until_us is None:
        return sql.SQL(""), ()
    return sql.SQL("{} <= %s").format(sql.Identifier(column)), (pg_time(until_us),)


def pg_time(us: int) -> datetime:
    """A time as PGwire takes it: naive, meaning UTC."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(tzinfo=None, microsecond=us % 1_000_000)


def read_legs(query: Query, dataset: str) -> Answer:
    """The newest status of every leg of a dataset."""
    rows = query(_of(_STATUS, FEED_STATUS.name, dataset), ())
    if not rows:
        return Answer(0, ())
    return Answer(rows[0][0], tuple(_leg(*row[1:]) for row in sorted(rows, key=lambda row: str(row[1]))))


def read_stages(query: Query, dataset: str) -> tuple[StageLatency, ...]:
    """The newest latencies of a dataset."""
    return tuple(_stage(*row) for row in query(_of(_LATENCY, FEED_LATENCY.name, dataset), ()))


def read_events(
    query: Query, dataset: str, gaps_only: bool, limit: int, until_us: int | None = None
) -> tuple[FeedEvent, ...]:
    """The newest events of a dataset, newest first.

    Args:
        gaps_only: only those that tell of missing ids. until_us: none after that.
    """
    table = sql.Identifier(table_name(FEED_EVENTS.name, dataset))
    until, parameters = until_clause("timestamp", until_us)
    conditions = [part for part, wanted in ((_KINDS, gaps_only), (until, until_us is not None)) if wanted]
    where = sql.SQL(" WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("")
    rows = query(_EVENTS.format(table=table, where=where, limit=sql.Literal(-limit)), parameters)
    events = [FeedEvent(r[0], r[1] or 0, r[2] or "", r[3] or "", r[4] or "", *map(_known, r[5:])) for r in rows]
    return tuple(sorted(events, key=lambda event: (event.time_us, event.number), reverse=True))


def _of(statement: sql.SQL, table: str, dataset: str) -> sql.Composed:
    return statement.format(table=sql.Identifier(table_name(table, dataset)))


def _leg(
    symbol: str, state: str | None, since: int | None, detail: str | None, asked: int, last_trade: int | None,
    last_id: int | None, held: int | None, filled: int | None, missing: int | None, lead: int | None,
) -> LegStatus:  # fmt: skip
    return LegStatus(
        symbol, state or "", since, detail or "", asked, last_trade, _known(last_id), held or 0, filled or 0, missing or 0, lead or 0
    )  # fmt: skip


def _stage(
    stage: str, asked: int, p50: float | None, p95: float | None, p99: float | None, most: float | None, count: int | None
) -> StageLatency:  # fmt: skip
    return StageLatency(stage, asked, _float(p50), _float(p95), _float(p99), _float(most), count or 0)


def _known(value: int | None) -> int | None:
    """Ids and counts are never negative: -1 stands for none."""
    return None if value is None or value < 0 else value


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)

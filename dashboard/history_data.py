"""SQL to what was known around a moment. No row is asked for whose bar had not closed."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from psycopg import sql

from dashboard.feed_data import Query, pg_time
from dashboard.frame import BAR_FIELDS, STATS_FIELDS, Frame, Rows
from dashboard.frame_data import side_by_side
from dashboard.history import BACK_BARS, Known, Moments, Span
from dashboard.quality_data import TABLES, read_known
from dashboard.selection import Selection
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.storage.schema import bars_table, pair_stats_table, pair_tick_stats_table, table_name

COVER_PARTS = 120
_BARS = sql.SQL(
    "SELECT cast(open_time AS long), symbol, {fields}, complete FROM {table}"
    " WHERE symbol IN (%s, %s) AND complete AND open_time {side} LIMIT {limit}"
)
_STATS = sql.SQL(
    "SELECT cast(open_time AS long), {fields}, complete FROM {table}"
    " WHERE pair = %s AND model = %s AND complete AND open_time {side} LIMIT {limit}"
)
_TICKS = sql.SQL(
    "SELECT cast(open_time AS long), correlation FROM {table} WHERE pair = %s AND open_time <= %s LIMIT {limit}"
)
_BEFORE, _AFTER = sql.SQL("<= %s"), sql.SQL("> %s AND open_time <= %s")
_END = sql.SQL("SELECT cast(open_time AS long) FROM {table} WHERE symbol IN (%s, %s) AND complete LIMIT {limit}")
_COVER = sql.SQL(
    "SELECT DISTINCT (cast(open_time AS long) - {first}) / {part} FROM {table} WHERE symbol IN (%s, %s) AND complete"
)


def read_span(query: Query, dataset: str, pair: Pair, interval: Interval) -> Span | None:
    """What is stored of a pair; None where nothing is. A part counts as covered by a bar of either leg."""
    table, legs = sql.Identifier(table_name(bars_table(interval).name, dataset)), (pair.y, pair.x)
    ends = [query(_END.format(table=table, limit=sql.Literal(limit)), legs) for limit in (1, -1)]
    if not all(ends):
        return None
    first, last = (rows[0][0] for rows in ends)
    part = max(interval.us, -(-(last + interval.us - first) // COVER_PARTS))
    parts = (last - first) // part + 1
    covered = {
        row[0] for row in query(_COVER.format(table=table, first=sql.Literal(first), part=sql.Literal(part)), legs)
    }
    return Span(first + interval.us, last + interval.us, tuple(k in covered for k in range(parts)))


def read_moments(
    query: Query,
    missing: type[Exception],
    selection: Selection,
    at_us: int,
    lookback: int,
    ahead: int,
    span: Span | None,
) -> Moments:
    """What was known from some bars before `at_us` to `ahead` bars after it, as far as the span goes.

    Args:
        missing: what `query` raises where there is no such table. span: of the selection, read just before.
    """
    bar = selection.interval.us
    from_us = at_us - BACK_BARS * bar
    until_us = at_us + ahead * bar
    if span is None:
        return Moments(selection, from_us, until_us, lookback, None)
    until_us = max(at_us, min(until_us, span.last_us))
    ticks: list[tuple[Any, ...]] = []
    with suppress(missing):
        table = sql.Identifier(table_name(pair_tick_stats_table(selection.interval).name, selection.dataset))
        newest = sql.Literal(-(lookback + ahead + BACK_BARS))
        ticks = query(_TICKS.format(table=table, limit=newest), (str(selection.pair), pg_time(until_us - bar)))
    rows = _rows(query, selection, from_us - bar, until_us - bar, lookback, ticks)
    count = len(rows.times)
    frame = Frame(rows.times, rows.values, np.zeros(count, np.int64), 0, 0)
    kept: dict[str, Known] = {}
    absent = set()
    for name in TABLES:
        try:
            kept[name] = read_known(query, name, selection, from_us, until_us)
        except missing:
            absent.add(name)
    return Moments(selection, from_us, until_us, lookback, span, frame, kept, frozenset(absent))


def _rows(
    query: Query, of: Selection, before_us: int, until_us: int, lookback: int, ticks: list[tuple[Any, ...]]
) -> Rows:
    """The newest `lookback` times up to `before_us`, and all from there to `until_us`: open times, both inclusive."""
    before, after = (pg_time(before_us),), (pg_time(before_us), pg_time(until_us))
    ahead = (until_us - before_us) // of.interval.us + 1  # neither need be the open time of a bar
    bars: list[tuple[Any, ...]] = []
    stats: list[tuple[Any, ...]] = []
    for side, times, limit in ((_BEFORE, before, -lookback), (_AFTER, after, ahead)):
        bars += query(
            _composed(_BARS, BAR_FIELDS, bars_table(of.interval).name, of.dataset, side, 2 * limit),
            (of.pair.y, of.pair.x, *times),
        )
        stats += query(
            _composed(_STATS, STATS_FIELDS, pair_stats_table(of.interval).name, of.dataset, side, limit),
            (str(of.pair), of.model, *times),
        )
    return side_by_side(of.pair, bars, stats, lookback + ahead, ticks)


def _composed(
    statement: sql.SQL, fields: Iterable[str], table: str, dataset: str, side: sql.SQL, limit: int
) -> sql.Composed:
    return statement.format(
        fields=sql.SQL(", ").join(sql.Identifier(name) for name in fields),
        table=sql.Identifier(table_name(table, dataset)),
        side=side,
        limit=sql.Literal(limit),
    )

"""SQL to the rows of the Analysis view. Only what is new is asked for; every value is a bound parameter."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from psycopg import sql

from dashboard.analysis.rows import (
    COLUMNS,
    F64,
    HISTORY_FIELDS,
    LEG_FIELDS,
    ROW_OF,
    STATS_FIELDS,
    LeadRows,
    LegTrades,
    LookRows,
    LookRule,
    PairRows,
)
from dashboard.selection import Selection
from flows.domain.frames import HALF_LIFE_SAYS
from flows.domain.pair import Pair
from flows.storage.schema import (
    DATASETS,
    PAIR_LEAD_LAG,
    PAIR_TESTS_COLUMNS,
    TRADES,
    bars_table,
    pair_stats_table,
    pair_tests_table,
    table_name,
)

Query = Callable[[sql.Composed, tuple[Any, ...]], list[tuple[Any, ...]]]

MOST_TRADES = 400_000
"""Of one look at which leg leads, both legs together. Beyond it the look is left out rather than made of a part."""
_OVERLAP_BARS = 5
"""So many of the newest rows are read again: a leg, or the statistics, may have come a little later than the other."""
_PERIODS = 2
"""The share at the beginning of the last 24 hours is of the looks of the 24 hours before."""

_NEWEST = sql.SQL("SELECT cast(max(open_time) AS long) FROM {table}")
_BARS = sql.SQL(
    "SELECT cast(open_time AS long), symbol, {fields} FROM {table}"
    " WHERE symbol IN (%s, %s) AND complete AND open_time >= %s"
)
_STATS = sql.SQL(
    "SELECT cast(open_time AS long), {fields} FROM {table}"
    " WHERE pair = %s AND model = %s AND complete AND open_time >= %s"
)
_LOOKS = sql.SQL(
    "SELECT cast(open_time AS long), half_life_says, {fields} FROM {table} WHERE pair = %s AND open_time > %s"
)
_LOOK = sql.SQL("SELECT cast(open_time AS long), {fields} FROM {table} WHERE pair = %s AND open_time = %s")
_SETTINGS = sql.SQL("SELECT settings FROM {table} WHERE dataset = %s")
_LEAD = sql.SQL(
    "SELECT cast(timestamp AS long), window_ms, lead_ms, reason FROM {table} WHERE pair = %s LATEST ON timestamp PARTITION BY pair"
)
_TRADES = sql.SQL(
    "SELECT cast(timestamp AS long), trade_id, price FROM {table}"
    " WHERE symbol = %s AND timestamp >= %s AND timestamp < %s AND NOT late LIMIT {limit}"
)


def read_rows(query: Query, of: Selection, held: PairRows, limit: int) -> PairRows:
    """`held` with what has closed since, from `limit` bars before the newest on; `held` itself if that is nothing."""
    us = of.interval.us
    since = int(held.times[-1]) - _OVERLAP_BARS * us if len(held) else _back(query, of, limit)
    new = _rows(query, of, since)
    kept = int(np.searchsorted(held.times, since))
    overlap = held.times[kept:]
    if not len(held):
        return new.tail(limit) if len(new) else held
    if not np.array_equal(new.times[: len(overlap)], overlap):  # the dataset was written anew
        return _rows(query, of, _back(query, of, limit)).tail(limit)
    if np.array_equal(new.values, held.values[:, kept:], equal_nan=True):
        return held
    values = np.concatenate((held.values[:, :kept], new.values), axis=1)
    return PairRows(np.concatenate((held.times[:kept], new.times)), values).tail(limit)


def _back(query: Query, of: Selection, limit: int) -> int:
    """Where to begin: by time, as the server counts no more than 10,000 rows backwards."""
    newest = _newest(query, bars_table(of.interval).name, of.dataset)
    return max(newest - limit * of.interval.us, 0)


def _newest(query: Query, table: str, dataset: str) -> int:
    rows = query(_NEWEST.format(table=sql.Identifier(table_name(table, dataset))), ())
    return rows[0][0] or 0 if rows else 0  # of an empty table there may be no row at all


def _rows(query: Query, of: Selection, since_us: int) -> PairRows:
    pair, since = of.pair, naive(since_us)
    bars = query(_composed(_BARS, LEG_FIELDS, bars_table(of.interval).name, of.dataset), (pair.y, pair.x, since))
    statistics = _composed(_STATS, STATS_FIELDS, pair_stats_table(of.interval).name, of.dataset)
    return joined(pair, bars, query(statistics, (str(pair), of.model, since)))


def joined(pair: Pair, bars: Sequence[tuple[Any, ...]], stats: Sequence[tuple[Any, ...]]) -> PairRows:
    """Bars at the times that both legs have, with the statistics of those times where there are any.

    Args:
        bars: (time µs, symbol, *LEG_FIELDS). stats: (time µs, *STATS_FIELDS).
    """
    legs = {symbol: {row[0]: row[2:] for row in bars if row[1] == symbol} for symbol in (pair.y, pair.x)}
    times = np.array(sorted(legs[pair.y].keys() & legs[pair.x].keys()), np.int64)
    values = np.full((len(COLUMNS), len(times)), np.nan)
    if not len(times):
        return PairRows(times, values)
    for leg, symbol in (("y", pair.y), ("x", pair.x)):
        first = ROW_OF[f"{leg}_close"]
        values[first : first + len(LEG_FIELDS)] = _table([legs[symbol][time] for time in times.tolist()])
    said = [row for row in stats if times[0] <= row[0] <= times[-1]]
    if said:
        at = np.searchsorted(times, [row[0] for row in said])
        known = times[at] == [row[0] for row in said]
        values[ROW_OF[STATS_FIELDS[0]] :, at[known]] = _table([row[1:] for row in said])[:, known]
    return PairRows(times, values)


def read_looks(query: Query, missing: type[Exception], of: Selection, held: LookRows) -> LookRows:
    """The looks of the last two days (or other periods of the settings), `held` itself if there is no new one.

    Args:
        missing: what `query` raises where there is no such table.
    """
    name = pair_tests_table(of.interval).name
    names = [column for column, _ in PAIR_TESTS_COLUMNS if column != "open_time"]
    try:
        rule = held.rule if len(held.times) else read_rule(query, missing, of.dataset)
        since = (
            int(held.times[-1])
            if len(held.times)
            else max(_newest(query, name, of.dataset) - _PERIODS * rule.period_us, 0)
        )
        rows = query(_composed(_LOOKS, HISTORY_FIELDS, name, of.dataset), (str(of.pair), naive(since)))
        if not rows:
            return held
        newest = query(_composed(_LOOK, names, name, of.dataset), (str(of.pair), naive(rows[-1][0])))[-1]
    except missing:
        return held if not held.table else LookRows(table=False)
    times = np.concatenate((held.times, np.array([row[0] for row in rows], np.int64)))
    values = np.concatenate((held.values, _table([row[2:] for row in rows])), axis=1)
    reverts = np.concatenate((held.reverts, np.array([row[1] == HALF_LIFE_SAYS[1] for row in rows], np.bool_)))
    first = int(np.searchsorted(times, times[-1] - _PERIODS * rule.period_us, side="right"))
    known = dict(zip(("open_time", *names), newest, strict=True))
    return LookRows(times[first:], values[:, first:], reverts[first:], known, rule)


def read_rule(query: Query, missing: type[Exception], dataset: str) -> LookRule:
    """How looks are counted, of the settings that the flow has written; the defaults where an earlier version did."""
    try:
        rows = query(_SETTINGS.format(table=sql.Identifier(DATASETS.name)), (dataset,))
    except missing:
        rows = []
    tests = (json.loads(rows[-1][0] or "{}") if rows else {}).get("tests", "none")
    if tests == "none":
        return LookRule()
    said = json.loads(tests)
    return LookRule(float(said["significance"]), round(said["looks_period_h"] * 3_600_000_000))


def read_lead(query: Query, missing: type[Exception], of: Selection, held: LeadRows) -> LeadRows:
    """The newest look at which leg leads and the trades in its window, `held` itself if there is no newer one."""
    try:
        table = sql.Identifier(table_name(PAIR_LEAD_LAG.name, of.dataset))
        rows = query(_LEAD.format(table=table), (str(of.pair),))
        if not rows:
            return held if held.end_us is None and held.table else LeadRows()
        end_us, window_ms, lead_ms, reason = rows[-1]
        if end_us == held.end_us:
            return held
        start_us = end_us - (window_ms or 0) * 1_000
        y, x = (_trades(query, of.dataset, symbol, start_us, end_us) for symbol in (of.pair.y, of.pair.x))
    except missing:
        return held if not held.table else LeadRows(table=False)
    return LeadRows(end_us, start_us, float("nan") if lead_ms is None else lead_ms, reason or "", y, x)


def _trades(query: Query, dataset: str, symbol: str, start_us: int, end_us: int) -> LegTrades | None:
    statement = _TRADES.format(
        table=sql.Identifier(table_name(TRADES.name, dataset)), limit=sql.Literal(MOST_TRADES // 2 + 1)
    )
    rows = query(statement, (symbol, naive(start_us), naive(end_us)))
    if len(rows) > MOST_TRADES // 2:
        return None
    table = list(zip(*rows, strict=True)) or [(), (), ()]
    return LegTrades(np.array(table[0], np.int64), np.array(table[1], np.int64), np.array(table[2], np.float64))


def _table(rows: Sequence[tuple[Any, ...]]) -> F64:
    """Fields by rows; None becomes NaN."""
    table: F64 = np.array(rows, np.float64).T
    return table


def _composed(query: sql.SQL, fields: Sequence[str], table: str, dataset: str) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, fields))
    return query.format(fields=names, table=sql.Identifier(table_name(table, dataset)))


def naive(time_us: int) -> datetime:
    """Microseconds as a bound parameter."""
    seconds, rest = divmod(time_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None, microsecond=rest)

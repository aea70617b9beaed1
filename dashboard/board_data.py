"""SQL to the newest statistics of all pairs, what is known of them beside, and the last prices of all symbols."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from psycopg import sql

from dashboard.board import BEHIND_BARS, FIELDS, WIDTH, Board, PairRows, empty, merged
from dashboard.correlations import RETURNS, Closes, with_closes
from dashboard.feed_data import Query
from dashboard.frame import I64
from dashboard.quality import Look, Quality, Ticks, Verdict
from dashboard.quality_data import Row, as_record
from flows.domain.frames import LEG_NAMES
from flows.domain.interval import Interval
from flows.storage.schema import (
    Table,
    bars_table,
    pair_stats_table,
    pair_tests_table,
    pair_tick_stats_table,
    pair_verdicts_table,
    table_name,
)

_NEWEST = sql.SQL("SELECT cast(open_time AS long) FROM {table} WHERE model = %s LIMIT -1")
_HISTORY = sql.SQL(
    "SELECT cast(open_time AS long), pair, zscore FROM {table} WHERE model = %s AND open_time > %s AND complete"
)
_LATEST = sql.SQL(
    "SELECT cast(open_time AS long), pair, {fields}, complete FROM {table} WHERE model = %s AND open_time > %s"
    " LATEST ON open_time PARTITION BY pair"
)
_NEWS = sql.SQL(
    "SELECT cast(open_time AS long), pair, {fields}, complete FROM {table} WHERE model = %s AND open_time > %s{of} LIMIT {limit}"
)
_CLOSES = sql.SQL("SELECT cast(open_time AS long), symbol, close FROM {table} WHERE open_time > %s AND complete")
_LAST_BAR = sql.SQL("SELECT cast(open_time AS long) FROM {table} WHERE complete LIMIT -1")
_OF_ALL = sql.SQL("SELECT pair, cast(open_time AS long), {names} FROM {table} LATEST ON open_time PARTITION BY pair")
LATEST_BARS = 600
"""How far back the newest row of a pair is looked for."""
_SLACK_BARS = 40
"""More rows a pair than these in one answer: the writer ran ahead, and the board is read anew."""
_MOST_ROWS = 10_000
"""QuestDB takes no larger negative limit."""
_CODE = {name: float(code) for code, name in enumerate(LEG_NAMES)}


def read_board(query: Query, dataset: str, interval: Interval, model: str, held: Board) -> Board:
    """`held` brought up to date; one that has nothing is filled."""
    table = _table(pair_stats_table(interval), dataset)
    if held.newest < 0:
        return _whole(query, table, model, held)
    limit = min(len(held.pairs) * _SLACK_BARS, _MOST_ROWS)
    news = _NEWS.format(fields=_names(FIELDS), table=table, of=sql.SQL(""), limit=sql.Literal(-limit))
    found = query(news, (model, _time(held.awaited_us)))
    if len(found) >= limit:
        return _whole(query, table, model, empty(held.pairs, held.bar_us))
    names, since = held.behind
    if names:  # later than the rows above: what comes between the two questions is in this answer
        of = sql.SQL(" AND pair IN ({})").format(sql.SQL(", ").join([sql.Placeholder()] * len(names)))
        most = sql.Literal(-min((WIDTH + BEHIND_BARS) * len(names), _MOST_ROWS))
        news = _NEWS.format(fields=_names(FIELDS), table=table, of=of, limit=most)
        found = [row for row in found if row[1] not in names] + query(news, (model, _time(since), *names))
    return merged(held, _rows(held, found))


def _whole(query: Query, table: sql.Identifier, model: str, board: Board) -> Board:
    last = query(_NEWEST.format(table=table), (model,))
    if not last:
        return board
    newest, bar_us = last[0][0], board.bar_us
    history = query(_HISTORY.format(table=table), (model, _time(newest - WIDTH * bar_us)))
    latest = query(_LATEST.format(fields=_names(FIELDS), table=table), (model, _time(newest - LATEST_BARS * bar_us)))
    board = merged(board, _rows(board, latest))
    index = {name: i for i, name in enumerate(board.pairs)}
    of = [(time // bar_us, index[pair], z) for time, pair, z in history if pair in index]
    times, pairs, zs = zip(*of, strict=True) if of else ((), (), ())
    return with_history(board, np.array(times, np.int64), np.array(pairs, np.int64), zs)


def with_history(board: Board, bar: I64, pair: I64, zscore: Sequence[float | None]) -> Board:
    """The board with z of closed bars at or before its newest rows."""
    values = np.full((len(FIELDS) + 1, len(bar)), np.nan)
    values[FIELDS.index("zscore")], values[-1] = np.array(zscore, np.float64), 1.0
    older = bar < board.bar[pair] if len(bar) else np.empty(0, bool)
    return merged(board, PairRows(bar[older], pair[older], values[:, older]))


def _rows(board: Board, found: list[tuple[Any, ...]]) -> PairRows:
    index = {name: i for i, name in enumerate(board.pairs)}
    found = sorted((row for row in found if row[1] in index), key=lambda row: row[0])
    bar = np.array([row[0] // board.bar_us for row in found], np.int64)
    pair = np.array([index[row[1]] for row in found], np.int64)
    coded = [(*row[2:-3], _CODE[row[-3]], _CODE[row[-2]], row[-1]) for row in found]
    values = np.array(coded, np.float64).reshape(len(found), len(FIELDS) + 1).T  # None becomes NaN
    return PairRows(bar, pair, values)


@dataclass(frozen=True, slots=True)
class Looks:
    """What is known of each pair beside its statistics: verdict, newest look, correlation of the ticks.

    Attributes:
        of: by name of the pair; a pair without any row is not in it.
        no_table: kinds that the dataset has no table for.
    """

    of: dict[str, Quality]
    no_table: frozenset[str] = frozenset()


_KINDS: dict[str, tuple[type[Any], Callable[[Interval], Table]]] = {
    "ticks": (Ticks, pair_tick_stats_table),
    "verdict": (Verdict, pair_verdicts_table),
    "tests": (Look, pair_tests_table),
}


def read_all_looks(
    query: Query, missing: type[Exception], dataset: str, interval: Interval, before: Looks | None
) -> Looks:
    """The newest rows of all pairs.

    Args:
        missing: what `query` raises where there is no such table.
        before: only what changes with every bar is read anew; the rest, which changes with every look, is taken from here.
    """
    of = dict(before.of) if before else {}
    absent = set(before.no_table if before else ())
    for name in ("ticks",) if before else _KINDS:
        kind, table = _KINDS[name]
        try:
            for pair, record in _newest(query, kind, _table(table(interval), dataset)):
                of[pair] = replace(of.get(pair, Quality(asked=True)), **{name: record})
            absent.discard(name)
        except missing:
            absent.add(name)
    return Looks(of, frozenset(absent))


def _newest(query: Query, kind: type[Row], table: sql.Identifier) -> list[tuple[str, Row]]:
    names = [field.name for field in fields(kind)][1:]  # type: ignore[arg-type]
    rows = query(_OF_ALL.format(names=_names(names), table=table), ())
    return [(row[0], as_record(kind, row[1:])) for row in rows]


def read_closes(query: Query, dataset: str, interval: Interval, held: Closes) -> Closes:
    """`held` with the prices of newer closed bars. A leg that comes late is asked for again over the last few bars."""
    table, bar_us = _table(bars_table(interval), dataset), interval.us
    last = query(_LAST_BAR.format(table=table), ())
    if not last:
        return held
    since = last[0][0] // bar_us - RETURNS - 1
    if held.held:
        since = max(since, held.newest - BEHIND_BARS)
    found = query(_CLOSES.format(table=table), (_time(since * bar_us),))
    index = {name: i for i, name in enumerate(held.symbols)}
    kept = [row for row in found if row[1] in index]
    return with_closes(
        held,
        np.array([index[row[1]] for row in kept], np.int64),
        np.array([row[0] // bar_us for row in kept], np.int64),
        np.array([row[2] for row in kept], np.float64),
    )


def _table(table: Table, dataset: str) -> sql.Identifier:
    return sql.Identifier(table_name(table.name, dataset))


def _names(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _time(us: int) -> Any:
    """As PGwire wants it: naive, meaning UTC."""
    return np.datetime64(us, "us").item()

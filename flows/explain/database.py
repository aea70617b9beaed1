"""Stored rows out of QuestDB. Values are bound parameters; only table names checked by the schema are composed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.errors import NotStoredError, StorageError
from flows.explain.question import Question, near
from flows.explain.stored import BAR_FIELDS, LegBars, Nearest, StoredRow
from flows.storage.datasets import Dataset, stored_datasets
from flows.storage.schema import PAIR_STATS_COLUMNS, bars_table, pair_stats_table, table_name

_TIME = "cast(open_time AS long)"
_ROW = "SELECT {fields} FROM {table} WHERE pair = %s AND model = %s AND open_time = %s"
_NEAREST = f"SELECT {{extreme}}({_TIME}) FROM {{table}} WHERE pair = %s AND model = %s AND open_time {{side}} %s"  # noqa: S608
_BEGAN = (
    f"SELECT max({_TIME}) FROM {{table}} WHERE pair = %s AND model = %s AND n = 1"  # noqa: S608
    " AND open_time >= %s AND open_time <= %s"
)
_BARS = (
    f"SELECT {_TIME}, symbol, close, volume, quote_volume, trade_count, cast(last_trade_time AS long), complete, gap FROM {{table}}"  # noqa: S608
    " WHERE symbol IN (%s, %s) AND open_time >= %s AND open_time <= %s ORDER BY open_time"
)
_BEGINNING, _END = datetime(1970, 1, 1), datetime(9999, 1, 1)  # noqa: DTZ001 - PGwire times are naive and mean UTC


class DatabaseRows:
    """One dataset of a database root, read over a connection of the caller's.

    Raises:
        NotStoredError: the root has no such dataset; with the names of those it has.
    """

    def __init__(self, connection: psycopg.Connection[Any], dataset: str) -> None:
        self._connection = connection
        known = stored_datasets(connection)
        if dataset not in known:
            if not dataset:
                raise NotStoredError(f"the database has no main dataset{near(dataset, [n for n in known if n])}")
            raise NotStoredError(f'the database has no dataset "{dataset}"{near(dataset, [n for n in known if n])}')
        self._dataset = known[dataset]

    @property
    def dataset(self) -> Dataset:
        return self._dataset

    def row(self, question: Question) -> StoredRow | None:
        names = [name for name, _ in PAIR_STATS_COLUMNS if name != "open_time"]
        fields = sql.SQL(", ").join(map(sql.Identifier, names))
        found = self._asked(_ROW, question.interval, *_keys(question), _naive(question.open_time), fields=fields)
        return {"open_time": question.open_time, **dict(zip(names, found[-1], strict=True))} if found else None

    def nearest(self, question: Question) -> Nearest:
        def extreme(name: str, side: str, time: datetime) -> int | None:
            query = _NEAREST.format(extreme=name, side=side, table="{table}")
            found: int | None = self._asked(query, question.interval, *_keys(question), time)[0][0]
            return found

        time = _naive(question.open_time)
        return Nearest(
            extreme("max", "<", time), extreme("min", ">", time),
            extreme("min", ">=", _BEGINNING), extreme("max", "<=", _END),
        )  # fmt: skip

    def run_began(self, question: Question, since_us: int) -> int | None:
        times = _naive(since_us), _naive(question.open_time)
        found: int | None = self._asked(_BEGAN, question.interval, *_keys(question), *times)[0][0]
        return found

    def legs(self, pair: Pair, interval: Interval, since_us: int, until_us: int) -> tuple[LegBars, LegBars]:
        rows = self._asked(
            _BARS, interval, pair.y, pair.x, _naive(since_us), _naive(until_us), table=bars_table(interval).name
        )
        return _legs(pair, rows)

    def _asked(self, query: str, interval: Interval, *values: Any, table: str = "", **parts: Any) -> list[Any]:
        name = table_name(table or pair_stats_table(interval).name, self._dataset.name)
        try:
            composed = sql.SQL(query).format(table=sql.Identifier(name), **parts)
            return self._connection.execute(composed, values).fetchall()
        except psycopg.Error as error:
            text = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise StorageError(f"QuestDB table {name} cannot be read: {text}") from error


Ask = Callable[[sql.Composed, tuple[Any, ...]], list[tuple[Any, ...]]]


def read_bars(
    ask: Ask, dataset: str, pair: Pair, interval: Interval, since_us: int, until_us: int
) -> tuple[LegBars, LegBars]:
    """Bars of y and x of a dataset with open times in [since_us, until_us], by whatever asks the database."""
    query = sql.SQL(_BARS).format(table=sql.Identifier(table_name(bars_table(interval).name, dataset)))
    return _legs(pair, ask(query, (pair.y, pair.x, _naive(since_us), _naive(until_us))))


def _legs(pair: Pair, rows: list[tuple[Any, ...]]) -> tuple[LegBars, LegBars]:
    y, x = (_leg([(row[0], *row[2:]) for row in rows if row[1] == symbol]) for symbol in (pair.y, pair.x))
    return y, x


def _keys(question: Question) -> tuple[str, str]:
    return str(question.pair), question.model.name


def _naive(time_us: int) -> datetime:
    seconds, rest = divmod(time_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None, microsecond=rest)


def _leg(rows: list[tuple[Any, ...]]) -> LegBars:
    columns = list(zip(*rows, strict=True)) or [()] * len(BAR_FIELDS)
    close, volume, quote_volume = (
        np.array([np.nan if value is None else value for value in column], np.float64) for column in columns[1:4]
    )
    return LegBars(
        np.array(columns[0], np.int64),
        close,
        volume,
        quote_volume,
        np.array(columns[4], np.int64),
        np.array([UNKNOWN if value is None else value for value in columns[5]], np.int64),
        np.array(columns[6], np.bool_),
        np.array(columns[7], np.bool_),
    )

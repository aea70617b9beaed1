"""SQL to columns. Every value in a query is a bound parameter; only table names checked by the schema are composed."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from dashboard.analysis.data import read_lead, read_looks, read_rows
from dashboard.analysis.rows import LeadRows, LookRows, PairRows
from dashboard.analysis.ticks import TickGrids, TicksAsked, read_ticks
from dashboard.board import Board
from dashboard.board_data import Looks, read_all_looks, read_board, read_closes
from dashboard.correlations import Closes
from dashboard.explaining import Asked, Explained, Say, explained
from dashboard.feed import Answer, FeedEvent, StageLatency
from dashboard.feed_data import read_events, read_legs, read_stages
from dashboard.frame import BAR_FIELDS, I64, STATS_FIELDS, Rows
from dashboard.frame_data import side_by_side
from dashboard.health import Distribution, TableStanding
from dashboard.health_data import read_distributions, read_tables, read_trade_rates
from dashboard.history import Moments, Span
from dashboard.history_data import read_moments, read_span
from dashboard.quality import Quality
from dashboard.quality_data import read_quality
from dashboard.selection import Selection
from dashboard.what_if_data import read_beginnings, read_settings
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import StorageError
from flows.explain.database import read_bars
from flows.explain.stored import LegBars
from flows.storage.client import Address, connect, password_file, reader_of
from flows.storage.datasets import parsed_dataset, stale_after_ms
from flows.storage.schema import (
    DATASETS,
    bars_table,
    dataset_tables,
    pair_stats_table,
    pair_tick_stats_table,
    table_name,
)

Connect = Callable[[], "psycopg.Connection[Any]"]
RECORDED = ("replay", "upload")
"""Origins of datasets that are made of files."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a dataset holds, as the flow that writes it has said."""

    dataset: str
    origin: str
    pairs: tuple[Pair, ...]
    intervals: tuple[Interval, ...]
    models: tuple[Model, ...]

    @property
    def recorded(self) -> bool:
        """Made of files: nothing more comes, and there is no feed."""
        return self.origin in RECORDED

    def model(self, name: str) -> Model:
        """The model of that name; one with default windows if the catalogue does not describe it."""
        return next((m for m in self.models if m.name == name), Model(name))


class MissingTableError(StorageError):
    """The database is there, the table or one of its columns is not: nothing has been written yet, or by an earlier version."""


def readers(address: Address, roots: Sequence[Path]) -> Callable[[], "Reader"]:
    """What opens readers of a server as its read-only user.

    Args:
        roots: where the managed server may have left the password of that user, the likeliest first: which of them the server on
            that port runs on is known only to the one that started it.
    """

    def connected() -> "psycopg.Connection[Any]":
        known = [root for root in roots if password_file(root).is_file()]
        refusals = []
        for root in known or roots[:1]:
            try:
                return connect(reader_of(address, root))
            except StorageError as error:
                refusals.append(error)
        raise refusals[0]

    return lambda: Reader(connected)


# The newest first, as a negative LIMIT takes at most 10,000 rows, and is slower.
_BARS = sql.SQL(
    "SELECT cast(open_time AS long), symbol, {fields}, complete FROM {table}"
    " WHERE symbol IN (%s, %s) AND open_time >= %s ORDER BY open_time DESC LIMIT {limit}"
)
_STATS = sql.SQL(
    "SELECT cast(open_time AS long), {fields}, complete FROM {table}"
    " WHERE pair = %s AND model = %s AND open_time >= %s ORDER BY open_time DESC LIMIT {limit}"
)
_TICKS = sql.SQL(
    "SELECT cast(open_time AS long), {fields} FROM {table} WHERE pair = %s AND open_time >= %s LIMIT {limit}"
)
_NO_TABLE_FOR_S = 15.0
"""A table that was not there is asked for again no sooner: the question costs a connection."""
_OF_CATALOGUE = ("dataset", "origin", "pairs", "intervals", "models")
_CATALOGUE = sql.SQL("SELECT {fields} FROM {table} WHERE dataset = %s").format(
    fields=sql.SQL(", ").join(map(sql.Identifier, _OF_CATALOGUE)), table=sql.Identifier(DATASETS.name)
)
_BEGINNING = datetime(1970, 1, 1)  # noqa: DTZ001 - PGwire times are naive and mean UTC


class Reader:
    """One connection, opened when first needed and again after any failure. Not for two threads at once."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._no_ticks_until_s = -math.inf

    def catalogue(self, dataset: str) -> Catalogue | None:
        """What the dataset holds, or None while nobody has written it.

        Raises:
            StorageError: the database cannot be reached, or its answer makes no sense.
        """
        try:
            found = self._query(_CATALOGUE, (dataset,))
        except MissingTableError:
            return None
        return parsed_catalogue(dict(zip(_OF_CATALOGUE, found[-1], strict=True))) if found else None

    def rows(self, selection: Selection, since_us: int | None, limit: int) -> Rows:
        """The newest `limit` times from `since_us` on, both legs, the statistics and the ticks' correlation side by side.

        A dataset without a table of the latter has none of it.

        Raises:
            MissingTableError: a table of the dataset is not there.
            StorageError: the database cannot be reached.
        """
        since = _BEGINNING if since_us is None else datetime.fromtimestamp(since_us / 1e6, UTC).replace(tzinfo=None)
        bars, stats = bars_table(selection.interval).name, pair_stats_table(selection.interval).name
        pair = selection.pair
        bar_rows = self._query(
            _composed(_BARS, BAR_FIELDS, bars, selection.dataset, 2 * limit), (pair.y, pair.x, since)
        )
        stats_rows = self._query(
            _composed(_STATS, STATS_FIELDS, stats, selection.dataset, limit), (str(pair), selection.model, since)
        )
        return side_by_side(pair, bar_rows, stats_rows, limit, self._ticks(selection, since, limit))

    def _ticks(self, selection: Selection, since: datetime, limit: int) -> list[tuple[Any, ...]]:
        if time.monotonic() < self._no_ticks_until_s:
            return []
        table = pair_tick_stats_table(selection.interval).name
        query = _composed(_TICKS, ("correlation",), table, selection.dataset, limit)
        try:
            return self._query(query, (str(selection.pair), since))
        except MissingTableError:
            self._no_ticks_until_s = time.monotonic() + _NO_TABLE_FOR_S
            return []

    def legs(self, dataset: str) -> Answer:
        """How the feed of the dataset stands. Raises as `rows`."""
        return read_legs(self._query, dataset)

    def stages(self, dataset: str) -> tuple[StageLatency, ...]:
        """The newest latencies of the feed. Raises as `rows`."""
        return read_stages(self._query, dataset)

    def events(self, dataset: str, gaps_only: bool, limit: int, until_us: int | None = None) -> tuple[FeedEvent, ...]:
        """What happened to the feed, newest first; nothing after `until_us`. Raises as `rows`."""
        return read_events(self._query, dataset, gaps_only, limit, until_us)

    def span(self, selection: Selection) -> Span | None:
        """What is stored of a pair at an interval, None where nothing is. Raises as `rows`."""
        return read_span(self._query, selection.dataset, selection.pair, selection.interval)

    def moments(self, selection: Selection, at_us: int, lookback: int, ahead: int, span: Span | None) -> Moments:
        """What was known around a moment, and `ahead` bars on. Raises as `rows`."""
        return read_moments(self._query, MissingTableError, selection, at_us, lookback, ahead, span)

    def tables(self, dataset: str, intervals: tuple[Interval, ...]) -> tuple[int, tuple[TableStanding, ...]]:
        """The server's clock, and how each table of the dataset stands that is there. Raises as `rows`."""
        return read_tables(self._query, dataset_tables(intervals), dataset)

    def trade_rates(self, dataset: str) -> dict[str, float]:
        """Trades a second of each symbol. Raises as `rows`."""
        return read_trade_rates(self._query, dataset)

    def distributions(self, dataset: str) -> tuple[Distribution, ...]:
        """Latencies of the last minutes. Raises as `rows`."""
        return read_distributions(self._query, dataset)

    def quality(self, dataset: str, pair: Pair, interval: Interval, before: Quality | None) -> Quality:
        """What is known of the pair beside its statistics; `before` as in `read_quality`. A table that is not there is no error.

        Raises:
            StorageError: the database cannot be reached.
        """
        return read_quality(self._query, MissingTableError, dataset, pair, interval, before)

    def analysis_rows(self, of: Selection, held: PairRows, limit: int) -> PairRows:
        """Closed bars of both legs with spread and z, `held` with what is new. Raises as `rows`."""
        return read_rows(self._query, of, held, limit)

    def analysis_looks(self, of: Selection, held: LookRows) -> LookRows:
        """The looks at a pair, `held` with what is new. A table that is not there is no error.

        Raises:
            StorageError: the database cannot be reached.
        """
        return read_looks(self._query, MissingTableError, of, held)

    def analysis_lead(self, of: Selection, held: LeadRows) -> LeadRows:
        """The newest look at which leg leads with its trades. As `analysis_looks`."""
        return read_lead(self._query, MissingTableError, of, held)

    def board(self, dataset: str, interval: Interval, model: str, held: Board) -> Board:
        """The newest statistics of all pairs of `held`, which is filled or brought up to date. Raises as `rows`."""
        return read_board(self._query, dataset, interval, model, held)

    def looks(self, dataset: str, interval: Interval, before: Looks | None) -> Looks:
        """What is known of all pairs beside their statistics; `before` as in `read_all_looks`. A table that is not there is no error.

        Raises:
            StorageError: the database cannot be reached.
        """
        return read_all_looks(self._query, MissingTableError, dataset, interval, before)

    def closes(self, dataset: str, interval: Interval, held: Closes) -> Closes:
        """The last prices of all symbols of `held`, brought up to date. Raises as `rows`."""
        return read_closes(self._query, dataset, interval, held)

    def ticks(self, asked: TicksAsked) -> TickGrids:
        """Trades over a range, counted by the database. As `analysis_looks`."""
        return read_ticks(self._query, MissingTableError, asked)

    def bars(
        self, dataset: str, pair: Pair, interval: Interval, since_us: int, until_us: int
    ) -> tuple[LegBars, LegBars]:
        """Bars of y and x with open times in [since_us, until_us], forming ones too. Raises as `rows`."""
        return read_bars(self._query, dataset, pair, interval, since_us, until_us)

    def beginnings(self, dataset: str, pair: Pair, interval: Interval, since_us: int) -> I64:
        """Open times of the bars at which every stored model began with empty windows. Raises as `rows`."""
        return read_beginnings(self._query, dataset, pair, interval, since_us)

    def stale_after_ms(self, dataset: str, otherwise: int) -> int:
        """The limit that the flow had; `otherwise` where the dataset does not say. Raises as `rows`."""
        return stale_after_ms(json.loads(read_settings(self._query, dataset) or "{}"), otherwise)

    def explanation(self, asked: Asked, stale_after_ms: int, say: Say) -> Explained:
        """The recipe of one stored row. Takes seconds, most of them for a first import; `say` is told of what is being done.

        Raises:
            NotStoredError: there is no such row. StorageError: the database cannot be reached.
        """
        try:
            if self._connection is None:
                self._connection = self._connect()
            return explained(self._connection, asked, stale_after_ms, say)
        except (psycopg.Error, OSError) as error:
            self.close()
            raise StorageError(_first_line(error)) from error

    def query(self, statement: sql.Composed, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The rows of a statement. Raises as `rows`."""
        return self._query(statement, parameters)

    def close(self) -> None:
        """Close the connection; the next query opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _query(self, query: sql.Composed, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection.execute(query, parameters).fetchall()
        except (psycopg.Error, OSError, StorageError) as error:
            self.close()
            text = _first_line(error)
            if "does not exist" in text or "Invalid column" in text:
                raise MissingTableError(text) from error
            raise StorageError(text) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _composed(query: sql.SQL, fields: Iterable[str], table: str, dataset: str, limit: int) -> sql.Composed:
    return query.format(
        fields=sql.SQL(", ").join(sql.Identifier(name) for name in fields),
        table=sql.Identifier(table_name(table, dataset)),
        limit=sql.Literal(limit),
    )


def parsed_catalogue(row: Mapping[str, Any]) -> Catalogue:
    """The row of table `datasets`, by column.

    Raises:
        StorageError: the row is not what the flow writes.
    """
    of = parsed_dataset(row)
    if not (of.pairs and of.intervals and of.models):
        raise StorageError(f'table datasets, dataset "{of.name}": cannot be read: an empty list')
    return Catalogue(of.name, of.origin, of.pairs, of.intervals, of.models)

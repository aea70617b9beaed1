"""Asks what is stored, and for the newest trades, while a page looks at the Data view."""

from collections.abc import Callable
from typing import Any, Protocol

from psycopg import sql

from dashboard.data import MissingTableError
from dashboard.poller import Poller
from dashboard.stored import Stored, Trade
from dashboard.stored_data import read_datasets, read_holes, read_sizes, read_tables, read_trades
from flows.domain.interval import Interval
from flows.domain.pair import Pair

_STORED_POLL_S, _TRADES_POLL_S = 2.0, 0.5
_SLOW_EVERY = 15
"""Sizes and holes read whole tables: they are asked for at every fifteenth look."""
TRADES_SHOWN = 200


class Asking(Protocol):
    """What is asked: `dashboard.data.Reader`."""

    def query(self, statement: sql.Composed, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]: ...

    def close(self) -> None: ...


class StoredWatch(Poller[Stored]):
    """What is stored of a dataset, and which datasets there are."""

    def __init__(self, source: Asking, dataset: str, intervals: tuple[Interval, ...]) -> None:
        super().__init__(source.close, _STORED_POLL_S)
        self._query: Callable[[sql.Composed, tuple[Any, ...]], list[tuple[Any, ...]]] = source.query
        self._of = dataset, intervals
        self.stored = Stored()
        self._looks = 0

    def _ask(self) -> Stored:
        dataset, intervals = self._of
        before = self.stored
        now_us, tables = read_tables(self._query, dataset, intervals)
        sizes, holes = before.sizes, before.holes
        if self._looks % _SLOW_EVERY == 0:
            sizes, holes = read_sizes(self._query, dataset, tables), read_holes(self._query, dataset, tables)
        self._looks += 1
        return Stored(now_us, read_datasets(self._query), tables, sizes, holes)

    def _take(self, answer: Stored) -> bool:
        self.stored = answer
        return True  # at least its time is new


class TradesWatch(Poller[tuple[Trade, ...]]):
    """The newest trades of the legs of a pair, newest first."""

    def __init__(self, source: Asking, dataset: str, pair: Pair) -> None:
        super().__init__(source.close, _TRADES_POLL_S)
        self._query: Callable[[sql.Composed, tuple[Any, ...]], list[tuple[Any, ...]]] = source.query
        self._of = dataset, pair
        self.pair = pair
        self.trades: tuple[Trade, ...] = ()

    def _ask(self) -> tuple[Trade, ...]:
        try:
            return read_trades(self._query, *self._of, TRADES_SHOWN)
        except MissingTableError:  # a dataset made of candles has no ticks
            return ()

    def _take(self, answer: tuple[Trade, ...]) -> bool:
        news = answer != self.trades
        self.trades = answer
        return news

"""Trades over a long range as counts on a grid of time by price. The database counts them: of a million trades a few thousand cells come.

Cell of a trade: column floor((time - start)/width of a column), row floor((price - lowest)/height of a row). Nothing is drawn between
trades and none is left out: the counts of all cells add up to the trades in view.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from dashboard.analysis.data import Query, naive
from flows.domain.pair import Pair
from flows.storage.schema import TRADES, table_name

COLUMNS, ROWS = 420, 96
RANGES = {"1h": 3_600_000_000, "6h": 21_600_000_000, "24h": 86_400_000_000, "all": 0}
"""Microseconds up to the newest trade; 0: from the oldest stored on."""
LEAST_US = 1_000_000
"""No range is shorter."""

_ENDS = sql.SQL("SELECT cast(min(timestamp) AS long), cast(max(timestamp) AS long) FROM {table}")
_BOUNDS = sql.SQL(
    "SELECT min(price), max(price), count() FROM {table} WHERE symbol = %s AND timestamp >= %s AND timestamp < %s"
)
_CELLS = sql.SQL(
    "SELECT cast(floor((cast(timestamp AS long) - %s) / %s) AS int) c, cast(floor((price - %s) / %s) AS int) r, count() n"
    " FROM {table} WHERE symbol = %s AND timestamp >= %s AND timestamp < %s"
)


@dataclass(frozen=True, slots=True)
class TicksAsked:
    """Trades of both legs in [start_us, end_us); without ends those of `range`, up to the newest."""

    dataset: str
    pair: Pair
    range: str
    start_us: int | None = None
    end_us: int | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """One leg's trades.

    Attributes:
        counts: trades in each cell, shape (ROWS, COLUMNS), the lowest price first; empty without a trade.
        low, high: the lowest and the highest price. trades: in view.
    """

    symbol: str
    trades: int = 0
    low: float = float("nan")
    high: float = float("nan")
    counts: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))

    @property
    def row_height(self) -> float:
        """Price units of one row; the highest price lies in the last one."""
        return _row_height(self.low, self.high)


@dataclass(frozen=True, slots=True)
class TickGrids:
    """Both legs over one range, in microseconds. `why`: there is nothing, for this reason."""

    start_us: int = 0
    end_us: int = 0
    y: Grid | None = None
    x: Grid | None = None
    why: str = ""


def read_ticks(query: Query, missing: type[Exception], asked: TicksAsked) -> TickGrids:
    """The grids of a range.

    Args:
        missing: what `query` raises where there is no such table.
    """
    table = sql.Identifier(table_name(TRADES.name, asked.dataset))
    try:
        oldest, newest = query(_ENDS.format(table=table), ())[0]
        if newest is None:
            return TickGrids(why="No trade is stored: they are kept for 7 days, or this dataset was made of bars.")
        start, end = asked.start_us, asked.end_us
        if start is None or end is None:
            end = newest + 1
            start = max(oldest, end - RANGES[asked.range]) if RANGES[asked.range] else oldest
        end = max(end, start + LEAST_US)
        y, x = (_grid(query, table, symbol, start, end) for symbol in (asked.pair.y, asked.pair.x))
        return TickGrids(start, end, y, x)
    except missing:
        return TickGrids(why="This dataset has no table of trades.")


def _grid(query: Query, table: sql.Identifier, symbol: str, start: int, end: int) -> Grid:
    within = (symbol, naive(start), naive(end))
    low, high, trades = query(_BOUNDS.format(table=table), within)[0]
    if not trades:
        return Grid(symbol)
    width, height = (end - start) / COLUMNS, _row_height(low, high)
    cells = query(_CELLS.format(table=table), (start, width, low, height, *within))
    counts = np.zeros((ROWS, COLUMNS), np.int64)
    column, row, count = np.array(cells, np.int64).T
    # Times and prices at the very end may be rounded over it.
    np.add.at(counts, (np.clip(row, 0, ROWS - 1), np.clip(column, 0, COLUMNS - 1)), count)
    return Grid(symbol, trades, low, high, counts)


def _row_height(low: float, high: float) -> float:
    return (high - low) / (ROWS - 1) if high > low else max(abs(low), 1.0) * 1e-6

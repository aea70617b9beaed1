"""Rows that wait for missing ids, per symbol, sorted when they are wanted."""

import numpy as np
from numpy.typing import NDArray

from flows.sources.binance.clockwork import FIRST_HELD, HELD, HELD_SINCE, HOLD
from flows.sources.binance.columns import ID, RECEIVED, SYMBOL, WIDTH

I64 = NDArray[np.int64]


class Holds:
    """int64 rows of `flows.sources.binance.columns` by symbol.

    Attributes:
        table: what the compiled step reads and writes, shape (symbols, HOLD): it counts a row before that is added here.
    """

    def __init__(self) -> None:
        self.table = np.zeros((0, HOLD), np.int64)
        self._rows: dict[int, list[I64]] = {}

    def grow(self, symbols: int) -> None:
        """Room for so many symbols."""
        new = np.zeros((symbols - len(self.table), HOLD), np.int64)
        self.table = np.concatenate([self.table, new])

    @property
    def count(self) -> int:
        """Rows of all symbols."""
        return int(self.table[:, HELD].sum())

    def add(self, rows: I64) -> None:
        """Keep rows that the compiled step has counted already."""
        symbols = rows[:, SYMBOL]
        for k in np.unique(symbols).tolist():
            self._rows.setdefault(k, []).append(rows[symbols == k])

    def take(self, symbol: int) -> I64:
        """All rows of a symbol in the order of their ids; of one id the first that came is first. They are no longer kept."""
        self.table[symbol] = 0
        rows = self._rows.pop(symbol, [])
        together = np.concatenate(rows) if rows else np.zeros((0, WIDTH), np.int64)
        return together[np.argsort(together[:, ID], kind="stable")]

    def put_back(self, symbol: int, rows: I64) -> None:
        """Keep the rest, sorted by id, of what was taken."""
        if len(rows):
            self._rows[symbol] = [rows]
            self.table[symbol, [HELD, FIRST_HELD, HELD_SINCE]] = len(rows), rows[0, ID], rows[:, RECEIVED].min()

    def all_rows(self) -> I64:
        """Every row, for a snapshot that must have them; `restore` takes them."""
        kept = [rows for k in sorted(self._rows) for rows in self._rows[k]]
        return np.concatenate(kept) if kept else np.zeros((0, WIDTH), np.int64)

    def restore(self, rows: I64) -> None:
        """Keep the rows of a snapshot."""
        for k in np.unique(rows[:, SYMBOL]).tolist():
            mine = rows[rows[:, SYMBOL] == k]
            self.put_back(k, mine[np.argsort(mine[:, ID], kind="stable")])

    def clear(self) -> None:
        """Forget every row."""
        self.table[:] = 0
        self._rows.clear()

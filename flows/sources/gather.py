"""Room for the rows of a block, and the careful way into it: one row at a time, the scale growing as the row needs it."""

from dataclasses import dataclass

import numpy as np

from flows.domain.frames import I8, I32, I64, Ticks
from flows.domain.instrument import Instrument
from flows.sources.rows import Row, RowError, check_notional, decimals_of, scaled
from flows.sources.symbols import SymbolTable, at_scale


@dataclass(slots=True)
class Columns:
    """Uninitialised columns that parsers fill from the front. `line` is the 1-based line of each row in its file."""

    symbol: I32
    time: I64
    trade_id: I64
    price: I64
    size: I64
    side: I8
    first_id: I64
    last_id: I64
    line: I64

    @classmethod
    def room(cls, rows: int) -> "Columns":
        """Columns of that many rows."""
        e = np.empty
        return cls(
            e(rows, np.int32), e(rows, np.int64), e(rows, np.int64), e(rows, np.int64), e(rows, np.int64),
            e(rows, np.int8), e(rows, np.int64), e(rows, np.int64), e(rows, np.int64),
        )  # fmt: skip


class Gathered:
    """The first `n` rows of columns, at the scale of the run's table.

    Attributes:
        n: rows so far; a compiled parser that fills the columns itself moves it on.
    """

    def __init__(self, table: SymbolTable, rows: int, *, has_ids: bool, has_aggregates: bool) -> None:
        self.columns, self.n = Columns.room(rows), 0
        self._table, self._has_ids, self._has_aggregates = table, has_ids, has_aggregates
        self._scale = table.instruments

    def put(self, row: Row, line: int) -> None:
        """Append a row; the rows before it are brought to its scale where it is finer.

        Raises:
            RowError: numbers beyond what can be held exactly; nothing is changed then.
        """
        table, columns, n = self._table, self.columns, self.n
        k = table.index(row.symbol)
        price, size = decimals_of(row.price), decimals_of(row.size)
        if k is not None:
            price = max(price, table.instruments[k].price_decimals)
            size = max(size, table.instruments[k].size_decimals)
        scaled_price, scaled_size = scaled(row.price, price, "price"), scaled(row.size, size, "size")
        check_notional(scaled_price, scaled_size)
        if k is None:
            try:
                k = table.add(Instrument(row.symbol, price, size))
            except ValueError as error:
                raise RowError(str(error)) from None
        else:
            table.refine(k, price, size)
        self._rescale()
        columns.symbol[n], columns.time[n], columns.trade_id[n] = k, row.time, row.trade_id
        columns.price[n], columns.size[n], columns.side[n] = scaled_price, scaled_size, row.side
        columns.first_id[n], columns.last_id[n], columns.line[n] = row.first_id, row.last_id, line
        self.n = n + 1

    def _rescale(self) -> None:
        held = self.ticks()
        fine = at_scale(held, self._table.instruments)
        if fine is not held:
            self.columns.price[: self.n], self.columns.size[: self.n] = fine.price, fine.size
            self._scale = self._table.instruments

    def ticks(self) -> Ticks:
        """The rows, without late marks."""
        columns, n = self.columns, self.n
        return Ticks(
            self._scale, columns.symbol[:n], columns.time[:n], columns.trade_id[:n], columns.price[:n],
            columns.size[:n], columns.side[:n], np.zeros(n, np.bool_),
            columns.first_id[:n] if self._has_aggregates else None,
            columns.last_id[:n] if self._has_aggregates else None,
            ids_known=self._has_ids,
        )  # fmt: skip

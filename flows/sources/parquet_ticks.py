"""Ticks as Parquet: the columns of the CSV forms, prices and sizes as doubles, decimals, integers or text."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numba import njit
from numpy.typing import NDArray

from flows.domain.frames import I64, Ticks
from flows.domain.instrument import Instrument, symbol_problem
from flows.errors import InputError
from flows.sources.csv_ticks import column_roles
from flows.sources.rows import MAX_DECIMALS, MAX_TIME_US, MIN_TIME_US, Field, RowError, read_row
from flows.sources.scan import EXACT, NOTIONAL_LIMIT
from flows.sources.symbols import SymbolTable
from flows.sources.text import TEXT_LIMIT, Block, Reject

_BATCH_ROWS = 131_072


class ParquetReader:
    """Reads blocks of rows; `position` counts rows, `line` is the 1-based row.

    Raises:
        InputError: not a Parquet file of ticks.
    """

    has_aggregates: bool
    has_ids: bool

    def __init__(
        self, path: Path, table: SymbolTable, accepts: Callable[[str], bool], max_rows: int, position: int = 0
    ) -> None:
        self.path, self._table, self._accepts = path, table, accepts
        self.position, self.line = position, position + 1
        try:
            self._file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: cannot be read as Parquet: {error}") from error
        names = self._file.schema_arrow.names
        self._roles = {role: name for name, role in zip(names, column_roles(path, names), strict=True) if role}
        missing = [role for role in ("symbol", "time", "price", "size") if role not in self._roles]
        if missing:
            raise InputError(
                f"{path}: not a file of ticks: no column for {', '.join(missing)}; found {', '.join(names)}"
            )
        self.has_ids = "id" in self._roles
        self.has_aggregates = "first_id" in self._roles and "last_id" in self._roles
        self._unit = self._time_unit()
        self._max_rows = max_rows
        self._batches = self._from(position)

    @property
    def consumed(self) -> int:
        """The share of the rows that is read, as bytes of the file, for progress."""
        return self.path.stat().st_size * self.position // max(1, int(self._file.metadata.num_rows))

    def no_rows(self) -> Ticks:
        """An empty frame of this file's kind."""
        none = np.zeros(0, np.int64)
        ids = none if self.has_aggregates else None
        return Ticks(
            self._table.instruments, none.astype(np.int32), none, none, none, none, none.astype(np.int8),
            none.astype(np.bool_), ids, ids, ids_known=self.has_ids,
        )  # fmt: skip

    def read(self) -> Block | None:
        """The next block, or None at the end."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        block = self._block(batch)
        self.position += batch.num_rows
        self.line += batch.num_rows
        return block

    def _from(self, position: int) -> Iterator[Any]:
        groups: list[int] = []
        skipped = 0
        for g in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(g).num_rows
            if skipped + rows <= position and not groups:
                skipped += rows
            else:
                groups.append(g)
        skip = position - skipped
        columns = list(self._roles.values())
        try:
            for batch in self._file.iter_batches(min(_BATCH_ROWS, self._max_rows), groups, columns, use_threads=False):
                part = batch.slice(min(skip, batch.num_rows))
                skip -= batch.num_rows - part.num_rows
                if part.num_rows:
                    yield part
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{self.path}: damaged at row {self.line}: {error}") from error

    def _time_unit(self) -> str | None:
        """Unit of an integer time column by the magnitude of its first value; None for timestamps and text."""
        kind = self._file.schema_arrow.field(self._roles["time"]).type
        if pa.types.is_timestamp(kind) or not pa.types.is_integer(kind):
            return None
        for batch in self._file.iter_batches(1, columns=[self._roles["time"]]):
            digits = len(str(batch.column(0)[0].as_py()))
            return {13: "ms", 16: "us"}.get(digits, "ms")
        return None

    def _block(self, batch: Any) -> Block:
        n = batch.num_rows
        good = np.ones(n, np.bool_)
        column = {role: batch.column(name) for role, name in self._roles.items()}
        for array in column.values():
            if array.null_count:
                good &= pc.is_valid(array).to_numpy(zero_copy_only=False)
        symbol = self._symbols(column["symbol"], good)
        time = self._times(column["time"], good)
        trade_id = self._whole(column.get("id"), n, good)
        first, last = self._whole(column.get("first_id"), n, good), self._whole(column.get("last_id"), n, good)
        side = self._sides(column, n, good)
        if self.has_aggregates:
            good &= last >= first
        price = self._scaled(column["price"], symbol, good, "price")
        size = self._scaled(column["size"], symbol, good, "size")
        good &= price.astype(np.float64) * size < NOTIONAL_LIMIT
        zero = good & ((price == 0) | (size == 0))
        kept = good & ~zero
        rejects = [self._reject(batch, int(i), int(np.count_nonzero(kept[:i]))) for i in np.flatnonzero(~good)]
        aggregates = self.has_aggregates
        ticks = Ticks(
            self._table.instruments, symbol, time, trade_id, price, size, side, np.zeros(n, np.bool_),
            first if aggregates else None, last if aggregates else None, ids_known=self.has_ids,
        )  # fmt: skip
        return Block(ticks if kept.all() else ticks.take(kept), rejects, int(zero.sum()), n)

    def _symbols(self, array: Any, good: NDArray[np.bool_]) -> NDArray[np.int32]:
        encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
        codes = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
        names = encoded.dictionary.to_pylist()
        index = np.full(max(len(names), 1), -1, np.int32)
        for code in dict.fromkeys(codes.tolist()) if len(names) > 1 else range(len(names)):
            name = names[code]
            if isinstance(name, str) and not symbol_problem(name) and self._accepts(name):
                k = self._table.index(name)
                index[code] = self._table.add(Instrument(name)) if k is None else k
        symbol: NDArray[np.int32] = index[codes]
        good &= symbol >= 0
        return symbol

    def _times(self, array: Any, good: NDArray[np.bool_]) -> I64:
        if pa.types.is_timestamp(array.type):
            time = pc.cast(array, pa.timestamp("us", array.type.tz), safe=False)
            values = pc.fill_null(pc.cast(time, pa.int64()), 0).to_numpy(zero_copy_only=False)
        elif pa.types.is_integer(array.type):
            values = pc.fill_null(pc.cast(array, pa.int64()), 0).to_numpy(zero_copy_only=False)
            values = values * 1_000 if self._unit == "ms" else values
        else:
            values = self._by_row(array, good, lambda value: read_time(value))
        good &= (values >= MIN_TIME_US) & (values < MAX_TIME_US)
        return values  # type: ignore[no-any-return]

    def _whole(self, array: Any, n: int, good: NDArray[np.bool_]) -> I64:
        if array is None:
            return np.zeros(n, np.int64)
        values: I64 = pc.fill_null(pc.cast(array, pa.int64()), -1).to_numpy(zero_copy_only=False)
        good &= values >= 0
        return values

    def _sides(self, column: dict[str, Any], n: int, good: NDArray[np.bool_]) -> NDArray[np.int8]:
        if "is_buyer_maker" in column:
            maker = pc.fill_null(pc.cast(column["is_buyer_maker"], pa.bool_()), False).to_numpy(zero_copy_only=False)
            side: NDArray[np.int8] = (1 - 2 * maker.astype(np.int8)).astype(np.int8)
            return side
        if "side" in column:
            text = pc.utf8_lower(pc.cast(column["side"], pa.string()))
            buy, sell = (
                pc.fill_null(pc.equal(text, word), False).to_numpy(zero_copy_only=False) for word in ("buy", "sell")
            )
            good &= buy | sell
            given: NDArray[np.int8] = buy.astype(np.int8) - sell.astype(np.int8)
            return given
        return np.zeros(n, np.int8)

    def _scaled(self, array: Any, symbol: NDArray[np.int32], good: NDArray[np.bool_], which: str) -> I64:
        """Exact integers at the symbols' scale, which grows as the values need it."""
        values = pc.fill_null(pc.cast(array, pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
        out = np.empty(len(values), np.int64)
        start = 0
        while True:
            decimals = self._table.price_decimals if which == "price" else self._table.size_decimals
            bad = _scale(values, symbol, decimals, good, start, out)
            if bad < 0:
                return out
            needed = _decimals_needed(float(values[bad]))
            if needed is None:
                good[bad], out[bad], start = False, 0, bad + 1
                continue
            k = int(symbol[bad])
            grown = needed - int(decimals[k])
            self._table.refine(k, needed if which == "price" else 0, needed if which == "size" else 0)
            mine = (symbol[:bad] == k) & good[:bad]
            out[:bad][mine] *= 10**grown
            start = bad

    def _by_row(self, array: Any, good: NDArray[np.bool_], read: Callable[[Any], int]) -> I64:
        out = np.zeros(len(array), np.int64)
        for i, value in enumerate(array.to_pylist()):
            try:
                out[i] = read(value)
            except RowError:
                good[i] = False
        return out

    def _reject(self, batch: Any, i: int, after: int) -> Reject:
        """Read the row once more with care, for the reason."""
        fields: dict[str, Field] = {role: batch.column(name)[i].as_py() for role, name in self._roles.items()}
        text = str({name: str(batch.column(name)[i].as_py()) for name in self._roles.values()})[:TEXT_LIMIT]
        try:
            if not isinstance(fields["time"], int | str | None):
                fields["time"] = 0 if fields["time"] is None else int(fields["time"].timestamp() * 1000)  # type: ignore[union-attr]
            row = read_row(fields, self._unit if self._unit or not isinstance(fields["time"], int) else "ms", None)
            reason = "a value is missing or out of range"
            if row is not None and not self._accepts(row.symbol):
                reason = f'column symbol: unknown symbol "{row.symbol}"'
        except RowError as error:
            reason = str(error)
        return Reject(self.line + i, after, reason, text)


def read_time(value: Field) -> int:
    """An ISO 8601 text as microseconds; raises RowError."""
    row = read_row({"symbol": "X", "time": value, "price": 1, "size": 1}, None, None)
    return row.time if row else 0


@njit(cache=True)
def _scale(
    values: NDArray[np.float64], symbol: NDArray[np.int32], decimals: I64, good: NDArray[np.bool_], start: int, out: I64
) -> int:
    """Scale from row `start`; the first row that does not fit its symbol's decimals, or −1."""
    for i in range(start, len(values)):
        if not good[i]:
            out[i] = 0
            continue
        x = values[i] * 10.0 ** decimals[symbol[i]]
        r = np.rint(x)
        if not (0.0 <= x < EXACT and abs(x - r) <= 3.4e-16 * x):
            return i
        out[i] = np.int64(r)
    return -1


def _decimals_needed(value: float) -> int | None:
    """The fewest decimals whose decimal is this double, or None."""
    for decimals in range(MAX_DECIMALS + 1):
        x = value * 10.0**decimals
        if 0 <= x < EXACT and abs(x - round(x)) <= 3.4e-16 * x:
            return decimals
    return None

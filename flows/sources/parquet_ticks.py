"""Ticks as Parquet: the columns of the CSV forms, prices and sizes as doubles, decimals, integers or text.

Whole columns are converted at once. What Arrow cannot convert, and prices and sizes as text, is read row by row by
`flows.sources.rows`, which also words the reasons of rejected rows.
"""

from collections.abc import Callable, Iterator, Sequence
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
from flows.domain.scale import rescaled
from flows.errors import InputError
from flows.sources.csv_ticks import column_roles
from flows.sources.gather import Gathered
from flows.sources.rows import MAX_DECIMALS, MAX_TIME_US, MIN_TIME_US, Field, Row, RowError, read_row
from flows.sources.scan import EXACT, NOTIONAL_LIMIT
from flows.sources.symbols import SymbolTable
from flows.sources.text import TEXT_LIMIT, Block, Reject

_BATCH_ROWS = 131_072
_UNITS = {13: "ms", 16: "us"}


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
        self._file = _opened(path)
        names = self._file.schema_arrow.names
        self._roles = {role: name for name, role in zip(names, column_roles(path, names), strict=True) if role}
        missing = [role for role in ("symbol", "time", "price", "size") if role not in self._roles]
        if missing:
            raise InputError(
                f"{path}: not a file of ticks: no column for {', '.join(missing)}; found {', '.join(names)}"
            )
        symbol = self._file.schema_arrow.field(self._roles["symbol"])
        if pa.types.is_string(symbol.type) or pa.types.is_large_string(symbol.type):
            self._file = _opened(path, [symbol.name])
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
        """Unit of an integer time column by the magnitude of its first usual value; None for timestamps and text."""
        kind = self._file.schema_arrow.field(self._roles["time"]).type
        if pa.types.is_timestamp(kind) or not pa.types.is_integer(kind):
            return None
        for batch in self._file.iter_batches(1_000, columns=[self._roles["time"]], use_threads=False):
            digits = [len(str(value)) for value in batch.column(0).to_pylist()]
            return next((_UNITS[count] for count in digits if count in _UNITS), "ms")
        return "ms"

    def _block(self, batch: Any) -> Block:
        column = {role: batch.column(name) for role, name in self._roles.items()}
        if not any(pa.types.is_string(_value_type(column[which])) for which in ("price", "size")):
            try:
                return self._by_column(batch, column)
            except pa.ArrowException:
                pass  # some value does not convert: find out which
        return self._by_row(batch, column)

    def _by_column(self, batch: Any, column: dict[str, Any]) -> Block:
        n = batch.num_rows
        good = np.ones(n, np.bool_)
        for role, array in column.items():
            if array.null_count and role != "side":
                good &= pc.is_valid(array).to_numpy(zero_copy_only=False)
        time = self._times(column["time"])
        good &= (time >= MIN_TIME_US) & (time < MAX_TIME_US)
        trade_id = self._whole(column.get("id"), n, good)
        first, last = self._whole(column.get("first_id"), n, good), self._whole(column.get("last_id"), n, good)
        side = self._sides(column, n, good)
        if self.has_aggregates:
            good &= last >= first
        symbol = self._symbols(column["symbol"], good)
        price = self._scaled(column["price"], symbol, good, "price")
        size = self._scaled(column["size"], symbol, good, "size")
        good &= price.astype(np.float64) * size < NOTIONAL_LIMIT
        zero = good & ((price == 0) | (size == 0))
        kept = good & ~zero
        rejects = [self._reject(batch, column, int(i), int(np.count_nonzero(kept[:i]))) for i in np.flatnonzero(~good)]
        aggregates = self.has_aggregates
        ticks = Ticks(
            self._table.instruments, symbol, time, trade_id, price, size, side, np.zeros(n, np.bool_),
            first if aggregates else None, last if aggregates else None, ids_known=self.has_ids,
        )  # fmt: skip
        lines = np.arange(self.line, self.line + n)
        return Block(ticks if kept.all() else ticks.take(kept), lines[kept], rejects, int(zero.sum()), n)

    def _by_row(self, batch: Any, column: dict[str, Any]) -> Block:
        gathered = Gathered(self._table, batch.num_rows, has_ids=self.has_ids, has_aggregates=self.has_aggregates)
        rejects: list[Reject] = []
        excluded = 0
        for i in range(batch.num_rows):
            try:
                row = self._careful(column, i)
                if row is None:
                    excluded += 1
                else:
                    gathered.put(row, self.line + i)
            except RowError as error:
                rejects.append(Reject(self.line + i, gathered.n, str(error), self._shown(batch, i)))
        return Block(gathered.ticks(), gathered.columns.line[: gathered.n], rejects, excluded, batch.num_rows)

    def _careful(self, column: dict[str, Any], i: int) -> Row | None:
        """One row, read with care; None for one that says "no trade".

        Raises:
            RowError: with the reason.
        """
        unit = self._unit
        fields: dict[str, Field] = {role: array[i].as_py() for role, array in column.items() if role != "time"}
        time = column["time"]
        if pa.types.is_timestamp(time.type):
            unit, fields["time"] = "us", int(self._times(time[i : i + 1])[0])
        else:
            fields["time"] = time[i].as_py()
        row = read_row(fields, unit, None)
        if row is not None and not self._accepts(row.symbol):
            raise RowError(f'column symbol: unknown symbol "{row.symbol}"')
        return row

    def _reject(self, batch: Any, column: dict[str, Any], i: int, after: int) -> Reject:
        reason = "price, size or their product is too large to be held exactly"
        try:
            self._careful(column, i)
        except RowError as error:
            reason = str(error)
        return Reject(self.line + i, after, reason, self._shown(batch, i))

    def _shown(self, batch: Any, i: int) -> str:
        return ", ".join(f"{name}={batch.column(name)[i]}" for name in self._roles.values())[:TEXT_LIMIT]

    def _symbols(self, array: Any, good: NDArray[np.bool_]) -> NDArray[np.int32]:
        encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
        codes = _values(encoded.indices, 0)
        names = encoded.dictionary.to_pylist()
        index = np.full(max(len(names), 1), -1, np.int32)
        for code in _first_seen(codes, len(names)).tolist():
            name = names[code]
            if isinstance(name, str) and not symbol_problem(name) and self._accepts(name):
                k = self._table.index(name)
                index[code] = self._table.add(Instrument(name)) if k is None else k
        symbol: NDArray[np.int32] = index[codes]
        good &= symbol >= 0
        return symbol

    def _times(self, array: Any) -> I64:
        """Microseconds; 0, which no row has, for null."""
        kind = array.type
        if pa.types.is_timestamp(kind):
            array, factor = pc.cast(array, pa.timestamp("us", kind.tz), safe=False), 1
        else:
            factor = {"ms": 1_000, "us": 1, None: 0}[self._unit]
        if not factor:
            times = [read_time(text) for text in array.to_pylist()]
            return np.array(times, np.int64)
        values: I64 = _values(pc.cast(array, pa.int64()), 0)
        return np.where(np.abs(values) < MAX_TIME_US, values * factor, 0) if factor > 1 else values

    def _whole(self, array: Any, n: int, good: NDArray[np.bool_]) -> I64:
        if array is None:
            return np.zeros(n, np.int64)
        values: I64 = _values(pc.cast(array, pa.int64()), -1)
        good &= values >= 0
        return values

    def _sides(self, column: dict[str, Any], n: int, good: NDArray[np.bool_]) -> NDArray[np.int8]:
        if "is_buyer_maker" in column:
            maker = _values(pc.cast(column["is_buyer_maker"], pa.bool_()), False)
            side: NDArray[np.int8] = 1 - 2 * maker.view(np.int8)
            return side
        if "side" in column:
            text = pc.utf8_lower(pc.cast(column["side"], pa.string()))
            buy, sell = (
                pc.fill_null(pc.equal(text, word), False).to_numpy(zero_copy_only=False) for word in ("buy", "sell")
            )
            good &= buy | sell | pc.fill_null(pc.equal(text, ""), True).to_numpy(zero_copy_only=False)
            given: NDArray[np.int8] = buy.astype(np.int8) - sell.astype(np.int8)
            return given
        return np.zeros(n, np.int8)

    def _scaled(self, array: Any, symbol: NDArray[np.int32], good: NDArray[np.bool_], which: str) -> I64:
        """Exact integers at the symbols' scale, which grows as the values need it."""
        if pa.types.is_decimal(array.type):
            return self._scaled_decimals(array, symbol, good, which)
        values = _values(pc.cast(array, pa.float64(), safe=False), np.nan)
        out = np.empty(len(values), np.int64)
        start = 0
        while True:
            decimals = self._table.price_decimals if which == "price" else self._table.size_decimals
            bad = _scale(values, symbol, decimals, good, start, out)
            if bad < 0:
                return out
            needed = _decimals_needed(float(values[bad]))
            if needed is None or needed <= decimals[symbol[bad]]:
                good[bad], out[bad], start = False, 0, bad + 1
                continue
            k = int(symbol[bad])
            grown = needed - int(decimals[k])
            self._refine(k, needed, which)
            mine = (symbol[:bad] == k) & good[:bad]
            out[:bad][mine] = rescaled(out[:bad][mine], grown)
            start = bad

    def _scaled_decimals(self, array: Any, symbol: NDArray[np.int32], good: NDArray[np.bool_], which: str) -> I64:
        """Decimals hold the integers that are wanted: only their scale differs."""
        wide = pc.cast(array, pa.decimal128(38, MAX_DECIMALS))  # an error where a digit would be lost
        words = np.frombuffer(wide.buffers()[1], np.int64).reshape(-1, 2)[wide.offset : wide.offset + len(wide)]
        good &= (words[:, 1] == 0) & (words[:, 0] >= 0)
        fine = np.where(good, words[:, 0], 0)
        for k in np.unique(symbol[good]).tolist():
            of_k = fine[good & (symbol == k)]
            needed = next(d for d in range(MAX_DECIMALS + 1) if not np.any(of_k % 10 ** (MAX_DECIMALS - d)))
            self._refine(k, needed, which)
        decimals = self._table.price_decimals if which == "price" else self._table.size_decimals
        out: I64 = fine // 10 ** (MAX_DECIMALS - decimals[symbol])
        good &= out < EXACT
        return np.where(good, out, 0)

    def _refine(self, k: int, decimals: int, which: str) -> None:
        self._table.refine(k, decimals if which == "price" else 0, decimals if which == "size" else 0)


def _opened(path: Path, as_codes: Sequence[str] = ()) -> Any:
    """The file; text columns named in `as_codes` come as codes into a dictionary, one small integer a row, as the file has them.

    Raises:
        InputError: not a Parquet file.
    """
    try:
        return pq.ParquetFile(path, pre_buffer=False, read_dictionary=list(as_codes))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Parquet: {error}") from error


def _values(array: Any, null: Any) -> NDArray[Any]:
    """An array as numpy has it, nulls replaced."""
    values: NDArray[Any] = (pc.fill_null(array, null) if array.null_count else array).to_numpy(zero_copy_only=False)
    return values


@njit(cache=True)
def _first_seen(codes: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """The codes that occur, of 0 to `count` - 1, in the order of their first rows."""
    seen = np.zeros(count, np.bool_)
    order = np.empty(count, np.int32)
    n = 0
    for i in range(len(codes)):
        if n == count:
            break
        if not seen[codes[i]]:
            seen[codes[i]] = True
            order[n] = codes[i]
            n += 1
    return order[:n]


def _value_type(array: Any) -> Any:
    return array.type.value_type if pa.types.is_dictionary(array.type) else array.type


def read_time(value: Field) -> int:
    """An ISO 8601 text as microseconds, 0 where it is none."""
    try:
        row = read_row({"symbol": "X", "time": value, "price": 1, "size": 1}, None, None)
    except RowError:
        return 0
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

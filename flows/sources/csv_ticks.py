"""Ticks as CSV: any order of columns with a header, and the exchange's archives with or without one."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.errors import InputError
from flows.sources.gather import Columns
from flows.sources.rows import Field, RowError
from flows.sources.scan import NOTIONAL_LIMIT, Bytes, scan_decimal, scan_iso, scan_uint
from flows.sources.symbols import SymbolTable, find_symbol

ROLES = ("", "symbol", "time", "price", "size", "id", "is_buyer_maker", "side", "first_id", "last_id")
_IGNORE, _SYMBOL, _TIME, _PRICE, _SIZE, _ID, _MAKER, _SIDE, _FIRST, _LAST = range(10)

# Header names in the wild, in lower case without spaces.
_NAMES = {
    "symbol": "symbol", "s": "symbol", "ticker": "symbol",
    "time": "time", "timestamp": "time", "ts": "time", "t": "time", "transact_time": "time", "trade_time": "time",
    "price": "price", "p": "price",
    "size": "size", "qty": "size", "quantity": "size", "q": "size", "amount": "size",
    "id": "id", "trade_id": "id", "agg_trade_id": "id", "a": "id",
    "is_buyer_maker": "is_buyer_maker", "m": "is_buyer_maker", "side": "side",
    "first_trade_id": "first_id", "first_id": "first_id", "f": "first_id",
    "last_trade_id": "last_id", "last_id": "last_id", "l": "last_id",
}  # fmt: skip
_TRADES = ("id", "price", "size", "", "time", "is_buyer_maker")
_AGG_TRADES = ("id", "price", "size", "first_id", "last_id", "time", "is_buyer_maker")
_ARCHIVE_NAME = re.compile(r"([A-Z0-9_]+)-(?:trades|aggTrades)-")
_OHLC = {"open", "high", "low", "close"}

_ISO, _MS, _US = 0, 1, 2
_QUOTE = 34


@dataclass(frozen=True, slots=True)
class CsvTicks:
    """One file's dialect: which column is what, the unit of its times, and the symbol where the file has one as a whole."""

    columns: tuple[str, ...]
    delimiter: str
    unit: str | None
    symbol: str | None
    header: bool
    sorted_archive: bool

    @property
    def has_ids(self) -> bool:
        """The rows carry the exchange's ids."""
        return "id" in self.columns

    @property
    def has_aggregates(self) -> bool:
        """The rows are aggregates with first and last id."""
        return "first_id" in self.columns and "last_id" in self.columns

    def parse(
        self, buffer: Bytes, position: int, table: SymbolTable, columns: Columns, n: int, line: int
    ) -> tuple[int, int, int, int]:
        """See `TextFormat.parse`."""
        fixed = -1 if self.symbol is None else table.index(self.symbol)
        if fixed is None:
            return n, position, 0, 0
        roles = np.array([ROLES.index(role) for role in self.columns], np.int8)
        kind = _ISO if self.unit is None else _MS if self.unit == "ms" else _US
        return _parse(
            buffer, position, ord(self.delimiter), roles, kind, fixed, self.has_ids, self.has_aggregates,
            table.names, table.lengths, table.slots, table.price_decimals, table.size_decimals,
            columns.symbol, columns.time, columns.trade_id, columns.price, columns.size, columns.side,
            columns.first_id, columns.last_id, columns.line, n, line,
        )  # fmt: skip

    def fields(self, line: str) -> dict[str, Field] | None:
        """See `TextFormat.fields`."""
        if not line.strip():
            return None
        try:
            values = next(csv.reader([line], delimiter=self.delimiter, strict=True))
        except (csv.Error, StopIteration) as error:
            raise RowError(f"not a CSV row: {error}") from None
        values = [value.strip() for value in values]
        if self.header and _roles(values) == self.columns:
            return None  # the header, also where files were joined end to end
        if len(values) != len(self.columns):
            raise RowError(f"expected {len(self.columns)} columns, found {len(values)}")
        return {role: value for role, value in zip(self.columns, values, strict=True) if role}


def _split(line: str, delimiter: str) -> list[str]:
    return [value.strip().strip('"') for value in line.split(delimiter)]


def _roles(header: list[str]) -> tuple[str, ...]:
    return tuple(_NAMES.get(name.strip("\ufeff ").lower(), "") for name in header)


def csv_dialect(path: Path, head: str) -> CsvTicks:
    """Recognise a CSV file of ticks by its first lines.

    Raises:
        InputError: no ticks, with the columns that are missing.
    """
    lines = [line for line in head.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{path}: the file is empty")
    delimiter = max(",;\t|", key=lines[0].count)
    first = _split(lines[0], delimiter)
    header = not any(_is_number(value) for value in first)
    columns = column_roles(path, first) if header else _bare_columns(path, first)
    matched = _ARCHIVE_NAME.match(path.name)
    symbol = matched[1] if matched and "symbol" not in columns else None
    missing = [
        role
        for role in ("symbol", "time", "price", "size")
        if role not in columns and not (symbol and role == "symbol")
    ]
    if missing:
        hint = " (an archive's name starts with the symbol: BTCUSDT-trades-…)" if missing == ["symbol"] else ""
        raise InputError(
            f"{path}: not a file of ticks: no column for {', '.join(missing)}{hint}; found {', '.join(first)}"
        )
    rows = (_split(line, delimiter) for line in lines[1 if header else 0 :])
    times = [row[columns.index("time")] for row in rows if len(row) == len(columns)]
    time = next(filter(_looks_like_time, times), "")  # one broken row must not decide
    archive = columns[: len(_TRADES)] == _TRADES or columns[: len(_AGG_TRADES)] == _AGG_TRADES
    return CsvTicks(columns, delimiter, _unit(time), symbol, header, archive)


def column_roles(path: Path, names: list[str]) -> tuple[str, ...]:
    """The role of each named column, '' for those that are not needed.

    Raises:
        InputError: two columns of one role, or bars instead of ticks.
    """
    if {name.lower() for name in names} >= _OHLC:
        raise InputError(f"{path}: these are bars (open, high, low, close), not ticks")
    columns = _roles(names)
    for role in set(columns) - {""}:
        if columns.count(role) > 1:
            twice = [name for name, r in zip(names, columns, strict=True) if r == role]
            raise InputError(f"{path}: columns {' and '.join(twice)} both look like {role}")
    return columns


def _bare_columns(path: Path, row: list[str]) -> tuple[str, ...]:
    """Columns of a file without a header: the archives' own orders, or symbol, time, price, size by their looks."""
    booleans = [value.lower() in ("true", "false") for value in row]
    if len(row) >= 7 and booleans[6] and not booleans[5]:
        return _AGG_TRADES + ("",) * (len(row) - 7)
    if len(row) >= 6 and booleans[5]:
        return _TRADES + ("",) * (len(row) - 6)
    if len(row) == 4:
        symbol = [i for i, value in enumerate(row) if not _is_number(value) and not value[:4].isdigit()]
        time = [i for i, value in enumerate(row) if _looks_like_time(value)]
        if len(symbol) == 1 and len(time) == 1:
            rest = iter(("price", "size"))
            return tuple("symbol" if i in symbol else "time" if i in time else next(rest) for i in range(4))
    raise InputError(
        f"{path}: not a file of ticks: {len(row)} columns without a header that are not recognised: {', '.join(row)[:120]}"
    )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return _looks_like_time(value)
    return True


def _looks_like_time(value: str) -> bool:
    return bool(re.fullmatch(r"\d{13}|\d{16}|\d{4}-\d\d-\d\d[T ].*", value))


def _unit(time: str) -> str | None:
    """Unit of integer times by their magnitude: 13 digits are ms, 16 are µs."""
    return {13: "ms", 16: "us"}.get(len(time)) if time.isdigit() else None


@njit(cache=True)
def _parse(
    buffer: Bytes, position: int, delimiter: int, roles: NDArray[np.int8], kind: int, fixed: int, has_ids: bool,
    has_aggregates: bool, names: Bytes, lengths: NDArray[np.int64], slots: NDArray[np.int32],
    price_decimals: NDArray[np.int64], size_decimals: NDArray[np.int64], out_symbol: NDArray[np.int32],
    out_time: NDArray[np.int64], out_id: NDArray[np.int64], out_price: NDArray[np.int64], out_size: NDArray[np.int64],
    out_side: NDArray[np.int8], out_first: NDArray[np.int64], out_last: NDArray[np.int64],
    out_line: NDArray[np.int64], n: int, line: int,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Rows until one that is not plain. Price and size need their symbol's scale: where they stand before it they are read last."""
    total = len(buffer)
    lines = 0
    excluded = 0
    last_field = len(roles) - 1
    i = position
    while i < total:
        start = i
        symbol = fixed
        price = size = -1
        time = price_at = size_at = trade_id = first = last = side = 0
        ok = True
        for field in range(len(roles)):
            role = roles[field]
            begin = i
            if symbol >= 0 and role == _PRICE:
                price, i = scan_decimal(buffer, i, price_decimals[symbol])
                if i < 0:
                    ok = False
                    break
            elif symbol >= 0 and role == _SIZE:
                size, i = scan_decimal(buffer, i, size_decimals[symbol])
                if i < 0:
                    ok = False
                    break
            elif (role == _TIME and kind != _ISO) or role in (_ID, _FIRST, _LAST):
                value, i = scan_uint(buffer, i)
                if i < 0:
                    ok = False
                    break
                if role == _TIME:
                    if i - begin != (13 if kind == _MS else 16):
                        ok = False
                        break
                    time = value * 1_000 if kind == _MS else value
                elif role == _ID:
                    trade_id = value
                elif role == _FIRST:
                    first = value
                else:
                    last = value
            else:
                while buffer[i] != delimiter and buffer[i] != 10 and buffer[i] != 13:
                    i += 1
                if role == _SYMBOL:
                    symbol = find_symbol(buffer, begin, i, names, lengths, slots)
                elif role == _PRICE:
                    price_at = begin
                elif role == _SIZE:
                    size_at = begin
                elif role == _MAKER:
                    side = _maker_side(buffer, begin, i)
                    ok = ok and side != 0
                elif role == _SIDE:
                    side = _taker_side(buffer, begin, i)
                    ok = ok and (side != 0 or begin == i)
                elif role == _TIME:
                    time, end = scan_iso(buffer, begin, i)
                    ok = ok and end == i
                else:  # a quote there may change where the columns are
                    for k in range(begin, i):
                        ok = ok and buffer[k] != _QUOTE
            if field < last_field:
                if buffer[i] != delimiter:
                    ok = False
                    break
                i += 1
        if ok and buffer[i] == 13:
            i += 1
        if not ok or buffer[i] != 10 or symbol < 0 or time < 1_230_768_000_000_000 or time >= 4_102_444_800_000_000:
            return n, start, lines, excluded
        if price < 0:
            price, end = scan_decimal(buffer, price_at, price_decimals[symbol])
            if end < 0 or not _ends(buffer, end, delimiter):
                return n, start, lines, excluded
        if size < 0:
            size, end = scan_decimal(buffer, size_at, size_decimals[symbol])
            if end < 0 or not _ends(buffer, end, delimiter):
                return n, start, lines, excluded
        if float(price) * float(size) >= NOTIONAL_LIMIT or (has_aggregates and last < first):
            return n, start, lines, excluded
        i += 1
        lines += 1
        if price == 0 or size == 0:
            excluded += 1
            continue
        out_line[n] = line + lines - 1
        out_symbol[n] = symbol
        out_time[n] = time
        out_price[n] = price
        out_size[n] = size
        out_side[n] = side
        if has_ids:
            out_id[n] = trade_id
        if has_aggregates:
            out_first[n] = first
            out_last[n] = last
        n += 1
    return n, i, lines, excluded


@njit(cache=True)
def _ends(buffer: Bytes, i: int, delimiter: int) -> bool:
    return bool(buffer[i] == delimiter or buffer[i] == 10 or buffer[i] == 13)


@njit(cache=True)
def _is_word(buffer: Bytes, begin: int, end: int, word: Bytes) -> bool:
    """The word, in letters of either case."""
    if end - begin != len(word):
        return False
    same = True
    for k in range(len(word)):
        same = same and buffer[begin + k] | 32 == word[k]
    return same


_TRUE, _FALSE = np.frombuffer(b"true", np.uint8), np.frombuffer(b"false", np.uint8)
_BUY, _SELL = np.frombuffer(b"buy", np.uint8), np.frombuffer(b"sell", np.uint8)


@njit(cache=True)
def _maker_side(buffer: Bytes, begin: int, end: int) -> int:
    """`true` (the buyer was the maker): the taker sold. 0: neither word."""
    if _is_word(buffer, begin, end, _TRUE):
        return -1
    return 1 if _is_word(buffer, begin, end, _FALSE) else 0


@njit(cache=True)
def _taker_side(buffer: Bytes, begin: int, end: int) -> int:
    if _is_word(buffer, begin, end, _BUY):
        return 1
    return -1 if _is_word(buffer, begin, end, _SELL) else 0

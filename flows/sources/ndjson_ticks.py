"""Collector files: one JSON object a line, `{"symbol":"ETHUSDT","ts":"2025-12-15T08:43:15.300Z","price":3139.77,"size":0.054}`.

Prices and sizes are JSON numbers; they are read as the decimals they are written as, never as floats. No ids, no side. Keys may come in
any order; other keys, times without zone and numbers as text are rejected with the reason.
"""

import json
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.sources.gather import Columns
from flows.sources.rows import Field, RowError, shown
from flows.sources.scan import NOTIONAL_LIMIT, Bytes, scan_decimal, scan_iso
from flows.sources.symbols import SymbolTable, find_symbol

_KEYS = {"symbol": "symbol", "ts": "time", "price": "price", "size": "size"}


@dataclass(frozen=True, slots=True)
class NdjsonTicks:
    """The collector's format has no variants."""

    unit: str | None = None
    symbol: str | None = None
    has_ids: bool = False
    has_aggregates: bool = False

    def parse(
        self, buffer: Bytes, position: int, table: SymbolTable, columns: Columns, n: int, line: int
    ) -> tuple[int, int, int, int]:
        """See `TextFormat.parse`."""
        return _parse(
            buffer, position, table.names, table.lengths, table.slots, table.price_decimals, table.size_decimals,
            columns.symbol, columns.time, columns.price, columns.size, columns.side, columns.line, n, line,
        )  # fmt: skip

    def fields(self, line: str) -> dict[str, Field] | None:
        """See `TextFormat.fields`."""
        if not line.strip():
            return None
        try:
            value = json.loads(line, parse_float=Decimal, parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise RowError(f"not a JSON object: {error}") from None
        if not isinstance(value, dict):
            raise RowError(f"expected a JSON object, found {shown(line)}")
        for key in value:
            if key not in _KEYS:
                raise RowError(f'unknown key "{key}"; a tick has symbol, ts, price, size')
        for key in ("price", "size"):
            if not isinstance(value.get(key), int | Decimal):
                raise RowError(f"column {key}: expected a number, found {shown(value.get(key))}")
        return {_KEYS[key]: field for key, field in value.items()}


@njit(cache=True)
def _parse(
    buffer: Bytes, position: int, names: Bytes, lengths: NDArray[np.int64], slots: NDArray[np.int32],
    price_decimals: NDArray[np.int64], size_decimals: NDArray[np.int64], out_symbol: NDArray[np.int32],
    out_time: NDArray[np.int64], out_price: NDArray[np.int64], out_size: NDArray[np.int64], out_side: NDArray[np.int8],
    out_line: NDArray[np.int64], n: int, line: int,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Rows until one that is not exactly four plain members without white space but single spaces."""
    total = len(buffer)
    lines = 0
    excluded = 0
    i = position
    while i < total:
        start = i
        symbol = -1
        time = price_at = price_end = size_at = size_end = 0
        if buffer[i] != 123:
            return n, start, lines, excluded
        i += 1
        members = 0
        while True:
            if buffer[i] == 32:
                i += 1
            if buffer[i] != 34:
                return n, start, lines, excluded
            key = buffer[i + 1]
            second = buffer[i + 2]
            begin = i + 1
            i = begin
            while buffer[i] != 34 and buffer[i] != 10:
                i += 1
            size = i - begin
            if buffer[i] != 34 or buffer[i + 1] != 58:
                return n, start, lines, excluded
            i += 2
            if buffer[i] == 32:
                i += 1
            text = buffer[i] == 34
            i += text
            at = i
            while (
                buffer[i] != 34
                and buffer[i] != 92
                and buffer[i] != 10
                and (text or (buffer[i] != 44 and buffer[i] != 125))
            ):
                i += 1
            end = i
            if text:
                if buffer[i] != 34:
                    return n, start, lines, excluded
                i += 1
            if size == 6 and key == 115 and second == 121 and text and _is(buffer, begin, SYMBOL_KEY):
                symbol = find_symbol(buffer, at, end, names, lengths, slots)
            elif size == 2 and key == 116 and second == 115 and text:
                time, stop = scan_iso(buffer, at, end)
                if stop != end:
                    return n, start, lines, excluded
            elif size == 5 and not text and _is(buffer, begin, PRICE_KEY):
                price_at, price_end = at, end
            elif size == 4 and not text and _is(buffer, begin, SIZE_KEY):
                size_at, size_end = at, end
            else:
                return n, start, lines, excluded
            members += 1
            if buffer[i] == 44:
                i += 1
                continue
            break
        if buffer[i] != 125 or members != 4 or symbol < 0 or time == 0 or price_at == price_end or size_at == size_end:
            return n, start, lines, excluded
        i += 1
        if buffer[i] == 13:
            i += 1
        if buffer[i] != 10 or _odd_number(buffer, price_at, price_end) or _odd_number(buffer, size_at, size_end):
            return n, start, lines, excluded
        price, stop = scan_decimal(buffer, price_at, price_decimals[symbol])
        if stop != price_end:
            return n, start, lines, excluded
        amount, stop = scan_decimal(buffer, size_at, size_decimals[symbol])
        if stop != size_end or time < 1_230_768_000_000_000 or time >= 4_102_444_800_000_000:
            return n, start, lines, excluded
        if float(price) * float(amount) >= NOTIONAL_LIMIT:
            return n, start, lines, excluded
        i += 1
        lines += 1
        if price == 0 or amount == 0:
            excluded += 1
            continue
        out_symbol[n] = symbol
        out_time[n] = time
        out_price[n] = price
        out_size[n] = amount
        out_side[n] = 0
        out_line[n] = line + lines - 1
        n += 1
    return n, i, lines, excluded


SYMBOL_KEY = np.frombuffer(b"symbol", np.uint8)
PRICE_KEY = np.frombuffer(b"price", np.uint8)
SIZE_KEY = np.frombuffer(b"size", np.uint8)


@njit(cache=True)
def _is(buffer: Bytes, begin: int, key: Bytes) -> bool:
    same = True
    for k in range(len(key)):
        same = same and buffer[begin + k] == key[k]
    return same


@njit(cache=True)
def _odd_number(buffer: Bytes, at: int, end: int) -> bool:
    """Digits that JSON does not allow: `05`, `.5`, `5.`."""
    if buffer[at] == 46 or buffer[end - 1] == 46:
        return True
    return end - at > 1 and buffer[at] == 48 and buffer[at + 1] != 46

"""One row, read with care: what the compiled parsers do not take comes here, and leaves as a trade, an excluded row or a reason."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from flows.domain.instrument import symbol_problem
from flows.sources.scan import EXACT, NOTIONAL_LIMIT

MAX_DECIMALS = 8
"""The exchange's finest price or size."""
MIN_TIME_US = 1_230_768_000_000_000
MAX_TIME_US = 4_102_444_800_000_000
"""Times from 2009 to 2100 are believed; anything else is a wrong unit."""
UNITS = {"ms": 1_000, "us": 1}

Field = str | int | float | Decimal | bool | None
"""A field as its format gives it: JSON has numbers, CSV has text."""


class RowError(ValueError):
    """Why a row is no trade: column, what was wanted, what was found."""


@dataclass(frozen=True, slots=True)
class Row:
    """A trade as exact values."""

    symbol: str
    time: int
    price: Decimal
    size: Decimal
    trade_id: int
    side: int
    first_id: int
    last_id: int


def read_row(fields: dict[str, Field], unit: str | None, symbol: str | None) -> Row | None:
    """A trade from fields named by role (`symbol`, `time`, `price`, …), or None for a row that says "no trade" by a zero.

    Args:
        unit: of integer times: `ms` or `us`; None: times are ISO 8601.
        symbol: where the input as a whole has one.

    Raises:
        RowError: with the reason.
    """
    name = symbol if symbol is not None else _symbol(fields.get("symbol"))
    time = _time(fields.get("time"), unit)
    price = _number(fields.get("price"), "price")
    size = _number(fields.get("size"), "size")
    trade_id = _whole(fields["id"], "id") if "id" in fields else 0
    first = _whole(fields["first_id"], "first_id") if "first_id" in fields else trade_id
    last = _whole(fields["last_id"], "last_id") if "last_id" in fields else first
    if last < first:
        raise RowError(f"column last_id: expected at least first_id = {first}, found {last}")
    side = _side(fields)
    if price == 0 or size == 0:
        return None
    return Row(name, time, price, size, trade_id, side, first, last)


def decimals_of(value: Decimal) -> int:
    """Decimals without trailing zeros."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not value:
        return 0
    for digit in reversed(digits):
        if digit or exponent >= 0:
            break
        exponent += 1
    return max(0, -exponent)


def scaled(value: Decimal, decimals: int, column: str) -> int:
    """The value as an integer of that many decimals.

    Raises:
        RowError: beyond what can be held exactly.
    """
    result = int(
        value * 10**decimals
    )  # in reach of the context's precision: at most 16 digits before the point, 8 after
    if result >= EXACT:
        raise RowError(f"column {column}: {value} is too large")
    return result


def check_notional(price: int, size: int) -> None:
    """Raise RowError where price · size cannot be summed exactly."""
    if float(price) * float(size) >= NOTIONAL_LIMIT:
        raise RowError("price times size is too large")


def shown(value: Field) -> str:
    """A field's value for a message, short."""
    text = "nothing" if value is None else f'"{value}"'
    return text if len(text) <= 60 else text[:57] + '…"'


def _symbol(value: Field) -> str:
    if not isinstance(value, str):
        raise RowError(f"column symbol: expected a symbol, found {shown(value)}")
    if problem := symbol_problem(value):
        raise RowError(f"column symbol: {problem}: {shown(value)}")
    return value


def _number(value: Field, column: str) -> Decimal:
    try:
        number = _decimal(value)
    except (InvalidOperation, ValueError):
        raise RowError(f"column {column}: expected a positive number, found {shown(value)}") from None
    if not number.is_finite() or number < 0 or (number == 0 and number.is_signed()):
        raise RowError(f"column {column}: expected a positive number, found {shown(value)}")
    if number and number.adjusted() > 15:
        raise RowError(f"column {column}: {shown(value)} is too large")
    if decimals_of(number) > MAX_DECIMALS:
        raise RowError(f"column {column}: expected at most {MAX_DECIMALS} decimals, found {shown(value)}")
    return number


_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def _decimal(value: Field) -> Decimal:
    """Text and JSON numbers as they are written; a Parquet double as the shortest decimal that gives the same double."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        if not _PLAIN.fullmatch(value):  # Decimal itself takes 1_000 and digits of every script
            raise ValueError(value)
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(value)
    return Decimal(repr(value))


def _whole(value: Field, column: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62:
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    raise RowError(f"column {column}: expected a whole number, found {shown(value)}")


_TIME_FORMS = {
    None: "ISO 8601 with Z, 13 digits (ms) or 16 digits (µs)",
    "ms": "whole milliseconds",
    "us": "whole microseconds",
}


def _time(value: Field, unit: str | None) -> int:
    try:
        time = _whole(value, "time") * UNITS[unit] if unit else _iso(value)
    except RowError:
        raise RowError(f"column time: expected {_TIME_FORMS[unit]}, found {shown(value)}") from None
    if not MIN_TIME_US <= time < MAX_TIME_US:
        raise RowError(f"column time: {shown(value)} is not between the years 2009 and 2100; is the unit right?")
    return time


_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)")


def _iso(value: Field) -> int:
    match = _ISO.fullmatch(value) if isinstance(value, str) and value.isascii() else None
    if not match:
        raise RowError("not ISO 8601")
    try:
        whole = datetime.fromisoformat(match[1] + "+00:00")
    except ValueError:
        raise RowError("no such time") from None
    return int(whole.timestamp()) * 1_000_000 + int((match[2] or "0").ljust(6, "0")[:6])


_TRUE, _FALSE = ("true", "1"), ("false", "0")


def _side(fields: dict[str, Field]) -> int:
    """Side of the taker: a buyer who was the maker means that the taker sold."""
    if "is_buyer_maker" in fields:
        value = fields["is_buyer_maker"]
        if str(value).lower() in _TRUE:
            return -1
        if str(value).lower() in _FALSE:
            return 1
        raise RowError(f"column is_buyer_maker: expected true or false, found {shown(value)}")
    if "side" in fields:
        value = fields["side"]
        if value is None or value == "":
            return 0
        text = str(value).lower()
        if text not in ("buy", "sell"):
            raise RowError(f"column side: expected buy or sell, found {shown(value)}")
        return 1 if text == "buy" else -1
    return 0

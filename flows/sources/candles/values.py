"""The fields of a candle's row as exact integers, each refused with its column, what was wanted and what was found."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from flows.domain.instrument import symbol_problem
from flows.sources.rows import MAX_TIME_US, MIN_TIME_US, RowError, shown

DECIMALS = 8
"""The exchange's finest price or size; every number is held at this scale while a file is read."""
_LARGEST = 1 << 62
_ONE: int = 10**DECIMALS
_PLAIN = re.compile(r"(\d{1,11})(?:\.(\d{0,8})0*)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_DIGITS = {10: 1_000_000, 13: 1_000, 16: 1}


def number(text: str, column: str) -> int:
    """A number that is not negative, times 10**DECIMALS.

    Raises:
        RowError: with the reason.
    """
    plain = _PLAIN.fullmatch(text)
    if plain:
        return int(plain[1]) * _ONE + int((plain[2] or "").ljust(DECIMALS, "0"))
    if re.fullmatch(r"-?[\d.]*\d,\d+", text):
        raise RowError(
            f"column {column}: expected a number with a decimal point, found {shown(text)} with a decimal comma"
        )
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RowError(f"column {column}: expected a number, found {shown(text)}") from None
    if not value.is_finite():
        raise RowError(f"column {column}: expected a number, found {shown(text)}")
    if value < 0:
        raise RowError(f"column {column}: expected a number that is not negative, found {shown(text)}")
    scaled = value.scaleb(DECIMALS)
    if scaled != scaled.to_integral_value():
        raise RowError(f"column {column}: expected at most {DECIMALS} decimals, found {shown(text)}")
    if scaled >= _LARGEST:
        raise RowError(f"column {column}: expected a number below {_LARGEST // 10**DECIMALS:,}, found {shown(text)}")
    return int(scaled)


def price(text: str, column: str) -> int:
    """A price, which is above zero. Raises as `number`."""
    value = number(text, column)
    if not value:
        raise RowError(f"column {column}: expected a price above 0, found {shown(text)}")
    return value


def count(text: str, column: str) -> int:
    """A whole number. Raises as `number`."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise RowError(f"column {column}: expected a whole number, found {shown(text)}")
    return int(text)


def time(text: str, column: str) -> int:
    """A time in microseconds: an epoch in s, ms or µs by its digits, or ISO 8601 with a zone.

    Raises:
        RowError: with the reason.
    """
    if text.isascii() and text.isdigit():
        factor = _PER_DIGITS.get(len(text))
        if factor is None:
            raise RowError(
                f"column {column}: expected an epoch of 10, 13 or 16 digits (s, ms, µs), found {shown(text)}"
            )
        value = int(text) * factor
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise RowError(f"column {column}: expected ISO 8601 in UTC or an epoch, found {shown(text)}") from None
        if moment.tzinfo is None:
            wanted = "expected UTC (with Z), an offset (+02:00) or an epoch"
            raise RowError(f"column {column}: {wanted}, found {shown(text)}, which does not say of what zone it is")
        value = int((moment - _EPOCH) // timedelta(microseconds=1))
    if not MIN_TIME_US <= value < MAX_TIME_US:
        raise RowError(f"column {column}: expected a time from 2009 to 2100, found {shown(text)}")
    return value


def symbol(text: str) -> str:
    """A symbol. Raises as `number`."""
    if problem := symbol_problem(text):
        raise RowError(f"column symbol: {problem}: {shown(text)}")
    return text


def check_range(row: Mapping[str, int], texts: Mapping[str, str]) -> None:
    """High is the highest, low the lowest of a candle's four prices.

    Raises:
        RowError: it is not.
    """
    for name in ("open", "close", "low"):
        if row["high"] < row[name]:
            raise RowError(f"column high: expected at least {name} = {texts[name]}, found {shown(texts['high'])}")
    for name in ("open", "close"):
        if row["low"] > row[name]:
            raise RowError(f"column low: expected at most {name} = {texts[name]}, found {shown(texts['low'])}")

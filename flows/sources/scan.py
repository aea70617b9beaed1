"""Compiled scanners of numbers and times in text. Each returns (value, …, next position) and a position of −1 for "not this"."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

POW10 = np.array([10**k for k in range(19)], np.int64)
EXACT = 1 << 53
"""Scaled prices and sizes stay below this, so that their floats are exact."""
NOTIONAL_LIMIT = float(1 << 60)
"""price · size of one trade, scaled, stays below this, so that a bar can be summed."""

_ZERO, _NINE, _DOT, _MINUS, _COLON, _PLUS = 48, 57, 46, 45, 58, 43


@njit(cache=True)
def count_lines(buffer: Bytes) -> int:
    """Line ends. `bytes.count` looks for one after the other, which with short lines takes five times as long."""
    lines = 0
    for i in range(len(buffer)):
        lines += buffer[i] == 10
    return lines


@njit(cache=True)
def scan_uint(buffer: Bytes, i: int) -> tuple[int, int]:
    """An unsigned integer of 1 to 18 digits."""
    value = 0
    start = i
    while _ZERO <= buffer[i] <= _NINE:
        value = value * 10 + (buffer[i] - _ZERO)
        i += 1
    if i == start or i - start > 18:
        return 0, -1
    return value, i


@njit(cache=True)
def scan_decimal(buffer: Bytes, i: int, scale: int) -> tuple[int, int]:
    """A non-negative decimal as an integer of `scale` decimals; −1 also where it has more decimals or too many digits."""
    value = 0
    start = i
    while _ZERO <= buffer[i] <= _NINE:
        value = value * 10 + (buffer[i] - _ZERO)
        i += 1
    digits = i - start
    decimals = 0
    if buffer[i] == _DOT:
        i += 1
        first = i
        while _ZERO <= buffer[i] <= _NINE:
            value = value * 10 + (buffer[i] - _ZERO)
            i += 1
        decimals = i - first
        digits += decimals
    if digits == 0 or digits > 18:
        return 0, -1
    while decimals > scale and value % 10 == 0:
        value //= 10
        decimals -= 1
    if decimals > scale:
        return 0, -1
    if decimals < scale:
        if value >= EXACT // POW10[scale - decimals]:
            return 0, -1
        value *= POW10[scale - decimals]
    if value >= EXACT:
        return 0, -1
    return value, i


@njit(cache=True)
def _digits(buffer: Bytes, i: int, count: int) -> int:
    value = 0
    for k in range(i, i + count):
        if not _ZERO <= buffer[k] <= _NINE:
            return -1
        value = value * 10 + (buffer[k] - _ZERO)
    return value


@njit(cache=True)
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant's days_from_civil)."""
    y = year - (month <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


@njit(cache=True)
def scan_iso(buffer: Bytes, i: int, end: int) -> tuple[int, int]:
    """`2025-12-15T08:43:15.300Z` (T or a space, up to 9 decimals cut to µs, `Z` or `+00:00`) as microseconds."""
    if end - i < 20:
        return 0, -1
    year, month, day = _digits(buffer, i, 4), _digits(buffer, i + 5, 2), _digits(buffer, i + 8, 2)
    hour, minute, second = _digits(buffer, i + 11, 2), _digits(buffer, i + 14, 2), _digits(buffer, i + 17, 2)
    if min(year, month, day, hour, minute, second) < 0 or not (1 <= month <= 12 and 1 <= day <= 31):
        return 0, -1
    if hour > 23 or minute > 59 or second > 59 or buffer[i + 4] != _MINUS or buffer[i + 7] != _MINUS:
        return 0, -1
    if (buffer[i + 10] != 84 and buffer[i + 10] != 32) or buffer[i + 13] != _COLON or buffer[i + 16] != _COLON:
        return 0, -1
    if day > 28 and _days(year, month, day) >= _days(year + month // 12, month % 12 + 1, 1):
        return 0, -1
    k = i + 19
    micros = 0
    if buffer[k] == _DOT:
        k += 1
        unit = 100_000
        first = k
        while _ZERO <= buffer[k] <= _NINE:
            micros += (buffer[k] - _ZERO) * unit
            unit //= 10
            k += 1
        if k == first or k - first > 9:
            return 0, -1
    if buffer[k] == 90:
        k += 1
    elif (
        buffer[k] == _PLUS
        and end - k >= 6
        and buffer[k + 3] == _COLON
        and _digits(buffer, k + 1, 2) == 0
        and _digits(buffer, k + 4, 2) == 0
    ):
        k += 6
    else:
        return 0, -1
    seconds = _days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
    return seconds * 1_000_000 + micros, k

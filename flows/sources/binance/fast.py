"""The fast parser: usual messages straight from bytes to columns. It takes only what it understands entirely; the careful parser of
`messages` reads the rest, and both give the same row for the same line."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.sources.binance.columns import (
    AGGREGATE,
    END,
    EVENT,
    EXECUTION,
    FIRST,
    ID,
    IGNORED,
    INSURANCE_FUND,
    KIND,
    LAST,
    MAKER,
    MARKET,
    MAX_TIME_MS,
    MAX_WHOLE_DIGITS,
    MIN_TIME_MS,
    NA,
    NOT_GIVEN,
    PRICE,
    PRICE_DECIMALS,
    READ,
    RECEIVED,
    SINGLE,
    SIZE,
    SIZE_DECIMALS,
    START,
    STATUS,
    SYMBOL,
    TIME,
)
from flows.sources.rows import MAX_DECIMALS
from flows.sources.symbols import find_symbol

Bytes = NDArray[np.uint8]

PADDING = b"\n" + bytes(24)
"""Stands behind every buffer: each loop below ends at a line feed, and looking a few bytes ahead stays inside."""

_LF, _CR, _SPACE, _QUOTE, _COMMA, _DOT, _COLON, _OPEN, _CLOSE, _BACKSLASH = 10, 13, 32, 34, 44, 46, 58, 123, 125, 92
_AGG_TRADE = np.frombuffer(b'aggTrade"', np.uint8)
_TRADE = np.frombuffer(b'trade"', np.uint8)
_MARKET = np.frombuffer(b'MARKET"', np.uint8)
_INSURANCE = np.frombuffer(b'INSURANCE_FUND"', np.uint8)
_NA = np.frombuffer(b'NA"', np.uint8)
_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)
_MSG = np.frombuffer(b'msg"', np.uint8)
_DATA = np.frombuffer(b'data"', np.uint8)
_RECV = np.frombuffer(b'recv_ns"', np.uint8)

# One bit per field: a key seen twice, or a field that is missing, is a matter for the careful parser.
_E, _ET, _T, _S, _P, _Q, _M, _A, _F, _L, _ONE, _X, _R = (1 << k for k in range(13))
_BOTH = _E | _ET | _T | _S | _P | _Q | _M


@njit(cache=True)
def _at(buffer: Bytes, i: int, word: Bytes) -> bool:
    for k in range(len(word)):  # noqa: SIM110 - compiled
        if buffer[i + k] != word[k]:
            return False
    return True


@njit(cache=True)
def _whole(buffer: Bytes, i: int, most: int) -> tuple[int, int]:
    """A JSON integer of up to `most` digits and the position behind it, which is −1 where there is none."""
    value = 0
    start = i
    while 48 <= buffer[i] <= 57 and i - start <= most:
        value = value * 10 + (buffer[i] - 48)
        i += 1
    digits = i - start
    if digits == 0 or digits > most or (digits > 1 and buffer[start] == 48):
        return 0, -1
    return value, i


@njit(cache=True)
def _decimal(buffer: Bytes, i: int) -> tuple[int, int, int]:
    """Digits, decimals and the position behind the closing quote of a decimal in quotes; −1 where there is none."""
    if buffer[i] != _QUOTE:
        return 0, 0, -1
    i += 1
    value = 0
    start = i
    while 48 <= buffer[i] <= 57 and i - start <= MAX_WHOLE_DIGITS:
        value = value * 10 + (buffer[i] - 48)
        i += 1
    whole = i - start
    decimals = 0
    if buffer[i] == _DOT:
        i += 1
        start = i
        while 48 <= buffer[i] <= 57 and i - start <= MAX_DECIMALS:
            value = value * 10 + (buffer[i] - 48)
            i += 1
        decimals = i - start
        if decimals == 0:
            return 0, 0, -1
    if whole == 0 or whole > MAX_WHOLE_DIGITS or decimals > MAX_DECIMALS or buffer[i] != _QUOTE:
        return 0, 0, -1
    return value, decimals, i + 1


@njit(cache=True)
def _text_end(buffer: Bytes, i: int) -> int:
    """Position of the quote that ends a text of plain ASCII without escapes, or −1."""
    while buffer[i] != _QUOTE:
        if buffer[i] < 32 or buffer[i] > 126 or buffer[i] == _BACKSLASH:
            return -1
        i += 1
    return i


@njit(cache=True)
def _skipped(buffer: Bytes, i: int) -> int:
    """Position behind the value of a key that nobody asked for: a text, a whole number or a word; −1 for anything else."""
    c = buffer[i]
    if c == _QUOTE:
        end = _text_end(buffer, i + 1)
        return end + 1 if end >= 0 else -1
    if 48 <= c <= 57:
        return _whole(buffer, i, 18)[1]
    if _at(buffer, i, _TRUE) or _at(buffer, i, _NULL):
        return i + 4
    return i + 5 if _at(buffer, i, _FALSE) else -1


@njit(cache=True)
def scan(
    buffer: Bytes, position: int, row: int, rows: NDArray[np.int64], names: Bytes, lengths: NDArray[np.int64], slots: NDArray[np.int32]
) -> tuple[int, int]:  # fmt: skip
    """Fill `rows` from `row` on with the lines of `buffer` from `position` on, as far as they are usual.

    Returns:
        Position and row of the first line that the careful parser must read (its START and END are filled), or the number of rows where
        all are done.
    """
    while row < len(rows):
        start = position
        position = _scan_line(buffer, start, rows[row], names, lengths, slots)
        if position < 0:
            end = start
            while buffer[end] != _LF:
                end += 1
            rows[row, START], rows[row, END] = start, end
            return start, row
        rows[row, START], rows[row, END] = start, position - 1
        row += 1
    return position, row


@njit(cache=True)
def _scan_line(
    buffer: Bytes, i: int, out: NDArray[np.int64], names: Bytes, lengths: NDArray[np.int64], slots: NDArray[np.int32]
) -> int:
    """One line into `out`; the position behind its line feed, or −1."""
    if buffer[i] == _LF:
        out[STATUS] = IGNORED
        return i + 1
    if buffer[i] != _OPEN:
        return -1
    i += 1
    seen = 0
    depth, closed = 0, False
    in_msg, in_data = False, False
    kind, aggregate, single = 0, -1, -1
    out[RECEIVED], out[EXECUTION] = NOT_GIVEN, MARKET
    while True:
        # A key and its colon.
        if buffer[i] != _QUOTE:
            return -1
        key = i + 1
        i = _text_end(buffer, key)
        if i < 0 or buffer[i + 1] != _COLON:
            return -1
        letter = buffer[key] if i == key + 1 else 0
        i += 2
        if buffer[i] == _SPACE:
            i += 1
        bit = 0
        # Its value. Letters count in the innermost object only, which is the only one that may have any.
        if letter == 69 or letter == 84:  # E, T
            bit = _ET if letter == 69 else _T
            value, i = _whole(buffer, i, 13)
            if value < MIN_TIME_MS or value >= MAX_TIME_MS:
                return -1
            out[EVENT if letter == 69 else TIME] = value
        elif letter == 97:  # a
            bit = _A
            aggregate, i = _whole(buffer, i, 15)
        elif letter == 116:  # t
            bit = _ONE
            single, i = _whole(buffer, i, 15)
        elif letter == 102 or letter == 108:  # f, l
            bit = _F if letter == 102 else _L
            out[FIRST if letter == 102 else LAST], i = _whole(buffer, i, 15)
        elif letter == 112:  # p
            bit = _P
            out[PRICE], out[PRICE_DECIMALS], i = _decimal(buffer, i)
        elif letter == 113:  # q
            bit = _Q
            out[SIZE], out[SIZE_DECIMALS], i = _decimal(buffer, i)
        elif letter == 109:  # m
            bit = _M
            maker = _at(buffer, i, _TRUE)
            if not maker and not _at(buffer, i, _FALSE):
                return -1
            out[MAKER] = maker
            i += 4 if maker else 5
        elif letter == 115:  # s
            bit = _S
            if buffer[i] != _QUOTE:
                return -1
            end = _text_end(buffer, i + 1)
            symbol = find_symbol(buffer, i + 1, end, names, lengths, slots) if end >= 0 else -1
            if symbol < 0:
                return -1
            out[SYMBOL] = symbol
            i = end + 1
        elif letter == 101:  # e
            bit = _E
            if buffer[i] == _QUOTE and _at(buffer, i + 1, _AGG_TRADE):
                kind, i = AGGREGATE, i + 1 + len(_AGG_TRADE)
            elif buffer[i] == _QUOTE and _at(buffer, i + 1, _TRADE):
                kind, i = SINGLE, i + 1 + len(_TRADE)
            else:
                return -1
        elif letter == 88:  # X
            bit = _X
            if buffer[i] != _QUOTE:
                return -1
            if _at(buffer, i + 1, _MARKET):
                out[EXECUTION], i = MARKET, i + 1 + len(_MARKET)
            elif _at(buffer, i + 1, _NA):
                out[EXECUTION], i = NA, i + 1 + len(_NA)
            elif _at(buffer, i + 1, _INSURANCE):
                out[EXECUTION], i = INSURANCE_FUND, i + 1 + len(_INSURANCE)
            else:
                return -1
        elif letter == 77:  # M: a spot trade, refused elsewhere
            return -1
        elif _at(buffer, key, _RECV) and depth == 0:
            if seen & _R or buffer[i] != 49:  # 19 digits that begin with 1: the years 2001 to 2033
                return -1
            seen |= _R
            first = i
            nanoseconds, i = _whole(buffer, i, 19)
            if i - first != 19:
                return -1
            out[RECEIVED] = nanoseconds // 1000
        elif _at(buffer, key, _MSG) or _at(buffer, key, _DATA):
            # {"recv_ns":…,"msg":{"stream":…,"data":{…}}}, with either envelope missing
            msg = buffer[key] == 109
            if closed or seen & ~_R or buffer[i] != _OPEN or in_data or (msg and in_msg):
                return -1
            in_msg, in_data = in_msg or msg, not msg
            depth += 1
            i += 1
            continue
        else:
            i = _skipped(buffer, i)
        if i < 0 or (bit and (closed or seen & bit)):
            return -1
        seen |= bit
        # What follows a value: another key, or the end of one object or more.
        while buffer[i] == _CLOSE:
            closed = True
            depth -= 1
            i += 1
            if depth < 0:
                if buffer[i] == _CR:
                    i += 1
                if buffer[i] != _LF:
                    return -1
                break
        if depth < 0:
            break
        if buffer[i] != _COMMA:
            return -1
        i += 1
        if buffer[i] == _SPACE:
            i += 1
    if seen & _BOTH != _BOTH:
        return -1
    if kind == AGGREGATE:
        if not (seen & _A and seen & _F and seen & _L) or out[LAST] < out[FIRST]:
            return -1
        out[ID] = aggregate
    else:
        if not seen & _ONE:
            return -1
        out[ID] = out[FIRST] = out[LAST] = single
    out[STATUS], out[KIND] = READ, kind
    return i + 1

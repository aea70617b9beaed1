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
_E, _EV, _T, _S, _P, _Q, _M, _A, _F, _L, _ONE, _X, _R = (1 << k for k in range(13))
_BOTH = _E | _EV | _T | _S | _P | _Q | _M
_SPAN = _A | _F | _L


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
def _number(buffer: Bytes, letter: int, i: int, out: NDArray[np.int64]) -> tuple[int, int]:
    """Value of `E`, `T`, `a`, `t`, `f` or `l` into `out`: its bit and the position behind it, which is −1 where it is not usual."""
    if letter == 69 or letter == 84:  # E, T
        value, i = _whole(buffer, i, 13)
        out[EVENT if letter == 69 else TIME] = value
        return (_EV if letter == 69 else _T), (i if MIN_TIME_MS <= value < MAX_TIME_MS else -1)
    value, i = _whole(buffer, i, 15)
    if letter == 102:
        out[FIRST] = value
        return _F, i
    if letter == 108:
        out[LAST] = value
        return _L, i
    out[ID] = value
    return (_A if letter == 97 else _ONE), i


@njit(cache=True)
def _word(buffer: Bytes, letter: int, i: int, out: NDArray[np.int64]) -> tuple[int, int]:
    """Value of `p`, `q`, `m`, `e` or `X` into `out`: its bit and the position behind it, which is −1 where it is not usual."""
    if letter == 112:
        out[PRICE], out[PRICE_DECIMALS], i = _decimal(buffer, i)
        return _P, i
    if letter == 113:
        out[SIZE], out[SIZE_DECIMALS], i = _decimal(buffer, i)
        return _Q, i
    if letter == 109:
        out[MAKER] = _at(buffer, i, _TRUE)
        if out[MAKER]:
            return _M, i + len(_TRUE)
        return _M, (i + len(_FALSE) if _at(buffer, i, _FALSE) else -1)
    if buffer[i] != _QUOTE:
        return 0, -1
    i += 1
    if letter == 101:
        if _at(buffer, i, _AGG_TRADE):
            out[KIND] = AGGREGATE
            return _E, i + len(_AGG_TRADE)
        out[KIND] = SINGLE
        return _E, (i + len(_TRADE) if _at(buffer, i, _TRADE) else -1)
    if _at(buffer, i, _MARKET):
        return _X, i + len(_MARKET)
    if _at(buffer, i, _NA):
        out[EXECUTION] = NA
        return _X, i + len(_NA)
    out[EXECUTION] = INSURANCE_FUND
    return _X, (i + len(_INSURANCE) if _at(buffer, i, _INSURANCE) else -1)


@njit(cache=True)
def _key(buffer: Bytes, i: int) -> tuple[int, int, int]:
    """A key with its colon: its letter if it is a single one (else 0), where its text begins, and the position of its value or −1."""
    if buffer[i] != _QUOTE:
        return 0, 0, -1
    text = i + 1
    i = _text_end(buffer, text)
    if i < 0 or buffer[i + 1] != _COLON:
        return 0, 0, -1
    letter = buffer[text] if i == text + 1 else 0
    i += 2
    return letter, text, (i + 1 if buffer[i] == _SPACE else i)


@njit(cache=True)
def _complete(seen: int, out: NDArray[np.int64]) -> bool:
    """Whether a trade has all its fields; a single one spans its own id."""
    if seen & _BOTH != _BOTH or (seen & _A and seen & _ONE):
        return False
    if out[KIND] == AGGREGATE:
        return seen & _SPAN == _SPAN and out[LAST] >= out[FIRST]
    out[FIRST] = out[LAST] = out[ID]
    return seen & _ONE != 0


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
    seen, depth = 0, 0
    in_msg, in_data, closed = False, False, False
    out[STATUS], out[RECEIVED], out[EXECUTION] = READ, NOT_GIVEN, MARKET
    while depth >= 0:
        letter, key, i = _key(buffer, i)
        if i < 0:
            return -1
        # Fields count in the innermost object only, so a line that has one outside of it, or one twice, is not usual.
        bit = 0
        if letter in (69, 84, 97, 102, 108, 116):
            bit, i = _number(buffer, letter, i, out)
        elif letter in (88, 101, 109, 112, 113):
            bit, i = _word(buffer, letter, i, out)
        elif letter == 115:
            end = _text_end(buffer, i + 1) if buffer[i] == _QUOTE else -1
            out[SYMBOL] = find_symbol(buffer, i + 1, end, names, lengths, slots) if end >= 0 else -1
            bit, i = _S, (end + 1 if out[SYMBOL] >= 0 else -1)
        elif letter == 77:  # M: a spot trade, refused elsewhere
            return -1
        elif depth == 0 and _at(buffer, key, _RECV):
            # Nineteen digits that begin with 1: the years 2001 to 2033.
            nanoseconds, end = _whole(buffer, i, 19)
            if seen & _R or buffer[i] != 49 or end - i != 19:
                return -1
            out[RECEIVED] = nanoseconds // 1000
            seen |= _R
            i = end
        elif _at(buffer, key, _MSG) or _at(buffer, key, _DATA):
            is_data = buffer[key] == 100
            if closed or seen & ~_R or buffer[i] != _OPEN or in_data or (in_msg and not is_data):
                return -1
            in_msg, in_data = in_msg or not is_data, is_data
            depth += 1
            i += 1
            continue
        else:
            i = _skipped(buffer, i)
        if i < 0 or (bit and (closed or seen & bit)):
            return -1
        seen |= bit
        while buffer[i] == _CLOSE and depth >= 0:
            closed = True
            depth -= 1
            i += 1
        if depth >= 0:
            if buffer[i] != _COMMA:
                return -1
            i += 2 if buffer[i + 1] == _SPACE else 1
    if buffer[i] == _CR:
        i += 1
    return i + 1 if buffer[i] == _LF and _complete(seen, out) else -1

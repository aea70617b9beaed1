"""Rows as text, many at once: the digits are written by compiled code, as a busy exchange's messages would cost a core otherwise.

A template is the text of one row with the fields in angle brackets; `<symbol>` and `<SYMBOL>` are the name in small and capital letters.
"""

import re
from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.simulator.listing import Listing
from flows.simulator.trades import I64, NO_ROWS, Execution, Field, Flags

_MARK = re.compile(r"<(\w+)>")
_NUMBER, _PRICE, _SIZE, _TRUTH, _WORD = range(5)
_KINDS = {Field.price: _PRICE, Field.size: _SIZE, Field.maker: _TRUTH, Field.execution: _WORD}
_LONGEST_FIELD = 24
_HEADER = 4  # bytes of a frame's header where the text is 126 to 65,535 bytes long; 2 where it is shorter


class Template:
    """Prints rows.

    Args:
        text: for example `{"a":<id>,"p":"<price>"}`.
        framed: each row becomes an unmasked WebSocket text frame.
    """

    def __init__(self, text: str, listings: Sequence[Listing], framed: bool) -> None:
        self._framed = framed
        parts = [
            _MARK.split(text.replace("<symbol>", each.symbol.lower()).replace("<SYMBOL>", each.symbol))
            for each in listings
        ]
        fields = [Field[name] for name in parts[0][1::2]]
        self._fields = np.array([(field, _KINDS.get(field, _NUMBER)) for field in fields], np.int64).reshape(-1, 2)
        pieces = [piece.encode() for of in parts for piece in of[::2]]
        self._literals = np.frombuffer(b"".join(pieces), np.uint8)
        ends = np.cumsum([len(piece) for piece in pieces])
        self._starts = np.concatenate([[0], ends[:-1]]).reshape(len(listings), -1)
        self._ends = ends.reshape(len(listings), -1)
        self._decimals = np.array([(each.price_decimals, each.size_decimals) for each in listings], np.int64)
        longest = max(sum(map(len, of[::2])) for of in parts)
        self._room = longest + _LONGEST_FIELD * len(fields) + _HEADER
        self(NO_ROWS)  # compiled now, not when the first message is due

    def __call__(self, rows: I64, wanted: Flags | None = None) -> tuple[bytes, I64]:
        """Print the rows of the symbols that are wanted, all by default.

        Args:
            wanted: of shape (symbols,).

        Returns:
            The text, and where in it each printed row ends.
        """
        wanted = np.ones(len(self._decimals), np.bool_) if wanted is None else wanted
        text = np.empty(rows.shape[1] * self._room, np.uint8)
        row_ends = np.empty(rows.shape[1], np.int64)
        end, count = _print(np.ascontiguousarray(rows), wanted, self._fields, self._literals, self._starts, self._ends, self._decimals,
                            _WORDS, _WORD_ENDS, self._framed, text, row_ends)  # fmt: skip
        return text[:end].tobytes(), row_ends[:count]


def frame(text: str) -> bytes:
    """Any text as an unmasked WebSocket text frame."""
    body = text.encode()
    size = len(body)
    if size < 126:
        return bytes((0x81, size)) + body
    if size < 65_536:
        return bytes((0x81, 126)) + size.to_bytes(2) + body
    return bytes((0x81, 127)) + size.to_bytes(8) + body


_WORDS = np.frombuffer("".join(each.name for each in Execution).encode(), np.uint8)
_WORD_ENDS = np.cumsum([0] + [len(each.name) for each in Execution])


@njit(cache=True)
def _print(
    rows: I64, wanted: Flags, fields: I64, literals: NDArray[np.uint8], starts: I64, ends: I64, decimals: I64,
    words: NDArray[np.uint8], word_ends: I64, framed: bool, text: NDArray[np.uint8], row_ends: I64,
) -> tuple[int, int]:  # fmt: skip
    at, count = 0, 0
    for i in range(rows.shape[1]):
        k = rows[0, i]
        if not wanted[k]:
            continue
        begin = at
        at += 4 if framed else 0
        for j in range(starts.shape[1]):
            for c in range(starts[k, j], ends[k, j]):
                text[at] = literals[c]
                at += 1
            if j == len(fields):
                break
            value, kind = rows[fields[j, 0], i], fields[j, 1]
            if kind == 0:
                at = _number(value, 0, text, at)
            elif kind <= 2:
                at = _number(value, decimals[k, kind - 1] if value else 0, text, at)
            elif kind == 3:
                for c in b"true" if value else b"false":
                    text[at] = c
                    at += 1
            else:
                for c in range(word_ends[value], word_ends[value + 1]):
                    text[at] = words[c]
                    at += 1
        if framed:
            at = _header(text, begin, at)
        row_ends[count] = at
        count += 1
    return at, count


@njit(cache=True)
def _number(value: int, decimals: int, text: NDArray[np.uint8], at: int) -> int:
    """Write a scaled integer; returns where it ends."""
    if value < 0:
        text[at] = 45
        at += 1
        value = -value
    digits, rest = 1, value // 10
    while rest:
        digits += 1
        rest //= 10
    digits = max(digits, decimals + 1)
    end = at + digits + (1 if decimals else 0)
    place = end
    for k in range(digits):
        if k == decimals and decimals:
            place -= 1
            text[place] = 46
        place -= 1
        text[place] = 48 + value % 10
        value //= 10
    return end


@njit(cache=True)
def _header(text: NDArray[np.uint8], begin: int, end: int) -> int:
    """Write the header of a frame into the four bytes left free at `begin`; a short text moves up to its short header."""
    size = end - begin - 4
    text[begin] = 0x81
    if size >= 126:
        text[begin + 1] = 126
        text[begin + 2] = size >> 8
        text[begin + 3] = size & 255
        return end
    text[begin + 1] = size
    for c in range(size):
        text[begin + 2 + c] = text[begin + 4 + c]
    return end - 2

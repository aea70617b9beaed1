"""The wire format of Binance USD-M futures trades, known here and nowhere else.

A combined stream wraps each message with its stream's name, a raw stream sends the inner object alone, and a capture line adds the
receive time. Fields are taken by name: their order differs and new ones (`nq`, `st`) appear without notice.

    {"recv_ns":1721347021186954583,"msg":{"stream":"ethusdt@trade","data":{…}}}            a capture line
    {"stream":"btcusdt@aggTrade","data":{…}}                                               a combined stream
    {"e":"aggTrade","E":1626992741575,"a":16599292,"s":"CTKUSDT","p":"1.01100","q":"10","f":23961322,"l":23961322,
     "T":1626992741421,"m":false}                                                          several fills of one price and side
    {"e":"trade","E":1721347022708,"T":1721347022707,"s":"ETHUSDT","t":4217896584,"p":"3424.98","q":"0.007","X":"MARKET","m":true}
    {"e":"trade",…,"p":"0","q":"0","X":"NA","m":false}                                     no trade, but its id counts
    {"result":null,"id":1}                                                                 acknowledgement of a request

`E` sent and `T` traded, milliseconds; `a` aggregate id with `f`…`l` the trades in it, `t` trade id; `p` price and `q` size, decimal texts;
`m` true: the buyer was the maker, so the taker sold; `X` MARKET or absent: a trade of the market.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from flows.domain.instrument import Instrument, symbol_problem
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
    MALFORMED,
    MARKET,
    MAX_ID,
    MAX_TIME_MS,
    MAX_WHOLE_DIGITS,
    MIN_TIME_MS,
    NA,
    NOT_GIVEN,
    OTHER,
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
    WIDTH,
)
from flows.sources.binance.fast import PADDING, scan
from flows.sources.rows import MAX_DECIMALS, shown
from flows.sources.scan import count_lines
from flows.sources.symbols import SymbolTable

KINDS = {"aggTrade": AGGREGATE, "trade": SINGLE}
_EXECUTIONS = {"MARKET": MARKET, "INSURANCE_FUND": INSURANCE_FUND, "NA": NA}
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Parsed:
    """Lines as columns.

    Attributes:
        rows: int64, one row per line, columns as in `flows.sources.binance.columns`.
        reasons: why, for each row that is MALFORMED.
        text: the lines themselves.
    """

    rows: NDArray[np.int64]
    reasons: dict[int, str]
    text: bytes

    def line(self, row: int) -> str:
        """The text of one line."""
        return self.text[self.rows[row, START] : self.rows[row, END]].decode("utf-8", "replace").rstrip("\r")


def parse_lines(lines: bytes, symbols: SymbolTable, accept_new: bool, fast: bool = True) -> Parsed:
    """Read newline-separated messages or capture lines; the last line may lack its newline.

    Args:
        symbols: the table that the symbol column points into; it grows by new symbols where `accept_new`.
        fast: False reads every line by the careful parser: same result, slower.
    """
    text = lines + PADDING
    buffer = np.frombuffer(text, np.uint8)
    count = count_lines(buffer[: len(lines)]) + (len(lines) > 0 and not lines.endswith(b"\n"))
    rows = np.zeros((count, WIDTH), np.int64)
    reasons: dict[int, str] = {}
    position = row = 0
    while row < count:
        if fast:
            position, row = scan(buffer, position, row, rows, symbols.names, symbols.lengths, symbols.slots)
            if row == count:
                break
        end = text.index(b"\n", position)
        reason = _read(text[position:end], rows[row], symbols, accept_new)
        rows[row, START], rows[row, END] = position, end
        if reason:
            reasons[row] = reason
        position, row = end + 1, row + 1
    return Parsed(rows, reasons, text)


class Malformed(ValueError):
    """Field, what was wanted, what was found."""


def _read(line: bytes, out: NDArray[np.int64], symbols: SymbolTable, accept_new: bool) -> str | None:
    """One line, carefully, into `out`; the reason if it is malformed. What could be read of such a line is in `out` too."""
    out[:] = 0
    if not line.strip(b"\r"):
        out[STATUS] = IGNORED
        return None
    out[[SYMBOL, ID]] = -1
    out[RECEIVED] = NOT_GIVEN
    try:
        out[STATUS] = MALFORMED
        data = _unwrapped(line, out)
        if data is None:
            out[STATUS] = IGNORED
        else:
            _trade(data, out, symbols, accept_new)
            out[STATUS] = READ
    except Malformed as error:
        return str(error)
    return None


def _unwrapped(line: bytes, out: NDArray[np.int64]) -> dict[str, Any] | None:
    """The innermost object, or None where it is another kind of message."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"expected a JSON message: {error}") from None
    if isinstance(message, dict) and "recv_ns" in message:
        received = _integer(message, "recv_ns", MIN_TIME_MS * 10**6, MAX_TIME_MS * 10**6, "nanoseconds since 1970")
        out[RECEIVED] = received // 1000
    for envelope in ("msg", "data"):
        if isinstance(message, dict) and envelope in message:
            message = message[envelope]
    if not isinstance(message, dict):
        raise Malformed(f"expected a message object, found {found(message)}")
    if "error" in message:
        raise Malformed(f"the exchange answered with an error: {found(message['error'])}")
    if "result" in message and "e" not in message:
        return None
    kind = message.get("e", _ABSENT)
    if not isinstance(kind, str):
        raise Malformed(f'"e": expected the kind of event, found {found(kind)}')
    if kind not in KINDS:
        return None
    out[KIND] = KINDS[kind]
    return message


def _trade(data: dict[str, Any], out: NDArray[np.int64], symbols: SymbolTable, accept_new: bool) -> None:
    if "M" in data:
        raise Malformed('"M": only spot trades have it, and spot is another market')
    # Symbol and id first: they count even if the rest is malformed.
    index = _symbol(data, symbols, accept_new)
    if out[KIND] == AGGREGATE:
        identity, first, last = _aggregate_ids(data)
    else:
        identity = first = last = _integer(data, "t", 0, MAX_ID, "a trade id")
    out[SYMBOL], out[ID], out[FIRST], out[LAST] = index, identity, first, last
    out[EVENT] = _integer(data, "E", MIN_TIME_MS, MAX_TIME_MS, "milliseconds since 1970")
    _numbers(data, out)
    out[EXECUTION] = _execution(data.get("X", "MARKET"))


def read_served(data: Any, out: NDArray[np.int64]) -> None:
    """One row of REST's `aggTrades` into `out`, all columns but SYMBOL and RECEIVED: it has no `E` and no `s`.

        {"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true}

    Raises:
        Malformed: it is none.
    """
    if not isinstance(data, dict):
        raise Malformed(f"expected an object, found {found(data)}")
    out[STATUS], out[KIND], out[EXECUTION], out[EVENT] = READ, AGGREGATE, MARKET, NOT_GIVEN
    out[ID], out[FIRST], out[LAST] = _aggregate_ids(data)
    _numbers(data, out)


def _aggregate_ids(data: dict[str, Any]) -> tuple[int, int, int]:
    identity = _integer(data, "a", 0, MAX_ID, "an aggregate id")
    first, last = (_integer(data, key, 0, MAX_ID, "a trade id") for key in ("f", "l"))
    if last < first:
        raise Malformed(f'"l": expected at least "f" = {first}, found {last}')
    return identity, first, last


def _numbers(data: dict[str, Any], out: NDArray[np.int64]) -> None:
    out[TIME] = _integer(data, "T", MIN_TIME_MS, MAX_TIME_MS, "milliseconds since 1970")
    out[PRICE], out[PRICE_DECIMALS] = _digits(data, "p")
    out[SIZE], out[SIZE_DECIMALS] = _digits(data, "q")
    maker = data.get("m", _ABSENT)
    if not isinstance(maker, bool):
        raise Malformed(f'"m": expected true or false, found {found(maker)}')
    out[MAKER] = maker


def _symbol(data: dict[str, Any], symbols: SymbolTable, accept_new: bool) -> int:
    name = data.get("s", _ABSENT)
    if not isinstance(name, str):
        raise Malformed(f'"s": expected a symbol, found {found(name)}')
    index = symbols.index(name)
    if index is not None:
        return index
    if not accept_new:
        raise Malformed(f'"s": expected a subscribed symbol, found {found(name)}')
    if problem := symbol_problem(name):
        raise Malformed(f'"s": {problem}: {found(name)}')
    try:
        return symbols.add(Instrument(name))
    except ValueError as error:
        raise Malformed(f'"s": {error}') from None


def _integer(data: dict[str, Any], key: str, low: int, high: int, what: str) -> int:
    value = data.get(key, _ABSENT)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < high:
        raise Malformed(f'"{key}": expected {what}, found {found(value)}')
    return value


def _digits(data: dict[str, Any], key: str) -> tuple[int, int]:
    """A decimal text as digits and decimals; zeros that stand behind the finest decimal are dropped."""
    value = data.get(key, _ABSENT)
    match = _DECIMAL.fullmatch(value) if isinstance(value, str) and len(value) <= 64 else None
    if match is None:
        raise Malformed(f'"{key}": expected a decimal text such as "0.001", found {found(value)}')
    whole, decimals = match[1].lstrip("0"), match[2] or ""
    if len(decimals) > MAX_DECIMALS:
        decimals = decimals[:MAX_DECIMALS] + decimals[MAX_DECIMALS:].rstrip("0")
    if len(decimals) > MAX_DECIMALS:
        raise Malformed(f'"{key}": expected at most {MAX_DECIMALS} decimals, found {found(value)}')
    if len(whole) > MAX_WHOLE_DIGITS:
        raise Malformed(f'"{key}": {found(value)} is too large')
    return int(whole + decimals or "0"), len(decimals)


def _execution(value: Any) -> int:
    if not isinstance(value, str):
        raise Malformed(f'"X": expected a text, found {found(value)}')
    return _EXECUTIONS.get(value, OTHER)


def found(value: Any) -> str:
    """A JSON value as an error shows it."""
    if value is _ABSENT or value is None:
        return "nothing"
    return shown(value) if isinstance(value, str | int | float | bool) else shown(orjson.dumps(value).decode())

"""A recorded capture in the place of the market: its trades at the pace of their times, which are moved to now; its ids are kept.

Read are our own captures (a file, or a folder of them), the recorded ones, and bare messages, one a line, plain, `.gz` or `.zst`.
Trades that our own feed filled over REST are taken from there. A line that is no trade of the capture's kind is passed over. After the
last trade the exchange goes on without any.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from flows.errors import InputError
from flows.simulator.faults import FaultError
from flows.simulator.listing import Listing, listing
from flows.simulator.trades import Execution, Field, Pulse
from flows.sources.streams import ByteStream, whole_lines

_BLOCK_BYTES = 1 << 22
_IDENTITY = {"aggTrade": "a", "trade": "t"}
_EXECUTIONS = {each.name: each for each in Execution}
_Found = dict[tuple[str, int], dict[str, Any]]


class Replayed:
    """Trades of one kind of streams out of a capture.

    Raises:
        InputError: a file that cannot be read, or without a trade.
    """

    def __init__(self, path: Path) -> None:
        kind, found = _read(path)
        self.kinds: tuple[str, ...] = (kind,)
        self.start_ms = 0
        symbols = sorted({symbol for symbol, _ in found})
        self.listings: tuple[Listing, ...] = tuple(_listing(symbol, found) for symbol in symbols)
        self._rows = np.concatenate([_rows(k, each, kind, found) for k, each in enumerate(self.listings)], axis=1)
        self._rows = self._rows[:, np.argsort(self._rows[Field.event], kind="stable")]
        many = self._rows[Field.last] - self._rows[Field.first] + 1
        # An aggregate does not say what its single trades were; there are no streams of them.
        self._fills_before = np.concatenate([[0], np.cumsum(many)])
        self._taken = 0

    def begin(self, start_ms: int, lead_ms: int) -> None:
        """Move the times, so that the first trade is `lead_ms` after the start of the exchange and readers can connect before."""
        self.start_ms = start_ms
        shift = start_ms + lead_ms - int(self._rows[Field.event, 0])
        self._rows[Field.event] += shift
        self._rows[Field.time] += shift

    def take(self, now_ms: int) -> Pulse:
        """What is due and was not taken before."""
        start = self._taken
        self._taken = max(start, int(np.searchsorted(self._rows[Field.event], now_ms, "right")))
        rows = self._rows[:, start : self._taken]
        if self.kinds == ("trade",):
            return Pulse(rows, rows[Field.size])
        return Pulse(rows, np.zeros(self._fills_before[self._taken] - self._fills_before[start], np.int64))

    def over(self, now_ms: int) -> bool:
        """Never: a capture is one block."""
        return False

    def turn(self) -> None:
        """There is no next block."""

    def burst(self, number: int, from_ms: int, until_ms: int, times: float) -> None:
        """Not to be had."""
        raise FaultError("fault burst: a recorded market trades what it did")


def _read(path: Path) -> tuple[str, _Found]:
    """Kind of the streams, and each trade's message by symbol and id; where one came twice, the first."""
    files = sorted(path.glob("*.ndjson*")) if path.is_dir() else [path]
    kind, found = "", _Found()
    for file in files:
        for line in _lines(file):
            for message in _messages(line):
                kind = kind or message.get("e", "")
                if message.get("e") == kind in _IDENTITY and _usable(message, kind):
                    found.setdefault((message["s"], message[_IDENTITY[kind]]), message)
    if not found:
        raise InputError(f"{path}: no aggTrade or trade message in it")
    return kind, found


def _lines(path: Path) -> Iterator[bytes]:
    stream, rest, line = ByteStream(path), b"", 1
    try:
        while True:
            data, rest = whole_lines(stream, rest, _BLOCK_BYTES, line)
            if not data:
                return
            lines = data.splitlines()
            line += len(lines)
            yield from lines
    finally:
        stream.close()


def _messages(line: bytes) -> list[dict[str, Any]]:
    """The trades that a line tells of."""
    try:
        given = orjson.loads(line)
        if "raw" in given:
            given = {"msg": orjson.loads(given["raw"])}
        if "fill" in given:
            rows = orjson.loads(given["fill"]["body"])
            return [{"e": "aggTrade", "s": given["fill"]["symbol"], "E": row["T"], **row} for row in rows]
        message = given.get("msg", given)
        message = message.get("data", message)
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        return []
    return [message] if isinstance(message, dict) else []


def _usable(message: dict[str, Any], kind: str) -> bool:
    numbers = ("E", "T", "a", "f", "l") if kind == "aggTrade" else ("E", "T", "t")
    texts = (message.get("p"), message.get("q"))
    return (
        isinstance(message.get("s"), str)
        and all(type(message.get(name)) is int for name in numbers)
        and all(isinstance(text, str) and text.replace(".", "", 1).isdecimal() for text in texts)
        and message.get("X", "MARKET") in _EXECUTIONS
    )


def _listing(symbol: str, found: _Found) -> Listing:
    mine = [message for (name, _), message in found.items() if name == symbol]
    prices, sizes = ([message[name] for message in mine] for name in ("p", "q"))
    return replace(
        listing(symbol),
        price=float(prices[0]),
        price_decimals=_decimals(prices),
        size_decimals=_decimals(sizes),
        tick=1,
    )


def _decimals(texts: list[str]) -> int:
    return max(len(text.partition(".")[2]) for text in texts)


def _rows(k: int, listed: Listing, kind: str, found: _Found) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The trades of a symbol in the order of their ids; none is sent before the one with the id before."""
    mine = sorted((identity, message) for (symbol, identity), message in found.items() if symbol == listed.symbol)
    rows = np.array([_row(k, identity, message, listed) for identity, message in mine], np.int64).T
    rows[Field.event] = np.maximum.accumulate(np.maximum(rows[Field.event], rows[Field.time]))
    return rows


def _row(k: int, identity: int, message: dict[str, Any], listed: Listing) -> tuple[int, ...]:
    price, size = _scaled(message["p"], listed.price_decimals), _scaled(message["q"], listed.size_decimals)
    if "a" in message:
        first, last = message["f"], message["l"]
        execution = Execution.MARKET if price and size else Execution.VOID
    else:
        first = last = identity
        execution = _EXECUTIONS[message.get("X", "MARKET")]
    return (k, message["E"], message["T"], identity, price, size, first, last, bool(message.get("m")), execution)


def _scaled(text: str, decimals: int) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(decimals, "0"))

"""Lines of our captures: what entered a feed, as text and back, exactly.

    {"recv_ns":1721347021186954000,"msg":{"stream":"ethusdt@aggTrade","data":{…}}}     a message of one line in braces, as it came
    {"recv_ns":1721347021186954000,"raw":"{\\"e\\":…"}                                   any other message, as a JSON text
    {"recv_ns":1721347021186954000,"session":{"stream":"aggTrade",…}}                  a record: session, resumed, fill, newest, …
    {"recv_ns":1721347021186954000,"continued":{"session":{…},"after":"capture-….zst"}}  head of a file that follows another

Bytes that are no UTF-8 stand in a text as lone surrogates (`surrogateescape`), so every message and answer comes back as it was.
"""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.domain.instrument import MAX_DECIMALS, Instrument, symbol_problem
from flows.sources.binance.messages import KINDS
from flows.sources.binance.records import Continued, Event, Fill, Lost, Message, Newest, Record, Resumed, Session
from flows.sources.rows import shown

Line = Record | Continued | Message

_KINDS: dict[str, type[Any]] = {
    "session": Session, "resumed": Resumed, "fill": Fill, "newest": Newest, "lost": Lost, "event": Event, "continued": Continued,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}
_MOST = 10**18
_HEAD = b'{"recv_ns":'
_MIDDLE = b',"msg":'
_BEGINS = tuple(b'"%s":' % name.encode() for name in ("session", "continued"))


class CaptureLineError(ValueError):
    """A line that is none of a capture of ours: what was wanted, what was found."""


def begins_session(line: bytes) -> bool:
    """Whether a line is the first of a capture of ours, also where it is cut."""
    head, _, rest = line.partition(b",")
    return head.startswith(_HEAD) and head[len(_HEAD) :].isdigit() and rest.startswith(_BEGINS)


def encode_message(received_us: int, message: bytes) -> bytes:
    """A message as a line with its line feed."""
    # A message with a receive time of its own would be read in another way inside of a capture line than alone.
    plain = message[:1] == b"{" and message[-1:] == b"}" and b"\n" not in message and b'"recv_ns"' not in message
    if plain:
        return b'{"recv_ns":%d000,"msg":%b}\n' % (received_us, message)
    return _line(received_us, "raw", _text(message))


def encode(record: Record | Continued) -> bytes:
    """A record as a line with its line feed."""
    return _line(record.received_us, _NAMES[type(record)], _members(record))


def _line(received_us: int, name: str, value: Any) -> bytes:
    return json.dumps({"recv_ns": received_us * 1000, name: value}, separators=(",", ":")).encode() + b"\n"


def _members(record: Record | Continued) -> dict[str, Any]:
    members = {f.name: getattr(record, f.name) for f in fields(record) if f.name != "received_us"}
    for name, value in members.items():
        if isinstance(value, bytes):
            members[name] = _text(value)
        elif isinstance(value, Session):
            members[name] = {"received_us": value.received_us, **_members(value)}
        elif isinstance(value, tuple):
            members[name] = [[each.symbol, each.price_decimals, each.size_decimals] for each in value]
    return members


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def decode(line: bytes) -> Line:
    """A line back as what it was.

    Raises:
        CaptureLineError: it is no line of a capture of ours.
    """
    line = line.removesuffix(b"\n")
    head, middle, message = line.partition(_MIDDLE)
    if middle and head.startswith(_HEAD) and head[len(_HEAD) :].isdigit() and message.endswith(b"}"):
        return Message(int(head[len(_HEAD) :]) // 1000, message[:-1])
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CaptureLineError(f"expected a line of a capture: {error}") from None
    if not isinstance(value, dict):
        raise CaptureLineError(f"expected a line of a capture, found {_shown(value)}")
    received = _whole(value.pop("recv_ns", None), "recv_ns") // 1000
    if len(value) != 1:
        raise CaptureLineError(f"expected recv_ns and one more member, found {_shown(list(value))}")
    ((name, members),) = value.items()
    if name == "raw":
        return Message(received, _bytes(members, name))
    kind = _KINDS.get(name)
    if kind is None:
        raise CaptureLineError(f"expected one of msg, raw, {', '.join(_KINDS)}, found {_shown(name)}")
    record: Record | Continued = _record(kind, members, received, name)
    return record


def _record(kind: type[Any], members: Any, received: int, where: str) -> Any:
    if not isinstance(members, dict):
        raise CaptureLineError(f"{where}: expected an object, found {_shown(members)}")
    wanted = {f.name: f.type for f in fields(kind) if f.name != "received_us"}
    if members.keys() != wanted.keys():
        raise CaptureLineError(
            f"{where}: expected {', '.join(wanted)}, found {', '.join(map(str, members)) or 'nothing'}"
        )
    read = {name: _READ[type_](members[name], f"{where}.{name}") for name, type_ in wanted.items()}
    if read.get("stream", "trade") not in KINDS:
        raise CaptureLineError(f"{where}.stream: expected {' or '.join(KINDS)}, found {_shown(read['stream'])}")
    return kind(received_us=received, **read)


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_MOST * 10 < value < _MOST * 10:
        raise CaptureLineError(f"{where}: expected a whole number, found {_shown(value)}")
    return value


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise CaptureLineError(f"{where}: expected a text, found {_shown(value)}")
    return value


def _bytes(value: Any, where: str) -> bytes:
    try:
        return _string(value, where).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise CaptureLineError(f"{where}: expected bytes as text, found a lone surrogate") from None


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise CaptureLineError(f"{where}: expected true or false, found {_shown(value)}")
    return value


def _session(value: Any, where: str) -> Session:
    if not isinstance(value, dict):
        raise CaptureLineError(f"{where}: expected an object, found {_shown(value)}")
    members = dict(value)
    received = _whole(members.pop("received_us", None), f"{where}.received_us")
    session: Session = _record(Session, members, received, where)
    return session


def _instruments(value: Any, where: str) -> tuple[Instrument, ...]:
    if not isinstance(value, list) or not all(isinstance(each, list) and len(each) == 3 for each in value):
        raise CaptureLineError(
            f"{where}: expected a list of [symbol, price decimals, size decimals], found {_shown(value)}"
        )
    found = []
    for symbol, *decimals in value:
        if problem := symbol_problem(_string(symbol, where)):
            raise CaptureLineError(f"{where}: {problem}: {_shown(symbol)}")
        if not all(0 <= _whole(each, where) <= MAX_DECIMALS for each in decimals):
            raise CaptureLineError(f"{where}: {symbol}: expected 0 to {MAX_DECIMALS} decimals, found {decimals}")
        found.append(Instrument(symbol, *decimals))
    return tuple(found)


def _shown(value: Any) -> str:
    return shown(value) if isinstance(value, str | int | float | bool) else shown(json.dumps(value))


_READ: dict[Any, Callable[[Any, str], Any]] = {
    int: _whole, str: _string, bytes: _bytes, bool: _flag, Session: _session, tuple[Instrument, ...]: _instruments,
}  # fmt: skip


@njit(cache=True)
def unwrap(
    buffer: NDArray[np.uint8], position: int, out: NDArray[np.uint8], received: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Take messages out of whole lines from `position` on, up to a line that is no plain message.

    Args:
        out: the messages, a line feed after each (out). received: their receive times, microseconds (out).

    Returns:
        Position behind the last line taken, how many were, and how many bytes of `out` they fill.
    """
    lines = filled = 0
    while len(buffer) - position >= 40:
        # {"recv_ns":1721347021186954000,"msg":{…}}
        plain = buffer[position + 37] == 123
        for k in range(11):
            plain &= buffer[position + k] == _HEAD_BYTES[k]
        for k in range(7):
            plain &= buffer[position + 30 + k] == _MIDDLE_BYTES[k]
        nanoseconds = 0
        for k in range(position + 11, position + 30):
            plain &= 48 <= buffer[k] <= 57
            nanoseconds = nanoseconds * 10 + (buffer[k] - 48)
        if not plain:
            break
        received[lines] = nanoseconds // 1000
        k, to = position + 37, filled
        while buffer[k] != 10:
            out[to] = buffer[k]
            k += 1
            to += 1
        if out[to - 1] != 125 or out[to - 2] != 125:
            break
        out[to - 1] = 10  # the line's own closing brace
        position, filled = k + 1, to
        lines += 1
    return position, lines, filled


_HEAD_BYTES = np.frombuffer(_HEAD, np.uint8)
_MIDDLE_BYTES = np.frombuffer(_MIDDLE, np.uint8)

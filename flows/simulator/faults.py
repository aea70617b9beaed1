"""What can go wrong on command, by `GET /control/add?fault=KIND&key=value…` or a line of a `--faults` file.

    kind       keys (default)                          what happens
    drop       stream                                  connections that carry the stream are cut, without a goodbye
    refuse     status (503), for_s                     new WebSocket connections get this status; REST goes on
    half_open  stream, for_s                           connections go dead: nothing is sent or read; at the end they are reset
    stall      stream, for_s                           messages are held back and delivered, in order, at the end
    silent     stream, for_s                           acknowledged as always, never sent
    duplicate  stream, share (0.1), times (1), for_s   messages come again
    reorder    stream, share (0.2), within (5), for_s  messages come up to `within` messages later
    malformed  stream, share (0.05), for_s             messages are cut, or no JSON, or lack a field, or have a word for a number
    bogus_id   stream, share (0.05), by (1000000000),  messages that are right but for their ids, which are too high by `by`
               for_s
    huge       stream, bytes (2097152)                 one message of that length on each connection that carries the stream
    slow       stream, outbox (100), for_s             a reader with more messages waiting for it is cut
    clock      offset_ms, for_s                        the exchange's clock is off, and its trades go by it
    rest       status (500), retry_after, share (1),   REST answers with 429, 418, 403, 451, 500, with `html` of a proxy,
               for_s                                   or never: `timeout`
    forget     older_s, for_s                          REST has lost the trades older than that
    skip       symbol, count (1)                       aggregate ids jump by `count`; no trade is missing
    lose       symbol, count, for_s                    the next `count` trades, or those of `for_s` seconds, are never shown
    na         stream, share (0.05), for_s             rows that are no trades, of price and size 0, take ids of their own
    burst      times (10), for_s                       the market trades so many times as much, from its next second on

`stream` is a name such as `ethusdt@aggTrade`, `symbol` one such as `ETHUSDT`; both may have `*` and stand for all where they are left
out. Without `for_s` a fault lasts until `/control/clear`. Seconds and milliseconds are the exchange's. A `share` of messages is drawn by
`seed` (0) and the message's id, so that it is the same however often a message is sent and to whom. The last four change the market itself,
the same for streams, REST and `/control/trades`; all others change only what is told of it.

A line of a file, `at_s` being seconds since the market began: {"at_s":12.5,"fault":"stall","stream":"ethusdt@aggTrade","for_s":10}
"""

import difflib
import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.errors import PairdeskError


class FaultError(PairdeskError):
    """A fault that cannot be had: unknown kind or key, or a value out of range."""


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of a fault: how its text is read, what is wanted, and what it is where it is left out (`...`: it may not be)."""

    read: Callable[[str], Any]
    wanted: str
    default: Any = None


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1e9:
        raise ValueError
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 < value <= 1_000_000_000:
        raise ValueError
    return value


def _one_of(*names: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return read


def _error_status(text: str) -> int:
    value = int(text)
    if not 400 <= value <= 599:
        raise ValueError
    return value


_REST = ("429", "418", "403", "451", "500", "html", "timeout")
_STREAM = {"stream": _Key(str, "a stream such as ethusdt@aggTrade", "*")}
_SYMBOL = {"symbol": _Key(str.upper, "a symbol such as ETHUSDT", "*")}
_FOR = {"for_s": _Key(_positive, "seconds above 0")}
_SEED = {"seed": _Key(int, "a whole number", 0)}


def _drawn(share: float) -> dict[str, _Key]:
    return {"share": _Key(_share, "a share above 0 and at most 1", share)} | _SEED


def _number(name: str, default: Any = None) -> dict[str, _Key]:
    return {name: _Key(_count, "a whole number above 0", default)}


KINDS: dict[str, dict[str, _Key]] = {
    "drop": _STREAM,
    "refuse": {"status": _Key(_error_status, "an HTTP status from 400 to 599", 503)} | _FOR,
    "half_open": _STREAM | _FOR,
    "stall": _STREAM | _FOR,
    "silent": _STREAM | _FOR,
    "duplicate": _STREAM | _drawn(0.1) | _number("times", 1) | _FOR,
    "reorder": _STREAM | _drawn(0.2) | _number("within", 5) | _FOR,
    "malformed": _STREAM | _drawn(0.05) | _FOR,
    "bogus_id": _STREAM | _drawn(0.05) | _number("by", 1_000_000_000) | _FOR,
    "huge": _STREAM | _number("bytes", 2 << 20),
    "slow": _STREAM | _number("outbox", 100) | _FOR,
    "clock": {"offset_ms": _Key(int, "milliseconds, a whole number", ...)} | _FOR,
    "rest": {"status": _Key(_one_of(*_REST), f"one of {', '.join(_REST)}", "500"),
             "retry_after": _Key(_count, "whole seconds above 0")} | _drawn(1.0) | _FOR,
    "forget": {"older_s": _Key(_positive, "seconds above 0", ...)} | _FOR,
    "skip": _SYMBOL | _number("count", 1),
    "lose": _SYMBOL | _number("count") | _FOR,
    "na": _STREAM | _drawn(0.05) | _FOR,
    "burst": {"times": _Key(_positive, "a factor above 0", 10.0)} | _FOR,
}  # fmt: skip
AT_ONCE = frozenset({"drop", "huge", "skip"})
"""Faults that are over as soon as they happened."""
OF_THE_MARKET = frozenset({"skip", "lose", "na", "burst"})
"""Faults that change the trades themselves."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, with a value for each key of its kind.

    Attributes:
        since_ms, until_ms: the exchange's time; without an end None.
    """

    number: int
    kind: str
    values: dict[str, Any]
    since_ms: int
    until_ms: int | None

    def concerns(self, stream: str) -> bool:
        """Whether a stream is meant."""
        return fnmatch.fnmatchcase(stream, self.values["stream"])


def read_fault(kind: str, given: Mapping[str, Any], number: int, now_ms: int) -> Fault:
    """A fault that begins now.

    Args:
        given: values by key, as text or as JSON has them.

    Raises:
        FaultError: naming what was found and what is possible.
    """
    if kind not in KINDS:
        raise FaultError(f'unknown fault "{kind}"{_nearest(kind, list(KINDS))}; there are {", ".join(KINDS)}')
    keys = KINDS[kind]
    for name in given:
        if name not in keys:
            raise FaultError(
                f'fault {kind}: unknown key "{name}"{_nearest(name, list(keys))}; it has {", ".join(keys)}'
            )
    values = {name: _value(kind, name, key, given) for name, key in keys.items()}
    if kind == "lose" and (values["count"] is None) == (values["for_s"] is None):
        raise FaultError("fault lose: expected either count or for_s")
    for_s = values.get("for_s")
    if kind == "burst" and for_s is None:
        raise FaultError("fault burst: for_s is missing: expected seconds above 0")
    until = now_ms if kind in AT_ONCE else None if for_s is None else now_ms + int(for_s * 1_000)
    return Fault(number, kind, values, now_ms, until)


def _value(kind: str, name: str, key: _Key, given: Mapping[str, Any]) -> Any:
    if name not in given:
        if key.default is ...:
            raise FaultError(f"fault {kind}: {name} is missing: expected {key.wanted}")
        return key.default
    text = str(given[name])
    try:
        return key.read(text)
    except ValueError:
        raise FaultError(f'fault {kind}: {name}: expected {key.wanted}, found "{text}"') from None


def _nearest(name: str, valid: list[str]) -> str:
    found = difflib.get_close_matches(name, valid, 1)
    return f' (did you mean "{found[0]}"?)' if found else ""


class Faults:
    """Those that last."""

    def __init__(self) -> None:
        self._lasting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let it begin."""
        self._lasting.append(fault)

    def active(self, *kinds: str) -> list[Fault]:
        """Of some kinds, in the order of their beginning."""
        return [fault for fault in self._lasting if fault.kind in kinds] if self._lasting else []

    def all(self) -> list[Fault]:
        """Every one."""
        return list(self._lasting)

    def end(self, now_ms: int) -> list[Fault]:
        """Forget those whose time is over; which they were."""
        if not self._lasting:
            return []
        over = [fault for fault in self._lasting if fault.until_ms is not None and fault.until_ms <= now_ms]
        self._lasting = [fault for fault in self._lasting if fault not in over]
        return over

    def clear(self, kind: str | None = None) -> list[Fault]:
        """End all, or those of a kind; which they were."""
        over = [fault for fault in self._lasting if kind in (None, fault.kind)]
        self._lasting = [fault for fault in self._lasting if fault not in over]
        return over

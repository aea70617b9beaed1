"""A file of faults: JSON lines such as `{"at_s":12.5,"fault":"stall","stream":"ethusdt@aggTrade","for_s":10}`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from flows.simulator.faults import FaultError, read_fault


@dataclass(frozen=True, slots=True)
class Line:
    """A fault that begins `at_ms` after the market did."""

    at_ms: int
    kind: str
    values: dict[str, Any]


def read_script(path: Path) -> tuple[Line, ...]:
    """The lines in the order of their times. Empty ones are passed over.

    Raises:
        FaultError: naming file and line.
    """
    try:
        texts = path.read_bytes().splitlines()
    except OSError as error:
        raise FaultError(f"{path}: cannot be read: {error.strerror}") from error
    lines = []
    for number, text in enumerate(texts, 1):
        if text.strip():
            try:
                lines.append(_line(text))
            except FaultError as error:
                raise FaultError(f"{path} line {number:,}: {error}") from error
    return tuple(sorted(lines, key=lambda line: line.at_ms))


def _line(text: bytes) -> Line:
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FaultError(f"not valid JSON: {error}") from error
    if not isinstance(given, dict):
        raise FaultError(f"expected an object, found {text.decode(errors='replace')}")
    at_s, kind = given.pop("at_s", None), given.pop("fault", None)
    if isinstance(at_s, bool) or not isinstance(at_s, int | float) or not 0 <= at_s <= 1e9:
        raise FaultError(f"at_s: expected seconds of at least 0, found {orjson.dumps(at_s).decode()}")
    if not isinstance(kind, str):
        raise FaultError(f"fault: expected a kind, found {orjson.dumps(kind).decode()}")
    read_fault(kind, given, 0, 0)  # a mistake is said at the start, not when its time has come
    return Line(int(at_s * 1_000), kind, given)

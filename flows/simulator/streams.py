"""Subscriptions: which streams a path asks for, and SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS in the exchange's words."""

import urllib.parse
from collections.abc import Sequence

import numpy as np
import orjson

from flows.simulator.trades import Flags

ROUTES = {"market": "aggTrade", "public": "trade"}
"""What each route serves. A stream asked of the wrong one is acknowledged and stays silent, as on the real exchange."""
MOST_STREAMS = 1_024


class Subscription:
    """What one connection wants.

    Args:
        kind: of the route's streams. combined: messages name their stream.
        names: wanted from the beginning.
        served: streams of that kind, in the order of the listings.
    """

    def __init__(self, kind: str, combined: bool, names: list[str], served: Sequence[str]) -> None:
        self.kind, self.combined = kind, combined
        self.streams = dict.fromkeys(names)
        self._served = served
        self._changed()

    def answer(self, text: str | bytes) -> str:
        """Carry out a request; the acknowledgement, or an error."""
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return _error(3, f"Invalid JSON: {error}", None)
        if not isinstance(request, dict) or not isinstance(request.get("id"), int):
            return _error(2, "Invalid request: request ID must be an unsigned integer", None)
        identity, method, names = request["id"], request.get("method"), request.get("params", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return _error(2, "Invalid request: params must be a list of stream names", identity)
        if method == "LIST_SUBSCRIPTIONS":
            return orjson.dumps({"result": list(self.streams), "id": identity}).decode()
        if method == "SUBSCRIBE":
            wanted = self.streams | dict.fromkeys(names)
            if len(wanted) > MOST_STREAMS:
                return _error(2, f"Invalid request: more than {MOST_STREAMS} streams on a connection", identity)
            self.streams = wanted
        elif method == "UNSUBSCRIBE":
            self.streams = {name: None for name in self.streams if name not in names}
        else:
            return _error(2, f"Invalid request: unknown method {method!r}", identity)
        self._changed()
        return orjson.dumps({"result": None, "id": identity}).decode()

    def _changed(self) -> None:
        self.wanted: Flags = np.array([name in self.streams for name in self._served])
        self.key = (self.kind, self.combined, self.wanted.tobytes())
        """Connections with the same key get the same bytes."""


def asked_for(target: str) -> tuple[str, bool, list[str]] | None:
    """Kind of stream, whether combined, and the names that a path asks for; None where it is no path of streams.

    `/<route>/stream?streams=a/b` and `/<route>/stream` are combined, `/<route>/ws/a/b` and `/<route>/ws` raw.
    """
    url = urllib.parse.urlsplit(target)
    _, route, *rest = (urllib.parse.unquote(url.path) + "/").split("/")
    rest = [part for part in rest if part]
    if route not in ROUTES or not rest:
        return None
    if rest == ["stream"]:
        asked = urllib.parse.parse_qs(url.query).get("streams", [""])[0]
        return ROUTES[route], True, [name for name in asked.split("/") if name]
    return (ROUTES[route], False, rest[1:]) if rest[0] == "ws" else None


def _error(code: int, message: str, identity: int | None) -> str:
    return orjson.dumps({"error": {"code": code, "msg": message}, "id": identity}).decode()

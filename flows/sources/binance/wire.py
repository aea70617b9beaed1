"""One WebSocket connection, read in whole gulps: one look at the clock and one lock for all messages of a TCP read."""

import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event

from flows.errors import FeedError
from flows.sources.binance.reach import unreachable

Take = Callable[[list[bytes]], None]


class Wire(ClientConnection):
    """Gives the messages of each TCP read to `take` at once, instead of one by one to a coroutine that waits for each.

    The library still reads the frames, answers pings and closes; only its queue of messages is not used: 3 µs of CPU a message
    instead of 8.
    """

    def __init__(self, take: Take, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._take = take
        self._whole: list[bytes] = []
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._whole:
            whole, self._whole = self._whole, []
            self._take(whole)

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            if event.fin and not self._parts:
                self._whole.append(bytes(event.data))
            else:
                self._parts.append(bytes(event.data))
                if event.fin:
                    self._whole.append(b"".join(self._parts))
                    self._parts = []
        else:
            super().process_event(event)


def stream_of(message: bytes) -> str:
    """The stream that a message of a combined connection names; '' where it names none.

    >>> stream_of(b'{"stream":"btcusdt@aggTrade","data":{}}')
    'btcusdt@aggTrade'
    """
    start = message.find(b'"stream":"') + 10
    if start < 10:
        return ""
    name = message[start : message.find(b'"', start)].decode("utf-8", "replace")
    return str(json.loads(f'"{name}"')) if "\\" in name else name


_PASSING = frozenset({403, 408, 418, 425, 429})
"""Refusals that end by themselves."""


def failure(error: Exception) -> str:
    """Why a connection could not be made or was lost, for a person."""
    if isinstance(error, InvalidStatus):
        return f"refused with status {error.response.status_code}{_excerpt(error)}"
    if isinstance(error, InvalidMessage):
        return f"no WebSocket: {error.__cause__ or error}"
    if isinstance(error, InvalidHandshake):
        return f"no WebSocket: {error}"
    return unreachable(error)


def hopeless(url: str, error: Exception) -> FeedError | None:
    """The error to end with, if no try with these settings can ever bring data; to be asked only before the first data."""
    if isinstance(error, InvalidURI | InvalidProxy):
        return FeedError(str(error))
    status = error.response.status_code if isinstance(error, InvalidStatus) else 0
    if status and status < 500 and status not in _PASSING:
        hint = "; is there a proxy between?" if status < 400 else ""
        return FeedError(f"{url}: the exchange refuses this stream with status {status}{_excerpt(error)}{hint}")
    nobody = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
    cut = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    if nobody or (isinstance(error, ssl.SSLError) and not cut):
        return FeedError(f"{url}: {failure(error)}")
    if isinstance(error, InvalidMessage | InvalidHandshake) and not isinstance(error, InvalidStatus):
        return FeedError(f"{url}: {failure(error)}; is there a proxy between?") if _answered(error) else None
    return None


def _answered(error: Exception) -> bool:
    """Whether somebody who does not speak WebSocket answered, rather than nobody."""
    return not isinstance(error.__cause__, EOFError | OSError)


def _excerpt(error: Exception) -> str:
    """The start of what came instead of a WebSocket."""
    body = error.response.body if isinstance(error, InvalidStatus) else None
    text = bytes(body or b"")[:60].decode("utf-8", "replace").strip()
    return f': "{text}"' if text else ""


CONNECTION_ERRORS = (OSError, TimeoutError, WebSocketException)

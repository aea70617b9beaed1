"""Conversations with the simulated exchange over real sockets."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any

from loops import run_async
from simulated import RunningExchange
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 15.0
BOTH = "/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade"
Message = dict[str, Any]


class Listener:
    """An open connection and all that it heard.

    Attributes:
        texts: as they came. messages: the trades among them. closed: close code, None while it is open.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.texts: list[str] = []
        self.messages: list[Message] = []
        self.closed: int | None = None

    async def until(self, holds: Callable[["Listener"], Any], what: str = "") -> None:
        """Read until it is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds(self):
                assert self.closed is None, f"closed with {self.closed} while waiting for {what}"
                try:
                    self._heard(await self.socket.recv(decode=True))
                except ConnectionClosed as error:
                    self.closed = error.rcvd.code if error.rcvd else 1006

    def _heard(self, text: str) -> None:
        self.texts.append(text)
        with contextlib.suppress(ValueError):
            message = json.loads(text)
            data = message.get("data", message)
            if "s" in data:
                self.messages.append(data)

    async def more(self, count: int) -> None:
        """Read so many trades more."""
        wanted = len(self.messages) + count
        await self.until(lambda listener: len(listener.messages) >= wanted, f"{count} more trades")

    async def silent_for(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        try:
            self.texts.append(await asyncio.wait_for(self.socket.recv(decode=True), seconds))
        except TimeoutError:
            return True
        return False

    def ids(self, symbol: str) -> list[int]:
        """Ids of a symbol as they came."""
        return [message.get("a", message.get("t", -1)) for message in self.messages if message["s"] == symbol]


def listening(
    exchange: RunningExchange, conversation: Callable[[Listener], Any], path: str = BOTH, **options: Any
) -> Listener:
    """Hold a conversation on one connection; `conversation` is a coroutine function."""

    async def hold() -> Listener:
        async with connect(exchange.stream_url + path, proxy=None, max_queue=None, **options) as socket:
            listener = Listener(socket)
            await conversation(listener)
            return listener

    return run_async(hold())


async def control(exchange: RunningExchange, action: str, **values: Any) -> Any:
    """`RunningExchange.control` beside a running conversation."""
    return await asyncio.to_thread(exchange.control, action, **values)


def steps(ids: list[int]) -> list[int]:
    """From each id to the next."""
    return [after - before for before, after in itertools.pairwise(ids)]

"""The simulated exchange's server: REST and combined-stream WebSockets on one port. Its clock is read here and nowhere else."""

import asyncio
import contextlib
import time
import urllib.parse
from collections import deque
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from flows.simulator.market import Market, Trades
from flows.simulator.wire import aggregate_frames, exchange_info, single_frames

ROUTES = {"market": "aggTrade", "public": "trade"}
"""What each route serves. A stream asked of the wrong one is acknowledged and stays silent, as on the real exchange."""
PULSE_S = 0.005
OUTBOX = 100_000
"""Messages that wait for one reader; one that is slower is cut off."""
_CLOSE_SLOW = 1008


def now_ms() -> int:
    """The exchange's clock."""
    return time.time_ns() // 1_000_000


class Subscriber:
    """One connection: what it wants and what it has yet to be sent."""

    def __init__(self, kind: str, combined: bool, streams: list[str]) -> None:
        self.kind, self.combined = kind, combined
        self.streams = dict.fromkeys(streams)
        self.outbox: deque[str] = deque()
        self.filled = asyncio.Event()

    def offer(self, stream: str, message: str) -> None:
        """Queue a message if it is wanted."""
        if stream in self.streams:
            self.put(f'{{"stream":"{stream}","data":{message}}}' if self.combined else message)

    def put(self, text: str) -> None:
        """Queue a text."""
        self.outbox.append(text)
        self.filled.set()


class Exchange:
    """Serves a market.

    Args:
        market: whose `start_ms` is the moment the server starts.
        clock_ms: Unix milliseconds.
    """

    def __init__(self, market: Market, clock_ms: Callable[[], int] = now_ms) -> None:
        self._market, self._clock_ms = market, clock_ms
        self._subscribers: set[Subscriber] = set()

    @contextlib.asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve as long as the block lasts; gives the port, which the system chooses where `port` is 0."""
        # The exchange's own rhythm: a ping each three minutes, a cut after ten without a pong.
        async with serve(
            self._connected, host, port, process_request=self._requested, ping_interval=180, ping_timeout=600,
            close_timeout=1, compression=None, server_header=None,
        ) as server:  # fmt: skip
            pump = asyncio.create_task(self._pump())
            try:
                yield _port(server)
            finally:
                pump.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await pump

    async def _pump(self) -> None:
        while True:
            self._publish(self._market.until(self._clock_ms()))
            await asyncio.sleep(PULSE_S)

    def _publish(self, trades: Trades) -> None:
        for kind, frames in (("aggTrade", aggregate_frames), ("trade", single_frames)):
            readers = [reader for reader in self._subscribers if reader.kind == kind]
            if readers and len(trades):
                for stream, message in frames(trades, self._market.listings):
                    for reader in readers:
                        reader.offer(stream, message)

    def _requested(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer REST requests; let a WebSocket on a known route pass; refuse the rest."""
        path = urllib.parse.urlsplit(request.path).path
        if path == "/fapi/v1/ping":
            return _json(HTTPStatus.OK, b"{}")
        if path == "/fapi/v1/time":
            return _json(HTTPStatus.OK, orjson.dumps({"serverTime": self._clock_ms()}))
        if path == "/fapi/v1/exchangeInfo":
            return _json(HTTPStatus.OK, exchange_info(self._market.listings, self._clock_ms()))
        if _subscriber(request.path) is not None:
            return None
        if path.split("/")[1] in ("ws", "stream"):
            return connection.respond(HTTPStatus.NOT_FOUND, "This route was retired: use /market or /public.\n")
        return connection.respond(HTTPStatus.NOT_FOUND, "No such path.\n")

    async def _connected(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        subscriber = _subscriber(connection.request.path)
        assert subscriber is not None
        self._subscribers.add(subscriber)
        sender = asyncio.create_task(_send(connection, subscriber))
        try:
            async for text in connection:
                subscriber.put(_answer(subscriber, text))
        except ConnectionClosed:
            pass
        finally:
            self._subscribers.discard(subscriber)
            sender.cancel()


async def _send(connection: ServerConnection, subscriber: Subscriber) -> None:
    """Empty the outbox as fast as the reader takes it."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await subscriber.filled.wait()
            subscriber.filled.clear()
            while subscriber.outbox:
                if len(subscriber.outbox) > OUTBOX:
                    await connection.close(_CLOSE_SLOW, "reads too slowly")
                    return
                await connection.send(subscriber.outbox.popleft())


def _subscriber(target: str) -> Subscriber | None:
    """The subscription that a path asks for, or None.

    `/<route>/stream?streams=a/b` and `/<route>/stream` are combined, `/<route>/ws/a/b` and `/<route>/ws` raw.
    """
    url = urllib.parse.urlsplit(target)
    _, route, *rest = (urllib.parse.unquote(url.path) + "/").split("/")
    rest = [part for part in rest if part]
    if route not in ROUTES or not rest:
        return None
    if rest == ["stream"]:
        asked = urllib.parse.parse_qs(url.query).get("streams", [""])[0]
        return Subscriber(ROUTES[route], True, [name for name in asked.split("/") if name])
    return Subscriber(ROUTES[route], False, rest[1:]) if rest[0] == "ws" else None


def _answer(subscriber: Subscriber, text: str | bytes) -> str:
    """Carry out SUBSCRIBE, UNSUBSCRIBE or LIST_SUBSCRIPTIONS; the acknowledgement, or an error in the exchange's words."""
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
        return orjson.dumps({"result": list(subscriber.streams), "id": identity}).decode()
    if method == "SUBSCRIBE":
        subscriber.streams.update(dict.fromkeys(names))
    elif method == "UNSUBSCRIBE":
        for name in names:
            subscriber.streams.pop(name, None)
    else:
        return _error(2, f"Invalid request: unknown method {method!r}", identity)
    return orjson.dumps({"result": None, "id": identity}).decode()


def _error(code: int, message: str, identity: int | None) -> str:
    return orjson.dumps({"error": {"code": code, "msg": message}, "id": identity}).decode()


def _json(status: HTTPStatus, body: bytes) -> Response:
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, body)


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])

"""The simulated exchange's server: REST, streams and control on one port."""

import asyncio
import contextlib
import urllib.parse
from collections.abc import AsyncIterator
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from flows.simulator.clock import Clock
from flows.simulator.control import Control, refusal
from flows.simulator.publisher import Publisher
from flows.simulator.readers import Reader
from flows.simulator.rest import Answer, Rest
from flows.simulator.script import Line
from flows.simulator.streams import MOST_STREAMS, Subscription, asked_for
from flows.simulator.tape import Tape

PULSE_S = 0.005
LIFE_S = 86_400.0
_PING_S, _PONG_S = 180.0, 600.0


class Exchange:
    """Serves a market.

    Args:
        tape: whose source starts at the moment that the clock shows.
        life_s: of a connection. All seconds are the exchange's.
        script: faults that begin by themselves.
    """

    def __init__(self, tape: Tape, clock: Clock, life_s: float = LIFE_S, script: tuple[Line, ...] = ()) -> None:
        self._tape, self._clock, self._life_ms = tape, clock, life_s * 1_000
        self._publisher = Publisher(tape.listings, tape.source.kinds)
        self._rest = Rest(tape.listings, tape.history, "aggTrade" in tape.source.kinds)
        self._control = Control(tape, clock, self._publisher, script)

    @contextlib.asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve as long as the block lasts; gives the port, which the system chooses where `port` is 0."""
        speed = self._clock.speed
        # The exchange's own rhythm: a ping each three minutes, a cut after ten without a pong.
        async with serve(
            self._connected, host, port, process_request=self._requested, ping_interval=_PING_S / speed,
            ping_timeout=_PONG_S / speed, open_timeout=None, close_timeout=1, compression=None, server_header=None,
        ) as server, asyncio.TaskGroup() as tasks:  # fmt: skip
            pump = tasks.create_task(self._pump())
            try:
                yield _port(server)
            finally:
                pump.cancel()
                self._control.clear()  # whoever waits for an answer gets it

    async def _pump(self) -> None:
        while True:
            self._advance()
            await asyncio.sleep(PULSE_S)

    def _advance(self) -> None:
        """Bring everything to the present."""
        self._control.keep_time()
        self._publisher.publish(self._tape.advance(self._clock.now_ms()), self._control.faults)
        self._publisher.retire(self._clock.steady_ms() - self._life_ms)

    async def _requested(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer REST and control requests; let a WebSocket on a known route pass; refuse the rest."""
        url = urllib.parse.urlsplit(request.path)
        if url.path.startswith("/fapi/"):
            return await self._answered(url.path, url.query)
        if url.path.startswith("/control/"):
            self._advance()
            truth = url.path == "/control/trades"
            return _response(self._rest.trades(url.query) if truth else self._control.answer(url.path, url.query))
        if asked := asked_for(request.path):
            if refusing := self._control.faults.active("refuse"):
                return connection.respond(HTTPStatus(refusing[0].values["status"]), "Not now.\n")
            if len(asked[2]) > MOST_STREAMS:
                return connection.respond(HTTPStatus.BAD_REQUEST, f"More than {MOST_STREAMS} streams.\n")
            return None
        if url.path.split("/")[1] in ("ws", "stream"):
            return connection.respond(HTTPStatus.NOT_FOUND, "This route was retired: use /market or /public.\n")
        return connection.respond(HTTPStatus.NOT_FOUND, "No such path.\n")

    async def _answered(self, path: str, query: str) -> Response:
        """REST, or what the fault says instead."""
        self._advance()
        fault = self._control.rest_fault()
        if fault is not None and fault.values["status"] != "timeout":
            return _response(refusal(fault))
        while fault is not None and fault in self._control.faults.all():
            await asyncio.sleep(PULSE_S)
        self._advance()
        now, steady = self._clock.now_ms(), self._clock.steady_ms()
        return _response(self._rest.answer(path, query, now, steady, self._control.oldest_served_ms()))

    async def _connected(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        asked = asked_for(connection.request.path)
        assert asked is not None
        kind, combined, names = asked
        subscription = Subscription(kind, combined, names, self._publisher.streams[kind])
        reader = Reader(connection, subscription, self._clock.steady_ms())
        self._publisher.readers.add(reader)
        try:
            await reader.serve(self._clock.steady_ms)
        finally:
            self._publisher.readers.discard(reader)


def _response(answer: Answer) -> Response:
    status = HTTPStatus(answer.status)
    headers = Headers(
        {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body)), "Connection": "close"}
        | answer.headers
    )
    return Response(status.value, status.phrase, headers, answer.body)


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])

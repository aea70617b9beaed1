"""Rules of the exchange's connections: how many streams and messages, how long a life, pings, slow readers."""

import asyncio
import json

import pytest
from exchange_talk import Listener, control, listening, steps
from loops import run_async
from simulated import RunningExchange
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus


def subscribe(identity: int, *names: str) -> str:
    return json.dumps({"method": "SUBSCRIBE", "params": list(names), "id": identity})


def test_more_than_ten_messages_a_second_are_cut() -> None:
    async def loud(listener: Listener) -> None:
        for identity in range(11):
            await listener.socket.send(subscribe(identity))
        await listener.until(lambda heard: heard.closed is not None)

    with RunningExchange() as exchange:
        heard = listening(exchange, loud, "/market/ws")
        assert heard.closed == 1008
        assert len(heard.texts) == 10, "ten were answered"


def test_ten_messages_in_a_second_of_the_exchange_are_allowed() -> None:
    async def steady(listener: Listener) -> None:
        for identity in range(40):
            if identity % 10 == 0:
                await _until_later(exchange, 1_100)
            await listener.socket.send(subscribe(identity))
        await listener.until(lambda heard: len(heard.texts) == 40)

    with RunningExchange(speed=10.0, trades_per_s=0.1) as exchange:
        assert len(listening(exchange, steady, "/market/ws").texts) == 40


async def _until_later(exchange: RunningExchange, length_ms: int) -> None:
    begin = (await control(exchange, "clock"))["now_ms"]
    while (await control(exchange, "clock"))["now_ms"] < begin + length_ms:
        await asyncio.sleep(0.01)


def test_more_streams_than_a_connection_may_have() -> None:
    async def many(listener: Listener) -> None:
        names = [f"x{k}@aggTrade" for k in range(1_024)]
        await listener.socket.send(subscribe(1, *names))
        await listener.until(lambda heard: heard.texts)
        await listener.socket.send(subscribe(2, "one@more"))
        await listener.until(lambda heard: len(heard.texts) == 2)
        await listener.socket.send(subscribe(3, names[0]))
        await listener.until(lambda heard: len(heard.texts) == 3)

    with RunningExchange() as exchange:
        answers = [json.loads(text) for text in listening(exchange, many, "/market/ws", max_size=None).texts]
        assert answers[0] == {"result": None, "id": 1}
        assert answers[1]["error"]["code"] == 2
        assert "1024 streams" in answers[1]["error"]["msg"]
        assert answers[2] == {"result": None, "id": 3}
        with pytest.raises(InvalidStatus, match="400"):
            listening(exchange, many, "/market/ws/" + "/".join("a" for _ in range(1_025)))


def test_a_connection_has_a_life_of_exchange_seconds() -> None:
    async def whole(listener: Listener) -> None:
        await listener.until(lambda heard: heard.closed is not None)

    with RunningExchange(speed=10.0, life_s=15.0) as exchange:
        heard = listening(exchange, whole)
        lived = heard.messages[-1]["E"] - heard.messages[0]["E"]
        assert heard.closed == 1001
        assert 13_000 < lived < 20_000
        assert set(steps(heard.ids("ETHUSDT"))) == {1}


def test_pings_come_and_their_absence_of_an_answer_ends_it() -> None:
    """Three and ten minutes of the exchange, at a speed at which they pass quickly."""

    async def handshake_only(exchange: RunningExchange) -> tuple[bytes, bool]:
        """What comes without a word from here, and whether the other side ends it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", exchange.port)
        writer.write(
            b"GET /market/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        first = await asyncio.wait_for(reader.readexactly(1), 10)
        await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return first, reader.at_eof()

    async def answering(exchange: RunningExchange) -> None:
        async with connect(f"{exchange.stream_url}/market/ws", proxy=None, ping_interval=None) as socket:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 2.5)

    with RunningExchange(speed=500.0, trades_per_s=1.0) as exchange:
        assert run_async(handshake_only(exchange)) == (b"\x89", True)
        run_async(answering(exchange))

"""The sockets, against a real WebSocket server that does what each test says."""

import asyncio
import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from certificate import untrusted
from ports import take_free_ports
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from flows.errors import FeedError
from flows.sources.binance.client import Client
from flows.sources.binance.clock import ReceiveClock
from flows.sources.binance.link import Group, Limits
from flows.sources.binance.queue import Gulp, Item
from flows.sources.binance.records import Event, Resumed

PATIENCE_S = 20.0
LIMITS = Limits(connect_timeout_s=5.0, silent_after_s=5.0, reconnect_min_s=0.02, reconnect_max_s=0.1, connection_life_s=1e6,
                handover_s=1.0, queue_limit=100_000, max_message_bytes=1 << 20)  # fmt: skip
Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.contextmanager
def serving(handler: Handler, refuse: HTTPStatus | None = None, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server in a thread of its own; its address."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), [0]
    stop = asyncio.Event()

    def answered(connection: ServerConnection, _request: Request) -> Response | None:
        return connection.respond(refuse, "<html>no\n") if refuse else None

    async def run() -> None:
        async with serve(
            handler,
            "127.0.0.1",
            0,
            process_request=answered,
            compression=None,
            ping_interval=None,
            ssl=tls,
            close_timeout=0.1,
        ) as server:
            port[0] = next(iter(server.sockets)).getsockname()[1]
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port[0]}/market/stream?streams=a@t/b@t"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def connected(url: str, limits: Limits = LIMITS) -> Iterator[Client]:
    client = Client([Group(url, ("a@t", "b@t"))], limits, ReceiveClock())
    client.start()
    try:
        yield client
    finally:
        client.close()


def collect(client: Client, enough: Callable[[list[Item]], bool]) -> list[Item]:
    items: list[Item] = []
    deadline = time.monotonic() + PATIENCE_S
    while not enough(items):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s, found {items}"
        items += client.drain(1_000).items
        time.sleep(0.001)
    return items


def messages(items: list[Item]) -> list[bytes]:
    return [message for item in items if isinstance(item, Gulp) for message in item.messages]


def details(items: list[Item], kind: str) -> list[str]:
    return [item.detail for item in items if isinstance(item, Event) and item.kind == kind]


def message(stream: str, number: int) -> str:
    return f'{{"stream":"{stream}","data":{number}}}'


async def numbers(connection: ServerConnection, every_s: float = 0.005, stream: str = "a@t") -> None:
    with contextlib.suppress(ConnectionClosed):
        for number in range(1_000_000):
            await connection.send(message(stream, number))
            await asyncio.sleep(every_s)


def test_messages_come_whole_in_order_with_their_times() -> None:
    async def talk(connection: ServerConnection) -> None:
        await connection.send([message("a@t", 0)[:9], message("a@t", 0)[9:]])  # a message in fragments
        for number in range(1, 2_000):
            await connection.send(message("a@t", number))
        await connection.send(b"\x00\xff")  # whatever it is, it is passed on
        await connection.wait_closed()

    with serving(talk) as url, connected(url) as client:
        items = collect(client, lambda items: len(messages(items)) > 2_000)
    assert messages(items) == [message("a@t", number).encode() for number in range(2_000)] + [b"\x00\xff"]
    times = [item.received_us for item in items]
    assert times == sorted(times)
    first = next(i for i, item in enumerate(items) if isinstance(item, Gulp))
    assert isinstance(items[first - 1], Resumed), "silence before the first message proves nothing"
    assert sum(isinstance(item, Resumed) for item in items) == 1


def test_a_settled_queue_needs_data_on_every_connection() -> None:
    async def only_a(connection: ServerConnection) -> None:
        assert connection.request is not None
        if "silent" not in connection.request.path:
            await numbers(connection)
        await connection.wait_closed()

    with serving(only_a) as url:
        client = Client([Group(url, ("a@t",)), Group(url + "/silent", ("b@t",))], LIMITS, ReceiveClock())
        client.start()
        try:
            seen = []
            deadline = time.monotonic() + PATIENCE_S
            while len(seen) < 50:
                assert time.monotonic() < deadline
                drained = client.drain(100)
                seen += messages(drained.items)
                assert drained.now_us is None, "one connection has not spoken yet"
            assert [standing.flowing for standing in client.standings] == [True, False]
        finally:
            client.close()


def test_pings_are_answered_while_the_flow_is_busy_and_nothing_else_is_sent() -> None:
    answered: list[float] = []
    heard: list[object] = []

    async def ping(connection: ServerConnection) -> None:
        async def listen() -> None:
            async for each in connection:
                heard.append(each)

        listening = asyncio.create_task(listen())
        await connection.send(message("a@t", 1))
        for _ in range(5):
            answered.append(await asyncio.wait_for(await connection.ping(), 5))
        await connection.send(message("a@t", 2))
        await listening

    with serving(ping) as url, connected(url) as client:
        deadline = time.monotonic() + PATIENCE_S
        while client.queued < 2:  # nobody takes anything meanwhile
            assert time.monotonic() < deadline
            time.sleep(0.005)
    assert len(answered) == 5
    assert heard == []


def test_a_connection_that_falls_silent_is_given_up() -> None:
    async def once(connection: ServerConnection) -> None:
        await connection.send(message("a@t", 1))
        await connection.wait_closed()

    with serving(once) as url, connected(url, replace(LIMITS, silent_after_s=0.15)) as client:
        items = collect(client, lambda items: len(messages(items)) >= 3)
        resumed = sum(isinstance(item, Resumed) for item in items)
    assert details(items, "disconnected")[0].endswith("no message for 0.15 s")
    assert resumed >= 3, "each time after a while in which nothing was read"


def test_a_connection_without_any_data_names_the_route() -> None:
    async def never(connection: ServerConnection) -> None:
        await connection.wait_closed()

    with serving(never) as url, connected(url, replace(LIMITS, silent_after_s=0.1)) as client:
        items = collect(client, lambda items: len(details(items, "disconnected")) >= 3)
        assert client.drain(1).now_us is None
    assert "connected, but no data at all: is the route right?" in details(items, "disconnected")[0]


def test_a_message_that_is_too_large_does_not_end_the_client() -> None:
    async def large(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await connection.send("x" * 5_000)
            await connection.wait_closed()

    with serving(large) as url, connected(url, replace(LIMITS, max_message_bytes=1_000)) as client:
        items = collect(client, lambda items: len(details(items, "disconnected")) >= 2)
    assert "1009 (message too big)" in details(items, "disconnected")[0]


def test_the_pause_between_tries_grows_and_starts_again_once_data_flows() -> None:
    times: list[float] = []

    async def drop(connection: ServerConnection) -> None:
        times.append(time.monotonic())
        if len(times) == 6:
            await connection.send(message("a@t", 1))
        await connection.close()

    with serving(drop) as url, connected(url, replace(LIMITS, reconnect_min_s=0.02, reconnect_max_s=0.4)) as client:
        collect(client, lambda _: len(times) >= 8)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[4] > 0.5 * 0.02 * 2**4, "the fifth failure in a row"
    assert pauses[5] < pauses[4], "data had come"


def test_a_new_connection_that_does_not_speak_takes_over_only_at_the_end_of_the_hand_over() -> None:
    count = [0]

    async def second_is_mute(connection: ServerConnection) -> None:
        count[0] += 1
        await (connection.wait_closed() if count[0] == 2 else numbers(connection))

    with serving(second_is_mute) as url, connected(url, replace(LIMITS, handover_s=0.5, silent_after_s=2.0)) as client:
        collect(client, lambda items: len(messages(items)) > 5)
        client.renew(["a@t"])
        began = time.monotonic()
        items = collect(client, lambda items: bool(details(items, "handover")))
        assert time.monotonic() - began >= 0.5
        assert len(messages(items)) > 10, "the old one was read meanwhile"
        assert "1 of its 1 streams have not spoken on the new one yet" in details(items, "handover")[0]
        collect(client, lambda items: len(messages(items)) > 5)  # given up as silent, the third speaks


def test_a_new_connection_that_is_refused_leaves_the_old_one() -> None:
    refused = [False]

    async def one_at_a_time(connection: ServerConnection) -> None:
        if refused[0]:
            await connection.close()
        else:
            refused[0] = True
            await numbers(connection)

    with serving(one_at_a_time) as url, connected(url) as client:
        collect(client, lambda items: len(messages(items)) > 5)
        client.renew(["a@t"])
        items = collect(client, lambda items: bool(details(items, "disconnected")))
        assert "the one before it is read on" in details(items, "disconnected")[0]
        more = collect(client, lambda items: len(messages(items)) > 20)
        assert client.standings[0].flowing
        assert not any(isinstance(item, Resumed) for item in more), "there was no pause in reading"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (HTTPStatus.NOT_FOUND, 'refuses this stream with status 404: "<html>no"'),
        (HTTPStatus.OK, "is there a proxy between?"),
    ],
)
def test_a_refusal_at_the_start_is_an_error(status: HTTPStatus, expected: str) -> None:
    with (
        serving(numbers, refuse=status) as url,
        connected(url) as client,
        pytest.raises(FeedError, match=f"stream.*{expected}".replace("?", r"\?")),
    ):
        collect(client, lambda _: False)


def test_maintenance_is_waited_for() -> None:
    with serving(numbers, refuse=HTTPStatus.SERVICE_UNAVAILABLE) as url, connected(url) as client:
        items = collect(client, lambda items: len(details(items, "disconnected")) >= 3)
    assert "refused with status 503" in details(items, "disconnected")[0]


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    with (
        serving(numbers, tls=untrusted(tmp_path)) as url,
        connected(url) as client,
        pytest.raises(FeedError, match="its certificate is not trusted: self-signed certificate"),
    ):
        collect(client, lambda _: False)


def test_a_host_without_a_name() -> None:
    with (
        connected("ws://no-such-host.invalid/market/stream?streams=a@t") as client,
        pytest.raises(FeedError, match=r"no-such-host\.invalid.*cannot be resolved"),
    ):
        collect(client, lambda _: False)


@pytest.mark.parametrize(
    ("scheme", "expected"), [("ws", r"no WebSocket: .*is there a proxy between\?"), ("wss", "TLS failed: ")]
)
def test_somebody_who_speaks_neither_http_nor_tls(scheme: str, expected: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                with accepted:
                    accepted.recv(4_096)
                    accepted.sendall(b"220 mail.example ESMTP\r\n\r\n")

    threading.Thread(target=talk, daemon=True).start()
    try:
        with (
            connected(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/market/stream?streams=a@t") as client,
            pytest.raises(FeedError, match=expected),
        ):
            collect(client, lambda _: False)
    finally:
        listener.close()


def test_nobody_there_is_waited_for() -> None:
    (port,) = take_free_ports(1)
    with connected(f"ws://127.0.0.1:{port}/market/stream?streams=a@t") as client:
        items = collect(client, lambda items: len(details(items, "disconnected")) >= 2)
    assert "refused" in details(items, "disconnected")[0].lower()


def test_closing_is_quick_whatever_the_other_side_does() -> None:
    async def deaf(connection: ServerConnection) -> None:
        await connection.send(message("a@t", 1))
        connection.transport.pause_reading()
        await asyncio.sleep(4)

    with serving(deaf) as url:
        client = Client([Group(url, ("a@t",))], LIMITS, ReceiveClock())
        client.start()
        collect(client, lambda items: len(messages(items)) >= 1)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 3.5, "it does not wait for the other side"
        assert client.drain(1).now_us is None

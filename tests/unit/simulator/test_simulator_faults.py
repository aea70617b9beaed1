"""Every fault over a real socket, and that none but those of the market changes what was traded."""

import asyncio
import time
from typing import Any

import pytest
from exchange_talk import BOTH, Listener, control, listening, steps
from loops import run_async
from simulated import RunningExchange, fetch
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from flows.simulator.faults import KINDS
from flows.simulator.faults import __doc__ as table

ETH, BTC = "ethusdt@aggTrade", "btcusdt@aggTrade"


def told(message: dict[str, Any]) -> dict[str, Any]:
    """A message as REST prints its trade."""
    return {name: message[name] for name in ("a", "p", "q", "nq", "f", "l", "T", "m")}


def test_the_table_names_every_kind_and_key() -> None:
    assert table is not None
    rows = {words[0]: line for line in table.splitlines() if (words := line.split()) and words[0] in KINDS}
    assert list(rows) == list(KINDS)
    for kind, keys in KINDS.items():
        for name in keys.keys() - {"seed", "for_s"}:
            assert name in rows[kind], (kind, name)


def test_without_a_fault_every_trade_comes_once_and_in_order(exchange: RunningExchange) -> None:
    """The negative control of what follows."""
    heard = listening(exchange, lambda listener: listener.more(300))
    for symbol in ("ETHUSDT", "BTCUSDT"):
        assert set(steps(heard.ids(symbol))) == {1}
    true = {row["a"]: row for row in exchange.true_trades("ETHUSDT")}
    assert all(true[message["a"]] == told(message) for message in heard.messages if message["s"] == "ETHUSDT")


@pytest.mark.parametrize("stream", ["*", ETH])
def test_drop(exchange: RunningExchange, stream: str) -> None:
    async def dropped(listener: Listener) -> None:
        await listener.more(5)
        await control(exchange, "add", fault="drop", stream=stream)
        await listener.until(lambda heard: heard.closed is not None)

    assert listening(exchange, dropped).closed == 1006, "no goodbye"
    assert exchange.control("faults") == []


def test_drop_of_another_stream_leaves_a_connection(exchange: RunningExchange) -> None:
    async def left(listener: Listener) -> None:
        await listener.more(5)
        await control(exchange, "add", fault="drop", stream=BTC)
        await listener.more(50)

    assert set(steps(listening(exchange, left, f"/market/ws/{ETH}").ids("ETHUSDT"))) == {1}


def test_refuse(exchange: RunningExchange) -> None:
    async def refused(listener: Listener) -> None:
        await control(exchange, "add", fault="refuse")
        with pytest.raises(InvalidStatus, match="503"):
            await connect(exchange.stream_url + BOTH, proxy=None)
        await listener.more(20)

    listening(exchange, refused)
    assert fetch(f"{exchange.rest_url}/fapi/v1/ping") == (200, {})
    exchange.control("clear")
    listening(exchange, lambda listener: listener.more(1))


def test_half_open(exchange: RunningExchange) -> None:
    async def dead(listener: Listener) -> None:
        await listener.more(5)
        await control(exchange, "add", fault="half_open")
        while not await listener.silent_for(0.3):
            pass
        pong = await listener.socket.ping()
        assert await listener.silent_for(0.3)
        assert not pong.done(), "nobody is there"
        async with connect(exchange.stream_url + BOTH, proxy=None) as other:
            await asyncio.wait_for(other.recv(), 5)
        await control(exchange, "clear")
        await listener.until(lambda heard: heard.closed is not None)

    assert listening(exchange, dead).closed == 1006


def test_slow_readers_are_cut() -> None:
    with RunningExchange(trades_per_s=20_000.0) as exchange:

        async def slow(listener: Listener) -> None:
            await listener.more(5)
            await control(exchange, "add", fault="slow", outbox=1_000)
            await asyncio.to_thread(_wait_for_time, exchange, 4_000)  # reads nothing meanwhile
            await listener.until(lambda heard: heard.closed is not None)

        assert listening_slowly(exchange, slow).closed in (1006, 1008)

        async def quick(listener: Listener) -> None:
            while len(listener.texts) < 20_000:
                listener.texts.append(await listener.socket.recv(decode=True))

        assert listening(exchange, quick).closed is None


def listening_slowly(exchange: RunningExchange, conversation: Any) -> Listener:
    """A reader whose library takes little ahead, so that the socket fills up."""

    async def hold() -> Listener:
        async with connect(exchange.stream_url + BOTH, proxy=None, max_queue=4) as socket:
            listener = Listener(socket)
            await conversation(listener)
            return listener

    return run_async(hold())


def _wait_for_time(exchange: RunningExchange, length_ms: int) -> None:
    def now() -> int:
        return int(fetch(f"{exchange.rest_url}/control/clock")[1]["now_ms"])

    end = now() + length_ms
    while now() < end:
        time.sleep(0.05)


def test_clock(exchange: RunningExchange) -> None:
    def off() -> float:
        return float(fetch(f"{exchange.rest_url}/fapi/v1/time")[1]["serverTime"]) - time.time() * 1_000

    assert abs(off()) < 500

    async def ahead(listener: Listener) -> None:
        await listener.more(5)
        await control(exchange, "add", fault="clock", offset_ms=4_000)
        assert abs(off() - 4_000) < 500
        await listener.more(2_500)

    heard = listening(exchange, ahead)
    assert set(steps(heard.ids("ETHUSDT"))) == {1}, "the trades go by the wrong clock, and none is missing"
    assert heard.messages[-1]["E"] - heard.messages[0]["E"] > 3_500
    exchange.control("clear")
    assert abs(off()) < 500


@pytest.mark.parametrize(
    ("status", "code", "part"),
    [("429", 429, "-1003"), ("418", 418, "banned"), ("403", 403, "<html>"), ("451", 451, "restricted"), ("500", 500, "-1000"),
     ("html", 200, "<html>")],
)  # fmt: skip
def test_rest_errors(exchange: RunningExchange, status: str, code: int, part: str) -> None:
    exchange.control("add", fault="rest", status=status, retry_after=7)
    found, answer = fetch(f"{exchange.rest_url}/fapi/v1/ping")
    assert found == code
    assert part in str(answer)
    exchange.control("clear", fault="rest")
    assert fetch(f"{exchange.rest_url}/fapi/v1/ping") == (200, {})


def test_rest_time_out_ends_with_the_fault(exchange: RunningExchange) -> None:
    async def late(listener: Listener) -> None:
        await control(exchange, "add", fault="rest", status="timeout")
        asked = asyncio.create_task(asyncio.to_thread(fetch, f"{exchange.rest_url}/fapi/v1/ping"))
        await listener.more(200)
        assert not asked.done()
        await control(exchange, "clear")
        assert await asked == (200, {})

    listening(exchange, late)


def test_a_share_of_rest_requests(exchange: RunningExchange) -> None:
    exchange.control("add", fault="rest", status="500", share=0.5)
    found = [fetch(f"{exchange.rest_url}/fapi/v1/ping")[0] for _ in range(60)]
    assert set(found) == {200, 500}
    assert 10 < found.count(500) < 50


def test_forget(exchange: RunningExchange) -> None:
    listening(
        exchange,
        lambda listener: listener.until(
            lambda here: here.messages and here.messages[-1]["T"] > exchange.start_ms + 2_000
        ),
    )
    exchange.control("add", fault="forget", older_s=1)
    status, rows = fetch(f"{exchange.rest_url}/fapi/v1/aggTrades?symbol=ETHUSDT&fromId=1&limit=1")
    assert status == 200
    assert rows[0]["a"] > 1
    assert exchange.true_trades("ETHUSDT")[0]["a"] == 1, "the truth has them"
    exchange.control("clear")
    assert fetch(f"{exchange.rest_url}/fapi/v1/aggTrades?symbol=ETHUSDT&fromId=1&limit=1")[1][0]["a"] == 1


def test_after_all_this_the_market_is_the_same(shared: RunningExchange) -> None:
    """What was done to messages, clock and REST is nowhere in the truth."""
    shared.control("clear")
    rows = shared.true_trades("ETHUSDT")
    served = shared.same_market()
    trades = served.until(rows[-1]["T"])
    mine = trades.symbol == [each.symbol for each in served.listings].index("ETHUSDT")
    assert [row["a"] for row in rows[: mine.sum()]] == trades.aggregate_id[mine].tolist()
    assert [row["T"] for row in rows[: mine.sum()]] == trades.time_ms[mine].tolist()
    assert len(rows) > 1_000

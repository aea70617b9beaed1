"""The simulated exchange as its users meet it: over real sockets."""

import asyncio
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from loops import run_async
from simulated import RunningExchange
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with RunningExchange() as running:
        yield running


def get(url: str) -> tuple[int, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def talk(
    exchange: RunningExchange, path: str, requests: list[dict[str, Any] | str], until: int
) -> list[dict[str, Any]]:
    """Send requests on one connection and take the first `until` messages."""

    async def conversation() -> list[dict[str, Any]]:
        async with connect(exchange.stream_url + path, proxy=None) as socket:
            for request in requests:
                await socket.send(request if isinstance(request, str) else json.dumps(request))
            return [json.loads(await asyncio.wait_for(socket.recv(), 10)) for _ in range(until)]

    return run_async(conversation())


def test_rest(exchange: RunningExchange) -> None:
    assert get(f"{exchange.rest_url}/fapi/v1/ping") == (200, {})
    status, answer = get(f"{exchange.rest_url}/fapi/v1/time")
    assert status == 200
    assert abs(answer["serverTime"] - time.time() * 1000) < 10_000
    _, info = get(f"{exchange.rest_url}/fapi/v1/exchangeInfo")
    assert {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400} in info[
        "rateLimits"
    ]
    symbols = {each["symbol"]: each for each in info["symbols"]}
    assert set(symbols) == {"BTCUSDT", "ETHUSDT"}
    eth = symbols["ETHUSDT"]
    assert (eth["status"], eth["contractType"], eth["baseAsset"], eth["quoteAsset"]) == (
        "TRADING",
        "PERPETUAL",
        "ETH",
        "USDT",
    )
    assert {each["filterType"]: each for each in eth["filters"]} == {
        "PRICE_FILTER": {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
        "LOT_SIZE": {"filterType": "LOT_SIZE", "stepSize": "0.001"},
    }


@pytest.mark.parametrize(
    "path", ["/ws/btcusdt@aggTrade", "/stream?streams=btcusdt@aggTrade", "/fapi/v1/depth", "/private/ws/x", "/"]
)
def test_retired_and_unknown_paths_are_refused(exchange: RunningExchange, path: str) -> None:
    assert get(exchange.rest_url + path)[0] == 404
    with pytest.raises(InvalidStatus, match="404"):
        talk(exchange, path, [], 1)


def test_combined_stream(exchange: RunningExchange) -> None:
    for message in talk(exchange, "/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade", [], 50):
        data = message["data"]
        assert message["stream"] == f"{data['s'].lower()}@aggTrade"
        assert set(data) == {"e", "E", "s", "a", "p", "q", "nq", "f", "l", "T", "m", "st"}
        assert (data["e"], data["st"]) == ("aggTrade", 1)
        assert re.fullmatch(r"\d+\.\d\d", data["p"])
        assert re.fullmatch(r"\d+\.\d{3}", data["q"])


def test_raw_stream_of_one_symbol(exchange: RunningExchange) -> None:
    assert {message["s"] for message in talk(exchange, "/market/ws/ethusdt@aggTrade", [], 20)} == {"ETHUSDT"}


def test_single_trades_on_the_public_route(exchange: RunningExchange) -> None:
    messages = talk(exchange, "/public/stream?streams=btcusdt@trade", [], 30)
    ids = [message["data"]["t"] for message in messages]
    assert ids == list(range(ids[0], ids[0] + 30))
    assert {message["data"]["X"] for message in messages} == {"MARKET"}


def test_a_stream_on_the_wrong_route_is_acknowledged_and_silent(exchange: RunningExchange) -> None:
    requests: list[dict[str, Any] | str] = [{"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 1}]
    assert talk(exchange, "/public/ws", requests, 1) == [{"result": None, "id": 1}]

    async def wait() -> None:
        async with connect(f"{exchange.stream_url}/public/ws/btcusdt@aggTrade", proxy=None) as socket:
            await asyncio.wait_for(socket.recv(), 0.5)

    with pytest.raises(TimeoutError):
        run_async(wait())


def test_subscribe_list_unsubscribe(exchange: RunningExchange) -> None:
    requests: list[dict[str, Any] | str] = [
        {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade", "ethusdt@aggTrade"], "id": 1},
        {"method": "UNSUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 2},
        {"method": "LIST_SUBSCRIPTIONS", "id": 3},
    ]
    messages = talk(exchange, "/market/ws", requests, 30)
    answers = [message for message in messages if "id" in message]
    assert answers == [{"result": None, "id": 1}, {"result": None, "id": 2}, {"result": ["ethusdt@aggTrade"], "id": 3}]
    after = messages[messages.index(answers[1]) + 1 :]
    assert {message["s"] for message in after if "s" in message} == {"ETHUSDT"}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("{no json", 3),
        ({"method": "SUBSCRIBE"}, 2),
        ({"method": "DANCE", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2),
    ],
)
def test_bad_requests_get_an_error(exchange: RunningExchange, request_: dict[str, Any] | str, code: int) -> None:
    assert talk(exchange, "/market/ws", [request_], 1)[0]["error"]["code"] == code

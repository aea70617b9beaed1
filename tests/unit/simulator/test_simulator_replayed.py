"""Recorded captures served as the exchange's own trades."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest
import zstandard
from exchange_talk import Listener, listening
from simulated import RunningExchange, fetch

from flows.errors import InputError
from flows.simulator.replayed import Replayed
from flows.simulator.trades import Field

CAPTURES = {
    "usdm_btc_eth_20240718-19_trades.ndjson.gz": ("trade", "t"),
    "usdm_btc_20230404-05_trades.ndjson.gz": ("trade", "t"),
    "aggtrade_messages_20210722.ndjson": ("aggTrade", "a"),
}


def recorded(path: Path) -> list[dict[str, Any]]:
    """The messages as they were recorded."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = [json.loads(line) for line in data.splitlines()]
    return [line.get("msg", line)["data"] for line in lines]


@pytest.mark.parametrize("name", CAPTURES)
def test_the_recorded_messages_come_again(shared_data: Path, name: str) -> None:
    path = shared_data / "captures" / name
    kind, identity = CAPTURES[name]
    messages = recorded(path)[:3_000]
    last = messages[-1]
    with RunningExchange(capture=path, speed=500.0) as exchange:
        route = "public" if kind == "trade" else "market"
        streams = "/".join(sorted({f"{message['s'].lower()}@{kind}" for message in messages}))

        async def all_of_them(listener: Listener) -> None:
            await listener.until(lambda heard: heard.messages and _same(heard.messages[-1], last, identity))

        heard = listening(exchange, all_of_them, f"/{route}/stream?streams={streams}")
    found = {(message["s"], message[identity]): message for message in heard.messages}
    shift = {found[message["s"], message[identity]]["T"] - message["T"] for message in messages[:100]}
    assert len(shift) == 1, "all times are moved by the same"
    moved = shift.pop()
    for message in messages:
        again = found[message["s"], message[identity]]
        for field in ("p", "q"):
            assert float(again[field]) == float(message[field])
        assert (again["T"], again["m"]) == (message["T"] + moved, message["m"])
        assert again.get("X", "MARKET") == message.get("X", "MARKET")
        if kind == "aggTrade":
            assert (again["f"], again["l"]) == (message["f"], message["l"])


def _same(message: dict[str, Any], other: dict[str, Any], identity: str) -> bool:
    return (message["s"], message[identity]) == (other["s"], other[identity])


def test_rest_serves_recorded_aggregates_and_no_others(shared_data: Path) -> None:
    path = shared_data / "captures" / "aggtrade_messages_20210722.ndjson"
    messages = [message for message in recorded(path) if message["s"] == "CTKUSDT"]
    with RunningExchange(capture=path, speed=1_000.0) as exchange:
        url = f"{exchange.rest_url}/fapi/v1/aggTrades?symbol=CTKUSDT&fromId={messages[0]['a']}&limit=3"
        deadline = time.monotonic() + 10
        while len(exchange.true_trades("CTKUSDT")) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        rows = fetch(url)[1]
        assert [row["a"] for row in rows] == [message["a"] for message in messages[:3]]
        assert [row["p"] for row in rows] == [message["p"] for message in messages[:3]], "with their zeros"
        info = fetch(f"{exchange.rest_url}/fapi/v1/exchangeInfo")[1]
        listed = next(each for each in info["symbols"] if each["symbol"] == "CTKUSDT")
        assert listed["filters"][0]["tickSize"] == "0.00001"
        status, answer = fetch(f"{exchange.rest_url}/control/add?fault=burst&for_s=2")
        assert (status, answer["error"]) == (400, "fault burst: a recorded market trades what it did")
        assert exchange.control("faults") == []
    with RunningExchange(capture=shared_data / "captures" / "usdm_btc_20230404-05_trades.ndjson.gz") as exchange:
        assert fetch(f"{exchange.rest_url}/fapi/v1/aggTrades?symbol=BTCUSDT&limit=3") == (200, [])


def line(identity: int, at_ms: int, **more: Any) -> dict[str, Any]:
    return {"e": "aggTrade", "E": at_ms + 5, "s": "ETHUSDT", "a": identity, "p": "10.5", "q": "2", "f": identity, "l": identity, "T": at_ms,
            "m": True, "st": 1, **more}  # fmt: skip


def test_our_own_captures_with_what_was_filled(tmp_path: Path) -> None:
    """Messages, a broken one, and a fill of two trades the stream had missed, in two files of which the last is cut."""
    fill = [
        {key: value for key, value in line(identity, 1_000 + identity).items() if key not in "eEs"}
        for identity in (2, 3)
    ]
    first = [
        {"recv_ns": 1, "session": {"stream": "aggTrade"}},
        {"recv_ns": 2, "msg": {"stream": "ethusdt@aggTrade", "data": line(1, 1_001)}},
        {"recv_ns": 3, "raw": "{broken"},
        {"recv_ns": 3, "raw": json.dumps({"stream": "ethusdt@aggTrade", "data": line(5, 1_005, p="10.25")})},
        {"recv_ns": 4, "fill": {"symbol": "ETHUSDT", "from_id": 2, "body": json.dumps(fill)}},
    ]
    second = [{"recv_ns": 5, "msg": {"stream": "ethusdt@aggTrade", "data": line(4, 1_004)}}]
    for number, lines in enumerate((first, second)):
        data = zstandard.compress(b"".join(json.dumps(each).encode() + b"\n" for each in lines))
        (tmp_path / f"capture-2026010{number}T000000Z.ndjson.zst").write_bytes(data + b"\x28\xb5\x2f\xfd" * number)
    replayed = Replayed(tmp_path)
    replayed.begin(50_000, 500)
    rows = replayed.take(60_000).rows
    assert rows[Field.id].tolist() == [1, 2, 3, 4, 5]
    assert rows[Field.price].tolist() == [1050, 1050, 1050, 1050, 1025]
    assert rows[Field.event, 0] == 50_500
    assert (rows[Field.time] - rows[Field.id] == rows[Field.time, 0] - 1).all()
    assert (rows[Field.event, 1:] >= rows[Field.event, :-1]).all()


@pytest.mark.parametrize(
    "text", ["", "\n\n", "{}\n[]\n1\nnull\n", '{"e":"aggTrade"}\n', '{"e":"trade","s":1,"t":"x"}\n']
)
def test_a_file_without_trades_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.ndjson"
    path.write_text(text)
    with pytest.raises(InputError, match=r"empty\.ndjson: no aggTrade or trade message in it"):
        Replayed(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.ndjson: cannot be read"):
        Replayed(tmp_path / "none.ndjson")

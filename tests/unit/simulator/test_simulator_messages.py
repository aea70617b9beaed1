"""Faults of messages over a real socket: held back, silent, doubled, out of order, broken, far too long."""

import json

from exchange_talk import Listener, control, listening, steps
from simulated import RunningExchange

ETH = "ethusdt@aggTrade"


def test_stall_holds_back_and_delivers_in_order(exchange: RunningExchange) -> None:
    async def stalled(listener: Listener) -> None:
        await listener.until(lambda heard: all(len(heard.ids(name)) > 5 for name in ("ETHUSDT", "BTCUSDT")))
        await control(exchange, "add", fault="stall", stream=ETH)
        await listener.until(lambda heard: len(heard.messages) > 5 and _last(heard, 80) == {"BTCUSDT"})
        await control(exchange, "clear")
        await listener.until(lambda heard: _last(heard, 20) >= {"ETHUSDT"})

    heard = listening(exchange, stalled)
    for symbol in ("ETHUSDT", "BTCUSDT"):
        assert set(steps(heard.ids(symbol))) == {1}


def _last(listener: Listener, count: int) -> set[str]:
    return {message["s"] for message in listener.messages[-count:]} if len(listener.messages) >= count else set()


def test_silent_is_acknowledged_and_lost(exchange: RunningExchange) -> None:
    async def silenced(listener: Listener) -> None:
        await listener.until(lambda heard: len(heard.ids("ETHUSDT")) > 5)
        await control(exchange, "add", fault="silent", stream=ETH)
        await listener.until(lambda heard: _last(heard, 80) == {"BTCUSDT"})
        await listener.socket.send(json.dumps({"method": "SUBSCRIBE", "params": [ETH], "id": 4}))
        await listener.until(lambda heard: any('"id":4' in text for text in heard.texts[-200:]))
        assert _last(listener, 20) == {"BTCUSDT"}
        await control(exchange, "clear")
        await listener.until(lambda heard: "ETHUSDT" in _last(heard, 20))

    heard = listening(exchange, silenced)
    assert max(steps(heard.ids("ETHUSDT"))) > 5
    assert set(steps(heard.ids("BTCUSDT"))) == {1}
    missing = set(range(heard.ids("ETHUSDT")[0], heard.ids("ETHUSDT")[-1])) - set(heard.ids("ETHUSDT"))
    assert missing <= {row["a"] for row in exchange.true_trades("ETHUSDT")}, "REST has them"


def test_duplicate(exchange: RunningExchange) -> None:
    exchange.control("add", fault="duplicate", stream=ETH, share=0.5, times=2, seed=3)
    heard = listening(exchange, lambda listener: listener.more(600))
    ids = heard.ids("ETHUSDT")
    many = [ids.count(identity) for identity in sorted(set(ids))[1:-1]]
    assert set(many) == {1, 3}
    assert 0.35 < many.count(3) / len(many) < 0.65
    assert set(steps(heard.ids("BTCUSDT"))) == {1}
    again = listening(exchange, lambda listener: listener.more(50))
    assert set(steps(sorted(set(again.ids("ETHUSDT"))))) == {1}


def test_reorder_within_limits(exchange: RunningExchange) -> None:
    async def mixed(listener: Listener) -> None:
        await control(exchange, "add", fault="reorder", stream=ETH, share=0.3, within=4)
        await listener.more(600)
        await control(exchange, "clear")
        await listener.more(50)

    heard = listening(exchange, mixed)
    ids = heard.ids("ETHUSDT")
    assert min(steps(ids)) < 0, "out of order"
    assert sorted(ids) == list(range(min(ids), max(ids) + 1)), "and nothing missing or doubled"
    late = max(max(ids[: k + 1]) - identity for k, identity in enumerate(ids))
    assert 1 <= late <= 4 * 2, "a message is overtaken by few"
    assert set(steps(heard.ids("BTCUSDT"))) == {1}


def test_malformed_messages_take_the_place_of_good_ones(exchange: RunningExchange) -> None:
    exchange.control("add", fault="malformed", stream=ETH, share=0.2)
    heard = listening(exchange, lambda listener: listener.until(lambda here: len(here.texts) > 500))
    bad = [text for text in heard.texts if not _well_formed(text)]
    assert 0.03 < len(bad) / len(heard.texts) < 0.3
    assert any(_is_json(text) for text in bad), "a field is missing or no number"
    assert any(not _is_json(text) for text in bad)
    good = [json.loads(text)["data"]["a"] for text in heard.texts if _well_formed(text) and ETH in text]
    assert max(steps(good)) > 1
    true = {row["a"] for row in exchange.true_trades("ETHUSDT")}
    assert set(range(good[0], good[-1])) <= true, "REST has what was broken"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _well_formed(text: str) -> bool:
    return _is_json(text) and isinstance(json.loads(text)["data"].get("T"), int) and "p" in json.loads(text)["data"]


def test_bogus_ids_stand_in_messages_that_are_right_otherwise(exchange: RunningExchange) -> None:
    exchange.control("add", fault="bogus_id", stream=ETH, share=0.2, by=1_000_000)
    heard = listening(exchange, lambda listener: listener.more(500))
    true = {row["a"]: row for row in exchange.true_trades("ETHUSDT")}
    mine = [message for message in heard.messages if message["s"] == "ETHUSDT"]
    high = [message for message in mine if message["a"] > max(true)]
    assert 0.05 < len(high) / len(mine) < 0.4
    for message in mine:
        identity = message["a"] - (1_000_000 if message in high else 0)
        assert {name: message[name] for name in ("p", "q", "f", "l", "T")}.items() <= true[identity].items()
    assert set(steps(heard.ids("BTCUSDT"))) == {1}


def test_huge(exchange: RunningExchange) -> None:
    async def long(listener: Listener) -> None:
        await listener.more(5)
        await control(exchange, "add", fault="huge", stream=ETH, bytes=3_000_000)
        await listener.until(lambda heard: len(heard.texts[-1]) > 1_000_000)
        await listener.more(20)

    heard = listening(exchange, long, max_size=None)
    assert [len(text) for text in heard.texts if len(text) > 1_000] == [3_000_000]
    assert set(steps(heard.ids("ETHUSDT"))) == {1}


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

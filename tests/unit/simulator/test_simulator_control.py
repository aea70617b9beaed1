"""The control endpoint and the script: what they take, what they refuse and in which words."""

import itertools
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from exchange_talk import Listener, listening, steps
from simulated import RunningExchange, fetch

from flows.simulator.faults import KINDS, FaultError
from flows.simulator.script import read_script


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with RunningExchange() as running:
        yield running


def test_a_fault_is_told_with_all_its_values_until_it_is_over(exchange: RunningExchange) -> None:
    added = exchange.control("add", fault="duplicate", share="0.25", for_s=0.3)
    assert {name: added[name] for name in ("fault", "stream", "share", "times", "seed", "for_s")} == {
        "fault": "duplicate", "stream": "*", "share": 0.25, "times": 1, "seed": 0, "for_s": 0.3,
    }  # fmt: skip
    assert added["until_ms"] - added["since_ms"] == 300
    exchange.control("add", fault="stall", stream="btcusdt@aggTrade")
    assert {each["fault"] for each in exchange.control("faults")} >= {"stall"}
    end = added["until_ms"]

    async def later(listener: Listener) -> None:
        await listener.until(lambda heard: heard.messages and heard.messages[-1]["E"] > end + 50)

    listening(exchange, later)
    assert [each["fault"] for each in exchange.control("faults")] == ["stall"]
    exchange.control("add", fault="silent", stream="btcusdt@aggTrade")
    assert [each["fault"] for each in exchange.control("clear", fault="silent")["ended"]] == ["silent"]
    assert [each["fault"] for each in exchange.control("clear")["ended"]] == ["stall"]
    assert exchange.control("faults") == []


def test_every_kind_can_be_had_by_name_alone_or_says_what_it_needs(exchange: RunningExchange) -> None:
    needs = {"clock": "offset_ms", "forget": "older_s", "lose": "count", "burst": "for_s"}
    for kind in KINDS:
        status, answer = fetch(f"{exchange.rest_url}/control/add?fault={kind}")
        exchange.control("clear")
        assert status == (400 if kind in needs else 200), answer
        if kind in needs:
            assert answer["error"].startswith(f"fault {kind}: ")
            assert needs[kind] in answer["error"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", 'unknown fault ""; there are drop, '),
        ("fault=stal", 'unknown fault "stal" (did you mean "stall"?); there are drop, refuse, '),
        ("fault=stall&for=3", 'fault stall: unknown key "for" (did you mean "for_s"?); it has stream, for_s'),
        ("fault=stall&for_s=soon", 'fault stall: for_s: expected seconds above 0, found "soon"'),
        ("fault=stall&for_s=0", 'fault stall: for_s: expected seconds above 0, found "0"'),
        ("fault=stall&for_s=nan", 'fault stall: for_s: expected seconds above 0, found "nan"'),
        ("fault=duplicate&share=1.5", 'fault duplicate: share: expected a share above 0 and at most 1, found "1.5"'),
        ("fault=skip&count=-1", 'fault skip: count: expected a whole number above 0, found "-1"'),
        ("fault=rest&status=404", 'fault rest: status: expected one of 429, 418, 403, 451, 500, html, timeout, found "404"'),
        ("fault=refuse&status=200", 'fault refuse: status: expected an HTTP status from 400 to 599, found "200"'),
        ("fault=clock&offset_ms=1.5", 'fault clock: offset_ms: expected milliseconds, a whole number, found "1.5"'),
        ("fault=clock", "fault clock: offset_ms is missing: expected milliseconds, a whole number"),
        ("fault=lose&count=1&for_s=1", "fault lose: expected either count or for_s"),
    ],
)  # fmt: skip
def test_a_fault_that_cannot_be_had_is_refused_in_words(exchange: RunningExchange, query: str, error: str) -> None:
    status, answer = fetch(f"{exchange.rest_url}/control/add?{query}")
    assert status == 400
    assert answer["error"].startswith(error)
    assert exchange.control("faults") == []


@pytest.mark.parametrize(
    ("path", "status"), [("nothing", 404), ("clear?fault=stal", 400), ("trades?symbol=X", 400), ("trades", 400)]
)
def test_other_paths(exchange: RunningExchange, path: str, status: int) -> None:
    assert fetch(f"{exchange.rest_url}/control/{path}")[0] == status


def test_a_script_happens_at_its_times_to_the_millisecond(tmp_path: Path) -> None:
    """At speed 20 a pulse is a tenth of a second of the exchange; the script is exact all the same."""
    script = tmp_path / "faults.jsonl"
    script.write_text(
        '{"at_s":3,"fault":"lose","symbol":"ETHUSDT","for_s":1.25}\n\n{"at_s":1.5,"fault":"skip","symbol":"BTCUSDT","count":4}\n'
    )
    with RunningExchange(speed=20.0, script=script) as exchange:

        async def over(listener: Listener) -> None:
            await listener.until(lambda heard: heard.messages and heard.messages[-1]["T"] > exchange.start_ms + 8_000)

        listening(exchange, over)
        lost, start = exchange.true_trades("ETHUSDT"), exchange.start_ms
        trades = exchange.same_market().until(start + 5_000)
        eth, btc = trades.symbol == 1, trades.symbol == 0
        gone = (trades.event_ms > start + 3_000) & (trades.event_ms <= start + 4_250)
        assert (eth & gone).sum() > 50
        kept = trades.aggregate_id[eth & ~gone].tolist()
        assert [row["a"] for row in lost[: len(kept)]] == kept
        skipped = exchange.true_trades("BTCUSDT")
        moved = trades.aggregate_id[btc] + 4 * (trades.event_ms[btc] > start + 1_500)
        assert [row["a"] for row in skipped[: btc.sum()]] == moved.tolist()


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{no json", "not valid JSON: "),
        ("[1]", "expected an object, found [1]"),
        ('{"fault":"drop"}', "at_s: expected seconds of at least 0, found null"),
        ('{"at_s":-1,"fault":"drop"}', "at_s: expected seconds of at least 0, found -1"),
        ('{"at_s":"1","fault":"drop"}', 'at_s: expected seconds of at least 0, found "1"'),
        ('{"at_s":1}', "fault: expected a kind, found null"),
        ('{"at_s":1,"fault":"stal"}', 'unknown fault "stal" (did you mean "stall"?)'),
        ('{"at_s":1,"fault":"stall","for_s":-2}', 'fault stall: for_s: expected seconds above 0, found "-2"'),
    ],
)
def test_a_bad_line_is_named_with_file_and_number(tmp_path: Path, line: str, error: str) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text('{"at_s":1,"fault":"drop"}\n\n' + line + "\n")
    with pytest.raises(FaultError) as raised:
        read_script(script)
    assert str(raised.value).startswith(f"{script} line 3: {error}")


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"none\.jsonl: cannot be read: No such file"):
        read_script(tmp_path / "none.jsonl")


def test_the_same_seed_strikes_the_same_messages(exchange: RunningExchange) -> None:
    """Luck belongs to the message: two readers, connected at different times, see the same."""
    exchange.control("add", fault="duplicate", share=0.3, seed=11)
    first, again = (listening(exchange, lambda listener: listener.more(400)).ids("ETHUSDT") for _ in range(2))
    exchange.control("clear")
    exchange.control("add", fault="duplicate", share=0.3, seed=12)
    other = listening(exchange, lambda listener: listener.more(400)).ids("ETHUSDT")
    exchange.control("clear")
    shares = [steps(ids).count(0) / len(set(ids)) for ids in (first, again, other)]
    assert all(0.15 < share < 0.45 for share in shares), shares
    assert all(step in (0, 1) for step in itertools.chain(*map(steps, (first, again, other))))


def test_queries_may_be_quoted(exchange: RunningExchange) -> None:
    stream = urllib.parse.quote("ethusdt@aggTrade", safe="")
    assert fetch(f"{exchange.rest_url}/control/add?fault=drop&stream={stream}")[1]["stream"] == "ethusdt@aggTrade"

"""REST calls of the running feed against a real HTTP server that answers as each test says."""

import json
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ports import take_free_ports

from flows.sources.binance.clock import ReceiveClock
from flows.sources.binance.records import Event, Fill, Newest
from flows.sources.binance.rest import Answered, Rest
from flows.sources.binance.standing import NEWEST, PAGE, Ask

PATIENCE_S = 10.0
Answer = Callable[[dict[str, str]], tuple[int, dict[str, str], bytes]]


class Exchange:
    """Answers aggTrades; remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[dict[str, str]] = []
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.paths: list[str] = []
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with exchange.lock:
                    exchange.now += 1
                    exchange.most = max(exchange.most, exchange.now)
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                exchange.asked.append(query)
                exchange.paths.append(self.path)
                status, headers, body = answer(query)
                with exchange.lock:
                    exchange.now -= 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def running(answer: Answer, **changed: Any) -> Iterator[tuple[Exchange, Rest]]:
    exchange = Exchange(answer)
    threading.Thread(target=exchange.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    rest = Rest(**{"base_url": exchange.url, "timeout_s": 5.0, "weight_limit": 2_000, "clock_limit_us": 1_000_000,
                   "clock": ReceiveClock(), "lead_us": 0} | changed)  # fmt: skip
    rest.start()
    try:
        yield exchange, rest
    finally:
        rest.close()
        exchange.server.shutdown()
        exchange.server.server_close()


def trades(_query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    return 200, {"X-MBX-USED-WEIGHT-1M": "20"}, b"[]"


def take(rest: Rest, enough: Callable[[list[Answered]], bool]) -> list[Answered]:
    found: list[Answered] = []
    deadline = time.monotonic() + PATIENCE_S
    while not enough(found):
        assert time.monotonic() < deadline, found
        found += rest.take()
        time.sleep(0.001)
    return found


def test_answers_come_with_what_was_asked() -> None:
    with running(trades) as (exchange, rest):
        rest.want([Ask("BTCUSDT", 7, check=False)])
        (fill,) = take(rest, lambda found: len(found) == 1)
        rest.want([Ask("币安USDT", NEWEST, check=True)])
        (newest,) = take(rest, lambda found: len(found) == 1)
    assert isinstance(fill, Fill)
    assert isinstance(newest, Fill)
    assert (fill.symbol, fill.from_id, fill.limit, fill.body) == ("BTCUSDT", 7, PAGE, b"[]")
    assert fill.asked_us < fill.received_us
    assert (newest.from_id, newest.limit) == (-1, 1)
    assert exchange.asked == [
        {"symbol": "BTCUSDT", "fromId": "7", "limit": "1000"},
        {"symbol": "币安USDT", "limit": "1"},
    ]


def test_a_cheap_question_is_one_for_the_newest_single_trade() -> None:
    with running(lambda query: (200, {}, b"[]")) as (exchange, rest):
        rest.want([Ask("BTCUSDT", 7, check=True, cheap=True)])
        (newest,) = take(rest, lambda found: len(found) == 1)
        assert rest.standing.used_weight == 5
    assert isinstance(newest, Newest)
    assert (newest.symbol, newest.body) == ("BTCUSDT", b"[]")
    assert newest.asked_us < newest.received_us
    assert exchange.paths == ["/fapi/v1/trades?symbol=BTCUSDT&limit=1"]


def test_an_exchange_without_single_trades_is_asked_for_aggregates() -> None:
    def without(query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return trades(query) if "fromId" in query else (404, {}, b'{"code":-5000,"msg":"Path not found."}')

    asks = [Ask("BTCUSDT", 7, check=True, cheap=True)]
    with running(without) as (exchange, rest):
        found: list[Answered] = []
        deadline = time.monotonic() + PATIENCE_S
        while len(found) < 2:
            assert time.monotonic() < deadline
            rest.want(asks)
            found += rest.take()
        assert rest.standing.problem == ""
    assert all(isinstance(each, Fill) and each.from_id == 7 for each in found)
    assert [path.partition("?")[0] for path in exchange.paths[:3]] == ["/fapi/v1/trades", *["/fapi/v1/aggTrades"] * 2]


def test_one_at_a_time_in_the_order_of_urgency_and_no_symbol_again_before_it_was_taken() -> None:
    first, go_on = threading.Event(), threading.Event()

    def slow(query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        first.set()
        assert go_on.wait(PATIENCE_S)
        return trades(query)

    with running(slow) as (exchange, rest):
        rest.want([Ask("A", 1, check=False)])
        assert first.wait(PATIENCE_S)
        rest.want([Ask("A", 1, check=False), Ask("C", 3, check=False), Ask("B", 2, check=True)])
        go_on.set()
        deadline = time.monotonic() + PATIENCE_S
        while len(exchange.asked) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        found = take(rest, lambda found: len(found) == 3)
        assert exchange.most == 1
        assert [each.symbol for each in found] == ["A", "C", "B"]
        assert rest.take() == []
    assert [query["symbol"] for query in exchange.asked] == ["A", "C", "B"], "nothing twice"


def test_the_budget_holds_calls_back() -> None:
    with running(trades, weight_limit=60) as (exchange, rest):
        for k in range(3):
            rest.want([Ask("A", k, check=False)])
            take(rest, lambda found: len(found) == 1)
        rest.want([Ask("A", 3, check=False)])
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            assert rest.take() == []
        assert rest.standing.used_weight == 60
    assert len(exchange.asked) == 3


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (429, {"Retry-After": "1"}, b"{}", "answered 429: this address asks too often; next try in 1 s"),
        (500, {}, b"", "answered 500: expected 200"),
        (
            200,
            {},
            b"<html>log in</html>",
            'expected a JSON array, found "<html>log in</html>"; is there a proxy between?',
        ),
        (200, {}, b'[{"a":1', "expected a JSON array"),
    ],
)
def test_a_refusal_is_told_once_and_its_end_too(
    status: int, headers: dict[str, str], body: bytes, expected: str
) -> None:
    times: list[float] = []

    def refuse_first(query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        times.append(time.monotonic())
        return (status, headers, body) if len(times) == 1 else trades(query)

    with running(refuse_first) as (_, rest):
        rest.want([Ask("A", 1, check=False)])
        (refused,) = take(rest, lambda found: len(found) == 1)
        assert isinstance(refused, Event)
        assert refused.kind == "rest_refused"
        assert expected in refused.detail
        assert expected in rest.standing.problem
        back, fill = take(rest, lambda found: len(found) == 2)
        assert isinstance(back, Event)
        assert back.kind == "rest_back"
        assert isinstance(fill, Fill)
        assert rest.standing.problem == ""
    assert times[1] - times[0] >= float(headers.get("Retry-After", 0))


def test_a_symbol_that_is_refused_does_not_hold_up_the_others() -> None:
    def delisted(query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return (400, {}, b'{"code":-1121,"msg":"Invalid symbol."}') if query["symbol"] == "A" else trades(query)

    with running(delisted) as (exchange, rest):
        for k in range(5):
            rest.want([Ask("A", 1, check=False), Ask("B", k, check=False)])
            found = take(rest, lambda found: any(isinstance(each, Fill) for each in found))
            if k == 0:
                refused = found[0]
                assert isinstance(refused, Event)
                assert (refused.kind, refused.symbol) == ("rest_refused", "A")
                assert "answered 400" in refused.detail
                assert "Invalid symbol" in refused.detail
        assert rest.standing.problem == ""
    assert [query["symbol"] for query in exchange.asked] == ["A"] + ["B"] * 5


def test_a_host_that_is_not_there() -> None:
    (port,) = take_free_ports(1)
    with running(trades, base_url=f"http://127.0.0.1:{port}") as (_, rest):
        rest.want([Ask("A", 1, check=False)])
        (refused,) = take(rest, lambda found: len(found) == 1)
        assert isinstance(refused, Event)
        assert "connection refused" in refused.detail


def test_a_slow_answer_is_given_up() -> None:
    never = threading.Event()

    def hang(query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        never.wait(PATIENCE_S)
        return trades(query)

    with running(hang, timeout_s=0.2) as (_, rest):
        rest.want([Ask("A", 1, check=False)])
        (refused,) = take(rest, lambda found: len(found) == 1)
        assert isinstance(refused, Event)
        assert "no answer in time" in refused.detail
        never.set()


def test_closing_ends_a_call_that_hangs_at_once() -> None:
    asked, never = threading.Event(), threading.Event()

    def hang(query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked.set()
        never.wait(PATIENCE_S)
        return trades(query)

    with running(hang, timeout_s=30.0) as (_, rest):
        rest.want([Ask("A", 1, check=False)])
        assert asked.wait(PATIENCE_S)
        began = time.monotonic()
        rest.close()
        assert time.monotonic() - began < 10, "the hanging call would have taken 30 s"
        assert not any(thread.name == "rest" for thread in threading.enumerate())
        assert rest.take() == []
        never.set()


def test_the_clock_is_measured_and_told() -> None:
    offsets = iter([-2_500, 0])

    def served(query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        now = time.time_ns() // 1_000_000 + next(offsets, 0)
        return 200, {}, json.dumps({"serverTime": now}).encode()

    with running(served, time_every_s=0.1) as (_, rest):
        off, right = take(rest, lambda found: len(found) == 2)
    assert isinstance(off, Event)
    assert isinstance(right, Event)
    assert (off.kind, right.kind) == ("clock_off", "clock_right")
    told = re.search(r"the clock of this machine is (\d+\.\d+) s ahead", off.detail)
    assert told is not None, off.detail
    assert float(told[1]) == pytest.approx(2.5, abs=0.1)
    assert "ahead of the exchange's; times are corrected" in off.detail

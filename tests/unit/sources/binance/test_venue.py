"""The exchange before the first message: addresses that bring nothing are refused, and every refusal says what to do."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from certificate import untrusted
from ports import take_free_ports
from simulated import RunningExchange

from flows.domain.instrument import Instrument
from flows.errors import FeedError
from flows.sources.binance.clock import ReceiveClock
from flows.sources.binance.venue import stream_address, survey

CLOCK = ReceiveClock()


@contextmanager
def answering(status: int, body: bytes, only: str = "", tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A REST server that answers every path (or those that end so; the others with `{}`) alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = self.path.endswith(only)
            self.send_response(status if right else 200)
            self.end_headers()
            self.wfile.write(body if right else b'{"serverTime": 1721347022708}')

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_addresses() -> None:
    assert stream_address("wss://fstream.binance.com", "market", "aggTrade", ["BTCUSDT", "ETHUSDT"]) == (
        "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade"
    )
    assert stream_address("ws://127.0.0.1:1/", "public", "trade", ["BTCUSDT"]).endswith(
        ":1/public/stream?streams=btcusdt@trade"
    )


@pytest.mark.parametrize(
    ("url", "route", "stream", "symbols", "expected"),
    [
        ("wss://fstream.binance.com/stream", "market", "aggTrade", ["A"], "the routes /ws and /stream were retired"),
        ("wss://fstream.binance.com/ws", "market", "aggTrade", ["A"], "the routes /ws and /stream were retired"),
        ("wss://fstream.binance.com", "public", "aggTrade", ["A"], 'stream aggTrade is served by "market"'),
        ("wss://fstream.binance.com", "market", "trade", ["A"], 'stream trade is served by "public"'),
        ("wss://stream.binance.com:9443", "market", "aggTrade", ["A"], "is the spot market"),
        ("https://fstream.binance.com", "market", "aggTrade", ["A"], "expected ws://host or wss://host"),
        ("wss://fstream.binance.com", "market", "aggTrade", [], "expected 1 to 1,024 symbols"),
        (
            "wss://fstream.binance.com",
            "market",
            "aggTrade",
            ["A"] * 1_025,
            "expected 1 to 1,024 symbols on one connection, found 1,025",
        ),
    ],
)
def test_addresses_that_bring_nothing(url: str, route: str, stream: str, symbols: list[str], expected: str) -> None:
    with pytest.raises(FeedError, match=expected):
        stream_address(url, route, stream, symbols)


def test_what_the_exchange_says() -> None:
    with RunningExchange() as exchange:
        venue = survey(exchange.rest_url, ["ETHUSDT", "BTCUSDT"], 5.0, CLOCK)
        assert venue.instruments == (Instrument("ETHUSDT", 2, 3), Instrument("BTCUSDT", 2, 3))
        assert abs(venue.lead_us) < 1_000_000
        with pytest.raises(FeedError, match=r'does not list "ETHUSD"; near it: ETHUSDT'):
            survey(exchange.rest_url, ["ETHUSD"], 5.0, CLOCK)
        late = survey(exchange.rest_url, ["ETHUSDT"], 5.0, lambda: CLOCK() + 7_200_000_000)
        assert late.lead_us == pytest.approx(7_200_000_000, abs=1_000_000)


def test_an_exchange_that_is_just_starting_is_waited_for() -> None:
    (port,) = take_free_ports(1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(survey, f"http://127.0.0.1:{port}", ["BTCUSDT"], 20.0, CLOCK)
        with RunningExchange(port):
            assert asked.result(20).instruments == (Instrument("BTCUSDT", 2, 3),)


def test_an_exchange_that_is_not_there() -> None:
    (port,) = take_free_ports(1)
    with pytest.raises(FeedError, match=r"/fapi/v1/ping: cannot be reached: .*refused"):
        survey(f"http://127.0.0.1:{port}", ["BTCUSDT"], 0.3, CLOCK)
    with pytest.raises(FeedError, match=r"no-such-host\.invalid.*the name of the host cannot be resolved"):
        survey("http://no-such-host.invalid", ["BTCUSDT"], 5.0, CLOCK)
    with pytest.raises(FeedError, match="is the spot market"):
        survey("https://api.binance.com", ["BTCUSDT"], 5.0, CLOCK)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, "firewall"),
        (418, "banned"),
        (429, "too often"),
        (451, "does not serve this region"),
        (500, "answered 500: expected 200"),
    ],
)
def test_refusals_are_explained(status: int, expected: str) -> None:
    with answering(status, b"{}") as url, pytest.raises(FeedError, match=expected):
        survey(url, ["BTCUSDT"], 5.0, CLOCK)


def test_a_proxy_page_is_recognised() -> None:
    with (
        answering(200, b"<html>Please log in</html>") as url,
        pytest.raises(FeedError, match=r"<html>.*is there a proxy between"),
    ):
        survey(url, ["BTCUSDT"], 5.0, CLOCK)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"symbols": None}, 'does not list "BTCUSDT"'),
        ({"symbols": [1]}, "expected a list of symbols"),
        ({"symbols": [{"symbol": "BTCUSDT", "status": "SETTLING"}]}, "its status is SETTLING"),
        ({"symbols": [{"symbol": "BTCUSDT", "status": "TRADING", "filters": []}]}, "expected PRICE_FILTER.tickSize"),
    ],
)
def test_an_odd_list(info: dict[str, object], expected: str) -> None:
    with answering(200, json.dumps(info).encode(), "exchangeInfo") as url, pytest.raises(FeedError, match=expected):
        survey(url, ["BTCUSDT"], 5.0, CLOCK)


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    with (
        answering(200, b"{}", tls=untrusted(tmp_path)) as url,
        pytest.raises(
            FeedError, match="ping: cannot be reached: its certificate is not trusted: self-signed certificate"
        ),
    ):
        survey(url, ["BTCUSDT"], 5.0, CLOCK)


def test_tls_where_there_is_none() -> None:
    with answering(200, b"{}") as url, pytest.raises(FeedError, match="cannot be reached: TLS failed: "):
        survey(url.replace("http://", "https://"), ["BTCUSDT"], 5.0, CLOCK)


def test_the_receive_clock_is_near_the_wall_clock_and_never_steps_back() -> None:
    clock = ReceiveClock()
    seen = [clock() for _ in range(1_000)]
    assert seen == sorted(seen)
    assert abs(clock() - CLOCK()) < 5_000_000


def test_a_clock_that_runs_faster() -> None:
    clock = ReceiveClock(100.0, start_us=1_700_000_000_000_000)
    began = time.monotonic()
    first = clock()
    while time.monotonic() < began + 0.05:
        pass
    passed = clock() - first
    assert first - 1_700_000_000_000_000 < 50_000_000
    assert passed == pytest.approx((time.monotonic() - began) * 100e6, rel=0.2)

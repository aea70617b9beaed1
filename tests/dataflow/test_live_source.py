"""The live source against the real simulated exchange, over real sockets."""

import logging
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, poll_next_batch, run_main
from ports import take_free_ports
from simulated import RunningExchange, ids_by_symbol

from flows.domain.frames import Ticks
from flows.errors import FeedError
from flows.simulator.market import Market
from flows.sources import stop
from flows.sources.binance.client import Client, Drained, Limits, ReceiveClock
from flows.sources.binance.feed import FeedState
from flows.sources.binance.source import PARTITION, BinancePartition, BinanceSource

SYMBOLS = ["ETHUSDT", "BTCUSDT"]
PATIENCE_S = 30.0
LIMITS = Limits(connect_timeout_s=5.0, silent_after_s=5.0, reconnect_min_s=0.05, reconnect_max_s=0.2, queue_limit=200_000,
                max_message_bytes=1 << 20)  # fmt: skip


@dataclass(frozen=True)
class LiveSettings:
    """As section [binance] of the settings."""

    stream_url: str
    rest_url: str
    route: str = "market"
    stream: str = "aggTrade"
    silence_grace_ms: int = 3_000
    max_ahead_s: float = 60.0
    connect_timeout_s: float = 5.0
    silent_after_s: float = 5.0
    reconnect_min_s: float = 0.05
    reconnect_max_s: float = 0.2
    queue_limit: int = 200_000
    max_message_bytes: int = 1 << 20


def settings(exchange: RunningExchange, **changed: Any) -> LiveSettings:
    return replace(LiveSettings(exchange.stream_url, exchange.rest_url), **changed)


@pytest.fixture(autouse=True)
def _no_wish_to_stop() -> Iterator[None]:
    stop.forget()
    yield
    stop.forget()


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with RunningExchange() as running:
        yield running


def part(of: LiveSettings, resume: FeedState | None = None) -> BinancePartition:
    source = BinanceSource(SYMBOLS, of)
    assert source.list_parts() == [PARTITION]
    return source.build_part("ticks", PARTITION, resume)


def ticks_of(items: list[Any]) -> list[Ticks]:
    """The frames of trades among the items, with the key and the watermark checked on the way."""
    for key, chunk in items:
        assert key == PARTITION
        assert isinstance(chunk.rows, Ticks)
        assert chunk.watermark.shape == (len(chunk.rows.instruments),)
    return [chunk.rows for _, chunk in items if len(chunk.rows)]


def collect(partition: BinancePartition, enough: Callable[[list[Ticks]], bool]) -> list[Ticks]:
    """Poll until there is enough, within the patience of a test."""
    found: list[Ticks] = []
    until = time.monotonic() + PATIENCE_S
    while not enough(found):
        assert time.monotonic() < until, f"waited {PATIENCE_S:g} s, found {sum(map(len, found))} trades"
        found += ticks_of(poll_next_batch(partition))
    return found


def rows(found: list[Ticks]) -> int:
    return sum(map(len, found))


def sequences(found: list[Ticks], column: str = "trade_id") -> dict[str, list[int]]:
    symbols = [each.symbol for each in found[-1].instruments]
    joined = (np.concatenate([getattr(ticks, name) for ticks in found]).tolist() for name in ("symbol", column))
    return ids_by_symbol(symbols, *joined)


def model(market: Market, until_ms: int, column: str) -> dict[str, list[int]]:
    trades = market.until(until_ms)
    return ids_by_symbol(
        [each.symbol for each in market.listings], trades.symbol.tolist(), getattr(trades, column).tolist()
    )


def test_all_trades_are_those_of_the_market(exchange: RunningExchange) -> None:
    partition = part(settings(exchange))
    try:
        found = collect(partition, lambda ticks: rows(ticks) >= 1_500)
    finally:
        partition.close()
    newest_ms = max(int(ticks.time.max()) for ticks in found) // 1000
    pairs = [
        ("trade_id", "aggregate_id"),
        ("price", "price"),
        ("size", "size"),
        ("first_id", "first_id"),
        ("last_id", "last_id"),
    ]
    first = {symbol: ids[0] for symbol, ids in sequences(found).items()}
    assert set(first) == set(SYMBOLS)
    for ours, theirs in pairs:
        expected = model(exchange.same_market(), newest_ms + 1_000, theirs)
        for symbol, values in sequences(found, ours).items():
            start = first[symbol] - exchange.first_id
            assert values == expected[symbol][start : start + len(values)], f"{symbol} {ours}"
    for ticks in found:
        assert not ticks.late.any()
        assert ticks.received is not None
        assert ticks.event_time is not None
        assert np.all(ticks.event_time >= ticks.time)
        assert np.all(np.abs(ticks.received - ticks.time) < 5_000_000)
        assert [each.price_decimals for each in ticks.instruments] == [2, 2]


def test_single_trades_from_the_public_route(exchange: RunningExchange) -> None:
    partition = part(settings(exchange, route="public", stream="trade"))
    try:
        found = collect(partition, lambda ticks: rows(ticks) >= 500)
    finally:
        partition.close()
    for ids in sequences(found).values():
        assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert all(ticks.first_id is None for ticks in found)


def test_reconnects_when_the_exchange_restarts() -> None:
    (port,) = take_free_ports(1)
    with RunningExchange(port) as first:
        partition = part(settings(first))
        before = collect(partition, lambda ticks: rows(ticks) >= 200)
    try:
        with RunningExchange(port, first_id=1_000_000):
            after = collect(partition, lambda ticks: any(t.trade_id.max() >= 1_000_100 for t in ticks))
    finally:
        partition.close()
    for symbol, ids in sequences(before + after).items():
        assert ids == sorted(set(ids)), f"{symbol}: in order and once"
    assert not any(ticks.late.any() for ticks in after), "time without a connection proves no silence"


def test_resumes_after_the_last_trade(exchange: RunningExchange) -> None:
    partition = part(settings(exchange))
    before = collect(partition, lambda ticks: rows(ticks) >= 200)
    state = pickle.loads(pickle.dumps(partition.snapshot()))
    partition.close()
    partition = part(settings(exchange), state)
    try:
        after = collect(partition, lambda ticks: rows(ticks) >= 200)
    finally:
        partition.close()
    for symbol, ids in sequences(after).items():
        assert ids[0] > sequences(before)[symbol][-1]


def wait_for(client: Client, what: Callable[[list[Drained]], bool]) -> list[Drained]:
    drained: list[Drained] = []
    until = time.monotonic() + PATIENCE_S
    while not what(drained):
        assert time.monotonic() < until
        drained.append(client.drain(10))
    return drained


def messages(drained: list[Drained]) -> list[bytes | None]:
    return [message for each in drained for message in each.messages]


def test_a_full_queue_stops_the_reading_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with RunningExchange(trades_per_s=3_000.0) as exchange:
        url = f"{exchange.stream_url}/market/ws/btcusdt@aggTrade"
        client = Client(url, replace(LIMITS, queue_limit=100), ReceiveClock())
        client.start()
        try:
            until = time.monotonic() + PATIENCE_S
            while "reading pauses at 100 messages" not in caplog.text:
                assert time.monotonic() < until
            drained = wait_for(client, lambda found: len(messages(found)) >= 3_000)
        finally:
            client.close()
    ids = [int(m.split(b'"a":')[1].split(b",")[0]) for m in messages(drained) if m is not None]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert messages(drained).count(None) > 1, "each pause is marked"
    assert max(len(each.messages) for each in drained) <= 10
    received = [at for each in drained for at in each.received_us]
    assert received == sorted(received)


def test_a_connection_that_stays_silent_is_given_up(
    exchange: RunningExchange, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    # On this route the exchange takes the subscription and says nothing.
    client = Client(
        f"{exchange.stream_url}/public/ws/btcusdt@aggTrade", replace(LIMITS, silent_after_s=0.1), ReceiveClock()
    )
    client.start()
    try:
        wait_for(client, lambda _: caplog.text.count("connected, but no data at all") >= 3)
        assert client.drain(10).now_us is None, "silence without a single message proves nothing"
    finally:
        client.close()


def test_a_refused_stream_is_an_error(exchange: RunningExchange) -> None:
    client = Client(f"{exchange.stream_url}/stream?streams=btcusdt@aggTrade", LIMITS, ReceiveClock())
    client.start()
    with pytest.raises(FeedError, match="refuses this stream with status 404"):
        wait_for(client, lambda _: False)


def test_a_message_that_is_too_large_does_not_end_the_client(
    exchange: RunningExchange, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    client = Client(
        f"{exchange.stream_url}/market/ws/btcusdt@aggTrade", replace(LIMITS, max_message_bytes=64), ReceiveClock()
    )
    client.start()
    try:
        wait_for(client, lambda _: caplog.text.count("connection lost") >= 2)
    finally:
        client.close()


def test_settings_that_bring_nothing_are_refused(exchange: RunningExchange) -> None:
    with pytest.raises(FeedError, match=r"binance\.route"):
        BinanceSource(SYMBOLS, settings(exchange, route="public"))
    with pytest.raises(FeedError, match="does not list"):
        BinanceSource(["DOGEUSDT"], settings(exchange)).build_part("ticks", PARTITION, None)


def test_a_wish_to_stop_ends_the_dataflow_with_all_that_was_read(exchange: RunningExchange) -> None:
    found: list[Any] = []
    flow = Dataflow("live")
    stream = op.input("ticks", flow, BinanceSource(SYMBOLS, settings(exchange)))

    def stop_when_enough(_step: str, _item: Any) -> None:
        if sum(len(chunk.rows) for _, chunk in found) >= 300:
            stop.request()

    stream = op.inspect("stop", stream, stop_when_enough)
    op.output("found", stream, TestingSink(found))
    run_main(flow)
    ticks = ticks_of(found)
    assert rows(ticks) >= 300
    for ids in sequences(ticks).values():
        assert ids == list(range(ids[0], ids[0] + len(ids)))
    watermarks = np.array([chunk.watermark for _, chunk in found])
    assert np.all(np.diff(watermarks, axis=0) >= 0), "a watermark never goes back"

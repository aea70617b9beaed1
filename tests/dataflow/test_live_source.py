"""The live source against the real simulated exchange, over real sockets."""

import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, run_main
from live_feed import PATIENCE_S, SYMBOLS, LiveFeed, binance
from simulated import RunningExchange, ids_by_symbol

from flows.domain.frames import FeedEvents, Rejects, Ticks
from flows.errors import FeedError
from flows.settings import CaptureSettings
from flows.simulator.market import Market
from flows.sources import stop
from flows.sources.binance.source import PARTITION, BinanceSource
from flows.sources.captures import CaptureFiles


@pytest.fixture(autouse=True)
def _no_wish_to_stop() -> Iterator[None]:
    stop.forget()
    yield
    stop.forget()


@pytest.fixture(scope="module")
def shared_exchange() -> Iterator[RunningExchange]:
    with RunningExchange() as running:
        yield running


@pytest.fixture
def exchange(shared_exchange: RunningExchange) -> Iterator[RunningExchange]:
    """The exchange, without faults before and after."""
    shared_exchange.control("clear")
    yield shared_exchange
    shared_exchange.control("clear")


def model(market: Market, until_ms: int, column: str) -> dict[str, list[int]]:
    trades = market.until(until_ms)
    return ids_by_symbol(
        [each.symbol for each in market.listings], trades.symbol.tolist(), getattr(trades, column).tolist()
    )


def test_all_trades_are_those_of_the_market(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange)) as feed:
        feed.until_rows(1_500)
    newest_ms = max(int(ticks.time.max()) for ticks in feed.ticks) // 1000
    first = {symbol: ids[0] for symbol, ids in feed.column().items()}
    assert set(first) == set(SYMBOLS)
    for ours, theirs in [
        ("trade_id", "aggregate_id"), ("price", "price"), ("size", "size"), ("first_id", "first_id"), ("last_id", "last_id"),
    ]:  # fmt: skip
        expected = model(exchange.same_market(), newest_ms + 1_000, theirs)
        for symbol, values in feed.column(ours).items():
            start = first[symbol] - exchange.first_id
            assert values == expected[symbol][start : start + len(values)], f"{symbol} {ours}"
    feed.assert_whole()
    for ticks in feed.ticks:
        assert not ticks.late.any()
        assert ticks.received is not None
        assert ticks.event_time is not None
        assert np.all(ticks.event_time >= ticks.time)
        assert np.all(np.abs(ticks.received - ticks.time) < 5_000_000)
        assert [each.price_decimals for each in ticks.instruments] == [2, 2]


def test_single_trades_from_the_public_route(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange, route="public", stream="trade")) as feed:
        feed.until_rows(500)
        feed.until(lambda feed: feed.board.readiness()[0], "ready")
    for ids in feed.column().values():
        assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert all(ticks.first_id is None and ticks.gap is None for ticks in feed.ticks)


def test_what_was_traded_without_a_connection_comes_from_rest(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange)) as feed:
        feed.until_rows(200)
        exchange.control("add", fault="refuse", for_s=0.5)
        exchange.control("add", fault="drop")
        feed.until(lambda feed: feed.kinds().count("connected") == 2, "a new connection")
        feed.until(lambda feed: {symbol for _, symbol, _ in feed.told("filled")} == set(SYMBOLS), "both filled")
        feed.until_rows(200)
        feed.until(lambda feed: feed.board.readiness()[0], "ready")
        assert feed.board.status()["counts"]["filled"] > 0
    feed.assert_whole()
    assert "refused with status 503" in feed.told("disconnected")[1][2]
    assert "lost" not in feed.kinds()


def test_a_hand_over_needs_no_fill(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange, connection_life_s=0.5, leg_silent_after_s=5.0)) as feed:
        feed.until(lambda feed: feed.kinds().count("handover") >= 3, "three hand-overs")
        feed.until_rows(100)
        counts = feed.board.status()["counts"]
    feed.assert_whole()
    assert set(feed.kinds()) == {"connected", "handover"}
    assert counts["filled"] == 0
    assert counts["duplicates"] > 0, "both connections were read for a while"


def test_a_stream_that_is_silent_is_found_out_and_its_trades_come_by_rest(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange)) as feed:
        feed.until_rows(200)
        feed.until(lambda feed: feed.board.readiness()[0], "ready")
        exchange.control("add", fault="silent", stream="btcusdt@aggTrade")
        began = time.monotonic()
        feed.until(lambda feed: feed.state("BTCUSDT") == "silent", "found out")
        assert time.monotonic() - began < 5.0, "the promise; it takes leg_silent_after_s and a little"
        ready, why = feed.board.readiness()
        assert not ready
        assert list(why["legs"]) == ["BTCUSDT"], why
        assert feed.state("ETHUSDT") == "live"
        feed.until(lambda feed: feed.kinds().count("handover") >= 1, "a new connection")
        filled = feed.board.status()["counts"]["filled"]
        feed.until(lambda feed: feed.board.status()["counts"]["filled"] > filled + 100, "rows from REST")
        assert feed.told("filled") == [], "what REST gives is told when the silence is over"
        exchange.control("clear")
        feed.until(lambda feed: [symbol for _, symbol, _ in feed.told("flowing")] == ["BTCUSDT"], "it flows again")
        feed.until(lambda feed: len(feed.told("filled")) > 0, "what REST gave is told")
        feed.until(lambda feed: feed.board.readiness()[0], "ready again")
        filled = feed.board.status()["counts"]["filled"]
    feed.assert_whole()
    ((_, symbol, detail),) = feed.told("filled")
    assert (symbol, detail) == ("BTCUSDT", f"{filled:,} trades that the stream did not bring came from REST")
    assert [symbol for _, symbol, _ in feed.told("silent")] == ["BTCUSDT"]


def test_ids_that_are_far_too_high_are_refuted_and_their_trades_filled(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange)) as feed:
        feed.until_rows(200)
        exchange.control("add", fault="bogus_id", stream="btcusdt@aggTrade", share=0.3)
        feed.until(lambda feed: feed.state("BTCUSDT") == "filling", "found out")
        feed.until(lambda feed: "refuted" in feed.kinds(), "refuted while they go on coming")
        exchange.control("clear")
        feed.until(lambda feed: feed.board.status()["legs"][1]["held"] == 0, "none waits")
        feed.until(lambda feed: feed.board.readiness()[0], "ready again")
        feed.until_rows(200)
    feed.assert_whole()
    assert {symbol for _, symbol, _ in feed.told("refuted")} == {"BTCUSDT"}
    assert "lost" not in feed.kinds()
    rejects = [chunk.rows for chunk in feed.items if isinstance(chunk.rows, Rejects)]
    texts = [text for frame in rejects for text in frame.text]
    assert len(texts) > 0
    assert all(int(text.split(",")[0].removeprefix("a ")) > 1_000_000_000 for text in texts)


def test_a_stream_that_never_spoke_is_found_out(exchange: RunningExchange) -> None:
    exchange.control("add", fault="silent", stream="btcusdt@aggTrade")
    with LiveFeed(binance(exchange)) as feed:
        began = time.monotonic()
        feed.until(lambda feed: feed.state("BTCUSDT") == "silent" if feed.rows else False, "found out")
        assert time.monotonic() - began < 5.0
        exchange.control("clear")
        feed.until(lambda feed: feed.board.readiness()[0], "ready")
    feed.assert_whole()


def test_a_connection_that_is_dead_is_found_out(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange, silent_after_s=1.0)) as feed:
        feed.until_rows(200)
        exchange.control("add", fault="half_open", for_s=10)
        began = time.monotonic()
        feed.until(lambda feed: not feed.board.readiness()[0], "found out")
        assert time.monotonic() - began < 5.0
        exchange.control("clear")
        feed.until(lambda feed: feed.board.readiness()[0], "ready again")
        feed.until_rows(100)
    feed.assert_whole()


def test_a_full_queue_stops_the_reading_and_loses_nothing() -> None:
    with RunningExchange(trades_per_s=3_000.0) as exchange, LiveFeed(binance(exchange, queue_limit=100)) as feed:
        deadline = time.monotonic() + PATIENCE_S
        while feed.partition.queued < 100:
            assert time.monotonic() < deadline, "the queue did not fill"
            time.sleep(0.01)
        full = feed.partition.queued
        exchange_after = exchange.true_trades("ETHUSDT")[-1]["a"] + 1_000
        while exchange.true_trades("ETHUSDT", exchange_after) == []:
            assert time.monotonic() < deadline, "the exchange did not go on"
            assert feed.partition.queued == full, "nothing is read meanwhile"
        feed.until(lambda feed: feed.kinds().count("queue_free") >= 1, "reading goes on")
        feed.until_rows(5_000)
    feed.assert_whole()
    assert feed.kinds().index("queue_full") < feed.kinds().index("queue_free")


def test_429_is_obeyed(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange)) as feed:
        feed.until_rows(200)
        exchange.control("add", fault="rest", status=429, retry_after=3, for_s=2.5)
        exchange.control("add", fault="refuse", for_s=0.3)
        exchange.control("add", fault="drop")
        feed.until(lambda feed: "rest_refused" in feed.kinds(), "refused")
        feed.until(lambda feed: feed.state("BTCUSDT") == "filling", "rows that wait and cannot be had")
        assert "asks too often" in feed.board.readiness()[1]["legs"]["BTCUSDT"]["detail"]
        feed.until(lambda feed: "rest_back" in feed.kinds(), "back")
        feed.until(lambda feed: feed.board.readiness()[0], "ready again")
    feed.assert_whole()
    (refused, _, why), (back, _, _) = feed.told("rest_refused")[0], feed.told("rest_back")[0]
    assert "429: this address asks too often; next try in 3 s" in why
    assert 3_000_000 <= back - refused < 4_000_000
    assert len(feed.told("rest_refused")) == 1, "it was not asked in between"


def test_several_connections(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange, streams_per_connection=1)) as feed:
        feed.until_rows(200)
        assert len(feed.board.status()["connections"]) == 2
        exchange.control("add", fault="drop", stream="ethusdt@aggTrade")
        feed.until(lambda feed: feed.kinds().count("connected") == 3, "connected again")
        feed.until_rows(200)
        feed.until(lambda feed: feed.board.readiness()[0], "ready")
    feed.assert_whole()
    assert ["group 1 of 2" in detail for _, _, detail in feed.told("disconnected")] == [True]


def test_a_clock_that_is_off_is_told(exchange: RunningExchange) -> None:
    exchange.control("add", fault="clock", offset_ms=-5_000)
    with LiveFeed(binance(exchange)) as feed:
        feed.until(lambda feed: "clock_off" in feed.kinds(), "told")
        assert "clock of this machine is 5.0" in feed.told("clock_off")[0][2]
        assert "s ahead of the exchange's" in feed.told("clock_off")[0][2]


def test_goes_on_after_the_last_trade(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange)) as before:
        before.until_rows(200)
        state = pickle.loads(pickle.dumps(before.partition.snapshot()))
    with LiveFeed(binance(exchange), state) as after:
        after.until_rows(200)
        after.until(lambda feed: feed.board.readiness()[0], "ready")
    after.ticks = before.ticks + after.ticks
    after.assert_whole()
    numbers = [number for feed in (before, after) for events in feed.events for number in events.number.tolist()]
    assert numbers == sorted(set(numbers)), "events are numbered on"


def test_a_state_of_another_shape_is_refused(exchange: RunningExchange) -> None:
    with LiveFeed(binance(exchange)) as feed:
        state = feed.partition.snapshot()
    with pytest.raises(
        FeedError, match=r"does not fit: binance\.stream was aggTrade, is trade: .*empty recovery folder"
    ):
        LiveFeed(binance(exchange, route="public", stream="trade"), state)
    other = BinanceSource(SYMBOLS, binance(exchange), shape={"join.stale_after_s": "9"})
    with pytest.raises(FeedError, match=r"join\.stale_after_s was absent, is 9"):
        other.build_part("ticks", PARTITION, state)
    with pytest.raises(FeedError, match="written by another version"):
        LiveFeed(binance(exchange), state.feed)  # type: ignore[arg-type]


def test_settings_that_bring_nothing_are_refused(exchange: RunningExchange) -> None:
    with pytest.raises(FeedError, match=r"binance\.route"):
        BinanceSource(SYMBOLS, binance(exchange, route="public"))
    with pytest.raises(FeedError, match="does not list"):
        LiveFeed(binance(exchange), symbols=("DOGEUSDT",))
    settings = replace(binance(exchange, speed=2.0), stream_url="wss://fstream.binance.com")
    with pytest.raises(FeedError, match=r"binance\.speed must be 1 with the real exchange, was 2"):
        BinanceSource(SYMBOLS, settings)


def test_a_faster_exchange() -> None:
    with (
        RunningExchange(speed=20.0) as exchange,
        LiveFeed(binance(exchange, speed=20.0, leg_silent_after_s=3.0)) as feed,
    ):
        feed.until_rows(20_000)
        feed.until(lambda feed: feed.board.readiness()[0], "ready")
        assert abs(feed.board.status()["lead_ms"]) < 2_000
    feed.assert_whole()
    last = feed.ticks[-1]
    assert last.received is not None
    assert int(last.received[-1]) - int(last.time[-1]) < 5_000_000


def test_a_wish_to_stop_ends_the_dataflow_with_all_that_was_read(exchange: RunningExchange) -> None:
    found: list[Any] = []
    flow = Dataflow("live")
    stream = op.input("ticks", flow, BinanceSource(SYMBOLS, binance(exchange)))
    asked: list[float] = []

    def stop_when_enough(_step: str, _item: Any) -> None:
        if sum(len(chunk.rows) for _, chunk in found if isinstance(chunk.rows, Ticks)) >= 300 and not asked:
            exchange.control("add", fault="rest", status="timeout")
            exchange.control("add", fault="drop")
            asked.append(time.monotonic())
            stop.request()

    stream = op.inspect("stop", stream, stop_when_enough)
    op.output("found", stream, TestingSink(found))
    run_main(flow)
    assert time.monotonic() - asked[0] < 2.0, "also while REST hangs"
    ticks = [chunk for _, chunk in found if isinstance(chunk.rows, Ticks)]
    for ids in sequences([chunk.rows for chunk in ticks]).values():
        assert ids == list(range(ids[0], ids[0] + len(ids)))
    watermarks = np.array([chunk.watermark for chunk in ticks])
    assert np.all(np.diff(watermarks, axis=0) >= 0), "a watermark never goes back"


def sequences(found: list[Ticks]) -> dict[str, list[int]]:
    symbols = [each.symbol for each in found[-1].instruments]
    joined = (np.concatenate([getattr(ticks, name) for ticks in found]).tolist() for name in ("symbol", "trade_id"))
    return ids_by_symbol(symbols, *joined)


def test_a_captured_run_with_faults_replays_to_the_same_rows_and_events(
    exchange: RunningExchange, tmp_path: Path
) -> None:
    kept = CaptureSettings(str(tmp_path), 1)
    settings = binance(exchange, connection_life_s=3.0)
    with LiveFeed(settings, capture=kept) as live:
        live.until_rows(200)
        for fault in ("malformed", "reorder", "duplicate"):
            exchange.control("add", fault=fault)
        exchange.control("add", fault="drop")
        live.until_rows(300)
        exchange.control("add", fault="silent", stream="btcusdt@aggTrade", for_s=1.5)
        exchange.control("add", fault="lose", symbol="ETHUSDT", count=5)
        live.until(lambda feed: {"lost", "silent", "flowing", "filled"} <= set(feed.kinds()), "all kinds of events")
        live.until_rows(300)
        marked = [chunk.rows for chunk in live.items]
        state = pickle.loads(pickle.dumps(live.partition.snapshot()))
        live.until_rows(100)  # after the snapshot: forgotten by a kill
    with LiveFeed(settings, state, kept) as resumed:
        resumed.until_rows(300)
    replayed = CaptureFiles([Path(path) for path in sorted(tmp_path.iterdir())], 1, 1, 1.0, 100_000)
    chunks = []
    while (read := replayed.read()) is not None:
        chunks += read
    for kind in (Ticks, FeedEvents, Rejects):
        ours = [
            rows for rows in [*marked, *(chunk.rows for chunk in resumed.items)] if isinstance(rows, kind) and len(rows)
        ]
        theirs = [chunk.rows for chunk in chunks if isinstance(chunk.rows, kind) and len(chunk.rows)]
        assert len(ours) > 0, kind
        for name in kind.__dataclass_fields__:
            values = [getattr(frame, name) for frame in ours]
            if isinstance(values[0], np.ndarray):
                again = np.concatenate([getattr(frame, name) for frame in theirs])
                assert np.array_equal(np.concatenate(values), again), f"{kind.__name__}.{name}"

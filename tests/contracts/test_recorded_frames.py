"""Recorded frames of the exchange through parser and feed: every count and oddity that the recordings are known for."""

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.domain.frames import Rejects, Ticks
from flows.domain.instrument import Instrument
from flows.sources.binance.feed import Feed
from flows.sources.binance.messages import parse_lines
from flows.sources.binance.records import Fill
from flows.sources.symbols import SymbolTable, at_scale

GRACE, AHEAD = 3_000_000, 60_000_000
MINUTE = 60_000_000
BOTH = "usdm_btc_eth_20240718-19_trades.ndjson.gz"
BTC_ONLY = "usdm_btc_20230404-05_trades.ndjson.gz"
AGGREGATES = "aggtrade_messages_20210722.ndjson"


def replay(lines: bytes, grace: int = GRACE, block: int | None = None) -> tuple[Feed, Ticks]:
    """A capture through a feed, in blocks of so many lines; all of its ticks."""
    feed = Feed(None, None, grace, AHEAD)
    every = lines.splitlines(keepends=True)
    parts = []
    for i in range(0, len(every), block or len(every)):
        for chunk in feed.on_lines(b"".join(every[i : i + (block or len(every))]), "capture"):
            assert not isinstance(chunk.rows, Rejects)
            parts.append(chunk.rows)
    last = parts[-1]
    assert all(part.instruments == last.instruments[: len(part.instruments)] for part in parts)
    columns = [name for name in Ticks.__slots__ if isinstance(getattr(last, name), np.ndarray)]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    return feed, Ticks(instruments=last.instruments, **joined)


def bar(ticks: Ticks, symbol: str, start_us: int, length_us: int) -> list[Decimal]:
    """open, high, low, close, volume, quote volume, count, taker buy volume and quote volume, by plain decimal arithmetic."""
    k = [each.symbol for each in ticks.instruments].index(symbol)
    instrument = ticks.instruments[k]
    mine = (ticks.symbol == k) & (ticks.time >= start_us) & (ticks.time < start_us + length_us) & ~ticks.late
    price = [Decimal(p).scaleb(-instrument.price_decimals) for p in ticks.price[mine].tolist()]
    size = [Decimal(q).scaleb(-instrument.size_decimals) for q in ticks.size[mine].tolist()]
    bought = ticks.side[mine] > 0
    quote = [p * q for p, q in zip(price, size, strict=True)]
    taken = [(q, v) for q, v, b in zip(size, quote, bought, strict=True) if b]
    return [price[0], max(price), min(price), price[-1], sum(size, Decimal()), sum(quote, Decimal()), Decimal(len(price)),
            sum((q for q, _ in taken), Decimal()), sum((v for _, v in taken), Decimal())]  # fmt: skip


def read(shared_data: Path, name: str) -> bytes:
    return gzip.decompress((shared_data / "captures" / name).read_bytes())


@pytest.mark.parametrize("block", [None, 1, 997])
def test_capture_of_2024_gives_the_official_klines(shared_data: Path, block: int | None) -> None:
    feed, ticks = replay(read(shared_data, BOTH), block=block)
    assert feed.counts["trades"] == feed.counts["messages"] == 24_356
    assert feed.counts["late"] == feed.counts["missing"] == feed.counts["duplicates"] == 0
    count = {each.symbol: int(np.sum(ticks.symbol == k)) for k, each in enumerate(ticks.instruments)}
    assert count == {"BTCUSDT": 10_701, "ETHUSDT": 13_655}
    with (shared_data / "klines" / "um_1m_20240718-19.csv").open() as file:
        klines = list(csv.DictReader(file))
    assert len(klines) == 14
    columns = (
        "open",
        "high",
        "low",
        "close",
        "volume",
        "quote_volume",
        "count",
        "taker_buy_volume",
        "taker_buy_quote_volume",
    )
    for kline in klines:
        assert bar(ticks, kline["symbol"], int(kline["open_time"]) * 1000, MINUTE) == [
            Decimal(kline[c]) for c in columns
        ]


def test_the_receive_clock_of_2024_was_behind(shared_data: Path) -> None:
    _, ticks = replay(read(shared_data, BOTH))
    assert ticks.received is not None
    latency_ms = (ticks.received - ticks.time) / 1000
    assert latency_ms.min() == pytest.approx(-1523.6, abs=0.1)
    assert latency_ms.max() == pytest.approx(-1346.4, abs=0.1)


def test_capture_of_2023_with_its_insurance_row_and_late_deliveries(shared_data: Path) -> None:
    feed, ticks = replay(read(shared_data, BTC_ONLY))
    counts = feed.counts
    assert (counts["messages"], counts["trades"], counts["insurance_fund"]) == (12_935, 12_934, 1)
    assert counts["late"] == counts["missing"] == 0
    assert ticks.received is not None
    assert (ticks.received - ticks.time).max() == pytest.approx(2_384_043, abs=1_000)
    with (shared_data / "klines" / "um_5m_BTCUSDT_20230405T0000.csv").open() as file:
        (kline,) = csv.DictReader(file)
    start = 1_680_652_800_000_000
    found = bar(ticks, "BTCUSDT", start, 5 * MINUTE)
    assert found[:5] == [Decimal(kline[c]) for c in ("open", "high", "low", "close", "volume")]
    assert found[6] == 8_056


def test_the_insurance_row_would_have_been_the_high(shared_data: Path) -> None:
    """The negative control: the same capture with that row as a trade gives another bar."""
    lines = read(shared_data, BTC_ONLY)
    assert lines.count(b"INSURANCE_FUND") == 1
    _, ticks = replay(lines.replace(b"INSURANCE_FUND", b"MARKET"))
    assert bar(ticks, "BTCUSDT", 1_680_652_800_000_000, 5 * MINUTE)[1] == Decimal("28722.50")


def test_a_shorter_grace_would_lose_trades_of_2023(shared_data: Path) -> None:
    """Why the grace is three seconds: deliveries were 2.4 s late after a silence."""
    assert replay(read(shared_data, BTC_ONLY), grace=2_000_000)[0].counts["late"] > 0


def test_aggregates_of_2021(shared_data: Path) -> None:
    lines = (shared_data / "captures" / AGGREGATES).read_bytes()
    feed, ticks = replay(lines)
    counts = feed.counts
    assert (counts["trades"], counts["late"], counts["missing"], counts["missing_trades"]) == (91, 0, 0, 0)
    found = {each.symbol: int(np.sum(ticks.symbol == k)) for k, each in enumerate(ticks.instruments)}
    assert found == {"SUSHIUSDT": 40, "CTKUSDT": 38, "AKROUSDT": 8, "KEEPUSDT": 5}
    assert ticks.first_id is not None
    assert ticks.last_id is not None
    many = ticks.last_id - ticks.first_id + 1
    assert (many.min(), many.max()) == (1, 17)
    assert len({each.price_decimals for each in ticks.instruments}) > 1, "mixed decimals"
    assert ticks.received is not None
    assert np.all(ticks.received < 0), "no receive time was recorded, so none is known"


@pytest.mark.parametrize("name", [BOTH, BTC_ONLY, AGGREGATES])
def test_both_parsers_read_recordings_alike(shared_data: Path, name: str) -> None:
    raw = (shared_data / "captures" / name).read_bytes()
    lines = gzip.decompress(raw) if name.endswith(".gz") else raw
    fast, careful = (parse_lines(lines, SymbolTable(), True, fast=fast) for fast in (True, False))
    assert np.array_equal(fast.rows, careful.rows)
    assert fast.reasons == careful.reasons == {}


def verified(sent: list[dict[str, Any]], served: list[dict[str, Any]]) -> tuple[Feed, Ticks]:
    """Recorded aggregates `sent` by the stream at their own times; then REST is asked for what comes after each symbol's last one."""
    symbols = sorted({each["s"] for each in served})
    feed = Feed([Instrument(symbol) for symbol in symbols], "aggTrade", GRACE, AHEAD, lead_us=0, verified=True)
    messages = [json.dumps({"stream": "x", "data": each}).encode() for each in sent]
    chunks = feed.on_messages(np.array([each["E"] * 1000 for each in sent]), messages)
    end = served[-1]["E"] * 1000
    for symbol, last in zip(symbols, feed.legs.last_id.tolist(), strict=True):
        rows = [{key: each[key] for key in "apqflTm"} for each in served if each["s"] == symbol and each["a"] > last]
        chunks += feed.on_record(Fill(end, symbol, last + 1, end, 1_000, json.dumps(rows).encode()))
    ticks = [chunk.rows for chunk in chunks if isinstance(chunk.rows, Ticks)]
    columns = [name for name in Ticks.__slots__ if isinstance(getattr(ticks[-1], name), np.ndarray)]
    joined = {
        name: np.concatenate([getattr(at_scale(part, feed.instruments), name) for part in ticks]) for name in columns
    }
    return feed, Ticks(instruments=feed.instruments, **joined)


def by_symbol(ticks: Ticks, *names: str) -> list[list[Any]]:
    return [[getattr(ticks, name)[ticks.symbol == k].tolist() for name in names] for k in range(len(ticks.instruments))]


@pytest.mark.parametrize("every", [2, 7, 1_000])
def test_aggregates_of_2021_verified_with_some_of_them_by_rest(shared_data: Path, every: int) -> None:
    """Whatever the stream leaves out, each symbol's trades come out whole, in order and with the same numbers."""
    recorded = [json.loads(line)["data"] for line in (shared_data / "captures" / AGGREGATES).read_bytes().splitlines()]
    whole, wanted = verified(recorded, recorded)
    assert (whole.counts["trades"], whole.counts["waited"], whole.counts["filled"]) == (91, 0, 0)
    first = {each["s"]: each["a"] for each in recorded[::-1]}
    kept = [each for i, each in enumerate(recorded) if i % every != every - 1 or each["a"] == first[each["s"]]]
    feed, ticks = verified(kept, recorded)
    names = ("trade_id", "time", "price", "size", "side", "late", "first_id", "last_id", "gap")
    assert by_symbol(ticks, *names) == by_symbol(wanted, *names)
    assert feed.counts["filled"] >= 91 - len(kept)
    assert feed.counts["missing"] == 0
    assert not feed.legs.held.any()
    assert (feed.counts["waited"] > 0) == (len(kept) < 91)

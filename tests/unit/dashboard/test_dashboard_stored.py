"""What is stored: rows, spans, sizes and holes equal SQL; the HTML says it, and why where there is nothing."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.data import Reader
from dashboard.stored import Holes, Stored, StoredDataset, StoredTable, SymbolHoles, Trade
from dashboard.stored_data import read_datasets, read_holes, read_sizes, read_tables, read_trades
from dashboard.stored_watch import StoredWatch, TradesWatch
from dashboard.views.stored import size, stored_card, trades_card
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.storage.client import connect, sender
from flows.storage.datasets import Dataset, register
from flows.storage.schema import dataset_tables
from flows.storage.server import ManagedServer

PAIR, START = Pair("ETHUSDT", "BTCUSDT"), 1_721_347_200_000_000
INTERVALS = (Interval.S1, Interval.M1)


@pytest.fixture(scope="module")
def reader(questdb: ManagedServer) -> Reader:
    """One-second bars of two symbols with a hole of 5 and one of 2 in one of them, one flagged; four trades."""
    register(questdb.address, Dataset("held", "replay", (PAIR,), INTERVALS, (Model("ols"),), "test"))
    with sender(questdb.address) as out:
        for i in range(60):
            for symbol in ("ETHUSDT", "BTCUSDT"):
                if symbol == "ETHUSDT" and (10 <= i < 15 or 20 <= i < 22):
                    continue
                out.row(
                    "held_bars_1s", symbols={"symbol": symbol},
                    columns={"close": 1.5, "complete": i < 59, "gap": symbol == "BTCUSDT" and i == 7}, at=_at(START + 1_000_000 * i),
                )  # fmt: skip
        for i, symbol in enumerate(("ETHUSDT", "BTCUSDT", "SOLUSDT", "ETHUSDT")):
            out.row(
                "held_trades", symbols={"symbol": symbol, "side": "sell"},
                columns={"trade_id": i, "price": 10.25, "amount": 0.5, "late": i == 3}, at=_at(START + i),
            )  # fmt: skip
        out.flush()
    read = Reader(lambda: connect(questdb.read_address))
    until = time.monotonic() + 10
    while [row.rows for row in read_tables(read.query, "held", INTERVALS)[1]][:2] != [4, 113]:
        assert time.monotonic() < until
    return read


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


@pytest.mark.questdb
def test_what_is_stored_is_what_sql_says(reader: Reader, questdb: ManagedServer) -> None:
    now_us, tables = read_tables(reader.query, "held", INTERVALS)
    assert [table.name for table in tables] == [table.name for table in dataset_tables(INTERVALS)], (
        "new ones by themselves"
    )
    assert abs(now_us / 1e6 - time.time()) < 60
    with connect(questdb.read_address) as connection:
        for table in tables:
            counted = connection.execute(f"SELECT count() FROM held_{table.name}").fetchone()  # noqa: S608
            assert counted == (table.rows,)
    bars = tables[1]
    assert (bars.first_us, bars.last_us, bars.interval) == (START, START + 59_000_000, Interval.S1)
    assert bars.lag_us(START + 62_000_000) == 2_000_000, "since the newest bar ended"
    assert tables[0].interval is None
    sizes = read_sizes(reader.query, "held", tables)
    assert sizes["bars_1s"] > 0
    assert sizes["bars_1m"] == 0
    assert StoredDataset("held", "replay", 1) in read_datasets(reader.query)


@pytest.mark.questdb
def test_holes_are_counted_symbol_by_symbol_in_closed_bars(reader: Reader) -> None:
    holes = read_holes(reader.query, "held", read_tables(reader.query, "held", INTERVALS)[1])
    assert holes == {
        "bars_1s": Holes((SymbolHoles("BTCUSDT", 59, 1, 0, 0), SymbolHoles("ETHUSDT", 52, 0, 7, 5_000_000)))
    }
    assert (holes["bars_1s"].flagged, holes["bars_1s"].missing) == (1, 7)
    longest = holes["bars_1s"].longest
    assert longest is not None
    assert longest.symbol == "ETHUSDT"


@pytest.mark.questdb
def test_the_newest_trades_of_the_legs_come_newest_first(reader: Reader) -> None:
    found = read_trades(reader.query, "held", PAIR, 2)
    assert [(trade.symbol, trade.trade_id, trade.late) for trade in found] == [
        ("ETHUSDT", 3, True),
        ("BTCUSDT", 1, False),
    ]


@pytest.mark.questdb
def test_a_table_that_is_not_there_is_said_and_the_others_are_read(reader: Reader) -> None:
    _, tables = read_tables(reader.query, "held", tuple(Interval))
    assert next(table for table in tables if table.name == "bars_5m").rows is None
    watch = StoredWatch(reader, "held", tuple(Interval))
    stored = watch._ask()
    said = stored_card(stored, "held", "replay")
    assert "Not there" in said
    assert "bars_5m" in said
    assert 'data-table="bars_1s"' in said
    assert "1 bars lack trades; 7 bars missing; longest 5.0 s, ETHUSDT" in said
    assert TradesWatch(reader, "candles_only", PAIR)._ask() == ()


def test_the_card_marks_what_is_late_and_escapes_what_is_not_ours() -> None:
    tables = (StoredTable("bars_1s", 3, START, START, Interval.S1), StoredTable("rejects", 0), StoredTable("x", None))
    datasets = (StoredDataset("", "live", 1), StoredDataset("<b>", "upload", 2))
    stored = Stored(START + 60_000_000, datasets, tables)
    live, replay = (stored_card(stored, "", origin) for origin in ("live", "replay"))
    assert '<td class="amber">59.0 s</td>' in live
    assert "59.0 s" not in replay, "nothing more comes to a file"
    assert '<a href="?dataset=" data-dataset="" aria-current=page>main' in live
    assert '<b>"' not in live
    assert "&lt;b&gt;" in live
    assert "Empty</b> (nothing has been written to them): rejects" in live
    assert "database away" in stored_card(Stored(), "", "live", "database away")


def test_trades_show_every_digit_and_the_pause() -> None:
    trade: Any = Trade(START + 123_456, "ETHUSDT", None, 3100.05, 0.001, "", False)
    said = trades_card((trade, Trade(START, "ETHUSDT", 7, 3100.0, 2.0, "buy", True)), True, "")
    assert "00:00:00.123" in said
    assert ">3,100.05<" in said
    assert ">3,100.00<" in said, "aligned"
    assert 'aria-pressed="true"' in said
    assert trades_card((), False, "no <ticks>").count("&lt;ticks&gt;") == 1
    assert (size(999), size(1_000), size(1_500_000_000)) == ("999 B", "1.0 kB", "1.5 GB")

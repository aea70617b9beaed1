"""Trades counted by a real QuestDB on a grid of time by price, beside numpy on the same trades."""

import re
import time

import numpy as np
import pandas as pd
import pytest

from dashboard.analysis.ticks import COLUMNS, RANGES, ROWS, TickGrids, TicksAsked
from dashboard.data import Reader
from dashboard.views.ticks import ranges, ticks_head, ticks_note
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.storage.client import connect, create_tables, sender
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb

PAIR = Pair("AAAUSDT", "BBBUSDT")
START = 1_721_260_800_000_000
SPAN = 3 * RANGES["1h"]
TRADES = 20_000


def some_trades() -> dict[str, pd.DataFrame]:
    """Of both legs, the first with several at one time, at its lowest and at its highest price."""
    rng = np.random.default_rng(2)
    made = {}
    for symbol, level in ((PAIR.y, 3_000.0), (PAIR.x, 64_000.0)):
        times = np.sort(rng.integers(0, SPAN, TRADES)) + START
        times[-1], times[0] = START + SPAN, START
        prices = np.round(level + np.cumsum(rng.normal(0, level * 1e-5, TRADES)), 2)
        made[symbol] = pd.DataFrame(
            {"timestamp": times, "symbol": symbol, "trade_id": np.arange(TRADES), "price": prices}
        )
    made[PAIR.y].loc[100:119, "timestamp"] = made[PAIR.y].loc[100, "timestamp"]
    return made


@pytest.fixture(scope="module")
def stored(questdb: ManagedServer) -> dict[str, pd.DataFrame]:
    create_tables(questdb.address, "grids", (Interval.S1,))
    trades = some_trades()
    with sender(questdb.address) as out:
        for rows in trades.values():
            named = rows.assign(
                timestamp=pd.to_datetime(rows["timestamp"], unit="us"), amount=1.0, trade_count=1, late=False
            )
            out.dataframe(named, table_name="grids_trades", symbols=["symbol"], at="timestamp")
        out.flush()
    until = time.monotonic() + 20
    with connect(questdb.address) as connection:
        while connection.execute("SELECT count() FROM grids_trades").fetchone()[0] < 2 * TRADES:
            assert time.monotonic() < until, "the trades are not visible"
            time.sleep(0.02)
    return trades


def asked(
    questdb: ManagedServer, range_: str, ends: tuple[int, int] | None = None, dataset: str = "grids", pair: Pair = PAIR
) -> TickGrids:
    reader = Reader(lambda: connect(questdb.read_address))
    start, end = ends or (None, None)
    try:
        return reader.ticks(TicksAsked(dataset, pair, range_, start, end))
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("range_", "ends"),
    [
        ("all", None),
        ("1h", None),
        ("24h", None),
        ("1h", (START + SPAN // 2, START + SPAN // 2 + 7_000_000)),
        ("all", (START - SPAN, START + 2 * SPAN)),
    ],
)
def test_every_trade_is_in_the_cell_that_numpy_finds(
    questdb: ManagedServer, stored: dict[str, pd.DataFrame], range_: str, ends: tuple[int, int] | None
) -> None:
    grids = asked(questdb, range_, ends)
    if ends is None:
        assert grids.end_us == START + SPAN + 1
        assert grids.start_us == max(START, grids.end_us - (RANGES[range_] or SPAN + 1))
    else:
        assert (grids.start_us, grids.end_us) == ends
    for grid, symbol in ((grids.y, PAIR.y), (grids.x, PAIR.x)):
        assert grid is not None
        rows = stored[symbol]
        rows = rows[(rows["timestamp"] >= grids.start_us) & (rows["timestamp"] < grids.end_us)]
        assert grid.trades == len(rows) == grid.counts.sum() > 0
        assert (grid.low, grid.high) == (rows["price"].min(), rows["price"].max())
        columns = (rows["timestamp"] - grids.start_us) * COLUMNS // (grids.end_us - grids.start_us)
        lines = np.floor((rows["price"] - grid.low) / grid.row_height).astype(int)
        wanted = np.zeros((ROWS, COLUMNS), np.int64)
        np.add.at(wanted, (lines, columns), 1)
        # A trade on the very edge of a cell may be rounded into its neighbour.
        assert np.abs(wanted - grid.counts).sum() <= 2 * len(rows) // 1_000
        assert np.abs(wanted - grid.counts[::-1]).sum() > len(rows) // 10, "upside down is seen to differ"


def test_a_range_without_trades_and_a_dataset_without_any(
    questdb: ManagedServer, stored: dict[str, pd.DataFrame]
) -> None:
    before = asked(questdb, "1h", (START - SPAN, START - SPAN + 1))
    assert before.end_us - before.start_us == 1_000_000
    assert before.y is not None
    assert (before.y.trades, before.y.counts.size) == (0, 0)
    assert "No trade in view" in ticks_note(before.y, before, "")
    create_tables(questdb.address, "nogrids", (Interval.S1,))
    assert asked(questdb, "1h", dataset="nogrids").why.startswith("No trade is stored")
    assert asked(questdb, "1h", dataset="never_written").why == "This dataset has no table of trades."
    other = asked(questdb, "1h", pair=Pair("C'; DROP TABLE x", "AAAUSDT"))
    assert other.y is not None
    assert other.y.trades == 0
    assert other.x is not None
    assert other.x.trades > 0


def test_one_price_makes_one_row(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "flatgrid", (Interval.S1,))
    with connect(questdb.address) as connection:
        connection.execute(
            "INSERT INTO flatgrid_trades (timestamp, symbol, price) VALUES ('2024-07-18T00:00:00Z', 'AAAUSDT', 5.0)"
        )
        connection.execute("SELECT wait_wal_table('flatgrid_trades')")
    grids = asked(questdb, "all", dataset="flatgrid")
    assert grids.y is not None
    assert grids.y.counts.sum() == grids.y.counts[0].sum() == 1
    assert grids.y.row_height > 0


def test_the_words_say_how_many_and_how_fine(questdb: ManagedServer, stored: dict[str, pd.DataFrame]) -> None:
    grids = asked(questdb, "all")
    words = re.sub(r"<[^>]*>", " ", ticks_head(grids.y, PAIR.y, grids))
    assert f"{TRADES:,}  trades in view" in words
    assert "2024-07-18 00:00:00 to 03:00:00 UTC" in words
    assert f"{SPAN / COLUMNS / 1e6:.1f} s" in words
    assert ticks_note(grids.y, grids, "") == ""
    pressed = re.findall(r'aria-pressed="(\w+)" data-ticks="(\w+)"', ranges("6h", False))
    assert pressed == [("false", "1h"), ("true", "6h"), ("false", "24h"), ("false", "all")]
    assert 'aria-pressed="true"' not in ranges("6h", True)

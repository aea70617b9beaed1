"""The Data view: what is stored, live ticks that can be held still, and exports that read back as what SQL says."""

import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest
from desk_page import DeskPage
from desk_rows import Market, Writer

from flows.storage.client import Address, connect, sender
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]


def stored(questdb: ManagedServer, dataset: str, origin: str = "simulated") -> Market:
    """40 bars with a hole of 5, and their description."""
    rows = Market(60, (int(time.time()) - 60) * 1_000_000, window=30)
    writer = Writer(questdb.address, dataset, rows, origin)
    writer.prepare()
    writer.write(0, 20)
    writer.write(25, 40)
    writer.await_rows(35)
    return rows


def trade(address: Address, dataset: str, first: int, count: int) -> None:
    with sender(address) as out:
        for i in range(first, first + count):
            out.row(
                f"{dataset}_trades", symbols={"symbol": "ETHUSDT" if i % 2 else "BTCUSDT", "side": "buy"},
                columns={"trade_id": i, "price": 3000.1 + i / 7, "amount": 0.25, "late": False}, at=datetime.now(UTC),
            )  # fmt: skip
        out.flush()


def test_what_is_stored_and_the_newest_ticks(desk: DeskPage, questdb: ManagedServer) -> None:
    stored(questdb, "dataview")
    stored(questdb, "dataother", origin="upload")
    trade(questdb.address, "dataview", 1, 30)
    desk.open("dataview", view="data")
    page = desk.page
    bars = page.locator('[data-table="bars_1s"]')
    desk.until("the tables", bars.count)
    with connect(questdb.read_address) as connection:
        rows, first, last = connection.execute(
            "SELECT count(), min(open_time), max(open_time) FROM dataview_bars_1s"
        ).fetchone()
    cells = [text.strip() for text in bars.locator("td").all_inner_texts()]
    assert cells[:3] == [f"{rows:,}", f"{first:%Y-%m-%d %H:%M:%S}", f"{last:%Y-%m-%d %H:%M:%S}"]
    assert cells[5] == "10 bars missing; longest 5.0 s, BTCUSDT"

    ticks = page.locator("table.ticks tbody tr")
    desk.until("thirty ticks", lambda: ticks.count() == 30)
    trade(questdb.address, "dataview", 100, 1)
    desk.until("a new one on top", lambda: ticks.first.inner_text().endswith("100"))
    page.get_by_role("button", name="Pause").click()
    go_on = page.get_by_role("button", name="Go on")
    go_on.wait_for()
    trade(questdb.address, "dataview", 200, 1)
    with connect(questdb.read_address) as connection:
        desk.until("stored", lambda: connection.execute("SELECT count() FROM dataview_trades").fetchone() == (32,))
    desk.until("the count of rows goes on", lambda: "32" in page.locator('[data-table="trades"]').inner_text())
    assert ticks.first.inner_text().endswith("100"), "held still"
    go_on.click()
    desk.until("on again", lambda: ticks.first.inner_text().endswith("200"))

    page.get_by_role("navigation", name="Datasets").get_by_role("link", name="dataother").click()
    page.wait_for_function("window.pairsDesk !== undefined && location.search.includes('dataother')")
    desk.until("marked as uploaded", lambda: desk.text("header").startswith("UPLOAD"))
    desk.until("no feed is waited for", lambda: desk.text("pills") == "")


def test_each_format_is_saved_and_reads_back(desk: DeskPage, questdb: ManagedServer, tmp_path: Path) -> None:
    stored(questdb, "dataout")
    desk.open("dataout", view="data")
    page = desk.page
    table = page.get_by_label("Table")
    desk.until("the form", table.count)
    with connect(questdb.read_address) as connection:
        wanted = connection.execute("SELECT hedge_ratio, zscore, stale FROM dataout_pair_stats_1s").fetchall()
    table.select_option("pair_stats_1s")
    for word, read in (("CSV", pl.read_csv), ("JSON lines", pl.read_ndjson), ("Parquet", pl.read_parquet)):
        page.get_by_role("radio", name=word).check(force=True)
        with page.expect_download() as coming:
            page.get_by_role("button", name="Export", exact=True).click()
        name = coming.value.suggested_filename
        assert name.startswith("dataout_ETHUSDT-BTCUSDT_pair_stats_1s_20")
        coming.value.save_as(tmp_path / name)
        found = read(tmp_path / name)
        assert found.select(pl.col("hedge_ratio", "zscore").cast(pl.Float64)).rows() == [row[:2] for row in wanted], (
            word
        )
        desk.until("said", lambda: f"{len(wanted)} rows" in desk.text("export-status"))

    # By keyboard alone: to the range, a range that holds nothing, one that is none.
    since = page.get_by_label("From, UTC")
    since.focus()
    page.keyboard.type("2031-01-01")
    page.keyboard.press("Enter")
    desk.until("refused", lambda: "No rows there" in desk.text("export-status"))
    since.fill("yesterday")
    since.press("Enter")
    alert = page.locator('.transfer[role="alert"]')
    alert.wait_for()
    assert alert.inner_text() == 'from: time: expected ISO in UTC or an epoch, found "yesterday"'
    page.get_by_label("To, UTC, not included").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    desk.until("the last hour", lambda: since.input_value().endswith("Z"))
    age = datetime.now(UTC) - datetime.fromisoformat(since.input_value())
    assert 3_590 <= age.total_seconds() <= 3_660
    page.get_by_role("button", name="All", exact=True).click()
    desk.until("open again", lambda: since.input_value() == "")

    # Nobody gets anything without the page's secret.
    address = f"http://{urlsplit(desk.url).netloc}/transfer"
    for path in ("wrong/file/1", "wrong/upload"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(
                urllib.request.Request(f"{address}/{path}", method="GET" if "file" in path else "PUT")
            )
        assert refused.value.code == 404

"""Uploads through the page: dropped, checked, previewed, stored, looked at; what is broken is named and leaves nothing."""

import http.client
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from desk_page import DeskPage, served
from playwright.sync_api import Page

from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

HEAD = "open_time,symbol,open,high,low,close,volume\n"
_DROP = """([element, name, text]) => {
  const files = new DataTransfer(); files.items.add(new File([text], name));
  element.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true })); }"""


@pytest.fixture(scope="module")
def writing_url(
    questdb: ManagedServer, free_ports: Callable[[int], list[int]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A page beside the managed server: it reads as the read-only user, its helper writes by the settings' own address."""
    data = tmp_path_factory.mktemp("data")
    (data / "live").mkdir()
    (data / "live" / "questdb").symlink_to(questdb.root)
    address = questdb.address
    environment = {
        "PAIRS_STORAGE__DATA_DIR": f'"{data}"', "PAIRS_STORAGE__HTTP_PORT": str(address.http_port),
        "PAIRS_STORAGE__PG_PORT": str(address.pg_port), "PAIRS_DASHBOARD__POLL_MS": "100",
        "PAIRS_TESTS__ENABLED": "false", "PAIRS_TICKS__ENABLED": "false",  # not what is tested here, and dear to compile
    }  # fmt: skip
    with served(free_ports(1)[0], tmp_path_factory.mktemp("panel") / "panel.log", environment) as (url, _):
        yield url


def candles(minutes: int = 30) -> str:
    rows = []
    for i in range(minutes):
        for symbol, price in (("ETHUSDT", 3000 + 7 * math.sin(i)), ("BTCUSDT", 60000 + 90 * math.sin(i + 0.3))):
            rows.append(
                f"{1_721_347_200_000 + 60_000 * i},{symbol},{price:.2f},{price + 1:.2f},{price - 1:.2f},{price:.2f},{i}.5"
            )
    return HEAD + "\n".join(rows)


def opened(page: Page, url: str, questdb: ManagedServer) -> DeskPage:
    """The Data view of some dataset: a page of an empty database has nothing to put beside it."""
    from test_desk_data import stored

    stored(questdb, "uploads")
    desk = DeskPage(page, url)
    desk.open("uploads", view="data")
    desk.until("the drop zone", page.locator(".drop").count)
    return desk


def stored_tables(questdb: ManagedServer, dataset: str) -> int:
    with connect(questdb.read_address) as connection:
        found = connection.execute(
            "SELECT count() FROM tables() WHERE table_name LIKE %s", (f"{dataset}_%",)
        ).fetchone()
    return int(found[0])


def test_candles_are_dropped_previewed_stored_and_looked_at(
    page: Page, writing_url: str, questdb: ManagedServer
) -> None:
    desk = opened(page, writing_url, questdb)
    zone = page.locator(".drop").element_handle()
    broken = (
        candles()
        .replace("1721347260000,ETHUSDT", "2024-07-19 00:01:00,ETHUSDT")
        .replace("1721347320000,BTC", "1721347260000,BTC")
    )
    page.evaluate(_DROP, [zone, "broken.csv", broken])
    desk.until("the bad rows", lambda: "bad rows: nothing can be stored" in desk.text("upload-report"), 60)
    items = page.locator(".problems li").all_inner_texts()
    assert [item.split("column")[0].strip() for item in items] == ["broken.csv line 4", "broken.csv line 7"]
    assert "which does not say of what zone it is" in items[0]
    assert "BTCUSDT at 2024-07-19T00:01:00Z is there already, on line 5" in items[1]
    assert page.get_by_role("button", name="Store as a dataset").count() == 0

    page.evaluate(_DROP, [zone, "<img src=x onerror=window.hurt=1>.csv", "a,b\n1,2\n"])
    desk.until("refused", lambda: "not a file of ticks" in desk.text("upload-report"), 60)
    assert page.evaluate("window.hurt") is None

    page.evaluate(_DROP, [zone, "My candles.csv", candles()])
    form = page.get_by_role("form", name="Store")
    desk.until("the form", form.count, 60)
    assert "60 rows of 1m candles" in desk.text("upload-report")
    preview = page.locator(".preview tbody tr").first.inner_text().split()
    assert preview[:3] == ["1721347200000", "ETHUSDT", "3000.00"]
    name = form.get_by_label("Name of the dataset")
    assert name.input_value() == "my_candles"
    assert form.get_by_label("Pairs Y/X").input_value() == "ETHUSDT/BTCUSDT"
    name.fill("uploads")
    name.press("Enter")
    desk.until("the name is taken", lambda: 'there is a dataset "uploads" already' in desk.text("upload-report"), 60)
    name.fill("my_candles")
    name.press("Enter")
    link = page.get_by_role("link", name="look at my_candles")
    link.wait_for(timeout=180_000)
    link.click()
    page.wait_for_function("window.pairsDesk !== undefined && location.search.includes('my_candles')")
    desk.until("thirty bars", lambda: len(desk.rows("time")) == 30, 20)
    assert desk.text("header").startswith("UPLOAD")
    assert desk.rows("y_close") == [round(3000 + 7 * math.sin(i), 2) for i in range(30)]
    desk.until("warm-up is said", lambda: "30/" in desk.text("notice"))


def test_ticks_by_keyboard_and_a_cancelled_one_leaves_nothing(
    page: Page, writing_url: str, questdb: ManagedServer, tmp_path: Path
) -> None:
    desk = opened(page, writing_url, questdb)
    path = tmp_path / "some.ndjson"
    line = '{{"symbol":"{}","ts":"2025-12-15T08:{:02d}:{:02d}.{:03d}Z","price":{},"size":0.5}}\n'
    path.write_text(
        "".join(
            line.format(symbol, i // 60, i % 60, part, price)
            for i in range(600)
            for part in range(0, 1000, 5)
            for symbol, price in (("ETHUSDT", 3000), ("BTCUSDT", 60000))
        )
    )
    assert path.stat().st_size > 18_000_000
    with page.expect_file_chooser() as opening:
        page.get_by_label("Files of ticks or candles").press("Enter")
    opening.value.set_files(path)
    name = page.get_by_label("Name of the dataset")
    desk.until("checked", name.count, 60)
    assert "240,000 rows of ticks" in desk.text("upload-report")
    name.fill("never")
    name.press("Enter")
    desk.until("storing", lambda: "Storing as never" in desk.text("upload-report"))
    page.get_by_role("button", name="Cancel").click()
    desk.until("cancelled", lambda: "cancelled: nothing was stored" in desk.text("upload-report"), 120)
    assert stored_tables(questdb, "never") == 0

    # Too large: said at once, and refused by the server too.
    large = tmp_path / "large.ndjson"
    with large.open("wb") as file:
        file.truncate(300_000_000)
    page.get_by_label("Files of ticks or candles").set_input_files(large)
    desk.until("too large", lambda: page.locator(".sending").inner_text() != "")
    assert (
        page.locator(".sending")
        .inner_text()
        .startswith("large.ndjson: 300 MB is more than the 268 MB an upload may have: use pairs replay")
    )
    parts = urlsplit(desk.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    url = page.locator("[data-url]").get_attribute("data-url")
    connection.putrequest("PUT", f"/{url}?name=x")
    connection.putheader("Content-Length", str(300_000_000))
    connection.endheaders()
    assert connection.getresponse().status == 413

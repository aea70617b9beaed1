"""What the page does when things around it go away: the database, the browser itself."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import panel as pn
import pytest
from desk_page import DeskPage, await_answer, served
from desk_rows import Market, Writer
from feed_rows import FeedPulse, FeedWriter, LegRow
from playwright.sync_api import Page

from dashboard.data import Reader
from dashboard.hub import Hub
from dashboard.page import build
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]


def market(bars: int, age_bars: int) -> Market:
    return Market(bars, (int(time.time()) - age_bars) * 1_000_000, window=30)


def test_the_database_goes_away_and_comes_back(
    page: Page, free_ports: Callable[[int], list[int]], tmp_path: Path
) -> None:
    http_port, pg_port, health_port, page_port = free_ports(4)
    server = ManagedServer(tmp_path / "live" / "questdb", http_port=http_port, pg_port=pg_port, health_port=health_port)
    environment = {
        "PAIRS_STORAGE__DATA_DIR": f'"{tmp_path}"',
        "PAIRS_STORAGE__HTTP_PORT": str(http_port),
        "PAIRS_STORAGE__PG_PORT": str(pg_port),
    }
    with served(page_port, tmp_path / "panel.log", environment) as (url, _):
        desk = DeskPage(page, url)
        desk.open("")
        desk.until("away from the start", lambda: "Database away since" in desk.text("banner"))
        with server:
            rows = market(60, 40)
            writer = Writer(server.address, "", rows)
            writer.prepare()
            writer.write(0, 40)
            newest = rows.start_us // 1000 + 39_000
            desk.until_newest(newest)
            desk.until("no banner", lambda: desk.text("banner") == "")
        desk.until("away", lambda: "Database away since" in desk.text("banner"))
        assert "Charts stand still: data up to 20" in desk.text("banner")
        desk.until("frozen", lambda: "FROZEN" in desk.text("clock"))
        assert desk.rows("time")[-1] == newest, "what was known stays"
        age = desk.text("clock")
        desk.until("the age of the data goes on", lambda: desk.text("clock") != age)
        with server:
            back = time.monotonic()
            desk.until("back", lambda: desk.text("banner") == "")
            assert time.monotonic() - back < 2.5, "about a second after the database"
            writer.write(40, 42)
            desk.until_newest(newest + 2_000)
            assert len(desk.rows("time")) == 42, "none doubled, none missing"


def test_a_page_whose_server_restarts_loads_itself_anew(
    page: Page,
    questdb: ManagedServer,
    free_ports: Callable[[int], list[int]],
    reader_environment: dict[str, str],
    page_errors: list[str],
    tmp_path: Path,
) -> None:
    rows = market(42, 40)
    writer = Writer(questdb.address, "restart", rows)
    writer.prepare()
    writer.write(0, 40)
    newest, port = rows.start_us // 1000 + 39_000, free_ports(1)[0]
    with served(port, tmp_path / "first.log", reader_environment) as (url, _):
        desk = DeskPage(page, url)
        desk.open("restart", n="620")
        desk.until_newest(newest)
        page.evaluate("window.isOld = true")
    desk.until("the server is gone", lambda: "PAGE SERVER AWAY" in desk.text("clock"))
    with served(port, tmp_path / "second.log", reader_environment):
        page.wait_for_function("window.isOld !== true && window.pairsDesk !== undefined", timeout=20_000)
        writer.write(40, 42)
        desk.until_newest(newest + 2_000)
        assert page.get_by_label("Look-back, bars").input_value() == "620", "the address kept the state"
        page_errors[:] = [error for error in page_errors if "ERR_CONNECTION_REFUSED" not in error]


def test_a_page_that_hears_nothing_more_does_not_look_live(
    page: Page,
    questdb: ManagedServer,
    free_ports: Callable[[int], list[int]],
    reader_environment: dict[str, str],
    tmp_path: Path,
) -> None:
    rows = market(40, 40)
    writer = Writer(questdb.address, "hangs", rows)
    writer.prepare()
    writer.write(0, 40)
    legs, port = (LegRow("ETHUSDT"), LegRow("BTCUSDT")), free_ports(1)[0]
    with (
        served(port, tmp_path / "panel.log", reader_environment) as (url, pid),
        FeedPulse(FeedWriter(questdb.address, "hangs"), *legs),
    ):
        desk = DeskPage(page, url)
        desk.open("hangs")
        desk.until("live", lambda: "ETHUSDT LIVE" in desk.text("pills") and "FOLLOWING" in desk.text("clock"))
        os.kill(pid, signal.SIGSTOP)
        try:
            desk.until("behind", lambda: "BEHIND" in desk.text("clock"))
        finally:
            os.kill(pid, signal.SIGCONT)
        desk.until("live again", lambda: "FOLLOWING" in desk.text("clock"))


def test_closed_pages_leave_nothing_behind(
    page: Page, questdb: ManagedServer, free_ports: Callable[[int], list[int]]
) -> None:
    rows = market(40, 40)
    writer = Writer(questdb.address, "closing", rows)
    writer.prepare()
    writer.write(0, 40)
    hub = Hub(lambda: Reader(lambda: connect(questdb.read_address)), 0.1)
    port = free_ports(1)[0]
    # So short a life that the page's first session may end before the browser connects, which then gets another one.
    options = {"check_unused_sessions_milliseconds": 200, "unused_session_lifetime_milliseconds": 100}
    server = pn.serve(lambda: build(hub), port=port, show=False, threaded=True, verbose=False, **options)
    try:
        await_answer(port)
        for _ in range(2):
            desk = DeskPage(page, f"http://localhost:{port}/")
            desk.open("closing")
            desk.until_newest(rows.start_us // 1000 + 39_000)
            feed = hub.feeds[0]
            assert feed.subscribers == 1
            page.goto("about:blank")
            desk_gone = time.monotonic() + 10
            while feed.subscribers:
                assert time.monotonic() < desk_gone, "the session is over and still subscribed"
                page.wait_for_timeout(50)
    finally:
        server.stop()

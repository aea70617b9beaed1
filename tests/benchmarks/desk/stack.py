"""A database with a seeded market, the served page and a browser, on ports of their own; and the rows that come twice a second."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

TESTS = Path(__file__).parent.parent.parent
sys.path[:0] = [str(TESTS / "browser")]  # where the helpers of the browser tests lie, which are no package

from desk_page import DeskPage, served  # noqa: E402
from desk_rows import Market, Writer  # noqa: E402
from feed_rows import FeedPulse, FeedWriter, LegRow  # noqa: E402

from flows.storage.client import Address  # noqa: E402
from flows.storage.server import ManagedServer  # noqa: E402
from tests.chromium import system_chromium  # noqa: E402
from tests.ports import take_free_ports  # noqa: E402

_MORE_BARS = 600
_EVERY_S = 0.5
_REST_WITHIN_S, _AT_REST_S = 300.0, 0.1
VIEWPORT = {"width": 1600, "height": 900}


@dataclass
class Desk:
    """What runs. Rows are written by `pulse`.

    Attributes:
        url: of the page. environment: settings that let a program read the database. database: its address.
        pid: of the page's server. written: open time in ms → wall clock in ms at which the closed row was sent.
    """

    writer: Writer
    market: Market
    url: str
    pid: int
    browser: Browser
    environment: dict[str, str]
    home: Path
    next_bar: int
    written: dict[int, float]

    @property
    def server(self) -> psutil.Process:
        return psutil.Process(self.pid)

    def ms(self, index: int) -> int:
        """Open time of a bar, in ms."""
        return self.market.start_us // 1000 + index * 1000

    def open(self, page: Page, bars: int) -> DeskPage:
        """The page on so many bars, drawn."""
        desk = DeskPage(page, self.url)
        desk.open("", n=str(bars))
        desk.until("the rows", lambda: len(desk.rows("time")) == bars, 60)
        return desk

    def pulse(self, seconds: float, wait: Callable[[float], object]) -> int:
        """Write a forming bar, then the closed one, each half second; how many refreshes that were.

        Args:
            wait: passes so many milliseconds, and lets the browser speak meanwhile.
        """
        refreshes, started = 0, time.monotonic()
        while time.monotonic() - started < seconds:
            for complete in (False, True):
                wait(max(0.0, 1000 * (started + refreshes * _EVERY_S - time.monotonic())))
                if complete:
                    self.written[self.ms(self.next_bar)] = time.time() * 1000
                self.writer.write(self.next_bar, self.next_bar + 1, complete=complete)
                refreshes += 1
            self.next_bar += 1
        return refreshes


@dataclass
class Running:
    """A database, the page that reads it, and a browser.

    Attributes:
        url: of the page. pid: of its server. home: where all of them keep their files.
    """

    database: ManagedServer
    url: str
    pid: int
    browser: Browser
    home: Path

    @property
    def server(self) -> psutil.Process:
        return psutil.Process(self.pid)

    @property
    def browser_process(self) -> psutil.Process:
        """The first process of Chromium, of which all others are children."""
        browsers = [p for p in psutil.Process().children(recursive=True) if "--headless" in " ".join(p.cmdline())]
        return min(browsers, key=lambda process: process.create_time())


@contextlib.contextmanager
def running(fill: Callable[[Address], object]) -> Iterator[Running]:
    """Start all three on ports of their own; `fill` is called with the database before the page is there."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="desk-bench-")))
        http_port, pg_port, health_port, page_port = take_free_ports(4)
        database = ManagedServer(
            home / "live" / "questdb", http_port=http_port, pg_port=pg_port, health_port=health_port
        )
        stack.enter_context(database)
        environment = {
            "PAIRS_STORAGE__DATA_DIR": f'"{home}"',
            "PAIRS_STORAGE__HTTP_PORT": str(http_port),
            "PAIRS_STORAGE__PG_PORT": str(pg_port),
        }
        fill(database.address)
        url, pid = stack.enter_context(served(page_port, home / "panel.log", environment))
        playwright = stack.enter_context(sync_playwright())
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=arguments)
        stack.callback(browser.close)
        of = Running(database, url, pid, browser, home)
        first = browser.new_page()
        first.goto(url)
        first.wait_for_function("window.pairsDesk !== undefined", timeout=60_000)
        first.close()
        _await_rest(of.server)
        yield of


@contextlib.contextmanager
def desk_stack(history: int) -> Iterator[Desk]:
    """Database, page and browser; `history` closed bars are there."""
    market = Market(history + _MORE_BARS, (int(time.time()) - history - 5) * 1_000_000)

    def fill(address: Address) -> None:
        writer = Writer(address, "", market)
        writer.prepare()
        writer.write(0, history)
        writer.await_rows(history)
        FeedWriter(address, "").latency()

    with running(fill) as of:
        address, read = of.database.address, of.database.read_address
        known = {
            "DESK_PG": f"host={read.host} port={read.pg_port} user={read.user} password={read.password} dbname=qdb"
        }
        with FeedPulse(FeedWriter(address, ""), LegRow("ETHUSDT"), LegRow("BTCUSDT"), every_s=1.0):
            writer = Writer(address, "", market)
            yield Desk(writer, market, of.url, of.pid, of.browser, known, of.home, history, {})


def _await_rest(server: psutil.Process) -> None:
    """Return when a server has no more to do than to serve: beside its first page it compiles and loads kernels."""
    until, before = time.monotonic() + _REST_WITHIN_S, cpu_s(server)
    while True:
        time.sleep(1.0)
        if (now := cpu_s(server)) - before < _AT_REST_S and not server.children():
            return
        assert time.monotonic() < until, f"the page's server still works {_REST_WITHIN_S:g} s after its start"
        before = now


def cpu_s(process: psutil.Process) -> float:
    """Processor seconds it has used, with the programs it started, those that have ended too. Never less than before."""
    while True:
        children = process.children(recursive=True)
        total = 0.0
        for each in (process, *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                times: Any = each.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        if (
            process.children(recursive=True) == children
        ):  # else one that ended between two looks counts twice, or not at all
            return total


def count_bytes(page: Page) -> dict[str, int]:
    """Counts what comes over the page's websockets from now on."""
    received = {"bytes": 0, "frames": 0}

    def count(payload: str | bytes) -> None:
        received["bytes"] += len(payload.encode() if isinstance(payload, str) else payload)
        received["frames"] += 1

    page.on("websocket", lambda socket: socket.on("framereceived", count))
    return received

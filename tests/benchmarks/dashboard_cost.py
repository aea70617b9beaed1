"""What the page costs: server CPU and websocket bytes per refresh, and how long a closed bar takes to be drawn in Chromium.

One page on a real QuestDB, 600 bars, two refreshes a second: a forming bar each half second, replaced by the closed one. A refresh is one
write of both legs and their statistics; polling in between is part of its cost, and so is the state of the feed, which comes each
second. Run it from the repository root.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS.parent), str(TESTS), str(TESTS / "browser")]

from chromium import system_chromium  # noqa: E402
from desk_page import DeskPage, served  # noqa: E402
from desk_rows import Market, Writer  # noqa: E402
from feed_rows import FeedPulse, FeedWriter, LegRow  # noqa: E402

from flows.storage.server import ManagedServer  # noqa: E402
from tests.ports import take_free_ports  # noqa: E402

HISTORY = 700
CPU_BOUND_MS, BYTES_BOUND = 25.0, 6_000

_NOTE_DRAWS = """() => {
  window.drawnAt = {};
  const draw = pairsDesk.draw.bind(pairsDesk), data = () => Bokeh.documents[0].get_model_by_name('rows').data;
  pairsDesk.draw = () => {
    draw();
    const { time, y_closed } = data();
    for (let k = Math.max(0, time.length - 3); k < time.length; k++)
      if (y_closed[k] === 1) window.drawnAt[time[k]] ??= Date.now();
  };
}"""


def note_draws(page: Page) -> None:
    """From now on remember in the browser when each closed bar was first drawn."""
    page.evaluate(_NOTE_DRAWS)


def draws(page: Page) -> dict[int, float]:
    """Open time in ms of each closed bar → wall clock in ms at which it had been drawn, since `note_draws`."""
    return {int(float(key)): float(value) for key, value in page.evaluate("window.drawnAt").items()}


@contextlib.contextmanager
def _stack() -> Iterator[tuple[Writer, Market, DeskPage, int, dict[str, int]]]:
    """Database, page and browser on ports of their own; counts the bytes that come over the page's websockets."""
    received = {"bytes": 0, "frames": 0}

    def count(payload: str | bytes) -> None:
        received["bytes"] += len(payload.encode() if isinstance(payload, str) else payload)
        received["frames"] += 1

    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="desk-cost-")))
        http_port, pg_port, health_port, page_port = take_free_ports(4)
        root = home / "live" / "questdb"
        database = ManagedServer(root, http_port=http_port, pg_port=pg_port, health_port=health_port)
        stack.enter_context(database)
        environment = {
            "PAIRS_STORAGE__DATA_DIR": f'"{home}"',
            "PAIRS_STORAGE__HTTP_PORT": str(http_port),
            "PAIRS_STORAGE__PG_PORT": str(pg_port),
        }
        market = Market(HISTORY + 120, (int(time.time()) - HISTORY - 5) * 1_000_000)
        writer = Writer(database.address, "", market)
        writer.prepare()
        writer.write(0, HISTORY)
        writer.await_rows(HISTORY)
        feed = FeedWriter(database.address, "")
        feed.latency()
        stack.enter_context(FeedPulse(feed, LegRow("ETHUSDT"), LegRow("BTCUSDT"), every_s=1.0))
        url, pid = stack.enter_context(served(page_port, home / "panel.log", environment))
        playwright = stack.enter_context(sync_playwright())
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=arguments)
        stack.callback(browser.close)
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.on("websocket", lambda socket: socket.on("framereceived", count))
        desk = DeskPage(page, url)
        desk.open("")
        desk.until_newest(market.start_us // 1000 + (HISTORY - 1) * 1000)
        yield writer, market, desk, pid, received


def measure(seconds: float = 20.0) -> dict[str, Any]:
    """Run for so long; the figures of one run."""
    with _stack() as (writer, market, desk, pid, received):
        page, server = desk.page, psutil.Process(pid)
        note_draws(page)
        page.wait_for_timeout(1_000)
        draws_before, cpu_before = page.evaluate("pairsDesk.draws"), server.cpu_times()
        received.update(bytes=0, frames=0)
        written: dict[int, float] = {}
        index, refreshes, started = HISTORY, 0, time.monotonic()
        while time.monotonic() - started < seconds and index < market.bars:
            for complete in (False, True):
                due = started + refreshes * 0.5
                page.wait_for_timeout(max(0.0, 1000 * (due - time.monotonic())))
                if complete:
                    written[market.start_us // 1000 + index * 1000] = time.time() * 1000
                writer.write(index, index + 1, complete=complete)
                refreshes += 1
            index += 1
        desk.until_newest(market.start_us // 1000 + (index - 1) * 1000)
        took = time.monotonic() - started
        cpu = server.cpu_times()
        drawn = draws(page)
        latencies = sorted(drawn[at] - sent for at, sent in written.items() if at in drawn)
        return {
            "refreshes": refreshes,
            "refreshes_per_s": refreshes / took,
            "draws_per_refresh": (page.evaluate("pairsDesk.draws") - draws_before) / refreshes,
            "server_cpu_ms_per_refresh": 1000
            * (cpu.user + cpu.system - cpu_before.user - cpu_before.system)
            / refreshes,
            "websocket_bytes_per_refresh": received["bytes"] / refreshes,
            "websocket_frames_per_refresh": received["frames"] / refreshes,
            "write_to_drawn_p50_ms": statistics.median(latencies),
            "write_to_drawn_p95_ms": latencies[int(0.95 * (len(latencies) - 1))],
            "server_rss_mb": server.memory_info().rss / 2**20,
        }


def main() -> int:
    """Print the figures with their bounds; 1 if one is not held."""
    figures = measure()
    bounds = {"server_cpu_ms_per_refresh": CPU_BOUND_MS, "websocket_bytes_per_refresh": BYTES_BOUND}
    for name, value in figures.items():
        bound = bounds.get(name)
        verdict = "" if bound is None else f"   (at most {bound:g}: {'met' if value <= bound else 'NOT met'})"
        print(f"{name:32} {value:10.1f}{verdict}")  # noqa: T201
    return int(any(figures[name] > bound for name, bound in bounds.items()))


if __name__ == "__main__":
    sys.exit(main())

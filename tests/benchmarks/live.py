"""The lines about live data: how long a trade takes to SQL, and a closed bar to the screen."""

import os
import time
from typing import Any

from playwright.sync_api import Page, sync_playwright

from flows.storage.client import Address, connect
from tests.benchmarks.stack import live_stack
from tests.benchmarks.table import Line, at_most
from tests.chromium import system_chromium

TRADES_PER_S = 200.0
_SECONDS = 25.0
_POLL_S = 0.005
_LIMIT_MS = 500.0

# Every change of the newest closed one-second bar, two animation frames after it arrived: the first draws it, the second has it shown.
_WATCH = """
() => {
  const source = Bokeh.documents.flatMap((doc) => [...doc._all_models.values()]).find((m) => m.data && m.data.y_closed);
  if (!source) return false;
  window.drawnAfter = [];
  let seen = null;
  const look = () => {
    const { time, y_closed, x_close } = source.data;
    let i = time.length - 1;
    while (i >= 0 && !(y_closed[i] === 1 && Number.isFinite(x_close[i]))) i--;
    if (i < 0 || time[i] === seen) return;
    const first = seen === null;
    seen = time[i];
    const end = seen + 1000;
    if (!first) requestAnimationFrame(() => requestAnimationFrame(() => window.drawnAfter.push(Date.now() - end)));
  };
  look();
  for (const signal of [source.streaming, source.patching, source.properties.data.change]) source.connect(signal, look);
  return true;
}
"""


def live(ticks: int, repeats: int) -> list[Line]:
    """One run of half a minute; its arguments are those of all works and have no meaning here."""
    with live_stack(TRADES_PER_S) as stack:
        to_sql = _trade_to_row(stack.address)
        drawn = _bar_to_screen(stack.page_url)
    what = f"live, simulated {TRADES_PER_S:g} trades/s"
    p50, p95 = _quantiles(to_sql)
    row = Line(
        f"{what}: trade received → row visible to SQL",
        f"p95 {p95:.0f} ms",
        "printed",
        None,
        f"p50 {p50:.0f} ms, slowest {max(to_sql):.0f} ms of {len(to_sql):,} trades in {_SECONDS:g} s, asked every {_POLL_S * 1e3:g} ms",
    )
    p50, p95 = _quantiles(drawn)
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"  # with other programs at work this measures them
    figures = f"p50 {p50:.0f} ms, slowest {max(drawn):.0f} ms of {len(drawn)} bars; {load}"
    return [row, at_most(f"{what}: bar closed → drawn in Chromium", p95, _LIMIT_MS, "ms at p95", figures)]


def _trade_to_row(address: Address) -> list[float]:
    """Milliseconds from `received_at` until a query first returns the row, of every trade in a stretch of time."""
    query = "SELECT symbol, trade_id, cast(received_at AS long) FROM trades WHERE timestamp > dateadd('s', -5, now())"
    latencies = []
    with connect(address) as sql:
        seen = {row[:2] for row in sql.execute(query).fetchall()}
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            rows = sql.execute(query).fetchall()
            now_us = time.time_ns() // 1_000
            fresh = [row for row in rows if row[:2] not in seen]
            seen.update(row[:2] for row in fresh)
            latencies += [(now_us - received_us) / 1_000 for *_, received_us in fresh]
            time.sleep(_POLL_S)
    return latencies


def _bar_to_screen(url: str) -> list[float]:
    """Milliseconds from the end of a one-second bar by the clock until the browser has drawn it closed."""
    arguments = ["--no-first-run", "--disable-background-networking"] + ["--no-sandbox"] * (os.geteuid() == 0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_chromium(), headless=True, args=arguments)
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.goto(url)
        page.wait_for_function(_WATCH, timeout=60_000)
        page.wait_for_function("() => window.drawnAfter.length > 0", timeout=30_000)
        page.evaluate("() => { window.drawnAfter.length = 0; }")
        drawn = _watched(page)
        browser.close()
    return drawn


def _watched(page: Page) -> list[float]:
    page.wait_for_timeout(_SECONDS * 1_000)
    found: Any = page.evaluate("() => window.drawnAfter")
    if not found:
        raise RuntimeError("no bar was drawn")
    return [float(value) for value in found]


def _quantiles(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    if not values:
        raise RuntimeError("nothing arrived")
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]

"""The lines about the Pairs view: what a second of many pairs costs the event loop, the server, the wire and the browser."""

import asyncio
import time
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.protocol import Protocol

from dashboard.board import FIELDS, ROW_OF, Board, PairRows, merged
from dashboard.board_data import Looks
from dashboard.correlations import Closes, with_closes
from dashboard.data import Catalogue
from dashboard.hub import Hub
from dashboard.parts.pairs import PairsPart
from dashboard.parts.part import Context, Seen
from dashboard.quality import Quality, Ticks
from dashboard.selection import Selection
from dashboard.state import Desk
from flows.domain.interval import Interval
from flows.domain.model import Model
from tests.benchmarks.desk.stack import VIEWPORT, count_bytes, cpu_s, running
from tests.benchmarks.table import Line, at_most

from board_rows import BoardWriter, star  # isort: skip - beside the other helpers of the browser tests, see stack.py

LOOP_MS = 10.0
_PAIRS, _MOST = 50, 99
_BAR, _HISTORY, _SECONDS = 1_700_000_000, 400, 15
_NOTE = """() => {
  window.reached = {}; window.gaps = []; window.took = [];
  let last = performance.now();
  const frame = (now) => { gaps.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const take = pairsView.take.bind(pairsView);
  pairsView.take = (news) => {
    const began = performance.now();
    take(news);
    took.push(performance.now() - began);
    const bar = Math.min(...pairsView.rows.map((row) => row[1]));
    requestAnimationFrame(() => requestAnimationFrame(() => { window.reached[bar] ??= Date.now(); }));
  };
}"""


class _Bars:
    """Stands for the database: another bar of every pair at each question, as fast as it is asked."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(1)
        self.bar = _BAR

    def board(self, dataset: str, interval: Interval, model: str, held: Board) -> Board:
        self.bar += 1
        n = len(held.pairs)
        values = self.random.standard_normal((len(FIELDS) + 1, n))
        values[[ROW_OF[name] for name in ("stale", "gap", "warmup_left")]], values[-1] = 0.0, 1.0
        return merged(held, PairRows(np.full(n, self.bar), np.arange(n), values))

    def looks(self, dataset: str, interval: Interval, before: Looks | None) -> Looks:
        ticks = {
            str(pair): Quality(ticks=Ticks(self.bar * 1_000_000, self.random.uniform(), 9, 9, 30, 0, ""), asked=True)
            for pair in star(_MOST)
        }
        return Looks(ticks)

    def closes(self, dataset: str, interval: Interval, held: Closes) -> Closes:
        n = len(held.symbols)
        return with_closes(held, np.arange(n), np.full(n, self.bar), self.random.uniform(1, 2, n))

    def close(self) -> None:
        """Nothing is open."""


async def _loop(count: int) -> tuple[float, float, float]:
    """Milliseconds of the event loop's thread per refresh with that many pairs, at most and in the middle, and kB of the message."""
    pairs, document, sizes = star(count), Document(), []
    catalogue = Catalogue("", "simulated", pairs, (Interval.S1,), (Model("ols"),))
    seen = Seen(catalogue, Selection("", pairs[0], Interval.S1, "ols"))
    part = PairsPart(Context(Hub(_Bars, 0.0), Desk(), document, lambda: write()))  # type: ignore[arg-type, return-value]
    document.add_root(part.region)
    protocol = Protocol()

    def sent(event: Any) -> None:
        message = protocol.create("PATCH-DOC", [event])
        sizes.append(len(message.content_json))

    took: list[float] = []

    def write() -> None:
        began = time.thread_time()
        part.write(seen)
        took.append(1000 * (time.thread_time() - began))

    document.on_change(sent)
    part.follow(seen, shown=True)
    while len(took) < 40:
        await asyncio.sleep(0.1)
    part.end()
    return max(took[5:]), float(np.median(took[5:])), float(np.median(sizes[5:])) / 1000


def _page(count: int) -> tuple[str, str]:
    """What a second of that many pairs costs; the measured value and the figures behind it."""
    start_us = (int(time.time()) - _HISTORY - 2) * 1_000_000
    made: list[BoardWriter] = []

    def fill(address: Any) -> None:
        writer = BoardWriter(address, "", star(count), _HISTORY + 60, start_us)
        writer.prepare()
        writer.write(0, _HISTORY)
        writer.look(_HISTORY - 1)
        writer.await_rows(_HISTORY * count)
        made.append(writer)

    with running(fill) as stack:
        page = stack.browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
        received = count_bytes(page)
        page.goto(f"{stack.url}?view=pairs&sort=-z")
        page.wait_for_function(
            "(n) => window.pairsView?.map && pairsView.rows.length === n && pairsView.newest > 0",
            arg=count,
            timeout=60_000,
        )
        page.wait_for_timeout(3_000)
        page.evaluate(_NOTE)
        received.update(bytes=0)
        cpu, browser, began = cpu_s(stack.server), cpu_s(stack.browser_process), time.monotonic()
        written = {}
        for k in range(_SECONDS):
            page.wait_for_timeout(max(0.0, 1000 * (began + k - time.monotonic())))
            written[start_us // 1_000_000 + _HISTORY + k] = 1000 * time.time()
            made[0].write(_HISTORY + k, _HISTORY + k + 1)
        page.wait_for_timeout(1_500)
        seconds = time.monotonic() - began
        cpu, browser = cpu_s(stack.server) - cpu, cpu_s(stack.browser_process) - browser
        reached = {int(bar): at for bar, at in page.evaluate("reached").items()}
        late = [reached[bar] - at for bar, at in written.items() if bar in reached]
        gaps, took = (np.percentile(page.evaluate(name), (50, 95, 100)) for name in ("gaps", "took"))
    return (
        f"{1000 * cpu / seconds:.0f} ms CPU, {received['bytes'] / seconds / 1000:.1f} kB",
        f"each second a bar of every pair, {count + 1} symbols; newest z of all pairs painted p50 {np.median(late):.0f}, longest "
        f"{max(late):.0f} ms after its write began ({len(late)} of {len(written)} bars); browser {1000 * browser / seconds:.0f} ms CPU a "
        f"second, script p95 {took[1]:.0f} ms, frames p50 {gaps[0]:.0f}, p95 {gaps[1]:.0f}, longest {gaps[2]:.0f} ms",
    )


def pairs(ticks: int, repeats: int) -> list[Line]:
    """One run of about a minute and a half; its arguments are those of all works and have no meaning here."""
    most, middle, size = asyncio.run(_loop(_MOST))
    work = f"Pairs view, {_MOST} pairs: event loop a refresh"
    lines = [at_most(work, most, LOOP_MS, "ms", f"the longest of 35; p50 {middle:.1f} ms, {size:.1f} kB")]
    for count in (_PAIRS, _MOST):
        measured, figures = _page(count)
        lines.append(Line(f"Pairs view, {count} pairs: a second", measured, "printed", None, figures))
    return lines

"""The lines about one open page: what a refresh costs the server and the browser, how soon a page and a view are there."""

import time
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Page

from tests.benchmarks.desk.browser import note_draws, note_frames, noted, paints
from tests.benchmarks.desk.stack import VIEWPORT, Desk, count_bytes, cpu_s, desk_stack
from tests.benchmarks.table import Line, at_most

CPU_MS, WIRE_BYTES, PAINT_MS, LONG_RATIO, FIRST_PAINT_S, SWITCH_MS = 25.0, 6_000, 60.0, 1.3, 3.0, 300.0
_SECONDS = 20.0
_LONG = 5_000
_SWITCHES = 3


@dataclass(frozen=True, slots=True)
class Refresh:
    """Of one page while rows came; bytes and processor time per refresh."""

    count: int
    cpu_ms: float
    size: float
    paint_p50_ms: float
    paint_p95_ms: float
    drawn_p95_ms: float


def refresh(stack: Desk, bars: int) -> Refresh:
    """Open a page on so many bars and let rows come for a while."""
    page = stack.browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
    note_frames(page)
    received = count_bytes(page)
    desk = stack.open(page, bars)
    note_draws(page)
    stack.pulse(2.0, page.wait_for_timeout)
    received.update(bytes=0, frames=0)
    stack.written.clear()
    page.evaluate("window.paints.length = 0")
    before = cpu_s(stack.server)
    count = stack.pulse(_SECONDS, page.wait_for_timeout)
    desk.until_newest(stack.ms(stack.next_bar - 1))
    cpu, drawn = cpu_s(stack.server) - before, noted(page, "drawnAt")
    late = [drawn[at] - sent for at, sent in stack.written.items() if at in drawn]
    p50, p95 = np.percentile(paints(page), (50, 95))
    page.close()
    return Refresh(
        count, 1000 * cpu / count, received["bytes"] / count, float(p50), float(p95), float(np.percentile(late, 95))
    )


def first_paint_s(stack: Desk) -> float:
    """From the address to drawn charts, on a server that has served before."""
    page = stack.browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
    began = time.monotonic()
    page.goto(f"{stack.url}?n=600")
    page.wait_for_function(
        "window.pairsDesk && pairsDesk.draws > 0 && Bokeh.documents[0].get_model_by_name('view').data.time.length > 0",
        timeout=60_000,
    )
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    took = time.monotonic() - began
    page.close()
    return took


_FOLLOWED = "(view) => Bokeh.documents[0].get_model_by_name('stage').tags[0].view === view"


def switches_ms(page: Page) -> tuple[dict[str, list[float]], list[float]]:
    """For each view: how long until it is shown and painted, the first visit first.

    And of all visits but the first: how long until the server has written to the view.
    """
    names = page.locator("nav.views button").evaluate_all("(all) => all.map((each) => each.dataset.view)")
    took: dict[str, list[float]] = {name: [] for name in names}
    followed: list[float] = []
    for visit in range(1 + _SWITCHES):
        for name in [*names[1:], names[0]]:
            began = time.monotonic()
            page.evaluate("(view) => pairsDesk.ask({ view })", name)
            page.locator(f".view-{name}").wait_for(state="visible", timeout=60_000)
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            took[name].append(1000 * (time.monotonic() - began))
            page.wait_for_function(_FOLLOWED, arg=name)
            if visit:
                followed.append(1000 * (time.monotonic() - began))
    return took, followed


def page(ticks: int, repeats: int) -> list[Line]:
    """One run of about two minutes; its arguments are those of all works and have no meaning here."""
    with desk_stack(_LONG + 200) as stack:
        short, long = refresh(stack, 600), refresh(stack, _LONG)
        opened = sorted(first_paint_s(stack) for _ in range(3))[1]
        desk = stack.open(stack.browser.new_page(viewport=VIEWPORT), 600)  # type: ignore[arg-type]
        views, followed = switches_ms(desk.page)
    again = {name: float(np.median(values[1:])) for name, values in views.items()}
    slowest = max(again, key=lambda name: again[name])
    made = ", ".join(f"{name} {values[0]:.0f}" for name, values in views.items())
    return [
        Line(
            "one page, 600 bars: a refresh",
            f"{short.cpu_ms:.1f} ms CPU, {short.size / 1000:.1f} kB",
            f"≤ {CPU_MS:g}, ≤ {WIRE_BYTES / 1000:g}",
            short.cpu_ms <= CPU_MS and short.size <= WIRE_BYTES,
            f"{short.count} refreshes, two a second; row written → drawn p95 {short.drawn_p95_ms:.0f} ms",
        ),
        at_most(
            "one page, 600 bars: frame → paint",
            short.paint_p95_ms,
            PAINT_MS,
            "ms at p95",
            f"p50 {short.paint_p50_ms:.0f} ms, in Chromium on the same processors",
        ),
        at_most(
            f"one page, {_LONG:,} bars against 600",
            max(long.cpu_ms / short.cpu_ms, long.paint_p50_ms / short.paint_p50_ms),
            LONG_RATIO,
            "times",
            f"server {long.cpu_ms:.1f} ms CPU, {long.size / 1000:.1f} kB; frame → paint p50 {long.paint_p50_ms:.0f}, "
            f"p95 {long.paint_p95_ms:.0f} ms; the larger of the ratios of CPU and of p50",
        ),
        at_most("first paint, warm server", opened, FIRST_PAINT_S, "s", "the middle of three pages"),
        at_most(
            "switch to a view visited before",
            again[slowest],
            SWITCH_MS,
            "ms",
            f"the slowest: {slowest}, the middle of {_SWITCHES}; the server has written to it after {np.median(followed):.0f} ms, "
            f"{max(followed):.0f} at most; first visits, where the view is made: {made} ms",
        ),
    ]

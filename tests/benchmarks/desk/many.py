"""The lines about many pages: what twenty cost together, and whether memory comes back when pages close."""

from playwright.sync_api import BrowserContext, Page

from tests.benchmarks.desk.browser import note_arrivals, noted
from tests.benchmarks.desk.stack import Desk, cpu_s, desk_stack
from tests.benchmarks.table import Line, at_most

PAGES, SECONDS, BEHIND_S = 20, 20.0, 1.0
ROUNDS, EACH = 50, 10
_GROWTH = 1.10
"""Memory after all rounds, to that after the first five: allocators settle by then."""
_SETTLED = 5
_SMALL = {"width": 1000, "height": 640}


def _opened(stack: Desk, context: BrowserContext, count: int) -> list[Page]:
    made = []
    for _ in range(count):
        page = context.new_page()
        page.goto(f"{stack.url}?n=600")
        made.append(page)
    for page in made:
        page.wait_for_function("window.pairsDesk && pairsDesk.draws > 0", timeout=120_000)
    return made


def _together(stack: Desk) -> list[Line]:
    """Twenty pages, each of which gets every row."""
    with stack.browser.new_context(viewport=_SMALL) as context:  # type: ignore[arg-type]
        opened = _opened(stack, context, PAGES)
        for page in opened:
            note_arrivals(page)
        stack.pulse(2.0, opened[0].wait_for_timeout)
        stack.written.clear()
        before = cpu_s(stack.server)
        count = stack.pulse(SECONDS, opened[0].wait_for_timeout)
        cores = (cpu_s(stack.server) - before) / (0.5 * count)
        last = stack.ms(stack.next_bar - 1)
        worst = 0.0
        for page in opened:
            page.wait_for_function("(at) => window.arrivedAt[at] !== undefined", arg=last, timeout=30_000)
            arrived = noted(page, "arrivedAt")
            worst = max(worst, *((arrived[at] - sent) / 1000 for at, sent in stack.written.items()))
    figures = f"{count} refreshes, two a second; the browser with its {PAGES} pages runs on the same processors"
    return [
        at_most(f"{PAGES} pages: the server", cores, 1.0, "cores", figures),
        at_most(
            f"{PAGES} pages: the furthest behind", worst, BEHIND_S, "s", "row written → in the page, the worst of all"
        ),
    ]


def _rounds(stack: Desk) -> Line:
    """Open and close pages again and again."""
    sizes = []
    for _ in range(ROUNDS):
        with stack.browser.new_context(viewport=_SMALL) as context:  # type: ignore[arg-type]
            _opened(stack, context, EACH)
        sizes.append(stack.server.memory_info().rss / 2**20)
    growth = sizes[-1] / sizes[_SETTLED - 1]
    return Line(
        f"{ROUNDS} rounds of opening and closing {EACH} pages: memory",
        f"{growth:.2f} times",
        f"≤ {_GROWTH:g}",
        growth <= _GROWTH,
        f"server {sizes[0]:.0f} MiB after round 1, {sizes[_SETTLED - 1]:.0f} after {_SETTLED}, "
        f"{sizes[ROUNDS // 2]:.0f} half-way, {sizes[-1]:.0f} at the end",
    )


def pages(ticks: int, repeats: int) -> list[Line]:
    """One run of several minutes; its arguments are those of all works and have no meaning here."""
    with desk_stack(700) as stack:
        return [*_together(stack), _rounds(stack)]

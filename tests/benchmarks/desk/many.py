"""The lines about many pages: what twenty cost together, and whether memory comes back when pages close.

Twenty pages drawn by Chromium want more than two processors for themselves, and it gives all but the front page of a window a lower
priority: rows then wait in the browser, for minutes. So most pages are sessions without a browser (`wire.py`), and a few are drawn, each in
a window of its own.
"""

import math
import re
from contextlib import ExitStack

from tests.benchmarks.desk.browser import note_arrivals, noted
from tests.benchmarks.desk.stack import Desk, cpu_s, desk_stack
from tests.benchmarks.desk.wire import WirePage, WirePages
from tests.benchmarks.table import Line, at_most

PAGES, DRAWN, SECONDS, BEHIND_S = 20, 2, 20.0, 1.0
ROUNDS, EACH = 50, 10
_GROWTH = 1.10
"""Memory after all rounds, to that after the first five: allocators settle by then."""
_SETTLED = 5
_MEASURED = (1, _SETTLED, ROUNDS // 2, ROUNDS)
_SMALL = {"width": 1000, "height": 640}
_SESSIONS = re.compile(r'data-tile="Sessions">.*?class="value">(\d+)<')


def _together(stack: Desk, wires: WirePages) -> list[Line]:
    """Twenty pages, each of which gets every row."""
    with ExitStack() as windows:
        contexts = [windows.enter_context(stack.browser.new_context(viewport=_SMALL)) for _ in range(DRAWN)]  # type: ignore[arg-type]
        drawn = [context.new_page() for context in contexts]
        for page in drawn:
            page.goto(f"{stack.url}?n=600")
            page.wait_for_function("window.pairsDesk && pairsDesk.draws > 0", timeout=60_000)
            note_arrivals(page)
        sent = wires.open(f"{stack.url}?n=600", PAGES - DRAWN)
        stack.pulse(2.0, drawn[0].wait_for_timeout)
        stack.written.clear()
        before = cpu_s(stack.server)
        count = stack.pulse(SECONDS, drawn[0].wait_for_timeout)
        cores = (cpu_s(stack.server) - before) / (0.5 * count)
        last = stack.ms(stack.next_bar - 1)
        wires.until(sent, lambda page: last in page.arrived, 30)
        for page in drawn:
            page.wait_for_function("(at) => window.arrivedAt[at] !== undefined", arg=last, timeout=30_000)
        behind_drawn = max(_behind_s(stack, noted(page, "arrivedAt")) for page in drawn)
        behind = max(_behind_s(stack, page.arrived) for page in sent)
        wires.close(sent)
    of = f"{PAGES - DRAWN} sessions without a browser, {DRAWN} in Chromium on the same processors"
    return [
        at_most(f"{PAGES} pages: the server", cores, 1.0, "cores", f"{count} refreshes, two a second; {of}"),
        at_most(
            f"{PAGES} pages: the furthest behind",
            max(behind, behind_drawn),
            BEHIND_S,
            "s",
            f"row written → in the page, the worst row of the worst page: {behind:.2f} s without a browser, "
            f"{behind_drawn:.2f} s in Chromium",
        ),
    ]


def _behind_s(stack: Desk, arrived: dict[int, float]) -> float:
    """The longest that a closed row took to one page; infinite if one never came."""
    return max((arrived.get(at, math.inf) - sent) / 1000 for at, sent in stack.written.items())


def _rounds(stack: Desk, wires: WirePages) -> Line:
    """Open and close pages again and again."""
    sizes = {}
    (health,) = wires.open(f"{stack.url}?n=600&view=health", 1)
    for done in range(1, ROUNDS + 1):
        wires.close(wires.open(f"{stack.url}?n=600", EACH))
        if done in _MEASURED:
            wires.until([health], _alone)
            sizes[done] = stack.server.memory_info().rss / 2**20
    wires.close([health])
    growth = sizes[ROUNDS] / sizes[_SETTLED]
    return Line(
        f"{ROUNDS} rounds of opening and closing {EACH} pages: memory",
        f"{growth:.2f} times",
        f"≤ {_GROWTH:g}",
        growth <= _GROWTH,
        f"sessions without a browser; server {', '.join(f'{size:.0f} MiB after {done}' for done, size in sizes.items())}, "
        "each time with all of them gone",
    )


def _alone(page: WirePage) -> bool:
    """Whether the server has let go of every other session, which it does some time after the page has closed."""
    found = _SESSIONS.search(page.text("cost"))
    return found is not None and int(found[1]) == 1


def pages(ticks: int, repeats: int) -> list[Line]:
    """One run of several minutes; its arguments are those of all works and have no meaning here."""
    with desk_stack(700) as stack, WirePages() as wires:
        return [*_together(stack, wires), _rounds(stack, wires)]

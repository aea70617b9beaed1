"""`make pictures`: the whole stack on a seeded simulated market, and a picture of every view of the page into docs/pictures.

Takes about eight minutes: as long as windows and tests fill, and a stretch of market for the charts. The pictures say SIMULATED, as the
page does.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path[:0] = [
    str(Path(__file__).parent / "browser")
]  # where the helpers of the browser tests lie, which are no package

from desk_page import DeskPage  # noqa: E402

from dashboard.state import VIEWS  # noqa: E402
from tests.chromium import system_chromium  # noqa: E402
from tests.ports import take_free_ports  # noqa: E402
from tests.running_stack import PORTS, ROOT, Stack  # noqa: E402

OUT = ROOT / "docs" / "pictures"
PAIRS = (
    "ETHUSDT/BTCUSDT", "SOLUSDT/ETHUSDT", "BNBUSDT/BTCUSDT", "ADAUSDT/ETHUSDT", "AVAXUSDT/SOLUSDT", "XRPUSDT/BTCUSDT",
    "LINKUSDT/ETHUSDT", "DOTUSDT/ETHUSDT", "LTCUSDT/BTCUSDT", "DOGEUSDT/BTCUSDT",
)  # fmt: skip
SETTINGS = {
    "MARKET__PAIRS": "[" + ", ".join(f'"{pair}"' for pair in PAIRS) + "]",
    "SIMULATOR__SEED": "42",
    "SIMULATOR__TRADES_PER_S": "150",
    "SIMULATOR__HALF_LIFE_S": "25",
    "TESTS__CADENCE_1S": "60",
    "TESTS__WINDOW_1S": "300",
}
MODEL, WINDOW = "ols_fast", 120
SIZES = {"": (1600, 900), "-1366": (1366, 768), "-1920": (1920, 1080)}
_SETTLE_MS = 2_500
"""For what a view draws from a thread of its own, after the view says that it is there."""


def main() -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--all-sizes", action="store_true", help="every view at 1366×768 and 1920×1080 too")
    parser.add_argument("--seconds", type=float, default=420, help="how long to watch the market before")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="pictures-") as folder,
        Stack(Path(folder), take_free_ports(len(PORTS)), SETTINGS) as stack,
    ):
        stack.until(lambda: (stack.feed() or {}).get("ready"), "every leg live", 600)
        time.sleep(options.seconds)
        with _browser() as browser:
            url = f"http://127.0.0.1:{stack.ports['DASHBOARD__PORT']}/app"
            for suffix, (width, height) in SIZES.items() if options.all_sizes else [("", SIZES[""])]:
                page = browser.new_page(viewport={"width": width, "height": height})
                _views(page, url, options.out, suffix)
                page.close()
    return 0


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def _views(page: Page, url: str, out: Path, suffix: str) -> None:
    """Every view, the workspace paused as well, and in the light theme."""
    desk = DeskPage(page, url)
    for view in VIEWS:
        desk.open("", view=view, model=MODEL)
        page.locator(f".view-{view}").wait_for(state="visible")
        if view == "analysis":  # the first visit loads the compiled libraries
            page.locator('[data-role="liquidity"]').wait_for(timeout=120_000)
        if view == "explain":  # so does the first explanation
            page.get_by_role("table").first.wait_for(timeout=120_000)
        page.wait_for_timeout(_SETTLE_MS)
        _picture(page, out / f"{view}{suffix}.png")
    desk.open("", model=MODEL)
    desk.until("rows", lambda: len(desk.rows("time")) > WINDOW, 30)
    desk.drag("zscore", 320)
    desk.until("paused", lambda: not desk.following())
    frame = desk.frame_of("spread")
    page.mouse.move(frame["left"] + 0.4 * frame["width"], frame["top"] + 0.5 * frame["height"])
    page.wait_for_timeout(_SETTLE_MS)
    _picture(page, out / f"paused{suffix}.png")
    desk.open("", model=MODEL, theme="light")
    desk.until("rows", lambda: len(desk.rows("time")) > WINDOW, 30)
    page.wait_for_timeout(_SETTLE_MS)
    _picture(page, out / f"light{suffix}.png")


def _picture(page: Page, path: Path) -> None:
    page.screenshot(path=path)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    sys.exit(main())

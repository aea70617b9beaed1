"""Serves the page as documented; reads and drives it in the browser by its models instead of pixels."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent.parent
_LAUNCH = ROOT / "flows" / "process" / "launch.py"
_SOURCE = "Bokeh.documents[0].get_model_by_name('rows')"
_RANGE = "Bokeh.documents[0].get_model_by_name('time')"


@contextmanager
def served(port: int, log: Path, environment: dict[str, str], *options: str) -> Iterator[tuple[str, int]]:
    """`panel serve dashboard/app.py` in a process of its own; the address of its page, and the process id."""
    panel = [sys.executable, "-m", "panel", "serve", "dashboard/app.py", "--port", str(port), "--liveness", *options]
    panel += ["--plugins", "dashboard.routes"]
    argv = [
        sys.executable,
        "-I",
        "-S",
        str(_LAUNCH),
        str(os.getpid()),
        *panel,
    ]  # ends with this process, however that ends
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **environment}, stdout=out, stderr=out)
        try:
            await_answer(port, "liveness", lambda: process.poll() is None)
            yield f"http://localhost:{port}/app", process.pid
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


def await_answer(port: int, path: str = "", alive: Callable[[], bool] = lambda: True) -> None:
    """Return when the server on that port answers."""
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/{path}", timeout=5):
                return
        except OSError:
            assert alive(), "the server has ended"
            assert time.monotonic() < until, f"no answer from port {port} within a minute"
            time.sleep(0.1)


class DeskPage:
    """One page of the desk."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def open(self, dataset: str, **query: str) -> None:
        """Open the page on a dataset and wait until its script runs."""
        values = {"dataset": dataset, **query}
        self.page.goto(f"{self.url}?" + "&".join(f"{key}={value}" for key, value in values.items()))
        self.page.wait_for_function("window.pairsDesk !== undefined", timeout=20_000)

    def until(self, what: str, wanted: Callable[[], Any], deadline_s: float = 10.0) -> Any:
        """Wait for a condition; its value. `what` is said when it does not come."""
        end = time.monotonic() + deadline_s
        while not (value := wanted()):
            assert time.monotonic() < end, f"not within {deadline_s} s: {what}; the page says: {self.text()[:600]}"
            self.page.wait_for_timeout(30)
        return value

    def until_newest(self, ms: int) -> None:
        """Wait until the browser holds the row of that time and has drawn after it came."""
        self.until(f"a row at {ms}", lambda: self.rows("time")[-1:] == [ms])
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def text(self, region: str = "") -> str:
        """What a region of HTML says; all of the page without one."""
        names = (
            [region] if region else ["banner", "pills", "tiles", "notice", "signal", "looks", "rail", "header", "clock"]
        )
        return " | ".join(self._html(name) for name in names)

    def _html(self, name: str) -> str:
        return str(
            self.page.evaluate(
                """(name) => { const model = Bokeh.documents[0].get_model_by_name(name);
                const at = document.createElement('div'); at.innerHTML = model?.visible ? model.text : '';
                for (const part of at.querySelectorAll('div, span, b, small, td, th')) part.append(' ');
                return at.textContent.replace(/\\s+/g, ' ').trim(); }""",
                name,
            )
        )

    def tile(self, name: str) -> str:
        """The value of a tile."""
        return self.page.locator(f'[data-tile="{name}"] .value').inner_text()

    def rows(self, column: str) -> list[float]:
        """A column of the rows in the browser; None is NaN."""
        return list(self.page.evaluate(f"(name) => Array.from({_SOURCE}.data[name])", column))

    def head(self, panel: str) -> str:
        """The head line of a chart."""
        return self._html(f"head-{panel}")

    def following(self) -> bool:
        return bool(self.page.evaluate("pairsDesk.following"))

    def range(self) -> tuple[float, float]:
        """The time range in view, in ms."""
        start, end = self.page.evaluate(f"[{_RANGE}.start, {_RANGE}.end]")
        return start, end

    def frame_of(self, panel: str) -> dict[str, float]:
        """Where a chart's frame is on the screen: left, top, width, height."""
        return dict(
            self.page.evaluate(
                """(name) => { const figure = Bokeh.documents[0].get_model_by_name(name);
                const view = Bokeh.index.find_one(figure), box = view.el.getBoundingClientRect(), frame = view.frame.bbox;
                return { left: box.x + frame.left, top: box.y + frame.top, width: frame.width, height: frame.height }; }""",
                panel,
            )
        )

    def drag(self, panel: str, by: float) -> None:
        """Drag a chart sideways, in pixels."""
        frame = self.frame_of(panel)
        x, y = frame["left"] + frame["width"] / 2, frame["top"] + frame["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by / 2, y, steps=4)
        self.page.mouse.move(x + by, y, steps=4)
        self.page.mouse.up()

"""The whole stack as documented, with an exchange that is told to acknowledge one stream and stay silent on it."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from desk_page import DeskPage
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

_PORTS = (
    "STORAGE__HTTP_PORT",
    "STORAGE__PG_PORT",
    "STORAGE__HEALTH_PORT",
    "SIMULATOR__PORT",
    "DASHBOARD__PORT",
    "HEALTH__PORT",
)
RED_WITHIN_S = 5.0
STREAM = "btcusdt@aggTrade"


class Live:
    """`pairs up` with the simulated exchange, in an empty folder, on free ports."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.folder, self.ports = folder, dict(zip(_PORTS, ports, strict=True))
        self.environment = {**os.environ, **{f"PAIRS_{name}": str(port) for name, port in self.ports.items()}}

    def output(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def page_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['DASHBOARD__PORT']}/app"

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What `/readyz` answers: HTTP status and body; 0 where nobody answers yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['HEALTH__PORT']}/readyz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}

    def control(self, command: str) -> None:
        """Tell the exchange."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['SIMULATOR__PORT']}/control/{command}", timeout=5):
            pass

    def status(self) -> tuple[int, str]:
        """Exit code and output of `pairs status`."""
        argv = [sys.executable, "-m", "flows.cli", "status"]
        done = subprocess.run(argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.stderr == ""
        return done.returncode, done.stdout


@pytest.fixture
def live(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Live]:
    """Running; gone after the test."""
    made = Live(tmp_path, free_ports(len(_PORTS)))
    argv = [sys.executable, "-m", "flows.cli", "up", "--source", "simulated"]
    with (tmp_path / "output").open("w") as out:
        process = subprocess.Popen(argv, cwd=tmp_path, env=made.environment, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + 120
            while made.ready()[0] != 200 or "page: " not in made.output():
                assert process.poll() is None, made.output()
                assert time.monotonic() < deadline, f"not ready: {made.ready()}\n{made.output()}"
                time.sleep(0.1)
            yield made
        finally:
            process.terminate()
            process.wait(60)
    assert "Traceback" not in made.output(), made.output()


def test_an_acknowledged_stream_that_stays_silent_turns_page_and_readyz_red_within_5_s(page: Page, live: Live) -> None:
    desk = DeskPage(page, live.page_url)
    desk.open("", view="feed")  # header and banner are those of every view, and no chart is drawn meanwhile
    desk.until("both legs live", lambda: desk.page.locator("span[data-leg] .pill.teal").count() == 2, 30)
    assert live.ready()[1]["ready"] is True
    assert live.status()[0] == 0

    live.control(f"add?fault=silent&stream={STREAM}")
    fell = time.monotonic()
    red = {"page": 0.0, "readyz": 0.0}
    alert = desk.page.get_by_role("alert").filter(has_text="BTCUSDT silent since")

    def all_red() -> bool:
        if not red["readyz"] and live.ready()[0] == 503:
            red["readyz"] = time.monotonic() - fell
        if not red["page"] and alert.count() and desk.page.locator('span[data-leg="BTCUSDT"] .pill.red').count():
            red["page"] = time.monotonic() - fell
        return all(red.values())

    desk.until("red", all_red, 3 * RED_WITHIN_S)
    assert max(red.values()) <= RED_WITHIN_S, f"red after so many seconds: {red}"
    assert "BTCUSDT" in live.ready()[1]["legs"]
    assert "ETHUSDT" not in live.ready()[1]["legs"]
    assert desk.page.locator('span[data-leg="ETHUSDT"] .pill.teal').count() == 1
    code, said = live.status()
    assert (code, said.startswith("NOT READY")) == (1, True)
    assert re.search(r"BTCUSDT\s+silent", said)

    live.control("clear")
    desk.until(
        "recovered", lambda: live.ready()[0] == 200 and desk.page.locator("span[data-leg] .pill.teal").count() == 2, 30
    )
    desk.until("no banner", lambda: "BTCUSDT silent" not in desk.text("banner"), RED_WITHIN_S)
    assert live.status()[0] == 0
    kinds = desk.until("its events", lambda: re.findall(r"silent|flowing", desk.text("feed-events")))
    assert {"silent", "flowing"} <= set(kinds)
    assert desk.page.locator("table.events [data-kind='lost']").count() == 0, "REST gave what the stream did not"

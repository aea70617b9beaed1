"""The whole stack as documented, with an exchange that is told to acknowledge one stream and stay silent on it."""

import json
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

from tests.running_stack import PORTS, Stack

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

RED_WITHIN_S = 5.0
STREAM = "btcusdt@aggTrade"


def ready(live: Stack) -> tuple[int, dict[str, Any]]:
    """What `/readyz` answers: HTTP status and body; 0 where nobody answers yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{live.ports['HEALTH__PORT']}/readyz", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, {}


def status(live: Stack) -> tuple[int, str]:
    """Exit code and output of `pairs status`."""
    argv = [sys.executable, "-m", "flows.cli", "status"]
    done = subprocess.run(argv, cwd=live.cwd, env=live.environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def live(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Stack]:
    """Running; gone after the test."""
    with Stack(tmp_path, free_ports(len(PORTS)), {}, cwd=tmp_path) as made:
        made.until(lambda: ready(made)[0] == 200 and "page: " in made.output, "a page, and data on every leg")
        yield made
    assert "Traceback" not in made.output, made.output


def _words(text: str) -> set[str]:
    return {word for word in re.sub(r"[,_]", " ", text.lower()).split() if re.search(r"[a-z]", word)}


def everything_of_pairs_status_is_on_the_health_view(desk: DeskPage, live: Stack) -> None:
    """Its words, and of what stands still its times: figures have moved on between the two."""
    printed = status(live)[1]
    assert {"queued", "btcusdt", "p99", "connection"} <= _words(printed)
    renamed = {"chunk", "ago", "latency", "connections"}

    regions = "flow", "feed-legs", "feed-stages", "feed-events"

    def lacking() -> set[str]:
        shown = "(names) => names.map((name) => Bokeh.documents[0].get_model_by_name(name).text).join()"
        return _words(printed) - renamed - _words(re.sub("<[^>]*>", " ", desk.page.evaluate(shown, regions)))

    desk.until("all that was printed", lambda: not lacking(), 20)
    connected = re.findall(r"^ *1 +yes +(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", printed, re.MULTILINE)
    assert len(connected) == 1
    assert connected[0] in desk.text("flow")
    spreads = desk.page.locator("td.spread svg[aria-label*=' in 5 minutes: 50% within ']")
    desk.until("the distribution of every stage", lambda: spreads.count() == 5)


def _pills(desk: DeskPage, colour: str, symbol: str = "") -> int:
    leg = f'span[data-leg="{symbol}"]' if symbol else "span[data-leg]"
    return desk.page.locator(f"{leg} .pill.{colour}").count()


def _alert(desk: DeskPage) -> int:
    return desk.page.get_by_role("alert").filter(has_text="BTCUSDT silent since").count()


@pytest.mark.alone
def test_an_acknowledged_stream_that_stays_silent_turns_page_and_readyz_red_within_5_s(page: Page, live: Stack) -> None:
    desk = DeskPage(page, f"http://127.0.0.1:{live.ports['DASHBOARD__PORT']}/app")
    desk.open("", view="feed")
    charts = DeskPage(page.context.new_page(), desk.url)
    charts.open("")
    charts.until("bars of both legs", lambda: len(charts.rows("time")) > 3, 30)
    for each in (desk, charts):
        each.until("both legs live", lambda each=each: _pills(each, "teal") == 2, 30)  # type: ignore[misc]
    assert ready(live)[1]["ready"] is True
    assert status(live)[0] == 0
    desk.until("distributions", lambda: desk.page.locator("td.spread svg").count() == 5, 15)
    everything_of_pairs_status_is_on_the_health_view(desk, live)

    live.exchange("/control/add", fault="silent", stream=STREAM)
    fell = time.monotonic()
    red = {"feed": 0.0, "workspace": 0.0, "readyz": 0.0}

    def all_red() -> bool:
        if not red["readyz"] and ready(live)[0] == 503:
            red["readyz"] = time.monotonic() - fell
        for view, each in (("feed", desk), ("workspace", charts)):
            if not red[view] and _alert(each) and _pills(each, "red", "BTCUSDT"):
                red[view] = time.monotonic() - fell
        return all(red.values())

    desk.until("red", all_red, 3 * RED_WITHIN_S)
    assert max(red.values()) <= RED_WITHIN_S, f"red after so many seconds: {red}"
    assert "BTCUSDT" in ready(live)[1]["legs"]
    assert "ETHUSDT" not in ready(live)[1]["legs"]
    assert _pills(desk, "teal", "ETHUSDT") == _pills(charts, "teal", "ETHUSDT") == 1
    code, said = status(live)
    assert (code, said.startswith("NOT READY")) == (1, True)
    assert re.search(r"BTCUSDT\s+silent", said)

    live.exchange("/control/clear")
    desk.until("recovered", lambda: ready(live)[0] == 200 and _pills(desk, "teal") == _pills(charts, "teal") == 2, 30)
    for each in (desk, charts):
        each.until("no banner", lambda each=each: "BTCUSDT silent" not in each.text("banner"), RED_WITHIN_S)  # type: ignore[misc]
    assert status(live)[0] == 0
    kinds = desk.until("its events", lambda: re.findall(r"silent|flowing", desk.text("feed-events")))
    assert {"silent", "flowing"} <= set(kinds)
    assert desk.page.locator("table.events [data-kind='lost']").count() == 0, "REST gave what the stream did not"

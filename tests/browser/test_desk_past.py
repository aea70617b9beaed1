"""The time machine in Chromium: from an address, played, paused, stepped, sought, and back."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from desk_page import DeskPage
from feed_rows import FeedWriter
from short_replay import short_replay

from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

MIDNIGHT = 1_721_347_200_000
"""2024-07-19T00:00:00Z in ms; the recording ends 302 s later."""
LAST = MIDNIGHT + 302_000
_LATER = """() => {
  const said = Bokeh.documents[0].get_model_by_name('past').tags[0], t = Bokeh.documents[0].get_model_by_name('rows').data.time;
  return said.at != null && t.length > 0 && t[t.length - 1] + pairsDesk.m.step > said.at; }"""


@pytest.fixture(scope="module")
def dataset(questdb: ManagedServer, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return short_replay(questdb, shared_data, tmp_path_factory.mktemp("deskpast"), "deskpast")


def said(desk: DeskPage, key: str) -> object:
    return desk.page.evaluate("(key) => Bokeh.documents[0].get_model_by_name('past').tags[0]?.[key]", key)


def newest(desk: DeskPage) -> float | None:
    return (desk.rows("time") or [None])[-1]


def address(desk: DeskPage, key: str) -> str:
    return parse_qs(urlsplit(desk.page.url).query).get(key, [""])[0]


def test_play_pause_step_seek_and_back(desk: DeskPage, dataset: str, questdb: ManagedServer) -> None:
    desk.open(dataset, tf="1s", at="2024-07-18T23:58:00Z", speed="10")
    desk.until("the moment of the address", lambda: newest(desk) == MIDNIGHT - 121_000)
    pill = desk.page.locator("[data-role=as-of]")
    desk.until("the pill", lambda: pill.inner_text() == "❚❚ AS OF 2024-07-18 23:58:00 UTC")
    assert "FOLLOWING" not in desk.text("clock")
    with connect(questdb.read_address) as connection:
        stored = connection.execute(
            "SELECT zscore FROM deskpast_pair_stats_1s WHERE model = 'ols' AND open_time <= '2024-07-18T23:57:59' LIMIT -1"
        ).fetchall()[0][0]
    assert desk.tile("z").startswith(f"{stored:,.2f}")
    assert desk.page.get_by_label("Play 10 times as fast as time").get_attribute("aria-pressed") == "true"

    play = desk.page.get_by_role("button", name="Play", exact=True)
    play.focus()
    desk.page.keyboard.press("Enter")
    later = desk.page.evaluate(
        "() => { window.later = 0; setInterval(() => { window.later += (" + _LATER + ")(); }, 100); return 0; }"
    )
    desk.until("it plays", lambda: (newest(desk) or 0) > MIDNIGHT - 117_000)
    assert desk.page.get_by_role("button", name="Pause", exact=True).count() == 1
    desk.page.keyboard.press("Enter")  # the button has kept the focus
    desk.until("it stands", lambda: said(desk, "playing") is False, 30)
    at = desk.until("the address", lambda: address(desk, "at"))
    assert address(desk, "speed") == "10"
    assert at.replace("T", " ")[:19] in pill.inner_text()
    assert desk.page.evaluate("window.later") == later, "nothing was ever shown before its time"

    when = desk.page.get_by_label("Moment, UTC")
    when.fill("2024-07-19 00:02:30")
    when.press("Enter")
    desk.until("sought", lambda: newest(desk) == MIDNIGHT + 149_000)
    desk.page.get_by_role("button", name="One bar on").press("Enter")
    desk.until("a bar on", lambda: newest(desk) == MIDNIGHT + 150_000)
    desk.page.get_by_role("button", name="One bar back").click()
    desk.until("a bar back", lambda: newest(desk) == MIDNIGHT + 149_000)
    slide = desk.page.get_by_label("Moment within what is stored")
    slide.press("ArrowLeft")
    desk.until("the slider", lambda: said(desk, "at") < MIDNIGHT + 150_000)
    assert slide.get_attribute("aria-valuetext").endswith(" UTC")
    when.fill("teatime")
    when.press("Enter")
    desk.until("a wrong time is said", lambda: 'found "teatime"' in str(said(desk, "says")))
    when.fill("2024-07-19 00:02:00")
    when.press("Enter")
    desk.until("said no more", lambda: said(desk, "says") == "" and newest(desk) == MIDNIGHT + 119_000)
    desk.page.get_by_label("Play 60 times as fast as time").click()
    play.click()
    desk.until("the end", lambda: said(desk, "says") == "end of the stored data" and said(desk, "playing") is False, 30)
    assert newest(desk) == LAST - 1_000
    when.fill("2024-07-19 00:02:00")
    when.press("Enter")
    desk.until("back from the end", lambda: newest(desk) == MIDNIGHT + 119_000)
    desk.page.get_by_role("button", name="1m", exact=True).click()
    desk.until("another interval of the same moment", lambda: newest(desk) == MIDNIGHT + 60_000)
    assert (said(desk, "at"), address(desk, "at")) == (MIDNIGHT + 120_000, "2024-07-19T00:02:00Z")
    desk.page.reload()
    desk.page.wait_for_function("window.pairsDesk !== undefined")
    desk.until("the same after a reload", lambda: newest(desk) == MIDNIGHT + 60_000)

    desk.page.get_by_role("button", name="Back to live").click()
    desk.until("now", lambda: (newest(desk) or 0) > MIDNIGHT + 200_000)
    desk.until("without a moment", lambda: address(desk, "at") == "" and pill.count() == 0)
    desk.page.get_by_role("button", name="Time machine").click()
    desk.until("back at the end", lambda: said(desk, "at") is not None and "AS OF" in desk.text("clock"))


def test_the_other_views_of_a_moment(desk: DeskPage, dataset: str, questdb: ManagedServer) -> None:
    writer = FeedWriter(questdb.address, dataset)
    writer.events(("lost", "ETHUSDT", "long after the moment", 5, 9, 5))
    writer.await_events()
    desk.open(dataset, tf="1s", at="2024-07-19T00:01:00Z", view="health", what="tls:log:close:20:20:10")
    desk.until("no event of later", lambda: "Nothing has happened yet" in desk.text("feed-events"))
    assert "As of 2024-07-19 00:01:00 UTC" in desk.text("flow")
    assert desk.text("tables") == desk.text("held") == ""
    rests = "Looking back: what ols said then. tls_log_20_c10 is back with the present."
    assert desk.text("apply-said") == rests
    assert desk.page.get_by_role("button", name="Apply", exact=False).count() == 0
    desk.page.get_by_role("button", name="Pairs", exact=True).click()
    desk.until("the present only", lambda: "Pairs shows the present only" in desk.text("present-only"))
    desk.open(dataset, tf="1s", at="2024-07-19T00:01:00Z", explain="2024-07-19T00:01:00Z")
    desk.until("a bar that had not ended", lambda: "Not known then" in desk.text("explain-body"))
    desk.open(dataset, tf="1s", at="2020-01-01", speed="7")
    begin = "before the first row: data begin at 2024-07-18 23:57:03 UTC"
    desk.until("before all", lambda: said(desk, "says") == begin)
    assert "speed must be one of 1, 10, 60, 600" in desk.text("banner")
    assert desk.rows("time") == []
    desk.open(dataset, tf="1s", at="teatime")
    desk.until("live, as the moment was none", lambda: (newest(desk) or 0) >= LAST - 1_000)
    assert re.search(r'at must be a time in UTC such as 2024-03-01T12:00:00Z, was "teatime"', desk.text("banner"))

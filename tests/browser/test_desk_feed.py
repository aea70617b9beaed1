"""How the page shows the feed: red when a leg or the flow falls silent, the Feed view, bars that lack trades."""

import re
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from desk_page import DeskPage
from desk_rows import Market, Writer
from feed_rows import FeedPulse, FeedWriter, LegRow
from playwright.sync_api import Locator

from flows.domain.pair import Pair
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

RED_WITHIN_S = 5.0
_RED, _TEAL = "rgb(255, 161, 152)", "rgb(63, 193, 176)"
DETAIL = "no trade on the stream for 3.2 s, REST gave 12"


def filled(questdb: ManagedServer, dataset: str, origin: str = "simulated", **options: object) -> tuple[Market, Writer]:
    """40 bars, the last of which has just closed, and tables for more."""
    rows = Market(60, (int(time.time()) - 40) * 1_000_000, window=30, **options)  # type: ignore[arg-type]
    writer = Writer(questdb.address, dataset, rows, origin)
    writer.prepare([Pair("ETHUSDT", "BTCUSDT"), Pair("SOLUSDT", "XRPUSDT")])
    writer.write(0, 40)
    writer.await_rows(40)
    return rows, writer


def newest(rows: Market, bars: int = 40) -> int:
    return rows.start_us // 1000 + (bars - 1) * 1000


def pill(desk: DeskPage, symbol: str) -> Locator:
    return desk.page.locator(f'[data-leg="{symbol}"] .pill').first


def colour(found: Locator) -> str:
    """What is replaced between being found and being looked at has none: the page writes its pills anew with each status."""
    while not (said := found.evaluate("(e) => getComputedStyle(e).color")):
        continue
    return str(said)


@pytest.mark.alone
def test_a_leg_that_falls_silent_is_red_within_5_s_and_recovers(desk: DeskPage, questdb: ManagedServer) -> None:
    filled(questdb, "legfalls")
    writer = FeedWriter(questdb.address, "legfalls")
    writer.latency()
    with FeedPulse(writer, LegRow("ETHUSDT"), LegRow("BTCUSDT", "quiet", age_ms=4_200), LegRow("SOLUSDT")) as pulse:
        desk.open("legfalls")
        desk.until(
            "live and quiet",
            lambda: desk.text("pills") == "ETHUSDT LIVE 0.3 s BTCUSDT QUIET 4.2 s latency p95 12 / 3.4 / 240 ms",
        )
        assert colour(pill(desk, "ETHUSDT")) == colour(pill(desk, "BTCUSDT")) == _TEAL
        assert desk.text("banner") == ""

        fell = time.monotonic()
        pulse.set("BTCUSDT", state="silent", since_ms=0, detail=DETAIL)
        desk.until("red", lambda: "BTCUSDT SILENT" in desk.text("pills"), RED_WITHIN_S)
        alert = desk.page.get_by_role("alert")
        alert.wait_for(timeout=1000 * (RED_WITHIN_S - (time.monotonic() - fell)))
        assert re.match(rf"BTCUSDT silent since \d\d:\d\d:\d\d UTC. N{DETAIL[1:]}\.$", alert.inner_text())
        assert colour(pill(desk, "BTCUSDT")) == _RED
        assert colour(pill(desk, "ETHUSDT")) == _TEAL

        pulse.set("BTCUSDT", state="filling", detail="")
        desk.until("amber", lambda: "BTCUSDT filling a gap since" in desk.text("banner"), RED_WITHIN_S)
        assert alert.count() == 0
        pulse.set("BTCUSDT", state="live")
        pulse.set("SOLUSDT", state="unproven")
        desk.until(
            "recovered", lambda: desk.text("banner") == "" and "BTCUSDT LIVE" in desk.text("pills"), RED_WITHIN_S
        )
        desk.until("a leg of another pair", lambda: "+1 LEGS" in desk.text("pills"), RED_WITHIN_S)
        desk.page.get_by_label("Pair").select_option("SOLUSDT/XRPUSDT")
        desk.until("the other pair's legs", lambda: "SOLUSDT UNPROVEN" in desk.text("pills"))
        assert "XRPUSDT NOT REPORTED" in desk.text("pills")
        desk.until("its banner", lambda: "SOLUSDT unproven since" in desk.text("banner"))


@pytest.mark.alone
def test_a_dead_flow_does_not_look_alive(desk: DeskPage, questdb: ManagedServer) -> None:
    filled(questdb, "flowdies")
    desk.open("flowdies")
    desk.until("no status yet", lambda: desk.text("pills") == "NO FEED STATUS")
    writer, legs = FeedWriter(questdb.address, "flowdies"), (LegRow("ETHUSDT"), LegRow("BTCUSDT"))
    with FeedPulse(writer, *legs):
        desk.until("alive", lambda: "ETHUSDT LIVE" in desk.text("pills"))
    died = time.monotonic()
    desk.until("silent", lambda: desk.text("pills").startswith("FLOW SILENT since"), RED_WITHIN_S)
    assert time.monotonic() - died > 2.0, "not before its time"
    assert desk.page.locator('[data-role="flow-silent"].red').count() == 1
    assert desk.page.get_by_role("alert").inner_text().startswith("Flow silent since")
    assert desk.page.locator("[data-leg] .teal").count() == 0
    with connect(questdb.read_address) as connection:
        last = connection.execute("SELECT max(timestamp) FROM flowdies_feed_status").fetchone()[0]
    assert f"since {last:%Y-%m-%d %H:%M:%S} UTC" in desk.text("pills")
    desk.page.reload()
    desk.page.wait_for_function("window.pairsDesk !== undefined")
    desk.until("silent for one who opens the page now", lambda: "FLOW SILENT" in desk.text("pills"), RED_WITHIN_S)
    with FeedPulse(writer, *legs):
        desk.until(
            "alive again", lambda: "ETHUSDT LIVE" in desk.text("pills") and not desk.text("banner"), RED_WITHIN_S
        )


def test_the_feed_view_lists_legs_and_events(desk: DeskPage, questdb: ManagedServer) -> None:
    rows, bars = filled(questdb, "feedview")
    writer = FeedWriter(questdb.address, "feedview")
    writer.latency()
    gap = ("gap", "BTCUSDT", "<img src=x onerror=window.hurt=1>", 1_000, 1_200, 201)
    writer.events(
        ("lost", "ETHUSDT", "older than REST serves", 5, 5, 1),
        *[("connected", "", "again", None, None, None)] * 230,
        gap,
    )
    writer.await_events()
    legs = (
        LegRow("ETHUSDT"),
        LegRow("BTCUSDT", "reconnecting", detail="no close frame", held=330, filled=1_200, missing=12),
    )
    with FeedPulse(writer, *legs) as pulse:
        desk.open("feedview")
        desk.until_newest(newest(rows))
        desk.page.get_by_role("button", name="Health", exact=True).click()
        events = desk.page.locator("table.events tbody tr")
        desk.until("the events", lambda: events.count() == 232)
        assert not desk.page.locator('[data-tile="z"]').is_visible()
        listed = desk.page.locator("table.legs tbody tr")
        assert [row.get_attribute("data-leg") for row in listed.all()] == ["BTCUSDT", "SOLUSDT", "XRPUSDT", "ETHUSDT"]
        assert re.fullmatch(
            r"BTCUSDT\s+RECONNECTING\s+\d\d:\d\d:\d\d\s+0\.3 s\s+0\.0\s+2345678\s+330\s+1,200\s+12\s+no close frame",
            listed.first.inner_text(),
        )
        desk.until("the page's own cost", lambda: re.search(r"Sessions [1-9]\d* .* CPU \d+ %", desk.text("cost")))
        assert re.search(r"Server memory \d+ MiB", desk.text("cost"))
        writer.latency()  # what was measured long before a status is not shown beside it
        drawn = desk.page.locator("td.spread svg[aria-label*='the flow stored no distribution']")
        desk.until("the latencies", lambda: drawn.count() == 5)
        with connect(questdb.read_address) as connection:
            stored = connection.execute("SELECT count() FROM feedview_bars_1s").fetchone()[0]
        tables = desk.page.locator("table.tables tbody tr")
        desk.until("the tables", lambda: re.match(rf"bars_1s\s+{stored}\s", tables.nth(1).inner_text()))
        assert "ETHUSDT/BTCUSDT 1s ols 40" in desk.text("held")
        assert desk.text("flow") == "", "what a flow says of itself is about the main dataset"
        assert re.search(r"sent → received\s+6.00\s+12\s+24\s+36\s+600", desk.page.locator("table.stages").inner_text())
        first = re.split(r"\t", events.first.inner_text())
        assert abs((datetime.now(UTC) - datetime.fromisoformat(first[0] + "+00:00")).total_seconds()) < 60, "UTC"
        assert first[1:] == ["gap", "BTCUSDT", "1000 … 1200", "201", gap[2]]
        assert desk.page.evaluate("window.hurt") is None

        desk.page.get_by_role("button", name="gaps and losses only").click()
        desk.until("gaps and losses", lambda: events.count() == 2)
        assert [row.get_attribute("data-kind") for row in events.all()] == ["gap", "lost"]
        assert colour(events.last.locator(".kind")) == "rgb(240, 80, 77)"
        assert desk.page.get_by_role("button", name="gaps and losses only").get_attribute("aria-pressed") == "true"
        writer.events(("lost", "ETHUSDT", "another", 7, 8, 2))
        desk.until("a new one on top", lambda: events.count() == 3 and "another" in events.first.inner_text())
        pulse.set("BTCUSDT", state="live")
        desk.until("the state follows", lambda: desk.page.locator('tr[data-leg="BTCUSDT"] .teal').count() == 1)

        asked = parse_qs(urlsplit(desk.page.url).query)
        assert (asked["view"], asked["gaps"]) == (["health"], ["1"])
        desk.page.reload()
        desk.until("the same view after a reload", lambda: events.count() == 3)
        draws = desk.page.evaluate("pairsDesk.draws")
        bars.write(40, 42)
        desk.until_newest(newest(rows, 42))
        assert desk.page.evaluate("pairsDesk.draws") == draws, "charts that are not shown are not drawn"
        desk.page.get_by_role("button", name="Workspace").click()
        desk.until("the tiles", lambda: desk.page.locator('[data-tile="z"]').is_visible())
        desk.until("the charts with what came meanwhile", lambda: desk.range()[1] > newest(rows, 42))
        assert desk.frame_of("zscore")["height"] > 50
        assert events.count() == 0 or not events.first.is_visible()


def test_the_list_of_events_stays_where_it_was_scrolled_to(desk: DeskPage, questdb: ManagedServer) -> None:
    filled(questdb, "scrolled")
    writer = FeedWriter(questdb.address, "scrolled")
    writer.events(*[("connected", "", f"connection {i}", None, None, None) for i in range(120)])
    writer.await_events()
    desk.open("scrolled", view="feed")
    events = desk.page.locator("table.events tbody tr")
    desk.until("the events", lambda: events.count() == 120)
    scroll = "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('feed-events')).el.scrollTop"
    desk.page.evaluate(f"{scroll} = 400")
    writer.events(("lost", "ETHUSDT", "another", 7, 8, 2))
    desk.until("a new one", lambda: events.count() == 121)
    assert desk.page.evaluate(scroll) == 400


def test_a_replay_has_events_and_no_status(desk: DeskPage, questdb: ManagedServer) -> None:
    filled(questdb, "q3feed", origin="replay")
    writer = FeedWriter(questdb.address, "q3feed")
    writer.events(("lost", "ETHUSDT", "in the capture", 5, 9, 5))
    writer.await_events()
    desk.open("q3feed")
    desk.until("the source", lambda: "REPLAY" in desk.text("header"))
    desk.page.get_by_role("button", name="Health", exact=True).click()
    desk.until("its events", lambda: "in the capture" in desk.text("feed-events"))
    assert desk.text("pills") == ""
    assert desk.text("banner") == ""
    assert not desk.page.locator("table.legs").is_visible()
    desk.until(
        "tables that are behind nothing",
        lambda: re.search(r"bars_1s 80 [–\d.]+ [-\d]+ [:\d]+ – 0 writes", desk.text("tables")),
    )


def test_bars_that_lack_trades_are_marked(desk: DeskPage, questdb: ManagedServer) -> None:
    rows, bars = filled(questdb, "gapmarks", gaps=(35, 39))
    desk.open("gapmarks")
    desk.until_newest(newest(rows))
    marks = "(leg) => Bokeh.documents[0].get_model_by_name(`marks-${leg}`).data"
    desk.until("the marks", lambda: desk.page.evaluate(marks, "x")["time"] == [newest(rows, 36), newest(rows)])
    assert desk.page.evaluate(marks, "y") == {"time": [], "price": []}
    highs = [rows.rows["x"]["high"].iloc[index] for index in (35, 39)]
    assert all(mark > high for mark, high in zip(desk.page.evaluate(marks, "x")["price"], highs, strict=True))
    desk.until("the tile", lambda: "BTCUSDT ◆ 2 gaps" in desk.text("tiles"))
    assert "trades missing: BTCUSDT" in desk.page.locator('[data-tile="z"] .sub').inner_text()
    assert "◆ trades missing" in desk.head("x")
    assert "trades missing: BTCUSDT" in desk.head("zscore")
    assert "missing" not in desk.head("y")
    bars.write(40, 41)
    desk.until_newest(newest(rows, 41))
    desk.until("no mark on the newest", lambda: "missing" not in desk.head("x") + desk.text("tiles"))
    desk.page.get_by_role("button", name="all", exact=True).click()
    desk.until("still marked", lambda: len(desk.page.evaluate(marks, "x")["time"]) == 2)

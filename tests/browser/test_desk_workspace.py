"""The workspace in Chromium, on a real QuestDB."""

import json
import math
import re
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from desk_page import DeskPage
from desk_rows import FORMING_OFF, Market, Writer

from dashboard.frame import BROWSER_COLUMNS, TICKS_FIELD
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

SECOND_US = 1_000_000


def market(bars: int, age_bars: int, **options: object) -> Market:
    """Bars of which the one at index `age_bars` closes now."""
    now = int(time.time()) * SECOND_US
    return Market(bars, now - age_bars * SECOND_US, **options)  # type: ignore[arg-type]


def filled(questdb: ManagedServer, dataset: str, rows: Market, first: int, **options: object) -> Writer:
    writer = Writer(questdb.address, dataset, rows, **options)  # type: ignore[arg-type]
    writer.prepare()
    if first:
        writer.write(0, first)
        writer.await_rows(first)
    return writer


def ms(rows: Market, index: int) -> int:
    return rows.start_us // 1000 + index * 1000


def from_sql(questdb: ManagedServer, dataset: str, rows: Market, limit: int) -> dict[str, np.ndarray]:
    """The rows as a plain query gives them, under the names the browser has them."""
    names = [name for name in BROWSER_COLUMNS if not name.endswith("_closed")]
    found: dict[str, np.ndarray] = {}
    with connect(questdb.read_address) as connection:
        for leg, symbol in (("y", rows.pair.y), ("x", rows.pair.x)):
            legs = [name for name in names if name.startswith(f"{leg}_")]
            fields = ", ".join(name.removeprefix(f"{leg}_") for name in legs)
            query = f"SELECT {fields} FROM {dataset}_bars_1s WHERE symbol = %s LIMIT -{limit}"  # noqa: S608
            found.update(zip(legs, np.array(connection.execute(query, (symbol,)).fetchall(), float).T, strict=True))
        stats = [name for name in names if name not in found and name != TICKS_FIELD]
        query = f"SELECT {', '.join(stats)} FROM {dataset}_pair_stats_1s LIMIT -{limit}"  # noqa: S608
        found.update(zip(stats, np.array(connection.execute(query).fetchall(), float).T, strict=True))
    return found


def test_the_page_moves_and_holds_what_the_database_holds(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(720, 700)
    writer = filled(questdb, "moves", rows, 700)
    desk.open("moves")
    desk.until_newest(ms(rows, 699))
    head = desk.page.evaluate_handle("Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('head-y')).markup_el")
    for index in range(700, 706):
        writer.write(index, index + 1, complete=False)
        desk.until_newest(ms(rows, index))
        assert desk.rows("y_closed")[-1] == 0
        assert desk.rows("y_close")[-1] == pytest.approx(rows.rows["y"]["close"].iloc[index] + FORMING_OFF, abs=1e-9)
        writer.write(index, index + 1)
        desk.until("the closed row in place of the forming one", lambda: desk.rows("y_closed")[-1] == 1)
    assert head.evaluate("(at) => at.isConnected") is True, (
        "a text that changes is written into its place, nothing is made or laid out anew"
    )
    closed = rows.rows["y"]["close"].iloc[705]
    assert f"C {closed:,.2f}" in head.evaluate("(at) => at.textContent"), "the place shows what the model says"
    looks_up = "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('y')).visuals.background_fill._get_css_value.toString()"
    assert "getComputedStyle" not in desk.page.evaluate(looks_up), "no chart asks the style sheets at each stroke"
    writer.write(706, 720)
    desk.until_newest(ms(rows, 719))
    desk.until("all statistics", lambda: math.isfinite(desk.rows("zscore")[-1] or math.nan))
    assert desk.rows("time") == [ms(rows, index) for index in range(120, 720)], "600 rows, none doubled, none missing"
    for name, wanted in from_sql(questdb, "moves", rows, 600).items():
        held = np.array([math.nan if v is None else v for v in desk.rows(name)], float)
        np.testing.assert_array_equal(held, wanted, err_msg=name)
    assert re.search(r"SIMULATED", desk.text("header"))
    drawn = desk.page.evaluate("Bokeh.documents[0].get_model_by_name('view').data.time.length")
    assert 170 < drawn < 200, "only what is in view is drawn"


def test_numbers_shown_are_numbers_in_sql(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(640, 640)
    filled(questdb, "numbers", rows, 640)
    desk.open("numbers")
    desk.until_newest(ms(rows, 639))
    desk.until("tiles", lambda: "fit of 600 bars" in desk.text("tiles"))
    last = {name: values[-1] for name, values in from_sql(questdb, "numbers", rows, 640).items()}
    assert desk.tile("ETHUSDT") == f"{last['y_close']:,.2f}"
    assert desk.tile("BTCUSDT") == f"{last['x_close']:,.2f}"
    assert desk.tile("z").split(" · ") == [f"{last['zscore']:.2f}", f"one-step {last['zscore_one_step']:.2f}"]
    assert desk.tile("spread") == f"{last['spread'] * 1e4:.1f} · gross –"
    assert desk.tile("hedge") == f"{last['hedge_ratio']:.4f} ± {last['hedge_ratio_se']:.4f}"
    assert desk.tile("r2") == f"{last['r_squared']:.3f}"
    assert desk.tile("correlation") == f"{last['correlation']:.3f} · ticks –"
    assert desk.tile("freshness") == "0.3 s · 0.1 s"
    assert f"z-score, in-sample {last['zscore']:.2f} one-step {last['zscore_one_step']:.2f}" == desk.head("zscore")


def test_follow_pause_and_go_live(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(900, 880)
    writer = filled(questdb, "follow", rows, 880)
    desk.open("follow")
    desk.until_newest(ms(rows, 879))
    start, end = desk.range()
    assert start < ms(rows, 879) < end

    writer.write(880, 881)
    desk.until_newest(ms(rows, 880))
    assert desk.range()[0] == start + 1000, "follows bar by bar"

    desk.drag("zscore", 260)
    desk.until("paused after the drag", lambda: not desk.following())
    paused = desk.range()
    assert paused[1] < ms(rows, 880)
    desk.until("the amber pill", lambda: "PAUSED" in desk.text("clock"))
    before = desk.tile("ETHUSDT")
    writer.write(881, 884)
    desk.until_newest(ms(rows, 883))
    assert desk.range() == paused, "charts stand still"
    desk.until("tiles that go on", lambda: desk.tile("ETHUSDT") != before)

    desk.page.get_by_role("button", name="Go live").click()
    desk.until("live again", lambda: desk.following() and desk.range()[1] > ms(rows, 883))
    desk.page.get_by_role("button", name="60", exact=True).click()
    desk.until("60 bars", lambda: desk.range()[0] == ms(rows, 883) - 60_000)

    frame = desk.frame_of("spread")
    desk.page.mouse.move(frame["left"] + 0.9 * frame["width"], frame["top"] + 20)
    desk.page.mouse.wheel(0, 120)
    desk.until("a wider view", lambda: desk.range()[0] < ms(rows, 883) - 62_000)
    desk.until("judged after the wheel", lambda: desk.page.evaluate("pairsDesk.held") is False)
    writer.write(884, 885)
    desk.until_newest(ms(rows, 884))
    assert desk.following(), "a zoom that keeps the newest bar in view goes on following"
    assert desk.range()[1] > ms(rows, 884)

    desk.drag("y", 300)
    desk.until("paused", lambda: not desk.following())
    desk.page.mouse.dblclick(frame["left"] + 100, frame["top"] + 40)
    desk.until("a double click goes live", desk.following)
    desk.page.get_by_role("button", name="all", exact=True).click()
    desk.until("all bars", lambda: desk.range()[0] <= ms(rows, 285))
    assert desk.page.evaluate("Bokeh.documents[0].get_model_by_name('view').data.time.length") <= 402, "bars are merged"


def test_the_crosshair_reads_out_in_utc(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(650, 650)
    filled(questdb, "crosshair", rows, 650)
    desk.open("crosshair")
    desk.until_newest(ms(rows, 649))
    assert desk.page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == "America/New_York"
    frame = desk.frame_of("hedge")
    desk.page.mouse.move(frame["left"] + 0.4 * frame["width"], frame["top"] + frame["height"] / 2)
    at = desk.until("a hovered time", lambda: desk.page.evaluate("pairsDesk.hovered"))
    index = round((at - ms(rows, 0)) / 1000)
    when = datetime.fromtimestamp(ms(rows, index) / 1000, UTC)
    assert desk.head("spread").endswith(f"{when:%Y-%m-%d %H:%M:%S} UTC")
    bar, stats = rows.rows["x"].iloc[index], rows.rows["stats"].iloc[index]
    wanted = " ".join(
        f"{letter} {bar[name]:,.2f}" for letter, name in zip("OHLC", ("open", "high", "low", "close"), strict=True)
    )
    assert desk.head("x").startswith(f"BTCUSDT {wanted} Vol {bar['volume']:.2f}")
    assert desk.head("x").endswith(f"{when:%H:%M:%S} UTC")
    hedge = (
        f"Hedge ratio β {stats['hedge_ratio']:.4f} ± {stats['hedge_ratio_se']:.4f}"
        if index >= 599
        else "Hedge ratio β – ± –"
    )
    assert desk.head("hedge").startswith(hedge)
    for panel in ("y", "x", "norm", "spread", "zscore", "correlation", "hedge"):
        span = "Bokeh.documents[0].get_model_by_name(name).center.find((r) => r.type === 'Span' && r.dimension === 'height').location"
        assert desk.page.evaluate(f"(name) => {span}", panel) == at, "one crosshair through all charts"
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", desk.text("clock"))
    shown = re.search(r"(\d\d):(\d\d):\d\d UTC", desk.text("clock"))
    assert shown is not None
    assert abs(int(shown[1]) * 60 + int(shown[2]) - (lambda n: n.hour * 60 + n.minute)(datetime.now(UTC))) <= 1


def test_warm_up_counts_and_fills_nothing(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(40, 15, window=30)
    writer = filled(questdb, "warm", rows, 15)
    desk.open("warm")
    desk.until("the count", lambda: desk.text("notice") == "waiting for 30 bars: 15/30 nothing is back-filled")
    assert desk.tile("z") == "– · one-step –"
    assert set(desk.rows("zscore")) <= {None} or all(math.isnan(v) for v in desk.rows("zscore"))
    writer.write(15, 16)
    desk.until("the next count", lambda: "30 bars: 16/30" in desk.text("notice"))
    writer.write(16, 31)
    desk.until("the end of it", lambda: desk.text("notice") == "")
    assert re.match(r"-?\d+\.\d\d · one-step", desk.tile("z"))


def test_a_silent_leg_is_greyed_with_the_reason(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(60, 50, window=30, silent=(45, 52))
    writer = filled(questdb, "silent", rows, 50)
    desk.open("silent")
    desk.until("the reason", lambda: "Stale: BTCUSDT last traded 15.0 s before" in desk.text("banner"))
    assert desk.tile("z") == "– · one-step –"
    assert desk.page.locator('[data-tile="z"].off .sub').inner_text() == "stale: BTCUSDT silent"
    assert desk.rows("x_volume")[-1] == 0, "a bar without trades is a bar"
    writer.write(50, 54)
    desk.until("it trades again", lambda: desk.text("banner") == "")
    assert desk.tile("z") != "– · one-step –"


def test_an_empty_dataset_fills_when_the_flow_starts(desk: DeskPage, questdb: ManagedServer) -> None:
    desk.open("nothing")
    desk.until("why it is empty", lambda: 'Nothing has been written to the dataset "nothing"' in desk.text("notice"))
    assert "NO DATA" in desk.text("header")
    rows = market(40, 20, window=30)
    writer = Writer(questdb.address, "nothing", rows, origin="replay")
    writer.prepare()
    desk.until("no bars yet", lambda: "No bars yet" in desk.text("notice"))
    assert "REPLAY" in desk.text("header")
    writer.write(0, 35)
    desk.until_newest(ms(rows, 34))
    desk.until(
        "the last bar's time, as a replay has no age", lambda: re.search(r"last bar 20\d\d-", desk.text("clock"))
    )


def test_selectors_change_the_view_and_the_address(desk: DeskPage, questdb: ManagedServer) -> None:
    pairs, intervals = (Pair("ETHUSDT", "BTCUSDT"), Pair("SOLUSDT", "XRPUSDT")), (Interval.S1, Interval.M1)
    rows = market(700, 700)
    other = Market(700, rows.start_us, pair=pairs[1], seed=11)
    writer = filled(questdb, "choice", rows, 700)
    writer.prepare(pairs, intervals)
    Writer(questdb.address, "choice", other).write(0, 700)
    desk.open("choice")
    desk.until("the pairs", lambda: desk.page.get_by_label("Pair").locator("option").count() == 2)
    desk.until_newest(ms(rows, 699))

    desk.page.get_by_label("Pair").select_option("SOLUSDT/XRPUSDT")
    wanted = float(other.rows["y"]["close"].iloc[-1])
    desk.until("the other pair's rows", lambda: desk.rows("y_close")[-1:] == [wanted])
    desk.until("its names", lambda: desk.head("y").startswith("SOLUSDT") and desk.tile("SOLUSDT") == f"{wanted:,.2f}")

    desk.page.get_by_label("Look-back, bars").select_option("1800")
    desk.until("a longer look-back", lambda: len(desk.rows("time")) == 700)
    desk.page.get_by_role("button", name="1m").click()
    desk.until("no bars of a minute", lambda: "first 1m bar" in desk.text("notice"))
    assert desk.rows("time") == []

    asked = parse_qs(urlsplit(desk.page.url).query)
    assert (asked["pair"], asked["tf"], asked["n"], asked["model"]) == (["SOLUSDT/XRPUSDT"], ["1m"], ["1800"], ["ols"])
    desk.page.reload()
    desk.until(
        "the same view after a reload",
        lambda: desk.page.evaluate("window.pairsDesk?.m.key") == "choice SOLUSDT/XRPUSDT 1m ols",
    )
    assert desk.page.get_by_label("Look-back, bars").input_value() == "1800"


def test_a_bad_address_is_said_and_the_rest_is_kept(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(40, 40, window=30)
    filled(questdb, "address", rows, 40)
    desk.open("address", entry="x", tf="9h", n="620", pair="A/B")
    said = desk.until("what was wrong", lambda: desk.text("banner"))
    assert 'entry must be a number from 0.5 to 5, was "x"' in said
    desk.until("all of it", lambda: 'no interval "9h" here: showing 1s' in desk.text("banner"))
    assert 'no pair "A/B" here' in desk.text("banner")
    assert desk.page.get_by_label("Look-back, bars").input_value() == "620"
    desk.until_newest(ms(rows, 39))


def test_a_hole_in_time_is_a_gap_not_a_bridge(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(90, 90, window=30)
    writer = filled(questdb, "hole", rows, 50)
    writer.write(70, 90)
    desk.open("hole")
    desk.until_newest(ms(rows, 89))
    view = json.loads(desk.page.evaluate("JSON.stringify(Bokeh.documents[0].get_model_by_name('view').data)"))
    gaps = [t for t, close in zip(view["time"], view["y_close"], strict=True) if close is None]
    assert ms(rows, 50) in gaps
    assert not any(ms(rows, 50) < t < ms(rows, 70) for t in view["time"]), "no bar is made up"

"""The Explain view and the rail in Chromium, on recorded trades that a replay has put into a real QuestDB."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from desk_page import DeskPage
from short_replay import short_replay

from flows.explain.question import iso
from flows.stats.correlation_interval import correlation_interval
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

DATASET = "deskexplain"
CONFIG = """
[market]
intervals = ["1s"]
[tests]
window_1s = 40
cadence_1s = 15
[ticks]
window = 30
look_every_s = 10
[models.ols]
window = 30
z_window = 20
correlation_window = 15
[models.kalman]
method = "kalman"
window = 15
z_window = 15
correlation_window = 15
"""


@pytest.fixture(scope="module")
def recorded(questdb: ManagedServer, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dataset with every table filled by the flow itself."""
    return short_replay(questdb, shared_data, tmp_path_factory.mktemp(DATASET), DATASET, CONFIG)


def newest(questdb: ManagedServer, table: str, columns: Sequence[str], where: str = "") -> dict[str, Any]:
    """The last row of a table by a plain query."""
    query = f"SELECT {', '.join(columns)} FROM {DATASET}_{table} {where} LIMIT -1"  # noqa: S608
    with connect(questdb.read_address) as connection:
        return dict(zip(columns, connection.execute(query).fetchall()[0], strict=True))


def row_of(desk: DeskPage, name: str) -> str:
    return desk.page.locator(f'[data-row="{name}"] b').inner_text()


def cells(desk: DeskPage, column: str) -> list[str]:
    return desk.page.locator(f'tr[data-column="{column}"] td').all_inner_texts()


def test_a_number_is_explained_from_the_page(desk: DeskPage, questdb: ManagedServer, recorded: str) -> None:
    columns = ("cast(open_time AS long)", "zscore", "hedge_ratio", "correlation")
    last = newest(questdb, "pair_stats_1s", columns, "WHERE model = 'ols' AND complete")
    at = last["cast(open_time AS long)"]
    desk.open(recorded, model="ols", tf="1s")
    desk.until("bars", lambda: len(desk.rows("time")) > 100)
    desk.page.get_by_role("button", name="Explain newest bar").click()
    desk.until(
        "progress, or the answer", lambda: "…" in desk._html("explain-body") or "last bit" in desk._html("explain-body")
    )
    desk.until("the answer", lambda: "gives the stored row to the last bit" in desk._html("explain-body"), 60)
    assert "exact fractions: every number within its tolerance" in desk._html("explain-body")
    for name in ("zscore", "hedge_ratio", "correlation"):
        stored, own, other = cells(desk, name)[:3]
        assert (float(stored), own) == (last[name], "same bits")
        assert float(other) == pytest.approx(last[name], rel=1e-9)
    assert "ols has none" in cells(desk, "innovation_sd")[0]
    assert not desk.page.locator('[data-tile="z"]').is_visible()
    assert desk.page.get_by_role("button", name="Explain", exact=True).get_attribute("aria-current") == "page"
    asked = parse_qs(urlsplit(desk.page.url).query)
    assert (asked["view"], asked["explain"]) == (["explain"], [iso(at)])

    desk.page.get_by_role("button", name="bar before").click()
    before = newest(questdb, "pair_stats_1s", columns, f"WHERE model = 'ols' AND open_time < cast({at} AS timestamp)")
    desk.until("the bar before", lambda: cells(desk, "zscore")[:1] == [repr(before["zscore"])], 30)
    shared = desk.page.url
    desk.page.goto("about:blank")
    desk.page.goto(shared)
    desk.until("the same from the address", lambda: cells(desk, "zscore")[:1] == [repr(before["zscore"])], 60)
    desk.page.get_by_label("Model").select_option("kalman")
    desk.until("the other model", lambda: "textbook filter" in desk._html("explain-body"), 30)

    entry = desk.page.get_by_label("Open time of the bar, UTC")
    entry.fill("soon <b>")
    entry.press("Enter")
    alert = desk.page.get_by_role("alert")
    desk.until("what is wrong", lambda: alert.count() == 1 and 'found "soon <b>"' in alert.inner_text())
    desk.page.get_by_role("button", name="newest closed bar").click()
    desk.until("explained again", lambda: "to the last bit" in desk._html("explain-body") and alert.count() == 0, 30)

    desk.page.get_by_role("button", name="back to the charts").click()
    desk.until("the charts", lambda: desk.page.locator('[data-tile="z"]').is_visible())
    assert "explain" not in parse_qs(urlsplit(desk.page.url).query)


def test_a_click_on_a_chart_chooses_the_bar(desk: DeskPage, recorded: str) -> None:
    desk.open(recorded, model="ols", tf="1s")
    desk.until("charts", lambda: desk.rows("time") and desk.range()[1] > desk.rows("time")[-1])
    frame = desk.frame_of("zscore")
    desk.page.mouse.click(frame["left"] + 0.4 * frame["width"], frame["top"] + frame["height"] / 2)
    chosen = desk.until("a chosen bar", lambda: desk.page.evaluate("pairsDesk.chosen"))
    assert chosen in desk.rows("time")
    time = iso(int(chosen) * 1_000)
    button = desk.page.get_by_role("button", name=f"Explain {time[11:19]} UTC")
    desk.until("its time on the button", lambda: button.count() == 1)
    assert desk.following(), "a click does not stop the charts"
    button.click()
    desk.until("its row", lambda: "to the last bit" in desk._html("explain-body"), 60)
    assert desk.page.get_by_label("Open time of the bar, UTC").input_value() == time
    desk.page.get_by_role("button", name="back to the charts").click()
    desk.until("the charts", lambda: desk.page.locator('[data-tile="z"]').is_visible())
    desk.page.get_by_role("button", name="Go live").click()
    desk.until("the newest again", lambda: desk.page.get_by_role("button", name="Explain newest bar").count() == 1)


def test_the_rail_shows_what_sql_says_and_nothing_overflows(
    desk: DeskPage, questdb: ManagedServer, recorded: str
) -> None:
    desk.open(recorded, model="ols", tf="1s")
    desk.until("the verdict", lambda: desk.page.locator(".sentence").count() == 1)
    verdict = newest(questdb, "pair_verdicts_1s", ("word", "sentence"))
    assert desk.page.locator(".sentence").get_attribute("title") == verdict["sentence"]
    assert desk.page.locator('[data-role="verdict"] .word').inner_text() == verdict["word"]
    look = newest(
        questdb,
        "pair_tests_1s",
        ("y_on_x_p_value", "x_on_y_p_value", "adf_p_value", "hurst", "break_p_value", "kpss_p_value"),
    )
    assert row_of(desk, "coint") == f"{look['y_on_x_p_value']:.3f} · {look['x_on_y_p_value']:.3f}"
    for name, column in (("adf", "adf_p_value"), ("break", "break_p_value"), ("kpss", "kpss_p_value")):
        if look[column] is None:
            assert row_of(desk, name).startswith("– "), "with the reason"
        else:
            assert row_of(desk, name) == f"{look[column]:.3f}"
    stats = newest(
        questdb,
        "pair_stats_1s",
        ("correlation", "hedge_ratio", "hedge_ratio_se_hac", "spread", "spread_bp"),
        "WHERE model = 'ols' AND hedge_ratio != null",
    )
    low, high = correlation_interval(stats["correlation"], 15)
    assert row_of(desk, "rho") == f"{stats['correlation']:.3f} ({low:.3f} to {high:.3f})"
    assert row_of(desk, "beta") == f"{stats['hedge_ratio']:.4f} ± {stats['hedge_ratio_se_hac']:.4f} robust"
    assert desk.tile("spread") == f"{stats['spread'] * 1e4:.1f} · gross {stats['spread_bp']:.1f} bp"
    ticks = newest(questdb, "pair_tick_stats_1s", ("correlation", "reason"))
    assert row_of(desk, "ticks") == (
        f"{ticks['correlation']:.3f}" if ticks["reason"] is None else row_of(desk, "ticks")
    )
    lead = newest(questdb, "pair_lead_lag", ("lead_ms", "reason"))
    assert re.match("– " if lead["reason"] else "neither|[A-Z]+ ", row_of(desk, "lead"))
    for width, height in ((1366, 768), (1920, 1080)):
        desk.page.set_viewport_size({"width": width, "height": height})
        desk.until(f"nothing that sticks out at {width} x {height}", lambda: desk.page.evaluate(_FITS))


_FITS = """() => {
  const [side, tiles] = ["side", "tiles"].map((name) => Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name)).el);
  const wide = (e) => e.scrollWidth > e.clientWidth, high = (e) => e.scrollHeight > e.clientHeight, page = document.documentElement;
  return ![side, tiles, page].some(wide) && ![tiles, page].some(high);  // the cards beside the charts may scroll by themselves
}"""

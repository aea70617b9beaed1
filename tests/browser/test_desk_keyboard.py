"""The page without a mouse, for who hears it, and in either theme: Chromium on a real QuestDB."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from desk_page import DeskPage
from playwright.sync_api import expect
from test_desk_workspace import filled, market, ms

from dashboard.theme import DARK, LIGHT
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

FOCUSED = """() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return [at?.getAttribute('aria-label') ?? '', at?.tagName ?? '', at ? getComputedStyle(at).outlineStyle : '']; }"""
COLOURS = """(name) => { const figure = Bokeh.documents[0].get_model_by_name(name), plain = (colour) => colour?.value ?? colour;
    const drawn = figure.renderers.flatMap((r) => [r.glyph.line_color?.value, r.glyph.fill_color?.value]).filter(Boolean);
    return [plain(figure.background_fill_color), plain(figure.below[0].major_label_text_color), drawn]; }"""
BEDS = """["y", "x", "norm", "spread", "zscore", "correlation", "hedge"].map((name) =>
    Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name)).canvas_view.events_el)"""
NAMED = f"{BEDS}[0].getAttribute('aria-label')?.startsWith('Candles of ETHUSDT')"
VIEWS = """Array.from(Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('nav')).shadow_el.querySelectorAll('[data-view]'))
    .map((button) => button.dataset.view)"""


def focused(desk: DeskPage) -> list[str]:
    return list(desk.page.evaluate(FOCUSED))


def tab_to(desk: DeskPage, wanted: Callable[[list[str]], bool], most: int = 70) -> list[str]:
    """Press Tab until the focus is there; what has it."""
    seen = []
    for _ in range(most):
        desk.page.keyboard.press("Tab")
        seen.append(focused(desk))
        if wanted(seen[-1]):
            return seen[-1]
    raise AssertionError(f"not reached: {seen}")


def test_everything_by_keys(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(400, 400, window=60)
    writer = filled(questdb, "keys", rows, 398)
    desk.open("keys")
    desk.until_newest(ms(rows, 397))
    page, press = desk.page, desk.page.keyboard.press

    press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_be_visible()
    press("t")
    assert page.evaluate("pairsDesk.theme") == "dark", "the sheet has the keys while it is open"
    press("Escape")
    expect(sheet).to_be_hidden()

    press("/")
    desk.until("the pairs have the focus", lambda: focused(desk)[1] == "SELECT")
    press("2")
    assert parse_qs(urlsplit(page.url).query).get("view") is None, "keys belong to what is being typed into"
    page.wait_for_function(NAMED)
    label, _, ring = tab_to(desk, lambda at: at[0].startswith("Candles of ETHUSDT"))
    assert ring != "none", "the focus is seen"
    close = rows.rows["y"]["close"].iloc[397]
    assert f"close {close:,.2f}" in label
    for _ in range(3):
        press("ArrowLeft")
    press("Shift+ArrowLeft")
    press("ArrowRight")
    assert page.evaluate("pairsDesk.hovered") == ms(rows, 397 - 12)
    assert f"C {rows.rows['y']['close'].iloc[385]:,.2f}" in desk.head("y")
    press("Enter")
    assert page.evaluate("pairsDesk.chosen") == ms(rows, 385)
    press("Escape")
    assert page.evaluate("[pairsDesk.hovered, pairsDesk.chosen]") == [None, None]

    press("Space")
    desk.until("paused", lambda: not desk.following())
    expect(page.locator(".said")).to_have_text("Paused")
    still = desk.range()
    writer.write(398, 400)
    desk.until_newest(ms(rows, 399))
    assert desk.range() == still
    press("End")
    desk.until("live", lambda: desk.following() and desk.range()[1] > ms(rows, 399))
    expect(page.locator(".said")).to_have_text("Following the newest bar")
    width = desk.range()[1] - desk.range()[0]
    press("+")
    desk.until("fewer bars", lambda: desk.range()[1] - desk.range()[0] < 0.85 * width)
    assert desk.following()
    press("-")
    desk.until("more bars", lambda: desk.range()[1] - desk.range()[0] > 0.95 * width)
    press("Home")
    desk.until("the oldest", lambda: desk.range()[0] == ms(rows, -1))

    press("Tab")
    tab_to(desk, lambda at: at[0].startswith("z-score"))
    z = rows.rows["stats"]["zscore"].iloc[399]
    desk.until(
        "what is heard", lambda: re.match(rf"z-score: now {z:.2f}, entry 2, exit 0.5, bar of \d\d:", focused(desk)[0])
    )
    tab_to(desk, lambda at: at[0] == "entry threshold, absolute z", 1)
    press("ArrowUp")
    desk.until("a threshold", lambda: parse_qs(urlsplit(page.url).query)["entry"] == ["2.05"])
    expect(page.locator(".said")).to_have_text("entry 2.05, exit 0.5")
    roles = page.evaluate(f"{BEDS}.map((bed) => bed.getAttribute('role'))")
    assert roles == ["img", "img", "img", "img", "group", "img", "img"]
    views = page.evaluate(VIEWS)
    press(str(len(views)))
    desk.until("the last view", lambda: parse_qs(urlsplit(page.url).query).get("view") == [views[-1]])
    press("1")
    desk.until("the first view", lambda: parse_qs(urlsplit(page.url).query).get("view") is None)


def colours(desk: DeskPage, panel: str) -> list[Any]:
    return list(desk.page.evaluate(COLOURS, panel))


def test_both_themes_paint_page_and_charts(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(200, 200, window=60)
    filled(questdb, "themes", rows, 200)
    desk.open("themes")
    desk.until_newest(ms(rows, 199))
    page = desk.page
    assert colours(desk, "spread")[:2] == [DARK.panel, DARK.muted]
    page.get_by_role("button", name="Switch between dark and light").click()
    desk.until("the address", lambda: parse_qs(urlsplit(page.url).query).get("theme") == ["light"])
    ground, labels, lines = colours(desk, "spread")
    assert (ground, labels) == (LIGHT.panel, LIGHT.muted)
    assert LIGHT.spread in lines
    assert not set(lines) & {DARK.spread, DARK.muted, DARK.amber}
    view = json.loads(page.evaluate("JSON.stringify(Bokeh.documents[0].get_model_by_name('view').data)"))
    seen = {
        (c, f)
        for c, f, close in zip(view["y_colour"], view["y_fill"], view["y_close"], strict=True)
        if close is not None
    }
    assert seen == {(LIGHT.up, LIGHT.panel), (LIGHT.down, LIGHT.down)}, "a rise is hollow, a fall is filled"

    def ground_of(selector: str) -> str:
        return str(page.locator(selector).first.evaluate("(at) => getComputedStyle(at).backgroundColor"))

    assert ground_of(".tile") == "rgb(255, 255, 255)"
    assert ground_of("body") == "rgb(246, 248, 250)"
    page.reload()
    desk.until("light after a reload", lambda: page.evaluate("window.pairsDesk?.theme") == "light")
    desk.open("themes")
    desk.until(
        "and where the address does not say, as this browser was used",
        lambda: page.evaluate("pairsDesk.theme") == "light",
    )
    desk.until("charts too", lambda: colours(desk, "zscore")[0] == LIGHT.panel)
    desk.open("themes", theme="dark")
    desk.until("the address comes first", lambda: page.evaluate("pairsDesk.theme") == "dark")
    assert ground_of(".tile") == "rgb(17, 22, 31)"
    page.keyboard.press("t")
    desk.until("by key", lambda: ground_of(".tile") == "rgb(255, 255, 255)")

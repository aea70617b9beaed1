"""Switching between views: the browser does it at once, what is away is neither laid out nor drawn, and comes back as it was."""

import pytest
from desk_page import DeskPage
from playwright.sync_api import expect
from test_desk_workspace import filled, market, ms

from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

ASK = """([view, other]) => { pairsDesk.ask({ view });
    return [view, other].map((name) => Bokeh.index.find_one(
        Bokeh.documents[0].get_model_by_name(`view-${name}`)).el.checkVisibility({ visibilityProperty: true })); }"""
SIZES = """["y", "norm", "zscore", "hedge"].map((name) => { const box = Bokeh.index.find_one(
    Bokeh.documents[0].get_model_by_name(name)).el.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; })"""


def test_a_view_comes_back_at_once_as_it_was(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(200, 200, window=60)
    writer = filled(questdb, "stage", rows, 198)
    desk.open("stage")
    desk.until_newest(ms(rows, 197))
    page = desk.page
    stage, pairs = page.locator(".view-workspace"), page.locator(".view-pairs")
    expect(stage).to_be_visible()
    expect(pairs).to_be_hidden()
    sizes = page.evaluate(SIZES)

    page.evaluate("pairsDesk.ask({ view: 'pairs' })")
    expect(stage).to_be_visible()  # a view that is not made yet leaves what there is
    expect(pairs).to_be_visible(timeout=20_000)
    expect(stage).to_be_hidden()
    desk.until("the server knows", lambda: "view=pairs" in page.url)
    draws = page.evaluate("pairsDesk.draws")
    writer.write(198, 200)
    desk.until("rows come while charts are away", lambda: desk.rows("time")[-1:] == [ms(rows, 199)])
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("pairsDesk.draws") == draws, "charts that are away are not drawn"
    assert page.evaluate(SIZES) == sizes, "they keep their place"

    assert page.evaluate(ASK, ["workspace", "pairs"]) == [True, False], "before the server has heard of it"
    desk.until("what came meanwhile is drawn", lambda: page.evaluate("pairsDesk.draws") > draws)
    assert page.evaluate("Bokeh.documents[0].get_model_by_name('view').data.time.at(-1)") == ms(rows, 199)
    assert page.evaluate(SIZES) == sizes
    page.evaluate("for (const view of ['pairs', 'workspace', 'pairs', 'workspace', 'pairs']) pairsDesk.ask({ view })")
    desk.until("the last of many words", lambda: "view=pairs" in page.url)
    expect(pairs).to_be_visible()
    expect(stage).to_be_hidden()

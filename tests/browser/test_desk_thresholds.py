"""Thresholds and signals in Chromium, on a real QuestDB: dragged, typed, by keyboard; what a bar says that closes beyond them."""

from urllib.parse import parse_qs, urlsplit

import pytest
from desk_page import DeskPage
from desk_rows import Market
from playwright.sync_api import expect
from test_desk_workspace import filled, market, ms

from dashboard.signals import Kind, crossings
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

HANDLE = """(name) => { const box = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('zscore')).canvas_view.events_el
    .querySelector(`[data-name=${name}][data-side="1"]`).getBoundingClientRect();
    return [box.x + 0.4 * box.width, box.y + box.height / 2, box.height]; }"""
CURSOR_AT = """(p) => { let at = document.elementFromPoint(...p);
    while (at.shadowRoot) at = at.shadowRoot.elementFromPoint(...p);
    return getComputedStyle(at).cursor; }"""
LEVELS = """Bokeh.documents[0].get_model_by_name('zscore').center.concat(Bokeh.documents[0].get_model_by_name('zscore').renderers)
    .filter((r) => r.type === 'Span' && r.dimension === 'width' && r.line_dash.length > 0).map((r) => r.location).sort((a, b) => a - b)"""


def address(desk: DeskPage) -> dict[str, list[str]]:
    return parse_qs(urlsplit(desk.page.url).query)


def thresholds(desk: DeskPage) -> tuple[float, float]:
    entry, exit_ = desk.page.evaluate("[pairsDesk.m.entry, pairsDesk.m.exit]")
    return entry, exit_


def marked(desk: DeskPage) -> list[tuple[int, str]]:
    """Time in ms and kind of every signal that the browser holds."""
    data = desk.page.evaluate("Bokeh.documents[0].get_model_by_name('signals').data")
    return [(int(time), kind) for time, kind in zip(data["time"], data["kind"], strict=True)]


def in_sql(questdb: ManagedServer, dataset: str, entry: float, exit_: float) -> list[tuple[int, str]]:
    """The same from the stored rows."""
    query = f"SELECT cast(open_time AS long), zscore FROM {dataset}_pair_stats_1s WHERE complete ORDER BY open_time LIMIT -600"  # noqa: S608
    with connect(questdb.read_address) as connection:
        rows = connection.execute(query).fetchall()
    times, zscores = zip(*((at, float("nan") if z is None else z) for at, z in rows), strict=True)
    return [(at.time_us // 1000, at.kind.value) for at in crossings(times, zscores, entry, exit_)]


def test_thresholds_by_drag_field_and_keyboard(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(800, 800, window=120)
    filled(questdb, "levels", rows, 800)
    desk.open("levels", exit="0.5")
    desk.until_newest(ms(rows, 799))
    page = desk.page
    desk.until("handles", lambda: page.evaluate(f"({HANDLE})('entry')[2] > 6"))
    desk.until("signals", lambda: marked(desk) == in_sql(questdb, "levels", 2.0, 0.5) != [])
    view, said = desk.range(), desk.page.evaluate("JSON.stringify(Bokeh.documents[0].get_model_by_name('nav').tags[0])")

    x, y, _ = page.evaluate(HANDLE, "entry")
    page.mouse.move(x, y)
    assert page.evaluate(CURSOR_AT, [x, y]) == "ns-resize"
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=4)
    desk.until("the line under the hand", lambda: thresholds(desk)[0] < 2.0)
    entry, _ = thresholds(desk)
    assert page.evaluate(LEVELS) == [-entry, -0.5, 0.5, entry], "drawn at once"
    assert page.evaluate("JSON.stringify(Bokeh.documents[0].get_model_by_name('nav').tags[0])") == said, (
        "not told before the end"
    )
    page.mouse.up()
    desk.until("the address", lambda: float(address(desk)["entry"][0]) == entry)
    assert desk.range() == view, "a drag of a line is no drag of the chart"
    assert desk.following()
    expect(page.get_by_label("Entry |z|", exact=True)).to_have_value(f"{entry:g}")
    expect(page.get_by_label("Entry |z|, slider")).to_have_value(f"{entry:g}")
    desk.until(
        "the signal card",
        lambda: f"±{entry:g}" in desk.text("signal") or "sell" in desk.text("signal") or "buy" in desk.text("signal"),
    )
    desk.until("signals of the new thresholds", lambda: marked(desk) == in_sql(questdb, "levels", entry, 0.5))
    card = page.locator(".latest tr")
    expect(card).to_have_count(min(5, len(marked(desk))))

    page.get_by_label("Exit |z|", exact=True).fill("1.9")
    page.get_by_label("Exit |z|", exact=True).press("Enter")
    desk.until("exit is never above entry", lambda: thresholds(desk) == (entry, min(1.9, entry)))
    desk.until("in the address", lambda: float(address(desk)["exit"][0]) == min(1.9, entry))
    slider = page.get_by_label("Entry |z|, slider")
    slider.focus()
    slider.press("Home")
    desk.until("entry takes exit with it", lambda: thresholds(desk) == (0.5, 0.5))
    handle = page.get_by_role("slider", name="entry threshold, absolute z")
    handle.focus()
    handle.press("PageUp")
    handle.press("ArrowUp")
    desk.until("by keys in the chart", lambda: thresholds(desk) == (1.05, 0.5))
    expect(handle).to_have_attribute("aria-valuetext", "1.05")
    desk.until("its address", lambda: address(desk)["entry"] == ["1.05"])
    desk.until("its signals", lambda: marked(desk) == in_sql(questdb, "levels", 1.05, 0.5))

    page.reload()
    desk.until("the same after a reload", lambda: page.evaluate("window.pairsDesk?.m.entry") == 1.05)
    page.evaluate("pairsDesk.ask({ entry: 99, exit: 0.1 })")
    page.evaluate("pairsDesk.ask({ entry: 'x', exit: 0.1 })")
    page.get_by_label("Exit |z|", exact=True).fill("0.25")
    page.get_by_label("Exit |z|", exact=True).press("Enter")
    desk.until(
        "nonsense is not taken", lambda: address(desk)["exit"] == ["0.25"] and address(desk)["entry"] == ["1.05"]
    )


def next_entry(rows: Market, after: int, entry: float, exit_: float) -> int:
    """The first bar from `after` on that enters."""
    z = rows.rows["stats"]["zscore"].tolist()
    return next(
        at.time_us
        for at in crossings(range(len(z)), z, entry, exit_)
        if at.time_us >= after and at.kind is not Kind.EXIT
    )


def test_a_bar_that_closes_with_a_signal_is_told_of_once(desk: DeskPage, questdb: ManagedServer) -> None:
    rows = market(900, 900, window=120)
    entry = 1.0
    at = next_entry(rows, 500, entry, 0.2)
    writer = filled(questdb, "toasts", rows, at)
    page = desk.page
    page.context.grant_permissions(["notifications"])
    page.add_init_script(
        """window.told = []; window.tones = 0;
        window.Notification = class { static permission = 'granted'; static requestPermission() { return Promise.resolve('granted'); }
          constructor(title, options) { window.told.push([title, options.body]); } };
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };"""
    )
    desk.open("toasts", entry=f"{entry:g}", exit="0.2")
    desk.until_newest(ms(rows, at - 1))
    desk.until("signals of before", lambda: marked(desk))
    toasts = page.locator(".toast")
    expect(toasts).to_have_count(0)
    page.get_by_label("Sound on signal").check()
    page.get_by_label("Desktop notification").check()
    assert page.evaluate("window.tones") == 1, "heard once when it is asked for"
    writer.write(at, at + 1, complete=False)
    desk.until_newest(ms(rows, at))
    expect(toasts).to_have_count(0)
    writer.write(at, at + 1)
    z = float(rows.rows["stats"]["zscore"].iloc[at])
    word = "short spread" if z > 0 else "long spread"
    expect(toasts).to_have_count(1)
    expect(toasts.first).to_contain_text(word)
    expect(toasts.first).to_contain_text(f"z {z:.2f}")
    assert page.locator(".toasts").get_attribute("aria-live") == "polite"
    assert page.evaluate("window.tones") == 2
    assert page.evaluate("window.told") == [[f"ETHUSDT/BTCUSDT: {word}", f"z {z:.2f}"]]
    desk.until("its triangle", lambda: marked(desk)[-1] == (ms(rows, at), "short" if z > 0 else "long"))
    expect(page.locator(".latest tr").first).to_contain_text(word)
    page.get_by_label("Entry |z|", exact=True).fill("0.9")
    page.get_by_label("Entry |z|", exact=True).press("Enter")
    desk.until("other thresholds", lambda: marked(desk) == in_sql(questdb, "toasts", 0.9, 0.2))
    expect(toasts).to_have_count(1)
    toasts.first.get_by_role("button", name="Dismiss").click()
    expect(toasts).to_have_count(0)
    page.reload()
    desk.until("the page again", lambda: page.evaluate("window.pairsDesk?.m.entry") == 0.9)
    expect(page.get_by_label("Sound on signal")).to_be_checked()
    expect(page.get_by_label("Desktop notification")).to_be_checked()

"""The Pairs view in Chromium: cells beside SQL, order, keys, the heat map, and many pairs a second."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from board_rows import BoardWriter, many_pairs, star
from desk_page import DeskPage

from dashboard import theme
from dashboard.correlations import RETURNS
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

BARS = 320
DASH = "–"
_COLUMNS = (
    "pair", "zscore", "zscore_one_step", "spread", "correlation", "hedge_ratio", "r_squared", "y_age_ms", "x_age_ms",
    "cast(open_time AS long)",
)  # fmt: skip


@pytest.fixture
def ten(questdb: ManagedServer) -> BoardWriter:
    """Ten pairs, of which the last four are to be read with care: a gap, warming up, stale, without any row."""
    pairs = many_pairs(10)
    writer = BoardWriter(questdb.address, "boardten", pairs, BARS + 40, (int(time.time()) - BARS) * 1_000_000)
    writer.prepare()
    writer.write(0, BARS - 1, pairs=pairs[:9])
    writer.write(BARS - 1, BARS, pairs=pairs[:6])
    at = {"open_time": writer.time(BARS - 1), "y_age_ms": 400, "x_age_ms": 90}
    known = {"zscore": 0.31, "correlation": 0.5}
    writer.put(at | known | {"pair": str(pairs[6]), "gap": "x"})
    writer.put(at | {"pair": str(pairs[7]), "n": 15, "warmup_left": 185})
    writer.put(at | {"pair": str(pairs[8]), "stale": "y", "y_age_ms": 15_250})
    writer.look(BARS - 1)
    writer.await_rows(9 * BARS)
    return writer


def stored(questdb: ManagedServer, dataset: str) -> dict[str, dict[str, Any]]:
    """The newest row of each pair, with z 60 bars before, by plain queries."""
    names = ("pair", "z", "one-step", "spread", "rho", "beta", "fit", "y", "x", "time")
    select = f"SELECT {', '.join(_COLUMNS)} FROM {dataset}_pair_stats_1s"  # noqa: S608
    with connect(questdb.read_address) as connection:
        found = connection.execute(f"{select} LATEST ON open_time PARTITION BY pair").fetchall()
        rows = {row[0]: dict(zip(names, row, strict=True)) for row in found}
        for pair, row in rows.items():
            before = connection.execute(
                f"{select} WHERE pair = %s AND open_time = cast({row['time'] - 60_000_000} AS timestamp)", (pair,)
            ).fetchall()
            known = before and before[0][1] is not None and row["z"] is not None
            row["change"] = row["z"] - before[0][1] if known else None
            row["age"] = max(row["y"], row["x"]) / 1000
            row["spread"] = None if row["spread"] is None else 1e4 * row["spread"]
    return rows


DECIMALS = {"z": 2, "one-step": 2, "spread": 1, "rho": 3, "beta": 4, "fit": 3, "change": 2, "age": 1}


def said(value: float | None, decimals: int) -> str:
    return DASH if value is None or np.isnan(value) else f"{round(value, decimals) + 0.0:,.{decimals}f}"


def cell(desk: DeskPage, pair: str, key: str) -> str:
    return desk.page.locator(f'table.board tr[data-pair="{pair}"] [data-key="{key}"]').inner_text()


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def shown(desk: DeskPage) -> list[str]:
    """Pairs in the order of the table."""
    found = desk.page.locator("table.board tbody tr:visible").evaluate_all("(rows) => rows.map((e) => e.dataset.pair)")
    return list(found)


def column(desk: DeskPage, key: str) -> list[str]:
    return desk.page.locator(f"table.board tbody tr:visible [data-key='{key}']").all_inner_texts()


def asked(desk: DeskPage) -> dict[str, list[str]]:
    return parse_qs(urlsplit(desk.page.url).query)


def test_table_and_heat_map_say_what_sql_says(desk: DeskPage, questdb: ManagedServer, ten: BoardWriter) -> None:
    page, pairs = desk.page, [str(pair) for pair in ten.pairs]
    desk.open(ten.dataset, view="pairs")
    desk.until("the table", lambda: len(shown(desk)) == 10 and cell(desk, pairs[0], "verdict") != DASH, 20)
    for pair, row in stored(questdb, ten.dataset).items():
        for key, decimals in DECIMALS.items():
            assert cell(desk, pair, key) == said(row[key], decimals), (pair, key)
    for i, pair in enumerate(pairs):
        assert cell(desk, pair, "ticks") == f"{0.5 + 0.004 * i:.3f}"
        assert cell(desk, pair, "half-life") == (DASH if i % 4 == 3 else f"{8.0 + 1.37 * i:.1f}")
        assert cell(desk, pair, "verdict") == ("reverting", "weak evidence", "too slow", "no evidence")[i % 4]
    words = [cell(desk, pair, "signal") for pair in pairs[6:]]
    y, x = pairs[8].split("/")[0], pairs[6].split("/")[1]
    assert words == [
        f"gap: {x} · flat", "warm-up 15/200", f"stale: {y}", "no row in 600 bars"
    ]  # fmt: skip
    grey = page.locator(f'tr[data-pair="{pairs[8]}"] [data-key="rho"]').evaluate("(e) => getComputedStyle(e).color")
    plain = page.locator(f'tr[data-pair="{pairs[0]}"] [data-key="rho"]').evaluate("(e) => getComputedStyle(e).color")
    assert grey != plain

    closes = pd.DataFrame(ten.closes[:, BARS - RETURNS - 1 : BARS].T, columns=ten.symbols)
    wanted = np.log(closes).diff().corr()
    desk.until("the heat map", lambda: page.evaluate("pairsView.map !== null"))
    assert np.array(page.evaluate(_TEXTS), float) == pytest.approx(wanted.to_numpy().ravel(), abs=0.0051)
    first, second = ten.symbols[:2]
    rho = wanted.iloc[0, 1]
    mixed = [round(a + rho * (b - a)) for a, b in zip(rgb(theme.DARK.raised), rgb(theme.DARK.heat_up), strict=True)]
    desk.until("its colour", lambda: page.evaluate(_PIXEL, [0, 1]) == pytest.approx(mixed, abs=2))
    middle = page.evaluate("pairsView.reveal(0, 1)")
    page.mouse.move(middle["x"], middle["y"])
    exact = f"{first} · {second} ρ {rho:.4f} over {RETURNS} returns"
    desk.until("the exact value", lambda: page.locator(".map .read").inner_text() == exact)
    page.get_by_role("button", name="z of pairs").click()
    desk.until("z in the map", lambda: cell(desk, pairs[0], "z") in page.evaluate(_TEXTS))
    assert page.evaluate(_TEXTS)[0] == "", "no symbol is a pair with itself"
    desk.until("the address", lambda: asked(desk).get("map") == ["z"])
    page.locator(".heat").focus()
    page.keyboard.press("ArrowDown")
    says = f"{second}/{first} z {cell(desk, f'{second}/{first}', 'z')}"
    desk.until("the marked cell", lambda: page.locator(".map .read").inner_text().startswith(says))
    for width, height in ((1366, 768), (1600, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        desk.until(f"nothing that sticks out at {width} x {height}", lambda: page.evaluate(_FITS))


_TEXTS = "pairsView.map.symbols.flatMap((_, i, all) => all.map((_, j) => pairsView.cell(i, j).text))"
_PIXEL = """([i, j]) => { const { x, y } = pairsView.reveal(i, j), { width, height } = pairsView.measure();
    const box = pairsView.canvas.getBoundingClientRect(), at = [x - width / 2 + 4 - box.x, y - height / 2 + 4 - box.y];
    return Array.from(pairsView.canvas.getContext("2d").getImageData(...at, 1, 1).data).slice(0, 3); }"""
_FITS = """() => ["table.board", ".map .line", ".strip .line", ".pairs-view"].every((name) => {
    const e = window.pairsView.root.querySelector(name) ?? window.pairsView.root, around = e.closest(".scroll") ?? e;
    return around.scrollWidth <= around.clientWidth; })
    && document.documentElement.scrollWidth <= document.documentElement.clientWidth"""


def test_order_filter_and_opening_by_keyboard(desk: DeskPage, ten: BoardWriter) -> None:
    page, pairs = desk.page, [str(pair) for pair in ten.pairs]
    desk.open(ten.dataset, view="pairs", sort="-z")
    desk.until("the table", lambda: len(shown(desk)) == 10 and column(desk, "z")[0] != DASH, 20)

    def known() -> list[float]:
        texts = column(desk, "z")
        assert texts[-3:] == [DASH] * 3, "unknown is last, whichever way"
        return [float(text) for text in texts[:-3]]

    assert known() == sorted(known(), reverse=True)
    heading = page.locator('table.board th[data-key="z"]')
    assert heading.get_attribute("aria-sort") == "descending"
    page.mouse.move(5, 5)
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    desk.until("ascending", lambda: heading.get_attribute("aria-sort") == "ascending")
    desk.until("the other way", lambda: known() == sorted(known()))
    desk.until("in the address", lambda: asked(desk)["sort"] == ["z"])
    page.keyboard.press("Enter")
    desk.until("their own order", lambda: shown(desk) == pairs)
    order = page.evaluate("pairsView.sorted([2, null, 1, 2, null], true)")
    assert order == [0, 3, 2, 1, 4]
    page.locator('table.board th[data-key="verdict"] button').click()
    desk.until("by words", lambda: column(desk, "verdict") == sorted(column(desk, "verdict")))

    page.get_by_label("Filter pairs by words").fill("BTC reverting")
    matching = [pair for i, pair in enumerate(pairs) if "BTC" in pair and i % 4 == 0]
    desk.until("the matching ones", lambda: shown(desk) == matching)
    desk.until("filter in the address", lambda: asked(desk).get("filter") == ["BTC reverting"])
    shared = page.url
    page.goto("about:blank")
    page.goto(shared)
    desk.until("the same from the address", lambda: shown(desk) == matching and asked(desk)["sort"] == ["verdict"], 20)
    page.get_by_label("Filter pairs by words").fill("nonsense")
    desk.until("why it is empty", lambda: "No pair has “nonsense”" in page.locator(".message").inner_text())
    page.get_by_label("Filter pairs by words").fill("")
    desk.until("all again", lambda: len(shown(desk)) == 10)

    page.locator('table.board tr[tabindex="0"]').focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    wanted = shown(desk)[1]
    focused = "pairsView.root.getRootNode().activeElement?.dataset.pair"
    desk.until("the second row", lambda: page.evaluate(focused) == wanted)
    page.keyboard.press("Enter")
    desk.until("the workspace", lambda: page.locator('[data-tile="z"]').is_visible())
    desk.until("of that pair", lambda: asked(desk)["pair"] == [wanted] and "view" not in asked(desk))
    assert page.get_by_label("Pair", exact=True).input_value() == wanted
    page.get_by_role("button", name="Pairs", exact=True).click()
    marked = page.locator("table.board tr[aria-current]")
    desk.until("the chosen one marked", lambda: marked.evaluate_all("(r) => r.map((e) => e.dataset.pair)") == [wanted])
    page.locator(".heat").focus()
    other = None
    for _ in range(len(page.evaluate("pairsView.map.symbols"))):
        page.locator(".heat").press("ArrowRight")
        other = page.evaluate("pairsView.at && pairsView.watched(...pairsView.at)")
        if other not in (None, wanted):
            break
    page.locator(".heat").press("Enter")
    desk.until("a pair by its cell", lambda: asked(desk)["pair"] == [other] and "view" not in asked(desk))
    assert other != wanted


@pytest.fixture
def fifty(questdb: ManagedServer) -> BoardWriter:
    writer = BoardWriter(questdb.address, "boardfifty", star(50), 400, (int(time.time()) - 330) * 1_000_000)
    writer.prepare()
    writer.write(0, 330)
    writer.look(329)
    writer.await_rows(330 * 50)
    return writer


_Z_OF_PAIRS = (
    "(rows) => Object.fromEntries(rows.map((e) => [e.dataset.pair, e.querySelector('[data-key=z]').textContent]))"
)
_GAPS = """() => { window.gaps = []; let last = performance.now();
    const step = (now) => { gaps.push(now - last); last = now; requestAnimationFrame(step); }; requestAnimationFrame(step); }"""


def test_fifty_pairs_each_second(desk: DeskPage, fifty: BoardWriter, capsys: pytest.CaptureFixture[str]) -> None:
    desk.open(fifty.dataset, view="pairs", sort="-z")

    def newest(bar: int) -> bool:
        return desk.page.locator("table.board tbody tr").evaluate_all(_Z_OF_PAIRS) == {
            str(p): said(z, 2) for p, z in zip(fifty.pairs, fifty.zscore[:, bar].tolist(), strict=True)
        }

    desk.until("all pairs", lambda: newest(329), 30)
    desk.page.evaluate(_GAPS)
    waits = []
    for bar in range(330, 335):
        began = time.monotonic()
        fifty.write(bar, bar + 1)
        desk.until(f"bar {bar} of every pair", lambda bar=bar: newest(bar))
        waits.append(time.monotonic() - began)
        desk.page.wait_for_timeout(max(0.0, 1000 * (1 - waits[-1])))
    gaps = sorted(desk.page.evaluate("gaps"))
    columns = "Array.from(pairsView.history[7]).slice(-6)"
    assert desk.page.evaluate(columns) == pytest.approx(fifty.zscore[7, 329:335], abs=6e-4), (
        "what the lines are drawn of"
    )
    with capsys.disabled():
        print(  # noqa: T201
            f"\n50 pairs at 1s: newest z of all after {max(waits):.2f} s at most; frames p50 {gaps[len(gaps) // 2]:.0f} ms,"
            f" p95 {gaps[int(0.95 * len(gaps))]:.0f} ms, longest {gaps[-1]:.0f} ms"
        )

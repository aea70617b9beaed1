"""What-ifs in Chromium: a change of the model is shown at once over stored bars, as `statistics_of` has it of the rows in SQL."""

import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from desk_page import DeskPage
from desk_rows import PAIR, Market, Writer

from flows.domain.frames import PairBars, PairStats
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.stats.pair_stats import statistics_of
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

BARS, WINDOW = 1_500, 200
SHOWN = ("zscore", "spread", "hedge_ratio", "correlation", "zscore_one_step", "spread_mean", "spread_std")


def statistics(questdb: ManagedServer, dataset: str, model: Model) -> PairStats:
    """Of all closed bars in SQL, joined here by hand."""
    query = (
        f"SELECT cast(open_time AS long), y.close, x.close FROM {dataset}_bars_1s y"  # noqa: S608
        f" JOIN (SELECT open_time t, close FROM {dataset}_bars_1s WHERE symbol = 'BTCUSDT' AND complete) x ON y.open_time = x.t"
        " WHERE y.symbol = 'ETHUSDT' AND y.complete ORDER BY 1"
    )
    with connect(questdb.read_address) as connection:
        times, y, x = (np.array(column) for column in zip(*connection.execute(query).fetchall(), strict=True))
    none = np.zeros(len(times), np.int64)
    bars = PairBars(
        (PAIR,), none.astype(np.int32), Interval.S1, times, y, x, y, x, none, none, none, none, none == 0, none.astype(np.int8)
    )  # fmt: skip
    return statistics_of(bars, model, stale_after_ms=10_000)


def same_as(desk: DeskPage, wanted: PairStats) -> bool:
    """Whether the browser holds these numbers in the closed rows that it shows, to the last bit."""
    held = {name: np.array(desk.rows(name), float) for name in ("time", "stats_closed", *SHOWN)}
    if len({len(column) for column in held.values()}) > 1:
        return False  # rows came between the questions
    closed = held["stats_closed"] == 1
    times = (held["time"][closed] * 1_000).astype(np.int64)
    at = np.searchsorted(wanted.open_time, times)
    if not closed.any() or at[-1] >= len(wanted):
        return False
    return all(np.array_equal(held[name][closed], getattr(wanted, name)[at], equal_nan=True) for name in SHOWN)


@pytest.mark.alone
def test_a_change_of_the_model_is_shown_at_once_and_marked(
    desk: DeskPage, questdb: ManagedServer, tmp_path: Path
) -> None:
    now_us = int(time.time()) * 1_000_000
    market = Market(BARS + 50, now_us - BARS * 1_000_000, window=WINDOW)
    writer = Writer(questdb.address, "deskwhatif", market)
    writer.prepare()
    writer.write(0, BARS)
    writer.await_rows(BARS)
    desk.open("deskwhatif", n="600")
    desk.until("rows", lambda: len(desk.rows("time")) == 600)
    before = desk.rows("zscore")
    assert "WHAT IF" not in desk.text()
    method = desk.page.get_by_label("Method")
    # What any other choice takes tells how fast this machine is just now.
    lookback, plain = desk.page.get_by_label("Look-back, bars"), []
    for rows in (1_500, 600):
        began = time.monotonic()
        lookback.select_option("1800" if rows > 600 else "600")
        desk.until("another look-back", lambda rows=rows: len(desk.rows("time")) == rows)
        plain.append(time.monotonic() - began)
    took = []
    for name in ("tls", "kalman", "huber"):
        began = time.monotonic()
        method.select_option(name)
        desk.until("the mark", lambda name=name: f"Hedge ratio, {name} log" in desk.text("tiles"), 5)
        took.append(time.monotonic() - began)
        desk.until("numbers, once the method is compiled", lambda: not desk.tile("z").startswith("–"), 120)
    assert min(took) < max(1.0, 1.5 * max(plain)), (took, plain)
    model = Model("any", "huber", window=WINDOW, z_window=WINDOW)
    desk.until("its numbers", lambda: same_as(desk, statistics(questdb, "deskwhatif", model)), 5)
    assert desk.rows("zscore") != before
    for region in ("header", "tiles", "signal", "rail", "head-zscore"):
        assert "WHAT IF" in desk._html(region), region
    assert f"WHAT IF huber_log_{WINDOW}" in desk.head("zscore")
    assert parse_qs(urlsplit(desk.page.url).query)["what"] == [f"huber:log:close:{WINDOW}:{WINDOW}:300"]

    window, z_window = (desk.page.get_by_label(label, exact=True) for label in ("Window", "z window"))
    window.fill("100")
    window.press("Enter")
    desk.until("equal windows stay equal", lambda: "what=huber:log:close:100:100:300" in desk.page.url)
    for field, value, said in (
        (z_window, "101", "z window must be at most window = 100, was 101"),
        (z_window, "2", "z window must be from 3 to 1,000,000 bars, was 2"),
    ):
        field.fill(value)
        field.press("Enter")
        desk.until(said, lambda said=said: said in desk._html("model-said"))
        assert "what=huber:log:close:100:100:300" in desk.page.url, "a wrong value changes nothing"
    z_window.fill("50")
    z_window.press("Enter")
    model = Model("any", "huber", window=100, z_window=50)
    desk.until("its numbers", lambda: same_as(desk, statistics(questdb, "deskwhatif", model)))
    assert desk._html("model-said") == ""

    writer.write(BARS, BARS + 1)
    writer.await_rows(BARS + 1)
    desk.until_newest((now_us + 0) // 1_000)
    desk.until("the new bar too", lambda: same_as(desk, statistics(questdb, "deskwhatif", model)))
    writer.write(BARS + 1, BARS + 2, complete=False)
    desk.until_newest(now_us // 1_000 + 1_000)
    desk.until("a provisional row", lambda: desk.rows("stats_closed")[-1] == 0 and desk.rows("zscore")[-1] is not None)

    shared = desk.page.url
    desk.page.goto("about:blank")
    desk.page.goto(shared)
    desk.page.wait_for_function("window.pairsDesk !== undefined", timeout=20_000)
    desk.until("the same from the address", lambda: same_as(desk, statistics(questdb, "deskwhatif", model)), 20)
    assert z_window.input_value() == "50"
    desk.page.get_by_role("button", name="Back to ols").click()
    desk.until("the stored model", lambda: "WHAT IF" not in desk.text() and desk.rows("zscore")[:-2] == before[2:])
    assert "what" not in parse_qs(urlsplit(desk.page.url).query)
    assert (window.input_value(), method.input_value()) == (str(WINDOW), "ols")


def test_what_is_wrong_with_a_model_in_the_address_is_said(desk: DeskPage, questdb: ManagedServer) -> None:
    writer = Writer(questdb.address, "deskwhatifbad", Market(150, 1_721_347_200_000_000, window=50))
    writer.prepare()
    writer.write(0, 150)
    writer.await_rows(150)
    desk.open("deskwhatifbad", what="huber:logg:close:40:90:x")
    desk.until("the rest of it", lambda: "WHAT IF huber_log_40" in desk.head("zscore"))
    wrong = (
        'price form must be one of log, raw, was "logg"',
        "z window must be at most window = 40, was 90",
        'was "x"',
    )
    for said in wrong:
        assert said in desk.text("banner")
    assert "what=huber:log:close:40:40:300" in desk.page.url

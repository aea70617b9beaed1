"""How storage, flow and page are read and shown; everything that `pairs status` prints is on the page."""

import asyncio
import io
import math
import re
from pathlib import Path

import numpy as np
import psutil
import pytest
from rich.console import Console

from dashboard.charts.strokes import distribution, row_of_bars
from dashboard.feed import Legs, LegStatus, StageLatency
from dashboard.health import Distribution, Growth, PageCost, Storage, TableStanding
from dashboard.health_watch import FlowWatch, PageMeter, resident_bytes
from dashboard.poller import Status
from dashboard.views.feed import legs_card
from dashboard.views.health import Held, cost_card, flow_card, held_card, storage_card
from dashboard.views.latency import stages_card
from flows.domain.frames import LATENCY_STAGES
from flows.errors import PairdeskError
from flows.latency import Histogram
from flows.status import show
from tests.loops import run_async

NOW = 1_700_000_100_000_000
STATUS = {
    "alive": True, "ready": False, "time": "2023-11-14T22:15:00.000+00:00", "lead_ms": 12.5, "queued_messages": 5,
    "legs": [
        {"symbol": "BTCUSDT", "state": "silent", "since": "2023-11-14T22:13:25.000+00:00", "detail": "REST gave 12", "last_id": 7654321,
         "last_trade_age_s": 4.2, "held": 330, "filled": 1200, "missing": 12},
    ],
    "connections": [{"flowing": True, "since": "2023-11-14T22:14:00.000+00:00", "opened": 3, "detail": "connected <b>1</b>"}],
    "rest": {"problem": "refused: 429", "used_weight": 246, "weight_limit": 2000},
    "counts": {"messages": 98765, "missing_trades": 4},
    "events": [],
    "latency": {name: {"p50_ms": 1.5, "p95_ms": 2.5, "p99_ms": 33.0, "max_ms": 44.0, "count": 600} for name in LATENCY_STAGES},
}  # fmt: skip


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def test_everything_that_pairs_status_prints_is_on_the_page() -> None:
    said = dict(STATUS, connections=[{**STATUS["connections"][0], "detail": "connected as 1 of 1"}])  # type: ignore[index]
    leg = LegStatus(
        "BTCUSDT", "silent", NOW - 95_000_000, "REST gave 12", NOW, NOW - 4_212_500, 7_654_321, 330, 1_200, 12, 12
    )
    stages = tuple(StageLatency(name, NOW, 1.5, 2.5, 33.0, 44.0, 600) for name in LATENCY_STAGES)
    legs = Legs((leg,), stages, NOW)
    page = text(flow_card(said) + legs_card(legs, ["BTCUSDT"]) + stages_card(legs)).replace(",", "").lower()
    out = io.StringIO()
    show(said, Console(file=out, width=250))
    printed = [line.strip() for line in out.getvalue().lower().splitlines()]
    assert len(printed) > 12
    words = {word for line in printed for cell in re.split(r"\s{2,}", line) for word in cell.replace(",", "").split()}
    renamed = {
        "chunk": "flow", "ago": "", "s": "s", "latency": "latency", "1.5": "1.50", "2.5": "2.50", "33.0": "33", "44.0": "44",
        "connections": "connection", "missing_trades": "missing trades", "12.5": "12.5", "2023-11-14": "",
    }  # fmt: skip
    lacking = {word for word in words if renamed.get(word, word) not in page}
    assert not lacking, f"{lacking} not in {page}"
    without = page.replace("rest gave 12", "")
    assert "gave" not in without, "the comparison would notice"


def test_what_the_flow_says_cannot_write_html() -> None:
    html = flow_card(STATUS)
    assert "connected &lt;b&gt;1&lt;/b&gt;" in html
    assert "NOT READY" in text(html)
    assert "missing trades 4" in text(html)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"ready": True}, "READY the feed has not begun"),
        ({"ready": False, "alive": False}, "NOT READY the flow does not turn"),
        ({"ready": True, "legs": [1], "rest": "?", "counts": None, "connections": {}}, "Flow READY"),
    ],
)
def test_a_status_that_lacks_things_is_shown_without_them(said: dict[str, object], wanted: str) -> None:
    assert wanted in text(flow_card(said))


def test_a_flow_that_does_not_answer_says_why() -> None:
    assert text(flow_card(None, "asked http://h:1/status: no answer <x>")).endswith("no answer &lt;x&gt;")
    assert text(flow_card(None)) == "Flow Asking the flow …"


def test_the_watch_keeps_the_reason_and_forgets_old_answers() -> None:
    answers = iter([{"ready": True}, PairdeskError("nobody there"), {"ready": False}])

    def ask() -> dict[str, object]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = FlowWatch(ask)
    seen = []
    for _ in range(3):
        assert watch._take(watch._ask()) is True
        seen.append((watch.said, watch.why))
    assert seen == [({"ready": True}, ""), (None, "nobody there"), ({"ready": False}, "")]


def standing(name: str, rows: int | None, newest_us: int | None = None, **other: object) -> TableStanding:
    values = {"written_us": None, "pending": 0, "suspended": False, "pressure": 0, **other}
    return TableStanding(name, rows, newest_us, **values)  # type: ignore[arg-type]


def test_growth_is_rows_a_second_of_the_last_half_minute() -> None:
    growth = Growth()
    assert math.isnan(growth.of((standing("trades", 100),), 10.0)["trades"])
    assert growth.of((standing("trades", 160), standing("new", 5)), 20.0) == {"trades": 6.0, "new": 0.5}
    assert growth.of((standing("trades", 160),), 30.0) == {"trades": 3.0}
    assert growth.of((standing("trades", 260),), 45.0) == {"trades": 4.0}, "since 20.0: the first look is too old"
    assert math.isnan(growth.of((standing("trades", 3),), 46.0)["trades"]), "partitions were dropped"
    assert growth.of((standing("trades", None),), 47.0) == {}


def test_tables_say_how_far_they_are_behind() -> None:
    tables = (
        standing("trades", 12_345, NOW - 700_000, pending=3),
        standing("bars_1m", 2, NOW - 30_000_000),
        standing("bars_1s", 9, NOW - 3_000_000),
        standing("rejects", None, suspended=True),
        standing("feed_events", None),
        standing("datasets", 1, NOW, pressure=2),
    )
    html = storage_card(Storage(NOW, tables, {"trades": 42.25}), NOW)
    rows = {name: text("<" + row) for name, row in re.findall(r'data-table="(\w+)"(.*?)</tr>', html)}
    assert rows["trades"] == "trades 12,345 42.2 2023-11-14 22:14:59 0.7 s 3 writes"
    assert rows["bars_1m"].endswith("– 2023-11-14 22:14:30 forming 0 writes")
    assert rows["bars_1s"].endswith("2023-11-14 22:14:57 2.0 s 0 writes"), "from the end of the bar"
    assert rows["rejects"] == "rejects – – – – 0 SUSPENDED"
    assert rows["feed_events"].endswith("empty")
    assert rows["datasets"].endswith("waits for memory")
    assert "database 3 rows behind" in text(html)
    replayed = storage_card(Storage(NOW, tables[:1]), None)
    assert "0.7 s" not in text(replayed), "a replay is behind nothing"
    assert "no such table" in storage_card(Storage(), None, "no such table")


def histogram(values_us: object) -> Histogram:
    made = Histogram()
    made.add(values_us)  # type: ignore[arg-type]
    return made


def test_a_distribution_has_its_mass_where_the_values_are() -> None:
    draw = np.random.default_rng(5)
    values_us = np.exp(draw.normal(np.log(12_000), 0.4, 4_000))
    svg = distribution(histogram(values_us), {"amber": 12.0}, "says <this>")
    bars = [(int(at), float(height)) for at, height in re.findall(r"M(\d+)\.1 24v-([\d.]+)h", svg)]
    highest = max(bars, key=lambda bar: bar[1])[0]
    low, high = 10.0 ** (1 + highest / 10), 10.0 ** (1 + (highest + 1) / 10)
    counts = [
        np.count_nonzero((values_us >= 10 ** (1 + k / 10)) & (values_us < 10 ** (1 + (k + 1) / 10))) for k in range(70)
    ]
    assert abs(highest - int(np.argmax(counts))) <= 1, "to within one bucket"
    assert low / 1.6 < 12_000 < high * 1.6
    assert sum(height for _, height in bars) == pytest.approx(24 * sum(counts) / max(counts), rel=0.15)
    assert "M30.79 0V24" in svg, "12 ms on the axis: 10 (log10 12,000 − 1)"
    assert 'aria-label="says &lt;this&gt;"' in svg


def test_what_lies_outside_the_axis_is_in_the_outermost_bars() -> None:
    svg = distribution(histogram([-5e6, 0.0, 1e12]), {}, "")
    assert re.findall(r"M(\d+)\.1 24v-([\d.]+)h", svg) == [("0", "24.0"), ("69", "12.0")]
    assert '<path d=""' in distribution(Histogram(), {"text": math.nan}, "")


def test_stages_show_the_distribution_or_say_that_there_is_none() -> None:
    legs = Legs(
        (),
        (StageLatency("bar_row", NOW, 1.0, 2.0, 3.0, 4.0, 5), StageLatency("chunk_bar", NOW, *[math.nan] * 4, 0)),
        NOW,
    )
    html = stages_card(legs, [Distribution("bar_row", histogram([20_000.0] * 99 + [400_000.0]))])
    assert (
        "bar → row, 100 in 5 minutes: 50% within 20 ms, 95% within 20 ms, 99% within 20 ms, the largest 400 ms" in html
    )
    assert "nothing measured" in html
    assert "the flow stored no distribution" in stages_card(legs)


def test_page_cost_sums_the_pollers_and_draws_the_queries() -> None:
    status, other = Status(), Status()
    status.polls, status.errors, other.polls, other.reconnects = 700, 2, 300, 1
    status.latency_s.extend([0.010] * 99 + [0.050])
    html = cost_card(status, "A/B 1s", [status, other], 3, PageCost(220 * 2**20, 0.127, (0.001, 0.002, 0.040)))
    said = text(html)
    for wanted in (
        "Polls 1,000",
        "Errors 2",
        "Reconnects 1",
        "Sessions 3",
        "220 MiB",
        "CPU 13 %",
        "most 40 ms",
        "50 ms",
    ):
        assert wanted in said, wanted
    assert len(re.findall(r"v-[\d.]+h\.8", html)) == 100
    unknown = text(cost_card(Status(), "A/B 1s", [], None, PageCost()))
    for wanted in ("Sessions –", "Server memory –", "CPU –", "Event loop –", "median –"):
        assert wanted in unknown, wanted
    assert row_of_bars([], 240, "").count("M") == 0


def test_feeds_are_listed() -> None:
    html = held_card([Held("A/B 1s", "ols", 5_000, 68, 2, 1_100.0), Held("<x>", "m", 0, 0, 1, math.nan)])
    assert "A/B 1s ols 5,000 68 2 1.1 s" in text(html)
    assert "&lt;x&gt; m 0 0 1 –" in text(html)
    assert "no feed yet" in held_card([])


def test_the_meter_measures_this_process() -> None:
    async def measured() -> PageCost:
        meter = PageMeter(0.005)
        enough = asyncio.Event()
        ending = meter.subscribe(lambda: enough.set() if len(meter.cost.loop_s) >= 3 else None)
        await asyncio.wait_for(enough.wait(), 10)
        ending()
        return meter.cost

    cost = run_async(measured())
    assert cost.rss_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert cost.cpu >= 0
    assert all(0 <= delay < 5 for delay in cost.loop_s)


def test_a_system_without_proc_says_nothing(tmp_path: Path) -> None:
    assert math.isnan(resident_bytes(tmp_path / "statm"))

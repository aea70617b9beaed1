"""HTML strings: what is not known is a dash, the reason stands beside it, names are escaped."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from dashboard.frame import COLUMNS, Frame, Rows, loaded
from dashboard.poller import Status
from dashboard.quality import Quality
from dashboard.state import Leg, Reading
from dashboard.views.header import header
from dashboard.views.notice import banner, notice, waiting
from dashboard.views.rail import model_card, signal_card, window_table
from dashboard.views.text import age, number
from dashboard.views.tiles import tiles
from flows.domain.interval import Interval
from flows.domain.model import Model

READY = Reading(
    Leg("ETHUSDT", 3066.28, -0.0015, 320.0, 2), Leg("BTCUSDT", 63203.1, 0.0002, 150.0, 1), Model("ols"), Interval.S1,
    bars=600, open_time_us=1_700_000_000_000_000, closed=True, last_close_us=1_700_000_001_000_000, zscore=-2.345,
    zscore_one_step=-2.4, spread=0.000391, spread_std=0.000221, hedge_ratio=0.9179, hedge_ratio_se=0.0098, r_squared=0.936,
    correlation=0.938, n=600, warmup_left=0,
)  # fmt: skip
QUALITY = Quality(asked=True)
EMPTY = Reading(Leg("ETHUSDT"), Leg("BTCUSDT"), Model("ols"), Interval.S1)
UNKNOWN = dict.fromkeys(
    ("zscore", "zscore_one_step", "spread", "spread_std", "hedge_ratio", "hedge_ratio_se", "r_squared", "correlation"),
    math.nan,
)
WARMING = replace(READY, n=15, warmup_left=585, **UNKNOWN)
STALE = replace(READY, stale="x", x=replace(READY.x, age_ms=14_200.0), **UNKNOWN)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def test_tiles_show_the_numbers_and_name_the_form_of_z() -> None:
    shown = text(tiles(READY, QUALITY, 2.0, 0.5))
    for part in (
        "ETHUSDT 3,066.28", "-0.15 %", "BTCUSDT 63,203.10", "z-score, in-sample -2.35", "one-step -2.40", "LONG SPREAD",
        "Spread, bp 3.9 · gross – σ 2.21", "0.9179 ± 0.0098", "R² 0.936", "Correlation 0.938", "0.3 s · 0.1 s",
    ):  # fmt: skip
        assert part in shown, f"{part!r} not in {shown!r}"


@pytest.mark.parametrize(
    ("now", "reason"),
    [(EMPTY, "no statistics yet"), (WARMING, "warm-up 15/600"), (STALE, "stale: BTCUSDT silent")],
    ids=["empty", "warm-up", "stale"],
)
def test_what_is_not_known_is_a_dash_with_the_reason(now: Reading, reason: str) -> None:
    html = tiles(now, QUALITY, 2.0, 0.5)
    for tile in ("z", "spread", "hedge", "r2", "correlation"):
        part = html.split(f'data-tile="{tile}"')[1].split('data-tile="')[0]
        assert text(part.split('class="value ')[1].split(">", 1)[1]).startswith("–"), tile
        assert reason in part
    assert not re.search(r'class="value[^>]*>-?0(\.0*)?<', html), "a zero that is not a measurement"


def test_what_is_known_in_the_warm_up_is_shown() -> None:
    shown = text(tiles(replace(WARMING, n=400, warmup_left=200, correlation=0.91), QUALITY, 2.0, 0.5))
    assert "Correlation 0.910 · ticks – 0.888 to 0.928" in shown
    assert "R² – warm-up 400/600" in shown


def test_the_warm_up_says_how_long_and_that_nothing_is_made_up() -> None:
    assert text(notice(WARMING)) == "waiting for 600 bars: 15/600 nothing is back-filled"


def test_the_stale_leg_is_named_with_its_age() -> None:
    assert notice(STALE) == ""
    said = text(banner(Status(), STALE, ()))
    assert said.startswith("Stale: BTCUSDT last traded 14.2 s before the end of the bar.")
    assert "ETHUSDT" not in said
    assert "ETHUSDT" in text(banner(Status(), replace(STALE, stale="both"), ()))


def test_nothing_to_say_is_nothing_shown() -> None:
    assert notice(READY) == ""
    assert banner(Status(), READY, ()) == ""


def test_an_empty_page_says_why() -> None:
    assert "Asking the database" in waiting("", asked=False)
    assert "Nothing has been written to this database" in waiting("", asked=True)
    assert 'dataset "q3"' in text(waiting("q3", asked=True))
    assert "first 1s bar" in notice(EMPTY)
    assert "table=bars_1s" in notice(EMPTY, "table does not exist [table=bars_1s]")


def test_database_away_says_since_when_and_how_old_the_charts_are() -> None:
    status = Status()
    status.down_since, status.reason = 1_700_000_005.0, "connection <refused>"
    said = banner(status, READY, ("something else",))
    assert "Database away since 22:13:25 UTC" in text(said)
    assert "data up to 2023-11-14 22:13:21 UTC" in text(said)
    assert "&lt;refused&gt;" in said
    assert "DATABASE AWAY" in header("simulated", "", status, 600)


@pytest.mark.parametrize(("origin", "colour"), [("simulated", "amber"), ("live", "teal"), ("replay", "blue")])
def test_the_header_says_whose_data_it_is(origin: str, colour: str) -> None:
    status = Status()
    status.latency_s.extend([0.004] * 19 + [0.030])
    html = header(origin, "q3", status, 5000)
    assert f'class="pill {colour}" data-role="source">{origin.upper()}<' in html
    assert "query 4/5 ms" in text(html)
    assert "bars 5,000" in text(html)
    assert "dataset q3" in text(html)
    assert "query –/– ms" in text(header(origin, "", Status(), 0))


def test_the_window_table_leaves_out_what_is_not_known() -> None:
    table = np.full((len(COLUMNS), 4), np.nan)
    frame = loaded(Rows(np.arange(4) * 1_000_000, table), Frame(), 9)
    frame["zscore"][:] = [np.nan, 1.0, 3.0, np.nan]
    cells = dict(re.findall(r"<tr><td>(\w+)</td><td>[^<]*</td><td>([^<]*)</td>", window_table(frame, READY)))
    assert cells == {"mean": "2.00", "σ": "1.00", "min": "1.00", "max": "3.00", "last": "3.00"}
    assert set(re.findall(r"<td>(–)</td>", window_table(frame, READY))) == {"–"}


def test_the_signal_card_says_what_to_do() -> None:
    assert "buy 1 ETHUSDT · sell 0.92 BTCUSDT notional" in text(signal_card(READY, 2.0, 0.5))
    assert "WARM-UP" in signal_card(WARMING, 2.0, 0.5)
    assert "STALE" in signal_card(STALE, 2.0, 0.5)
    assert "600 bars" in model_card(READY)


def test_names_are_escaped() -> None:
    odd = replace(READY, y=replace(READY.y, symbol="<odd>"), model=Model("<odd>", "<odd>"))
    pages = [tiles(odd, QUALITY, 2, 0.5), signal_card(odd, 2, 0.5), model_card(odd), waiting("<odd>", True)]
    pages += [
        banner(Status(), replace(odd, stale="y"), ()),
        banner(Status(), odd, ("<odd>",)),
        header("<odd>", "<odd>", Status(), 0),
    ]
    for html in pages:
        assert "&lt;odd&gt;" in html.lower()
        assert "<odd>" not in html.lower()


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (number(-0.0004, 2), "0.00"), (number(-0.006, 2), "-0.01"), (number(math.inf, 2), "–"), (age(0), "0.0 s"),
        (age(3_725_000), "1 h 2 m"), (number(0.00004, 1, sign=True), "0.0"),
    ],
)  # fmt: skip
def test_numbers_as_text(shown: str, wanted: str) -> None:
    assert shown == wanted

"""The words of the Analysis view: every number, every reason, nothing made up, nothing of the database taken for HTML."""

import re
from dataclasses import replace

import numpy as np
from test_dashboard_analysis import MODEL, PAIR, rows, some_looks

from dashboard.analysis.compute import OfBars, of_bars, of_looks
from dashboard.analysis.lead import LeadCurve, lead_curve
from dashboard.analysis.rows import Asked, LeadRows, LegTrades, LookRows, PairRows
from dashboard.charts.analysis import pictures
from dashboard.charts.regression import METHODS
from dashboard.selection import Selection
from dashboard.views import analysis as words
from dashboard.views.looks import looks_panel
from dashboard.views.summaries import liquidity_card, summaries_card
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.stats.methods import METHODS as ALL_METHODS

ODD = Pair("<B>USDT", "A&BUSDT")


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def analysed(bars: PairRows, pair: Pair = PAIR) -> OfBars:
    of = of_bars(bars, Asked(Selection("", pair, Interval.S1, "small"), MODEL, 100))
    assert of is not None
    return of


def test_the_legend_has_every_method_and_what_a_missing_line_waits_for() -> None:
    of = analysed(rows(500))
    shown = words.lines_legend(of)
    for line in of.fit.lines:
        assert f'title="{line.hedge_ratio!r}">{line.hedge_ratio:.4f}</td>' in shown
    assert set(METHODS) == set(ALL_METHODS), "each has a colour"
    assert shown.count('class="own"') == 1
    waiting = text(words.lines_legend(analysed(rows(40))))
    assert waiting.count("– waiting for 60 bars: 40") == len(ALL_METHODS)
    assert "nan" not in waiting
    assert "40 of 60 bars" in text(words.lines_head(analysed(rows(40))))


def test_names_of_the_database_are_no_html() -> None:
    of = analysed(rows(200), ODD)
    shown = words.lines_head(of) + summaries_card(of) + liquidity_card(of) + words.lead_foot(ODD.y, ODD.x)
    assert "<B>" not in shown
    assert "&lt;B&gt;USDT" in shown
    look = {**look_row(), "missing": "hurst: <i>needs</i> 128 bars"}
    assert "<i>" not in looks_panel(of_looks(replace(some_looks(), newest=look)), ODD.y, ODD.x)


def look_row() -> dict[str, float | int | str | None]:
    return {
        "open_time": 1_700_000_000_000_000, "n": 600, "y_on_x_statistic": -3.9, "y_on_x_p_value": 0.01, "x_on_y_statistic": -2.0,
        "x_on_y_p_value": 0.4, "coint_critical_1": -3.92, "coint_critical_5": -3.35, "coint_critical_10": -3.05, "y_on_x_lag": 1,
        "johansen_trace_0": 21.0, "johansen_trace_1": 2.0, "johansen_rank": 1, "johansen_p_above": 0.05, "johansen_p_below": 0.01,
        "half_life": 31.25, "half_life_low": 20.0, "half_life_high": 70.0, "half_lives": 19.2, "half_life_says": "reverts",
        "window_says": None, "adf_statistic": -3.0, "adf_p_value": 0.03, "adf_critical_5": -2.87, "fixed_hedge_ratio": 1.0,
        "kpss_statistic": 0.2, "kpss_p_value": 0.1, "kpss_bound": "at least", "hurst": None, "cusum_level": 2.0, "break_p_value": 0.002,
        "reason": "", "missing": "hurst: needs 128 bars",
    }  # fmt: skip


def test_each_test_is_read_in_words() -> None:
    panel = looks_panel(of_looks(replace(some_looks(), newest=look_row())), PAIR.y, PAIR.x)
    line = {
        name: text(panel.split(f'data-test="{name}"')[1].split("</tr>")[0].split(">", 1)[1])
        for name in re.findall(r'data-test="([^"]+)"', panel)
    }
    assert line["y_on_x"] == "Engle-Granger ETHUSDT on BTCUSDT -3.90 -3.92 -3.35 -3.05 0.010 reverts"
    assert line["x_on_y"].endswith("0.400 no evidence that it reverts")
    assert (
        line["johansen0"]
        == "Johansen trace, rank 0 21.00 22.91 18.18 15.92 0.01 to 0.05 rank 1: one combination reverts"
    )
    assert line["half-life"].endswith("95 %: 20.0 to 70.0; 19.2 in the window")
    assert line["hurst"] == "Hurst exponent – needs 128 bars"
    assert line["break"].endswith("1.63 1.36 1.22 0.002 the line breaks within the window")
    assert "right only for a fixed hedge ratio (here 1.00)" in line["adf"]
    assert line["kpss"].startswith("KPSS 0.20 0.74 0.46 0.35 at least 0.10 keeps to a level: not refused")
    assert "look of 2023-11-14 22:13:20 UTC · 600 bars" in text(panel)
    walk = {**look_row(), "half_life_says": "not distinguishable from a random walk"}
    shown = (
        looks_panel(of_looks(replace(some_looks(), newest=walk)), PAIR.y, PAIR.x)
        .split('data-test="half-life"')[1]
        .split("</tr>")[0]
    )
    assert "not distinguishable from a random walk" in shown
    assert "31.2" not in shown


def test_no_look_says_why() -> None:
    def panel(looks: LookRows) -> str:
        return text(looks_panel(of_looks(looks), PAIR.y, PAIR.x) + words.looks_note(of_looks(looks)))

    assert panel(LookRows()).count("The first comes with the first round of looks") == 1
    assert panel(LookRows(table=False)).count("an earlier version wrote it") == 2
    silent = {**look_row(), "reason": "needs 600 bars, has 12"}
    assert "This look says nothing: needs 600 bars, has 12" in panel(replace(some_looks(), newest=silent))
    head = text(words.share_head(of_looks(LookRows())))
    assert head == "Share of looks that pass over 24 h"


def test_no_lead_says_why() -> None:
    def note(rows_: LeadRows) -> str:
        return text(words.lead_note(lead_curve(rows_)))

    none = np.empty(0, np.int64)
    empty = LegTrades(none, none, np.empty(0))
    assert note(LeadRows()) == "No curve no look at the ticks yet."
    assert note(LeadRows(table=False)) == "No curve not in this dataset: an earlier version wrote it."
    assert note(LeadRows(5)) == "No curve more than 400,000 trades in the window of the look."
    assert (
        note(LeadRows(5_000_000, 0, y=empty, x=empty)) == "No curve the trades of its window are not stored any more."
    )
    few = LegTrades(np.arange(30, dtype=np.int64) * 100_000, np.arange(30, dtype=np.int64), np.linspace(5, 6, 30))
    assert note(LeadRows(5_000_000, 0, y=few, x=few)).startswith("No curve too few trades in the window of the look")
    assert words.lead_note(LeadCurve(rho=np.zeros(55))) == ""


def test_an_empty_picture_has_no_scale_and_no_rows() -> None:
    drawn = pictures()
    of = analysed(rows(500))
    drawn.scatter.draw(of, "head", "legend", "")
    drawn.lags.draw(of, "", "")
    drawn.spread.draw(of.spread, "", "")
    drawn.shares.draw(of_looks(some_looks()), "", "")
    drawn.half_lives.draw(of_looks(some_looks()), "", "")
    assert all(
        one.picture.figure.xaxis[0].visible
        for one in (drawn.scatter, drawn.lags, drawn.spread, drawn.shares, drawn.half_lives)
    )
    drawn.scatter.draw(None, "", "", "why")
    drawn.lags.draw(None, "", "why")
    drawn.spread.draw(None, "", "why")
    drawn.shares.draw(None, "", "why")
    drawn.half_lives.draw(None, "", "why")
    for one in (drawn.scatter, drawn.lags, drawn.spread, drawn.shares, drawn.half_lives):
        assert not one.picture.figure.xaxis[0].visible
        assert (one.picture.note.text, one.picture.note.visible) == ("why", True)
    assert not len(drawn.scatter.points.data["x"])
    assert not len(drawn.spread.bars.data["count"])
    assert not len(drawn.shares.source.data["both"])


def test_a_flat_market_has_no_line_and_no_false_zero() -> None:
    bars = rows(300)
    bars.values[0], bars.values[6] = 5.0, 5.0
    of = analysed(bars)
    shown = text(words.lines_legend(of))
    assert "a leg does not change" in shown
    assert "0.0000" not in shown
    assert of.sizes.reason is not None
    assert "Sizes of the hedge: –" in text(liquidity_card(of))

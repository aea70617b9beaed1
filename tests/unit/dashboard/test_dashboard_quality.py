"""How the verdict, the tests, ticks and lead are shown: every number, every reason, nothing made up."""

import math
import re
from dataclasses import replace

import pytest

from dashboard.quality import Lead, Look, Quality, Ticks, Verdict
from dashboard.state import Leg, Reading
from dashboard.views.quality import legs_card, look_card, verdict_card
from dashboard.views.rail import model_card, signal_card
from dashboard.views.tiles import tiles
from flows.domain.frames import LEAD_REASONS, TICK_REASONS
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.stats.correlation_interval import correlation_interval

NAN = math.nan
NOW = 1_700_000_000_000_000
READY = Reading(
    Leg("ETHUSDT", 3066.28), Leg("BTCUSDT", 63203.1), Model("ols"), Interval.S1, bars=600, open_time_us=NOW, closed=True,
    last_close_us=NOW + 1_000_000, last_stats_us=NOW, zscore=-2.345, zscore_one_step=-2.4, spread=0.000391, spread_std=0.000221,
    hedge_ratio=0.9179, hedge_ratio_se=0.0098, hedge_ratio_se_hac=0.0213, r_squared=0.936, correlation=0.938, spread_bp=2.04, n=600,
    warmup_left=0,
)  # fmt: skip
NUMBERS = "14% of 44 looks in the last 24 h pass in both directions; no break seen (p 0.4)."
VERDICT = Verdict(NOW - 60_000_000, "weak evidence", f"ETHUSDT/BTCUSDT 1s: weak evidence: {NUMBERS}", 0.14, 44, 0.6, 2)
TESTS = Look(
    NOW - 30_000_000, 600, 0.0312, 0.0441, 31.24, 20.16, 70.31, 19.2, "reverts", "", 0.4, 1, 0.05, 0.01, 0.21, 0.44, 0.0127, 0.1,
    "at least", "", "",
)  # fmt: skip
TICKS = Ticks(NOW, 0.951, 800, 900, 300, 0, "")
LEAD = Lead(NOW - 10_000_000, 50.0, 40.0, 60.0, 0.52, 0.31, "x", "")
QUALITY = Quality(VERDICT, TESTS, TICKS, LEAD, asked=True)
EMPTY = Quality(asked=True)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def row(html: str, name: str) -> str:
    """The whole element of a row, hover text included."""
    return html.split(f'data-row="{name}"')[1].split('data-row="')[0]


def test_the_verdict_is_the_stored_sentence() -> None:
    html = verdict_card(QUALITY, READY)
    assert text(html) == f"Verdict · 22:12:20 weak evidence {NUMBERS}"
    assert f'title="{VERDICT.sentence}"' in html
    odd = replace(VERDICT, sentence="<b>said</b> otherwise", word="unheard of")
    assert "&lt;b&gt;said&lt;/b&gt; otherwise" in verdict_card(replace(QUALITY, verdict=odd), READY)
    assert 'class="word off"' in verdict_card(replace(QUALITY, verdict=replace(VERDICT, word="too early")), READY)


def test_every_test_is_shown_under_its_name() -> None:
    shown = text(look_card(QUALITY, READY))
    assert shown.startswith("Tests · 600 bars · 22:12:50")
    for part in (
        "Engle-Granger p 0.031 · 0.044", "Half-life 31.2 bars (20.2 to 70.3)", "Break of the line p 0.400",
        "Johansen rank 1 (p 0.01 to 0.05)", "Variance ratio p 0.210", "Hurst 0.44", "KPSS p (at least) 0.100",
        "Periodic ADF p 0.013 right only for a fixed hedge ratio: log y - log x",
    ):  # fmt: skip
        assert part in shown, f"{part!r} not in {shown!r}"
    assert "amber" not in look_card(QUALITY, READY)


def test_a_window_of_few_half_lives_and_a_break_are_amber() -> None:
    few = replace(TESTS, half_lives=3.1, window_says="fewer than 5 half-lives", break_p_value=0.002)
    html = look_card(replace(QUALITY, tests=few), READY)
    assert re.search(r'row amber" data-row="half-life"', html)
    assert re.search(r'row amber" data-row="break"', html)
    assert "fewer than 5 half-lives in the window: z follows badly" in text(html)
    tile = tiles(READY, replace(QUALITY, tests=few), 2, 0.5).split('data-tile="half-life"')[1]
    assert "value amber" in tile
    assert "3.1 in the window: fewer than 5 half-lives" in tile


def test_a_random_walk_has_no_half_life() -> None:
    says = "not distinguishable from a random walk"
    walk = replace(TESTS, half_life=101.0, half_life_says=says)
    html = row(look_card(replace(QUALITY, tests=walk), READY), "half-life")
    assert says in html
    assert "101" not in html
    tile = tiles(READY, replace(QUALITY, tests=walk), 2, 0.5).split('data-tile="half-life"')[1].split("data-tile")[0]
    assert text(tile.split("value ")[1].split(">", 1)[1]).startswith("– like a random walk")
    assert f'title="{says}"' in tile


def test_an_unknown_end_of_a_half_life_is_a_dash() -> None:
    html = look_card(replace(QUALITY, tests=replace(TESTS, half_life_high=NAN)), READY)
    assert "31.2 bars (20.2 to –)" in text(html)


def test_a_test_that_says_nothing_gives_its_reason_in_grey() -> None:
    missing = "hurst: needs 128 bars, has 60; kpss: the series does not change"
    some = replace(TESTS, hurst=NAN, kpss_p_value=NAN, adf_p_value=NAN, missing=missing)
    html = look_card(replace(QUALITY, tests=some), READY)
    for name, why in (
        ("hurst", "needs 128 bars, has 60"),
        ("kpss", "the series does not change"),
        ("adf", "not known"),
    ):
        assert re.search(rf'row off" data-row="{name}"', html)
        assert f"– {why}" in text(row(html, name).split(">", 1)[1])
    nothing = look_card(replace(QUALITY, tests=replace(TESTS, reason="needs 600 bars, has 12", n=12)), READY)
    assert text(nothing) == "Tests · 12 bars · 22:12:50 needs 600 bars, has 12"


def test_what_is_not_there_says_why() -> None:
    cards = text(verdict_card(EMPTY, READY) + look_card(EMPTY, READY) + legs_card(EMPTY, READY))
    for why in (
        "first round of looks",
        "no look at this pair yet",
        "no row of the ticks yet",
        "no look at the ticks yet",
    ):
        assert why in cards
    waiting = Quality()
    assert text(legs_card(waiting, READY)).count("asking the database") == 2
    old = replace(EMPTY, no_table=frozenset(("verdict", "tests", "ticks", "lead")))
    cards = text(verdict_card(old, READY) + look_card(old, READY) + legs_card(old, READY))
    assert cards.count("an earlier version wrote it") == 4


def test_the_correlation_of_bars_has_its_interval_and_that_of_ticks_stands_beside_it() -> None:
    low, high = correlation_interval(READY.correlation, 300)
    shown = text(legs_card(QUALITY, READY))
    assert f"ρ of bars 0.938 ({low:.3f} to {high:.3f})" in shown
    assert "ρ of ticks 0.951" in shown
    tile = text(tiles(READY, QUALITY, 2, 0.5))
    assert f"Correlation 0.938 · ticks 0.951 {low:.3f} to {high:.3f}" in tile
    exact = replace(READY, correlation=1.0)
    assert "not defined" in row(legs_card(QUALITY, exact), "rho")
    assert "300 returns" in text(tiles(exact, QUALITY, 2, 0.5))
    assert "– not known yet" in text(legs_card(QUALITY, replace(READY, correlation=NAN)))


@pytest.mark.parametrize("reason", TICK_REASONS[1:])
def test_every_reason_of_the_ticks_is_said(reason: str) -> None:
    ticks = replace(TICKS, correlation=NAN, reason=reason, n=12, warmup_left=288)
    html = row(legs_card(replace(QUALITY, ticks=ticks), READY), "ticks")
    said = text(html.split("<b>")[1])
    assert said.startswith("– ")
    assert len(said) > 5
    assert "_" not in said
    assert reason != "warming_up" or said.startswith("– warm-up 12/300")
    assert reason != "x_silent" or said.startswith("– BTCUSDT silent")
    assert "0.938 · ticks –" in text(tiles(READY, replace(QUALITY, ticks=ticks), 2, 0.5))


def test_ticks_of_long_ago_are_not_those_of_now() -> None:
    behind = replace(QUALITY, ticks=replace(TICKS, open_time=NOW - 6_000_000))
    assert "older than the bars" in row(legs_card(behind, READY), "ticks")
    assert "0.951" not in tiles(READY, behind, 2, 0.5) + legs_card(behind, READY)
    assert "0.951" in legs_card(replace(QUALITY, ticks=replace(TICKS, open_time=NOW - 5_000_000)), READY)


@pytest.mark.parametrize(
    ("lead", "said"),
    [
        (LEAD, "BTCUSDT 50 ms (40 to 60)"),
        (replace(LEAD, lead_ms=-30.0, lead_low_ms=-45.0, lead_high_ms=-10.0, leader="y"), "ETHUSDT 30 ms (10 to 45)"),
        (replace(LEAD, lead_low_ms=-20.0, leader=""), "neither (-20 to 60 ms)"),
        (replace(LEAD, lead_high_ms=NAN), "BTCUSDT 50 ms (40 to no end)"),
    ],
)
def test_which_leg_leads_by_how_much(lead: Lead, said: str) -> None:
    html = row(legs_card(replace(QUALITY, lead=lead), READY), "lead")
    assert f"<b>{said}</b>" in html
    assert "correlation 0.52 at that shift, 0.31 without one" in html


@pytest.mark.parametrize("reason", LEAD_REASONS[1:])
def test_every_reason_of_the_lead_is_said(reason: str) -> None:
    lead = Lead(NOW - 10_000_000, NAN, NAN, NAN, NAN, NAN, "", reason)
    said = text(row(legs_card(replace(QUALITY, lead=lead), READY), "lead").split("<b>")[1])
    assert re.match(r"– [a-z][^_]{6,} · 22:13:10", said), said


def test_the_hedge_ratio_has_its_robust_error_where_there_is_one() -> None:
    assert "β 0.9179 ± 0.0213 robust" in text(legs_card(QUALITY, READY))
    tile = text(tiles(READY, QUALITY, 2, 0.5))
    assert "0.9179 ± 0.0098 robust ± 0.0213" in tile
    assert "0.000391" not in tile
    assert "Spread, bp 3.9 · gross 2.0 bp" in tile
    without = replace(READY, hedge_ratio_se_hac=NAN, model=Model("m", "tls"))
    html = row(legs_card(QUALITY, without), "beta")
    assert "0.9179 ± 0.0098</b>" in html
    assert "tls has no robust error" in html
    assert "robust ±" not in text(tiles(without, QUALITY, 2, 0.5))


@pytest.mark.parametrize(("sd", "trusted"), [(0.79, False), (0.8, True), (1.25, True), (1.26, False)])
def test_a_filter_whose_innovations_are_of_another_size_is_not_to_be_trusted(sd: float, trusted: bool) -> None:
    now = replace(READY, model=Model("k", "kalman"), r_squared=NAN, innovation_sd=sd, innovation_autocorrelation=0.12)
    html = tiles(now, QUALITY, 2, 0.5)
    tile = html.split('data-tile="innovations"')[1].split("data-tile")[0]
    assert f"{sd:.2f} · lag-1 0.12" in text(tile)
    assert ("within 0.8 to 1.25" if trusted else "outside 0.8 to 1.25") in tile
    assert ("value amber" in tile) is not trusted
    assert ("not to be trusted" in text(html)) is not trusted
    assert (f"innovation sd {sd:.2f}: z is not to be trusted" in text(signal_card(now, 2, 0.5))) is not trusted
    assert 'data-tile="r2"' not in html


def test_a_method_without_r_squared_says_so() -> None:
    now = replace(READY, model=Model("h", "huber"), r_squared=NAN, fit_age=30)
    tile = tiles(now, QUALITY, 2, 0.5).split('data-tile="r2"')[1].split("data-tile")[0]
    assert "huber has no R²" in tile
    assert "fit is 30 bars old" in tile
    filter_ = replace(READY, model=Model("k", "kalman"), r_squared=NAN)
    tile = tiles(filter_, QUALITY, 2, 0.5).split('data-tile="innovations"')[1].split("data-tile")[0]
    assert "first after 1,200 bars" in tile


def test_what_comes_from_the_database_is_escaped() -> None:
    bad = "<odd>"
    quality = Quality(
        replace(VERDICT, word=bad, sentence=bad), replace(TESTS, half_life_says=bad, kpss_bound=bad, missing=f"hurst: {bad}", hurst=NAN),
        replace(TICKS, correlation=NAN, reason=bad), replace(LEAD, lead_ms=NAN, reason=bad), asked=True,
    )  # fmt: skip
    pages = [
        verdict_card(quality, READY),
        look_card(quality, READY),
        legs_card(quality, READY),
        tiles(READY, quality, 2, 0.5),
    ]
    pages += [look_card(replace(quality, tests=replace(TESTS, reason=bad)), READY), model_card(READY)]
    assert all(bad not in html for html in pages)
    assert sum("&lt;odd&gt;" in html for html in pages) == 5

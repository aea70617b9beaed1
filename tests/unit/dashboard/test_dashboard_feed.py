"""How the feed is read and shown: every state, silence of the flow, escaping, what is not known."""

import math
import re
from dataclasses import replace

import pytest

from dashboard.feed import FLOW_SILENT_AFTER_S, Answer, FeedEvent, Freshness, Legs, LegStatus, StageLatency
from dashboard.views.feed import events_card, legs_card
from dashboard.views.latency import stages_card
from dashboard.views.legs import feed_banner, leg_pills
from flows.domain.frames import EVENT_KINDS, GOOD_STATES, LATENCY_STAGES, LEG_STATES

NOW = 1_700_000_100_000_000
PAIR = ("ETHUSDT", "BTCUSDT")
LEG = LegStatus("ETHUSDT", "live", NOW - 95_000_000, "", NOW, NOW - 312_000, 7_654_321, 0, 0, 0, 12)
OTHER = replace(LEG, symbol="BTCUSDT", state="quiet", last_trade_us=NOW - 4_212_000)
EVENT = FeedEvent(NOW, 7, "lost", "ETHUSDT", "REST does not serve them any more", 1_000, 1_200, 201)


def feed(*legs: LegStatus, silent: bool = False, stages: tuple[StageLatency, ...] = ()) -> Legs:
    return Legs(legs, stages, max((leg.asked_us for leg in legs), default=None), silent)


def measured(stage: str, p95: float, age_s: int = 0) -> StageLatency:
    return StageLatency(stage, NOW - age_s * 1_000_000, p95 / 2, p95, 2 * p95, 3 * p95, 1_200)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


@pytest.mark.parametrize("state", [*LEG_STATES, "some state of tomorrow"])
def test_only_states_that_can_be_relied_on_are_green(state: str) -> None:
    html = leg_pills(feed(replace(LEG, state=state), OTHER), PAIR)
    pill = html.split('data-leg="ETHUSDT"')[1].split("data-leg")[0]
    assert ("pill teal" in pill) == (state in GOOD_STATES)
    assert f'data-state="{state}"' in pill
    assert {"filling": "ETHUSDT FILLING A GAP"}.get(state, f"ETHUSDT {state.upper()}") in text(pill)


@pytest.mark.parametrize(
    ("state", "colour", "means"),
    [
        ("silent", "red", ""), ("reconnecting", "red", "stand still"), ("unproven", "red", "stand still"),
        ("filling", "amber", "wait for the missing trades"), ("live", "", ""), ("quiet", "", ""), ("waiting", "", ""),
    ],
)  # fmt: skip
def test_the_banner_says_which_leg_since_when_and_what_it_means(state: str, colour: str, means: str) -> None:
    html = feed_banner(feed(replace(LEG, state=state, detail="no trade for 4.2 s"), OTHER), PAIR)
    assert ("banner amber" if colour == "amber" else 'banner"' if colour else "") in html
    assert ('role="alert"' in html) == (colour == "red")
    if colour:
        word = "filling a gap" if state == "filling" else state
        assert text(html).startswith(f"ETHUSDT {word} since 22:13:25 UTC. No trade for 4.2 s.")
        assert means in html
    else:
        assert html == ""


def test_a_silent_leg_without_a_reason_says_where_its_figures_come_from() -> None:
    assert text(feed_banner(feed(replace(LEG, state="silent"), OTHER), PAIR)).endswith("UTC. Its figures come by REST.")


def test_legs_of_other_pairs_are_not_in_the_banner_but_are_counted() -> None:
    legs = feed(
        LEG, OTHER, replace(LEG, symbol="SOLUSDT", state="silent"), replace(LEG, symbol="XRPUSDT", state="filling")
    )
    assert feed_banner(legs, PAIR) == ""
    others = leg_pills(legs, PAIR).split('data-role="others"')
    assert others[0].endswith('class="pill red" ')
    assert text("<" + others[1]).startswith("+2 LEGS")
    assert "others" not in leg_pills(feed(LEG, OTHER, replace(LEG, symbol="SOLUSDT")), PAIR)


def test_ages_are_by_the_exchange_clock() -> None:
    shown = text(leg_pills(feed(LEG, OTHER), PAIR))
    assert shown == "ETHUSDT LIVE 0.3 s BTCUSDT QUIET 4.2 s"
    assert math.isnan(replace(LEG, last_trade_us=None).age_ms)
    assert "ETHUSDT WAITING –" in text(leg_pills(feed(replace(LEG, state="waiting", last_trade_us=None)), PAIR))
    assert replace(LEG, lead_ms=5_000).age_ms == 0, "never before the trade"


def test_a_leg_that_the_flow_does_not_report_is_said() -> None:
    html = leg_pills(feed(LEG), PAIR)
    assert "BTCUSDT NOT REPORTED" in text(html)
    assert html.count("pill teal") == 1


def test_no_status_is_not_green() -> None:
    html = leg_pills(Legs(), PAIR)
    assert text(html) == "NO FEED STATUS"
    assert "teal" not in html
    assert feed_banner(Legs(), PAIR) == ""


def test_a_silent_flow_is_red_whatever_it_said_last() -> None:
    legs = feed(LEG, OTHER, silent=True, stages=(measured("bar_row", 240.0),))
    html = leg_pills(legs, PAIR)
    assert text(html) == "FLOW SILENT since 2023-11-14 22:15:00 UTC"
    assert "teal" not in html
    assert text(feed_banner(legs, PAIR)).startswith("Flow silent since 2023-11-14 22:15:00 UTC")
    assert 'role="alert"' in feed_banner(legs, PAIR)
    assert "as of 2023-11-14 22:15:00 UTC: the flow is silent" in text(legs_card(legs, PAIR))


def test_latencies_are_p95_of_the_stages_and_old_ones_are_not_shown() -> None:
    stages = tuple(measured(name, 10.0 * (i + 1)) for i, name in enumerate(LATENCY_STAGES))
    assert "p95 20 / 30 / 50 ms" in text(leg_pills(feed(LEG, OTHER, stages=stages), PAIR))
    old = (*stages[:2], measured("received_chunk", 3.4), measured("bar_row", 1.0, age_s=31))
    assert "p95 20 / 3.4 / – ms" in text(leg_pills(feed(LEG, OTHER, stages=old), PAIR))
    rows = re.findall(
        r'<th scope="row">([^<]*)</th><td class="spread">.*?</td><td[^>]*>([^<]*)<',
        stages_card(feed(LEG, OTHER, stages=old)),
    )
    assert rows == [
        ("traded → sent", "5.00"),
        ("sent → received", "10"),
        ("received → flow", "1.70"),
        ("flow → bar", "–"),
        ("bar → row", "–"),
    ]
    assert stages_card(feed(LEG)) == ""


def test_the_table_of_legs_has_every_leg_the_worst_first() -> None:
    bad = replace(
        LEG, symbol="XRPUSDT", state="reconnecting", missing=12, held=330, filled=1_200, detail="no close frame"
    )
    html = legs_card(feed(LEG, OTHER, bad), ["ETHUSDT", "BTCUSDT", "SOLUSDT"], rates={"XRPUSDT": 4.5})
    assert re.findall(r'data-leg="(\w+)"', html) == ["XRPUSDT", "SOLUSDT", "ETHUSDT", "BTCUSDT"]
    rows = [text(row) for row in html.split("<tr ")[1:]]
    assert rows[0].endswith("XRPUSDT RECONNECTING 22:13:25 0.3 s 4.5 7654321 330 1,200 12 no close frame")
    assert rows[1].endswith("SOLUSDT NOT REPORTED")
    assert rows[2].endswith("ETHUSDT LIVE 22:13:25 0.3 s 0.0 7654321 0 0 0")
    assert "+12 ms from the exchange" in text(html)
    assert "0.3 s – 7654321" in text(legs_card(feed(LEG), ["ETHUSDT"])), "not known is not 0"
    assert "No feed status. table does not exist" in text(legs_card(Legs(), PAIR, "table does not exist"))


def test_a_state_since_yesterday_says_the_day() -> None:
    long_ago = replace(LEG, since_us=NOW - 3 * 86_400_000_000)
    assert "2023-11-11 22:15:00" in legs_card(feed(long_ago), PAIR)


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_every_kind_of_event_has_its_colour(kind: str) -> None:
    red = {"lost", "silent", "unproven"}
    amber = {"gap", "disconnected", "rest_refused", "clock_off", "hold_dropped", "refuted", "queue_full"}
    html = events_card([replace(EVENT, kind=kind)], gaps_only=False)
    assert f'class="kind {"down" if kind in red else "amber" if kind in amber else ""}">{kind}<' in html


def test_events_say_when_what_where_and_how_many() -> None:
    html = events_card(
        [EVENT, replace(EVENT, kind="connected", symbol="", from_id=None, to_id=None, count=None)], False
    )
    rows = [text("<tr " + row) for row in html.split("<tr ")[1:]]
    assert rows == [
        "2023-11-14 22:15:00 lost ETHUSDT 1000 … 1200 201 REST does not serve them any more",
        "2023-11-14 22:15:00 connected – – REST does not serve them any more",
    ]
    assert "1000</td>" in events_card([replace(EVENT, to_id=1_000, count=1)], False), "one id is not a range"
    assert "newest 2 events" in text(html)
    assert "newest 1 gaps and losses" in text(events_card([EVENT], gaps_only=True))
    assert "No trade has been missing" in events_card([], gaps_only=True)
    assert "Nothing has happened yet" in events_card([], gaps_only=False)
    assert "table does not exist" in events_card([], False, "table does not exist")


def test_whatever_the_feed_says_is_escaped() -> None:
    odd = '"><odd onmouseover=1>'
    leg = LegStatus(odd, odd, None, odd, NOW, None, None, 0, 0, 0, 0)
    silent = replace(leg, state="silent")
    pages = [
        leg_pills(feed(leg), (odd,)), leg_pills(feed(leg), PAIR), leg_pills(Legs((), (), NOW), (odd,)), feed_banner(feed(silent), (odd,)),
        legs_card(feed(leg), ()), legs_card(Legs(), (), odd), legs_card(feed(LEG), (odd,)),
        events_card([FeedEvent(NOW, 1, odd, odd, odd, None, None, None)], False), events_card([], False, odd),
    ]  # fmt: skip
    for html in pages:
        assert "&lt;odd" in html.lower()
        assert "<odd" not in html.lower()
        assert '"&gt;' not in html, "a quote that ends an attribute"


def answer(newest_us: int, now_us: int) -> Answer:
    return Answer(now_us, (replace(LEG, asked_us=newest_us),))


def test_a_flow_is_silent_by_the_clock_of_the_database() -> None:
    limit = int(FLOW_SILENT_AFTER_S * 1_000_000)
    assert not Freshness().silent(answer(NOW, NOW + limit), 0.0)
    assert Freshness().silent(answer(NOW, NOW + limit + 1), 0.0)
    assert not Freshness().silent(Answer(0, ()), 0.0), "nothing written is another thing"


def test_a_flow_whose_clock_runs_ahead_is_silent_when_it_stops() -> None:
    freshness, ahead = Freshness(), NOW + 3_600_000_000
    assert not freshness.silent(answer(ahead, NOW), 0.0)
    assert not freshness.silent(answer(ahead + 1, NOW), 2.0)
    assert not freshness.silent(answer(ahead + 1, NOW), 2.0 + FLOW_SILENT_AFTER_S)
    assert freshness.silent(answer(ahead + 1, NOW), 2.1 + FLOW_SILENT_AFTER_S)
    assert not freshness.silent(answer(ahead + 2, NOW), 10.0), "it speaks again"

"""The watchdog against feeds whose legs each test sets: what it asks, tells and wants."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest

from flows.domain.frames import EVENT_KINDS, GOOD_STATES, LEG_STATES
from flows.domain.scale import UNKNOWN
from flows.sources.binance.feed import Legs
from flows.sources.binance.records import Event, Fill, Lost, Newest
from flows.sources.binance.standing import NEWEST, PAGE, Ask, LinkStanding
from flows.sources.binance.watch import Patience, Seen, Watch

S = 1_000_000
PATIENCE = Patience(3 * S, 300_000, 1_500_000, 600 * S, 20 * S)
FLOWING = LinkStanding(True, 0, "connection 1", 1)


class Desk:
    """Two legs and a clock in microseconds; leg A trades on unless a test says otherwise."""

    def __init__(self, verified: bool = True, last_id: int = 100) -> None:
        self.now, self.verified = 1_000 * S, verified
        none = np.full(2, UNKNOWN)
        self.legs = Legs(
            last_id=np.full(2, last_id), last_trade_time=none.copy(), received=np.full(2, self.now) if last_id >= 0 else none.copy(),
            held=np.zeros(2, np.int64), held_since=none.copy(), first_held=none.copy(), filled=np.zeros(2, np.int64),
            missing=np.zeros(2, np.int64), proven=none.copy(), watermark=np.zeros(2, np.int64),
        )  # fmt: skip
        self.watch = Watch(["A", "B"], [0, 1], [0, 0], PATIENCE, verified, self.now - 1)
        self.link, self.problem = FLOWING, ""
        self.told: list[Event | Lost] = []

    def look(self, seconds: float = 0.0, settled: bool = True, speaks: Sequence[int] = (0,)) -> Seen:
        """Time passes, some legs speak, and the watchdog looks."""
        self.now += int(seconds * S)
        for leg in speaks:
            self.legs.received[leg] = self.now
            self.legs.last_id[leg] += 1
        seen = self.watch.look(self.now, settled, self.copy(), [self.link], self.problem)
        self.told += seen.records
        assert all(standing.state in LEG_STATES for standing in seen.standings)
        assert all(record.kind in EVENT_KINDS for record in seen.records if isinstance(record, Event))
        return seen

    def copy(self) -> Legs:
        return Legs(**{field.name: getattr(self.legs, field.name).copy() for field in fields(Legs)})

    def answer(self, ask: Ask, rows: int = 0, oldest_s_ago: float = 0.0, proves: bool = True) -> None:
        """The exchange answers an ask of just now with so many rows that the stream did not bring."""
        if ask.cheap:
            again = self._answer_newest(ask, quiet=not rows and proves)
            if again is None:
                return
            ask = again
        before, leg = self.copy(), "AB".index(ask.symbol)
        if ask.from_id == NEWEST:
            self.legs.last_id[leg] = 100
        else:
            self.legs.last_id[leg] += rows
        self.legs.filled[leg] += rows
        self.legs.held[leg] = 0 if self.legs.last_id[leg] + 1 >= self.legs.first_held[leg] else self.legs.held[leg]
        self.legs.proven[leg] = self.now if proves else self.legs.proven[leg]
        first_ms = (self.now - int(oldest_s_ago * S)) // 1000
        body = b'[{"a":1,"T":%d},{"a":2,"T":%d}]' % (first_ms, self.now // 1000) if rows else b"[]"
        fill = Fill(self.now, ask.symbol, ask.from_id, self.now, ask.limit, body)
        self.watch.answered(fill, before, self.copy(), 0)

    def _answer_newest(self, ask: Ask, quiet: bool) -> Ask | None:
        """The exchange says which single trade is the newest; what is asked at once if that proves nothing."""
        before, leg = self.copy(), "AB".index(ask.symbol)
        self.legs.proven[leg] = self.now if quiet else self.legs.proven[leg]
        self.watch.answered_newest(Newest(self.now, ask.symbol, self.now, b"[]"), before, self.copy())
        if quiet:
            return None
        asks = self.watch.look(self.now, True, self.copy(), [self.link], self.problem).asks
        again = next((each for each in asks if each.symbol == ask.symbol), None)
        assert again is None or again == replace(ask, cheap=False)
        return again

    def hold(self, first: int, leg: int = 1) -> None:
        """Rows from this id on wait, since now."""
        self.legs.held[leg], self.legs.held_since[leg], self.legs.first_held[leg] = 5, self.now, first

    def kinds(self) -> list[tuple[str, str]]:
        return [(each.kind if isinstance(each, Event) else "LOST", each.symbol) for each in self.told]


def state(seen: Seen, leg: int = 1) -> str:
    return seen.standings[leg].state


def test_what_trades_is_live_and_nothing_is_asked() -> None:
    desk = Desk()
    for _ in range(100):
        seen = desk.look(0.1, speaks=(0, 1))
        assert (state(seen, 0), state(seen, 1), seen.asks, seen.renew) == ("live", "live", [], [])
    assert desk.told == []


def test_a_quiet_leg_is_asked_about_and_stays_good() -> None:
    desk = Desk()
    assert desk.look(2.9).asks == []
    seen = desk.look(0.1)
    assert seen.asks == [Ask("B", 101, check=True, cheap=True)]
    desk.answer(seen.asks[0])
    for _ in range(29):
        seen = desk.look(0.1)
        assert (state(seen), seen.asks) == ("quiet", [])
    assert desk.look(0.1).asks == [Ask("B", 101, check=True, cheap=True)], "again after as long"
    assert desk.told == []


def test_a_newest_trade_that_is_not_ours_makes_the_aggregates_be_asked_for() -> None:
    desk = Desk()
    assert desk.look(3).asks == [Ask("B", 101, check=True, cheap=True)]
    desk.watch.answered_newest(Newest(desk.now, "B", desk.now, b""), desk.copy(), desk.copy())
    assert desk.look(0.05).asks == [Ask("B", 101, check=True)], "at once"
    desk.answer(Ask("B", 101, check=True))
    assert (state(desk.look(0.1)), desk.told) == ("quiet", [])
    assert desk.look(3).asks == [Ask("B", 101, check=True)], "it was no aggregate's: not asked for again"
    desk.look(0.1, speaks=(0, 1))
    assert desk.look(3).asks == [Ask("B", 102, check=True, cheap=True)], "until the stream speaks"


def test_a_stream_that_spoke_while_the_newest_trade_was_asked_for_is_live() -> None:
    desk = Desk()
    assert desk.look(3).asks == [Ask("B", 101, check=True, cheap=True)]
    desk.legs.received[1] = desk.now + 1
    desk.watch.answered_newest(Newest(desk.now, "B", desk.now, b""), desk.copy(), desk.copy())
    seen = desk.look(0.1)
    assert (state(seen), seen.asks) == ("live", [])


def test_trades_of_a_dead_stream_or_connection_are_asked_for_as_such() -> None:
    desk = Desk()
    (ask,) = desk.look(3).asks
    desk.answer(ask, rows=10, oldest_s_ago=2.9)
    assert state(desk.look(0.1)) == "silent"
    assert desk.look(3).asks == [Ask("B", 111, check=True)]
    desk = Desk()
    desk.link = LinkStanding(False, desk.now, "refused with status 503", 2)
    assert not any(ask.cheap for ask in desk.look(3, speaks=()).asks)


def test_silence_is_not_judged_before_everything_received_was_applied() -> None:
    desk = Desk()
    seen = desk.look(60, settled=False)
    assert (seen.asks, seen.records, state(seen)) == ([], [], "live")


def test_trades_that_the_stream_did_not_bring_mean_that_it_is_silent() -> None:
    desk = Desk()
    (ask,) = desk.look(3).asks
    desk.answer(ask, rows=10, oldest_s_ago=2.9)
    seen = desk.look(0.05)
    assert (state(seen), seen.renew, desk.kinds()) == ("silent", ["B"], [("silent", "B")])
    assert "silent" not in GOOD_STATES
    assert desk.look(0.1).renew == [], "not again at once"
    asks = desk.look(3).asks
    assert asks == [Ask("B", 111, check=True)], "the feed goes on by REST"
    desk.answer(asks[0], rows=PAGE, oldest_s_ago=2.9)
    assert desk.look(0.01).asks == [Ask("B", 111 + PAGE, check=True)], "a full page: the next one at once"
    assert desk.look(20).renew == ["B"]
    assert desk.look(20).renew == [], "the pause doubles"
    assert desk.look(20).renew == ["B"]
    seen = desk.look(0.1, speaks=(0, 1))
    assert (state(seen), desk.kinds()) == ("live", [("silent", "B"), ("flowing", "B")])


def test_trades_that_may_still_be_on_their_way_prove_nothing_yet() -> None:
    desk = Desk()
    (ask,) = desk.look(3).asks
    desk.answer(ask, rows=3, oldest_s_ago=1.4)
    seen = desk.look(0.1)
    assert (state(seen), seen.asks) == ("live", [])
    (again,) = desk.look(0.9).asks
    desk.answer(again, rows=3, oldest_s_ago=1.6)
    assert state(desk.look(0.1)) == "silent"


def test_a_stream_that_spoke_while_it_was_asked_about_is_not_silent() -> None:
    desk = Desk()
    (ask,) = desk.look(3).asks
    desk.legs.received[1] = desk.now + 1
    desk.answer(ask, rows=3, oldest_s_ago=2.9)
    assert state(desk.look(0.1)) == "live"


def test_a_new_connection_and_no_trades_since_make_a_silent_leg_quiet() -> None:
    desk = Desk()
    (ask,) = desk.look(3).asks
    desk.answer(ask, rows=10, oldest_s_ago=2.9)
    desk.look(0.1)
    (ask,) = desk.look(3).asks
    desk.answer(ask)
    assert state(desk.look(0.1)) == "silent", "still the same connection"
    desk.link = replace(FLOWING, opened=2)
    (ask,) = desk.look(3).asks
    desk.answer(ask)
    assert state(desk.look(0.1)) == "quiet"
    assert desk.kinds() == [("silent", "B"), ("flowing", "B")]


def test_an_exchange_that_cannot_be_asked_leaves_a_leg_unproven() -> None:
    desk = Desk()
    desk.problem = "the exchange answered 429"
    assert state(desk.look(3.9)) == "live"
    seen = desk.look(0.2)
    assert state(seen) == "unproven"
    assert "429" in seen.standings[1].detail
    assert desk.kinds() == [("unproven", "B")]
    desk.problem = ""
    (ask,) = desk.look(0.1).asks
    desk.answer(ask)
    assert state(desk.look(0.1)) == "quiet"
    assert desk.kinds() == [("unproven", "B"), ("flowing", "B")]


def test_an_answer_that_proves_nothing_does_not_count() -> None:
    desk = Desk()
    (ask,) = desk.look(3).asks
    desk.answer(ask, proves=False)
    assert state(desk.look(1)) != "quiet"
    assert desk.look(0.1).asks == [replace(ask, cheap=False)], "asked again after a second"


def test_a_quiet_leg_whose_check_waits_for_the_budget_stays_quiet_for_a_minute() -> None:
    desk = Desk()
    (ask,) = desk.look(3).asks
    desk.answer(ask)
    assert state(desk.look(50)) == "quiet"
    assert state(desk.look(14)) == "unproven"


def test_a_leg_that_never_spoke_is_anchored_then_checked() -> None:
    desk = Desk(last_id=-1)
    seen = desk.look(0.9, speaks=())
    assert (state(seen), seen.asks) == ("waiting", [])
    asks = desk.look(0.1, speaks=()).asks
    assert asks == [Ask("A", NEWEST, check=True), Ask("B", NEWEST, check=True)]
    for ask in asks:
        desk.answer(ask)
    desk.legs.received[0] = desk.now
    assert desk.look(0.9).asks == []
    (ask,) = desk.look(0.1).asks
    assert ask == Ask("B", 101, check=True, cheap=True)
    desk.answer(ask, rows=5, oldest_s_ago=0.9)
    assert state(desk.look(0.1)) == "waiting", "they may still be on their way"
    (ask,) = desk.look(0.9).asks
    desk.answer(ask, rows=5, oldest_s_ago=1.9)
    assert state(desk.look(0.1)) == "silent"


def test_a_leg_that_has_never_traded_is_asked_about_like_a_quiet_one() -> None:
    desk = Desk(last_id=-1)
    asks = desk.look(1, speaks=()).asks
    for ask in asks:
        desk.legs.proven[:] = desk.now
        fill = Fill(desk.now, ask.symbol, NEWEST, desk.now, 1, b"[]")
        desk.watch.answered(fill, desk.copy(), desk.copy(), 0)
    assert desk.look(2.9, speaks=()).asks == []
    again = desk.look(0.1, speaks=()).asks
    assert again == [Ask(symbol, NEWEST, check=True, cheap=True) for symbol in "AB"]


def test_a_leg_that_goes_on_after_a_restart_is_not_believed_before_it_speaks_or_is_proven_quiet() -> None:
    desk = Desk()
    desk.legs.received[1] = desk.now - 3_600 * S  # out of the saved state
    assert state(desk.look(0.5)) == "waiting"
    (ask,) = desk.look(0.5).asks
    desk.answer(ask)
    assert state(desk.look(0.1)) == "quiet"
    assert state(desk.look(0.1, speaks=(0, 1))) == "live"


def test_a_large_jump_is_a_gap_at_once() -> None:
    desk = Desk()
    desk.hold(202)
    seen = desk.look(0)
    assert (state(seen), seen.asks) == ("filling", [Ask("B", 101, check=False)])
    desk = Desk()
    desk.hold(201)
    seen = desk.look(0)
    assert (state(seen), seen.asks) == ("live", [])


def test_missing_ids_are_waited_for_then_told_and_asked_for() -> None:
    desk = Desk()
    desk.hold(131)
    assert desk.look(0.29).asks == []
    seen = desk.look(0.01)
    assert seen.asks == [Ask("B", 101, check=False)]
    assert state(seen) == "filling"
    (gap,) = seen.records
    assert isinstance(gap, Event)
    assert (gap.kind, gap.from_id, gap.to_id, gap.count) == ("gap", 101, 130, 30)
    desk.answer(seen.asks[0], rows=20)
    seen = desk.look(0.01)
    assert seen.asks == [Ask("B", 121, check=False)], "the next page at once"
    assert seen.records == [], "the same gap is told once"
    desk.answer(seen.asks[0], rows=10)
    desk.legs.received[1] = desk.now
    assert state(desk.look(0.01)) == "live"


def test_a_gap_whose_end_was_refuted_hides_no_later_one() -> None:
    desk = Desk()
    desk.hold(1_000_000)
    (bogus,) = desk.look(0).records
    desk.legs.held[1] = 0
    assert state(desk.look(0.1, speaks=(0, 1))) == "live"
    desk.hold(500)
    (true,) = desk.look(0).records
    assert isinstance(bogus, Event)
    assert isinstance(true, Event)
    assert [(each.kind, each.from_id, each.to_id) for each in (bogus, true)] == [
        ("gap", 101, 999_999),
        ("gap", 102, 499),
    ]


def test_what_the_exchange_does_not_serve_is_asked_again_with_growing_pauses_and_given_up() -> None:
    desk = Desk()
    desk.hold(131)
    times, began = [], desk.now
    while not any(isinstance(each, Lost) for each in desk.told):
        assert desk.now < began + 700 * S
        for ask in desk.look(0.05).asks:
            times.append(desk.now)
            desk.answer(ask, proves=False)
    pauses = np.diff(times) / S
    assert pauses[:4] == pytest.approx([0.5, 1.0, 2.0, 4.0], abs=0.06)
    assert pauses[5:] == pytest.approx(5.0, abs=0.06)
    (lost,) = [each for each in desk.told if isinstance(each, Lost)]
    assert (lost.symbol, lost.to_id) == ("B", 130)
    assert "the exchange does not serve them; given up after 600 s" in lost.reason
    assert 600 <= (desk.now - began) / S < 602


def test_the_patience_counts_from_the_last_progress() -> None:
    desk = Desk()
    desk.hold(100_000)
    for _ in range(200):
        for ask in desk.look(30).asks:
            desk.answer(ask, rows=10)
    assert not any(isinstance(each, Lost) for each in desk.told), "slow, but it goes on for 6,000 s"


def test_gaps_come_before_checks_the_oldest_first() -> None:
    desk = Desk()
    desk.hold(120, leg=1)
    desk.look(0.1, speaks=())
    desk.hold(120, leg=0)
    assert desk.look(1, speaks=()).asks == [Ask("B", 101, check=False), Ask("A", 101, check=False)]
    desk = Desk()
    desk.look(1, speaks=())
    desk.hold(120, leg=1)
    assert desk.look(4, speaks=()).asks == [Ask("B", 101, check=False), Ask("A", 101, check=True, cheap=True)]


def test_who_waits_longest_is_checked_first_but_for_one_that_has_just_fallen_silent() -> None:
    desk = Desk()
    for ask in desk.look(3, speaks=()).asks:
        desk.answer(ask)
    desk.look(8, speaks=(0,))
    assert [ask.symbol for ask in desk.look(4, speaks=()).asks] == ["A", "B"], "A has spoken since"
    desk.look(8, speaks=(0,))
    assert [ask.symbol for ask in desk.look(4, speaks=()).asks] == ["B", "A"], "but B waits for 24 s by now"


def test_a_connection_that_is_away_is_told_as_such() -> None:
    desk = Desk()
    desk.link = LinkStanding(False, desk.now, "refused with status 503", 2)
    seen = desk.look(0.1, speaks=())
    assert [(each.state, each.detail) for each in seen.standings] == [("reconnecting", "refused with status 503")] * 2
    seen = desk.look(3, speaks=())
    assert [ask.check for ask in seen.asks] == [True, True], "REST is asked all the same"
    since = seen.standings[0].since_us
    assert desk.look(1, speaks=()).standings[0].since_us == since, "since when it is so"


def test_trades_without_a_connection_say_nothing_of_the_stream() -> None:
    desk = Desk()
    desk.link = LinkStanding(False, desk.now, "refused with status 503", 2)
    for ask in desk.look(3, speaks=()).asks:
        desk.answer(ask, rows=10, oldest_s_ago=2.9)
    seen = desk.look(0.1, speaks=())
    assert (state(seen), desk.told, seen.renew) == ("reconnecting", [], [])
    desk.link = replace(FLOWING, opened=3)
    seen = desk.look(0.1)
    assert (state(seen), desk.told) == ("live", [])
    for ask in desk.look(3).asks:
        desk.answer(ask, rows=10, oldest_s_ago=2.9)
    assert state(desk.look(0.1)) == "silent"


def test_a_stream_that_cannot_be_asked_for_is_unproven_and_renewed() -> None:
    desk = Desk(verified=False)
    seen = desk.look(3.9)
    assert (state(seen), seen.asks) == ("live", [])
    seen = desk.look(0.2)
    assert (state(seen), seen.asks, seen.renew) == ("unproven", [], ["B"])
    assert desk.kinds() == [("unproven", "B")]
    assert state(desk.look(0.1, speaks=(0, 1))) == "live"
    assert desk.kinds()[1:] == [("flowing", "B")]

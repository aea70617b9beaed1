"""Verdicts on all pairs of an interval: the same whatever order the looks arrive in, and who is waited for."""

import math
import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from flows.domain.battery import BatteryPlan
from flows.domain.frames import PairVerdicts, concatenated
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.sinks.counting import row_hashes
from flows.sinks.tables import table_rows
from flows.stats.battery.fdr import adjusted
from flows.stats.battery.looks import chance_of_share
from flows.stats.battery.pair_tests import PairTests, battery, nothing_said
from flows.stats.battery.periodic import Look
from flows.stats.battery.rounds import MOST_HELD_US, GroupLooks, LegsSeen, Rounds
from tests.calibration.simulated_pairs import tied, unrelated

PLAN = BatteryPlan(window=100, cadence=10)
S = 1_000_000
ROUND = 10 * S
PAIRS = tuple(Pair(f"{name}USDT", "BTCUSDT") for name in ("AAA", "BBB", "CCC", "DDD"))
GROUPS = (PAIRS[:2], PAIRS[2:])
LEGS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT", "BTCUSDT")
START = 17_000_000  # of the first round, in bars
PASSES, FAILS = battery(*tied(np.random.default_rng(1), 100, 2)), battery(*unrelated(np.random.default_rng(2), 100))
Told = GroupLooks | LegsSeen


def test_the_looks_of_these_tests_are_what_they_are_named() -> None:
    assert PASSES.p_value < 0.001
    assert FAILS.p_value > 0.2


def _bars(second: int, *without: str, **other: int) -> LegsSeen:
    """The legs up to a second after the start, or another one where it is named."""
    until = {leg: (START + other.get(leg, second)) * S for leg in LEGS if leg not in without}
    return LegsSeen(Interval.S1, until)


def _group(g: int, second: int, looks: dict[int, PairTests] | None = None, at: int | None = None) -> GroupLooks:
    """What a group tells: its looks, by position in the group, a few bars before the end of the round unless told where."""
    index = START + (second - 3 if at is None else at)
    told = tuple(Look(pair, index - pair, tests) for pair, tests in (looks or {}).items())
    return GroupLooks(Interval.S1, GROUPS[g], np.full(2, (START + second) * S), told)


def _rounds() -> Rounds:
    return Rounds(PAIRS, Interval.S1, PLAN)


def _told(rounds: Rounds, items: list[Told]) -> list[PairVerdicts]:
    return [frame for item in items for frame in rounds.add(item)]


def _words(frame: PairVerdicts) -> dict[str, str]:
    return {frame.pairs[p].y[:3]: word for p, word in zip(frame.pair.tolist(), frame.word.tolist(), strict=True)}


@dataclass
class _Source:
    """One stream of items, which come in their order."""

    items: list[Told]


def _streams(rounds: int) -> list[_Source]:
    """A day: A is tied, C half of the time, B and D never; D lacks its look in every seventh round and begins late."""
    legs: list[Told] = [_bars(10 * (k + 1), *(["DDDUSDT"] if k < 5 else [])) for k in range(rounds)]
    first: list[Told] = [_group(0, 10 * (k + 1), {0: PASSES, 1: FAILS}) for k in range(rounds)]
    second: list[Told] = []
    for k in range(rounds):
        looks = {0: PASSES if k % 2 else FAILS} | ({1: FAILS} if k >= 5 and k % 7 else {})
        second.append(_group(1, 10 * (k + 1), looks))
    return [_Source(legs), _Source(first), _Source(second)]


def _interleaved(streams: list[_Source], seed: int) -> Iterator[Told]:
    """The streams in a random order that keeps each stream's own; one may run far ahead of the others."""
    dice, left = random.Random(seed), [list(stream.items) for stream in streams]
    weights = [dice.random() ** 4 for _ in left]
    while any(left):
        (s,) = dice.choices(range(len(left)), [w if items else 0.0 for w, items in zip(weights, left, strict=True)])
        yield left[s].pop(0)


def test_verdicts_do_not_depend_on_the_order_in_which_the_groups_and_the_bars_tell() -> None:
    streams = _streams(60)
    in_step = [stream.items[k] for k in range(60) for stream in streams]
    expected = row_hashes(table_rows(concatenated(_told(_rounds(), in_step))))
    assert len(expected) == 3 * 60 + 55, "D is told of from its first look on"
    for seed in range(8):
        frames = _told(_rounds(), list(_interleaved(streams, seed)))
        assert np.array_equal(row_hashes(table_rows(concatenated(frames))), expected), seed
        rounds, frames = _rounds(), []
        for item in _interleaved(streams, seed):
            rounds = Rounds(PAIRS, Interval.S1, PLAN, pickle.loads(pickle.dumps(rounds.state())))
            frames += rounds.add(pickle.loads(pickle.dumps(item)))
        assert np.array_equal(row_hashes(table_rows(concatenated(frames))), expected), seed


def test_a_day_of_looks_gives_each_pair_its_word_and_the_row_its_numbers() -> None:
    streams = _streams(60)
    last = _told(_rounds(), [stream.items[k] for k in range(60) for stream in streams])[-1]
    assert _words(last) == {"AAA": "reverting", "BBB": "no evidence", "CCC": "reverting", "DDD": "no evidence"}
    assert last.open_time.tolist() == [(START + 599) * S] * 4
    assert last.looks.tolist() == [60, 60, 60, 47]
    assert last.looks_passed.tolist() == [60, 0, 30, 0]
    assert last.share.tolist() == [1.0, 0.0, 0.5, 0.0]
    assert last.windows.tolist() == [6, 6, 6, 5]
    by_hand = [chance_of_share(1.0, 6), 1.0, chance_of_share(0.5, 6), 1.0]
    assert last.p_value.tolist() == by_hand
    reject, q_values, _, _ = multipletests(by_hand, 0.05, "fdr_bh")
    assert last.survives.tolist() == reject.tolist() == [True, False, True, False]
    assert last.q_value == pytest.approx(q_values, abs=1e-15)
    assert last.pairs_watched.tolist() == [4] * 4
    assert last.y_on_x_p_value[0] == PASSES.y_on_x.p_value
    assert last.half_lives[1] == FAILS.half_life.windows
    assert last.look_time[2] == (START + 597) * S
    assert last.sentence[0].startswith(
        "AAAUSDT/BTCUSDT 1s: reverting: 100% of 60 looks in the last 24 h pass in both directions; more than"
    )
    assert not any("cointegrat" in sentence for sentence in last.sentence)


def test_one_look_however_small_its_p_value_is_never_evidence() -> None:
    certain = battery(*tied(np.random.default_rng(4), 100, 0))
    assert certain.p_value < 1e-6
    items: list[Told] = [_bars(10), _group(0, 10, {0: certain}), _group(1, 10)]
    (frame,) = _told(_rounds(), items)
    assert _words(frame) == {"AAA": "too early"}
    assert frame.looks_passed[0] == 1


def test_looks_that_overlap_stay_too_early_until_they_amount_to_two_windows() -> None:
    rounds = _rounds()
    words = []
    for k in range(30):
        items: list[Told] = [_bars(10 * k + 10), _group(0, 10 * k + 10, {0: PASSES}), _group(1, 10 * k + 10)]
        words += [_words(frame)["AAA"] for frame in _told(rounds, items)]
    assert words[:19] == ["too early"] * 19
    assert words[19] == "reverting"


def test_among_many_pairs_the_same_day_may_be_no_discovery() -> None:
    """A share of 40 % in 6 windows: enough alone, not beside 99 pairs without a pass."""

    def survives(others: int) -> bool:
        pairs = tuple(Pair(f"P{i}USDT", "BTCUSDT") for i in range(others + 1))
        rounds, frames = Rounds(pairs, Interval.S1, PLAN), []
        legs = {leg: 0 for pair in pairs for leg in (pair.y, pair.x)}
        for k in range(60):
            end = (START + 10 * k + 10) * S
            looks = [Look(p, START + 10 * k, FAILS if p or k % 5 > 1 else PASSES) for p in range(len(pairs))]
            rounds.add(LegsSeen(Interval.S1, dict.fromkeys(legs, end)))
            frames += rounds.add(GroupLooks(Interval.S1, pairs, np.full(len(pairs), end), tuple(looks)))
        assert frames[-1].share[0] == 0.4
        assert frames[-1].pairs_watched[0] == len(pairs)
        return bool(frames[-1].survives[0])

    assert survives(0)
    assert not survives(99)


def test_q_values_are_those_of_the_reference_library() -> None:
    rng = np.random.default_rng(5)
    for m in (1, 2, 7, 100):
        p = rng.random(m) ** 4
        p[m // 2 :: 5] = p[0]
        assert adjusted(p.tolist()) == pytest.approx(multipletests(p, 0.05, "fdr_bh")[1], abs=1e-15)
    assert adjusted([]).tolist() == []
    assert np.isnan(adjusted([math.nan, math.nan])).all()


def test_a_round_waits_for_a_leg_that_is_held_back_and_for_a_group_that_is_behind() -> None:
    rounds = _rounds()
    assert not rounds.add(_bars(10, DDDUSDT=4))
    assert not rounds.add(_group(0, 10, {0: PASSES}))
    behind = GroupLooks(Interval.S1, GROUPS[1], np.array([(START + 10) * S, (START + 4) * S]), ())
    assert not rounds.add(behind)
    assert not rounds.add(_bars(12)), "the bars of D are there, its group has not said so"
    (frame,) = rounds.add(_group(1, 12, {1: FAILS}, at=8))
    assert _words(frame) == {"AAA": "too early", "DDD": "too early"}


def test_a_leg_that_was_never_seen_is_not_waited_for() -> None:
    pair_c_alone = GroupLooks(Interval.S1, GROUPS[1], np.array([(START + 10) * S, 0]), (Look(0, START + 5, FAILS),))
    items: list[Told] = [_bars(10, "DDDUSDT"), _group(0, 10, {0: PASSES}), pair_c_alone]
    (frame,) = _told(_rounds(), items)
    assert list(_words(frame)) == ["AAA", "CCC"]


def test_a_leg_held_back_for_an_hour_is_not_waited_for_any_longer() -> None:
    rounds, hour = _rounds(), MOST_HELD_US // S
    frames = []
    for second in range(10, hour + 60, 10):
        legs = _bars(second, DDDUSDT=min(second, 30))
        until = np.array([(START + second) * S, (START + min(second, 30)) * S])
        looks = [Look(0, START + second - 5, FAILS)] + ([Look(1, START + second - 5, FAILS)] if second <= 30 else [])
        told: list[Told] = [
            legs, _group(0, second, {0: PASSES, 1: FAILS}), GroupLooks(Interval.S1, GROUPS[1], until, tuple(looks)),
        ]  # fmt: skip
        frames += [(second, frame) for frame in _told(rounds, told)]
    assert [second for second, _ in frames[:3]] == [10, 20, 30]
    assert frames[3][0] == hour + 40, "the round that ends at 40 s waits until the leg is an hour behind its end"
    third, fourth = frames[2][1], frames[3][1]
    assert _words(third)["DDD"] == "too early"
    assert _words(fourth)["DDD"] == "unknown"
    assert fourth.sentence[3] == "DDDUSDT/BTCUSDT 1s: unknown: no bar at the time of its look."
    assert fourth.look_time[3] == UNKNOWN
    too_late = GroupLooks(Interval.S1, GROUPS[1], np.full(2, (START + 60) * S), (Look(1, START + 35, PASSES),))
    assert not rounds.add(too_late), "its round is over"


def test_a_pair_is_told_of_from_its_first_look_with_enough_bars_for_any_test() -> None:
    rounds = _rounds()
    few, some = (nothing_said(n, f"needs 100 bars, has {n}") for n in (19, 20))
    first: list[Told] = [_bars(10), _group(1, 10), _group(0, 10, {0: few})]
    assert not _told(rounds, first)
    second: list[Told] = [_bars(20), _group(1, 20), _group(0, 20, {0: some})]
    (frame,) = _told(rounds, second)
    assert frame.sentence.tolist() == ["AAAUSDT/BTCUSDT 1s: unknown: needs 100 bars, has 20."]
    third: list[Told] = [_bars(30), _group(1, 30), _group(0, 30, {0: few})]
    (frame,) = _told(rounds, third)
    assert frame.looks.tolist() == [2]
    assert frame.looks_known.tolist() == [0]
    assert math.isnan(frame.share[0])


def test_looks_of_another_period_and_level() -> None:
    plan = BatteryPlan(window=100, cadence=10, level=PASSES.p_value / 2, period_us=100 * S, fdr_rate=0.2)
    rounds = Rounds(PAIRS, Interval.S1, plan)
    frames = []
    for k in range(30):
        told: list[Told] = [_bars(10 * k + 10), _group(1, 10 * k + 10), _group(0, 10 * k + 10, {0: PASSES})]
        frames += _told(rounds, told)
    assert frames[-1].looks.tolist() == [10]
    assert frames[-1].looks_passed.tolist() == [0]
    assert frames[-1].fdr_rate.tolist() == [0.2]
    assert "0.0278 h hold 1 window of 100 bars" in frames[-1].sentence[0]

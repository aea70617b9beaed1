"""What a day of looks says, by arithmetic that can be done by hand, and each word of the verdict at its border."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from flows.stats.battery.cusum import Bridge, Cusum
from flows.stats.battery.fdr import benjamini_hochberg
from flows.stats.battery.half_life import HalfLife
from flows.stats.battery.looks import (
    DAY_US,
    MOST_LOOKS,
    NO_LOOKS,
    DayOfLooks,
    Looks,
    chance_of_share,
    day_of,
    with_look,
)
from flows.stats.battery.pair_tests import PairTests, battery
from flows.stats.battery.verdict import Discovery, Newest, discoveries, verdict
from tests.calibration.simulated_pairs import tied, unrelated

MINUTE = 60_000_000
NAME = "ETHUSDT/BTCUSDT 1m"


def _looks(p_values: list[float], every_us: int = 15 * MINUTE) -> Looks:
    looks = NO_LOOKS
    for i, p in enumerate(p_values):
        looks = with_look(looks, (i + 1) * every_us, p)
    return looks


def test_looks_older_than_a_day_are_forgotten() -> None:
    looks = _looks([0.01] * 300)
    assert len(looks.time_us) == len(looks.p_value) == 96
    assert looks.time_us[-1] - looks.time_us[0] < DAY_US
    later = with_look(looks, int(looks.time_us[-1]) + DAY_US, 0.5)
    assert later.p_value.tolist() == [0.5]
    assert len(looks.time_us) == 96, "what was given must not change"


def test_looks_have_an_end_whatever_the_cadence() -> None:
    looks = _looks([0.5] * (MOST_LOOKS + 50), every_us=1_000_000)
    assert len(looks.time_us) == MOST_LOOKS
    assert looks.time_us[-1] == (MOST_LOOKS + 50) * 1_000_000
    again = pickle.loads(pickle.dumps(looks))
    assert np.array_equal(again.time_us, looks.time_us)
    assert len(pickle.dumps(looks)) < 100_000


def test_a_look_out_of_order_is_an_error() -> None:
    looks = _looks([0.5, 0.5])
    with pytest.raises(ValueError, match=f"{30 * MINUTE} follows {30 * MINUTE}"):
        with_look(looks, 30 * MINUTE, 0.5)


def test_a_day_counts_what_is_known_and_what_passes() -> None:
    day = day_of(_looks([0.01] * 40 + [0.2] * 40 + [0.05] * 8 + [math.nan] * 8), 300 * MINUTE)
    assert (day.looks, day.known, day.passes, day.windows) == (96, 88, 40, 4)  # 20 looks to a window of 300 minutes
    assert day.share == 40 / 88
    assert day.p_value == chance_of_share(40 / 88, 4)
    for empty in (NO_LOOKS, _looks([math.nan] * 5)):
        nothing = day_of(empty, 300 * MINUTE)
        assert (nothing.known, nothing.windows) == (0, 0)
        assert math.isnan(nothing.share)
        assert math.isnan(nothing.p_value)


@pytest.mark.parametrize(
    ("window", "windows"), [(1, 96), (15, 96), (16, 48), (30, 48), (31, 32), (300, 4), (1_440, 1), (9_999, 1)]
)
def test_separate_windows_of_regular_looks(window: int, windows: int) -> None:
    assert day_of(_looks([0.5] * 96), window * MINUTE).windows == windows


def test_crowded_looks_count_as_few_windows() -> None:
    """A hundred looks in one hour and two far away are not a hundred trials of a window of an hour."""
    times = [*range(1, 101), 400, 800]
    looks = Looks(np.array(times) * MINUTE // 2, np.full(102, 0.01))
    assert day_of(looks, 60 * MINUTE).windows == 1


def test_the_bound_holds_for_independent_looks_and_is_not_far_from_them() -> None:
    for trials in (1, 4, 24, 144):
        for passes in range(trials + 1):
            exact = binom.sf(passes - 1, trials, 0.05)
            bound = chance_of_share(passes / trials, trials)
            assert exact <= bound + 1e-12 or passes / trials <= 0.05
            assert bound <= 1.0
    assert chance_of_share(12 / 24, 24) < 1e-6


def test_the_bound_holds_for_overlapping_looks() -> None:
    """Sums of neighbours overlap as windows do: the share of those that are rare by 5 % exceeds its bound no oftener than said."""
    rng = np.random.default_rng(12)
    window, looks, days = 20, 96, 4_000
    means = np.lib.stride_tricks.sliding_window_view(rng.normal(size=(days, looks + window - 1)), window, axis=1).mean(
        axis=2
    )
    shares = (means * math.sqrt(window) > 1.6448536269514722).mean(axis=1)
    bounds = np.array([chance_of_share(share, looks // window) for share in shares])
    assert 0.045 < shares.mean() < 0.055
    for level in (0.5, 0.2, 0.05, 0.01):
        assert (bounds <= level).mean() <= level + 3 * math.sqrt(level / days)
    wrong = np.array([chance_of_share(share, looks) for share in shares])  # every look taken for a trial of its own
    assert (wrong <= 0.05).mean() > 0.10


def test_unknown_tests_are_no_discoveries_and_do_not_count() -> None:
    p = [0.01, math.nan, 0.02, 0.03, math.nan]
    assert benjamini_hochberg(p).tolist() == [True, False, True, True, False]
    assert benjamini_hochberg([]).tolist() == []
    assert benjamini_hochberg([math.nan]).tolist() == [False]
    assert benjamini_hochberg([0.0, 1.0]).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"p-values must lie within 0 and 1, found 1\.5"):
        benjamini_hochberg([0.5, 1.5])
    with pytest.raises(ValueError, match="rate must lie between 0 and 1, was 5"):
        benjamini_hochberg([0.5], 5)


def test_more_pairs_watched_make_a_discovery_harder() -> None:
    good = day_of(_looks([0.01] * 62 + [0.2] * 34), 300 * MINUTE)
    poor = day_of(_looks([0.2] * 96), 300 * MINUTE)
    assert 0.005 < good.p_value < 0.01
    assert [d.survives for d in discoveries([good, poor, poor])] == [True, False, False]
    among_many = discoveries([good] + [poor] * 20 + [DayOfLooks()])
    assert among_many[0] == Discovery(False, 21, 0.05, 21 * good.p_value)
    assert math.isnan(among_many[-1].q_value)
    assert [d.survives for d in discoveries([good] * 10 + [poor] * 20)][:11] == [True] * 10 + [False]


def _tests(half: float = 20.0, break_p: float = 0.5) -> PairTests:
    """A newest look that passes, with a half-life and a break test as wanted."""
    tests = battery(*tied(np.random.default_rng(1), 300, 5))
    assert tests.passes
    life = HalfLife(half, 0.6 * half, 2 * half, 0.9, 0.01, True, 300 / half)
    return replace(tests, half_life=life, cusum=Cusum(Bridge(), Bridge(1.0, 0.3), Bridge(0.9, 0.4), break_p))


def _day(passes: int, windows: int = 4) -> DayOfLooks:
    return DayOfLooks(96, 96, passes, windows, chance_of_share(passes / 96, windows))


SURVIVES, FAILS = Discovery(True, 28, 0.05), Discovery(False, 28, 0.05)


@pytest.mark.parametrize(
    ("word", "tests", "day", "discovery"),
    [
        ("reverting", _tests(), _day(60), SURVIVES),
        ("reverting", _tests(half=60.0), _day(29), SURVIVES),
        ("too slow", _tests(half=60.1), _day(60), SURVIVES),
        ("reverting", _tests(break_p=0.01), _day(60), SURVIVES),
        ("breaking", _tests(break_p=0.0099), _day(60), SURVIVES),
        ("breaking", _tests(half=90.0, break_p=0.001), _day(60), SURVIVES),
        ("weak evidence", _tests(), _day(28), SURVIVES),
        ("weak evidence", _tests(), _day(60), FAILS),
        ("weak evidence", _tests(), _day(10), FAILS),
        ("weak evidence", _tests(), _day(9), SURVIVES),
        ("no evidence", _tests(), _day(9), FAILS),
        ("no evidence", _tests(break_p=0.001), _day(0), FAILS),
        ("no evidence", _tests(), _day(9, windows=2), FAILS),
        ("too early", _tests(), _day(96, windows=1), SURVIVES),
        ("unknown", _tests(), DayOfLooks(), FAILS),
        ("unknown", battery(np.ones(300), np.arange(300.0)), _day(60), SURVIVES),
        ("unknown", battery(np.ones(0), np.ones(0)), DayOfLooks(), FAILS),
    ],
)
def test_each_word_at_its_border(word: str, tests: PairTests, day: DayOfLooks, discovery: Discovery) -> None:
    found = verdict(NAME, Newest.of(tests), MINUTE, day, discovery)
    assert found.word == word
    assert found.sentence.startswith(f"{NAME}: {word}: ")
    assert found.sentence.endswith(".")
    assert "cointegrat" not in found.sentence
    assert "nan" not in found.sentence


def test_the_sentence_carries_the_numbers() -> None:
    assert verdict(NAME, Newest.of(_tests()), MINUTE, _day(60), SURVIVES).sentence == (
        "ETHUSDT/BTCUSDT 1m: reverting: 62% of 96 looks in the last 24 h pass in both directions; more than chance gives among 28 pairs "
        "watched (false discoveries 5%); half-life now 20 min (12 min to 40 min), 15.0 of them in the window; no break seen (p 0.5)."
    )
    assert verdict(NAME, Newest.of(_tests(half=90.0, break_p=0.002)), 1_000_000, _day(60), SURVIVES).sentence == (
        "ETHUSDT/BTCUSDT 1m: breaking: 62% of 96 looks in the last 24 h pass in both directions; more than chance gives among 28 pairs "
        "watched (false discoveries 5%); half-life now 90 s (54 s to 3 min), 3.3 of them in the window, fewer than 5; the line breaks "
        "within the window (p 0.002)."
    )
    early = DayOfLooks(12, 10, 1, 1, 1.0)
    assert verdict(NAME, Newest.of(_tests()), MINUTE, early, FAILS).sentence == (
        "ETHUSDT/BTCUSDT 1m: too early: 10% of 10 looks in the last 24 h pass in both directions, 2 more could not be said; "
        "1 separate window so far, 2 are needed."
    )
    flat = battery(np.ones(300), np.arange(300.0))
    assert verdict(NAME, Newest.of(flat), MINUTE, _day(60), FAILS).sentence == (
        "ETHUSDT/BTCUSDT 1m: unknown: y does not change over the window."
    )


def test_a_window_of_which_a_day_holds_one_is_said_to_be_too_long() -> None:
    hour = 60 * MINUTE
    assert verdict(NAME, Newest.of(_tests()), hour, _day(60), SURVIVES).sentence == (
        "ETHUSDT/BTCUSDT 1m: window too long: 62% of 96 looks in the last 24 h pass in both directions; "
        "24 h hold 0 windows of 300 bars, 2 are needed: take a shorter one."
    )
    longest = DAY_US // 2 // 300
    words = [verdict(NAME, Newest.of(_tests()), bar_us, _day(60), SURVIVES).word for bar_us in (longest, longest + 1)]
    assert words == ["reverting", "window too long"]


def test_the_sentence_says_what_cannot_be_told_and_what_contradicts() -> None:
    tests = battery(*unrelated(np.random.default_rng(2), 300))
    assert not tests.half_life.reverts
    said = verdict(NAME, Newest.of(tests), MINUTE, _day(2), FAILS).sentence
    assert "half-life now not distinguishable from a random walk" in said
    assert "no more than chance gives" in said
    split = replace(tests, y_on_x=replace(tests.y_on_x, p_value=0.03), x_on_y=replace(tests.x_on_y, p_value=0.12))
    assert not split.passes
    assert split.p_value == 0.12
    assert (
        "the directions disagree now (p 0.03 and 0.12)"
        in verdict(NAME, Newest.of(split), MINUTE, _day(2), FAILS).sentence
    )
    untested = replace(tests, cusum=Cusum(reason="the long-run variance of the residuals is not positive"))
    assert (
        "break not tested: the long-run variance"
        in verdict(NAME, Newest.of(untested), MINUTE, _day(60), SURVIVES).sentence
    )

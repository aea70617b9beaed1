"""Hayashi-Yoshida sums against the O(n·m) definition on every window; when it is not known, and when a leg begins anew."""

import math
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from recordings import USDM_2024
from tick_legs import PAIRS, S, both, definition, leg, random_leg, recorded_chunks

from flows.asynchrony.hayashi_yoshida import Flat, SecondSums
from flows.asynchrony.legs import LegTicks
from flows.asynchrony.looks import LookRule
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics
from flows.asynchrony.splitter import TickSplitter
from flows.domain.frames import TICK_REASONS, PairTickStats, concatenated
from flows.domain.interval import Interval

LIMITS = Limits()


def _rows(
    y: LegTicks, x: LegTicks, window: int, interval: Interval = Interval.S1, limits: Limits = LIMITS
) -> PairTickStats:
    statistics = PairTickStatistics(PAIRS, (interval,), window, LookRule(), limits)
    chunks = statistics.update(both(y, x))
    return concatenated([chunk.rows for chunk in chunks if isinstance(chunk.rows, PairTickStats)])


def _reasons(rows: PairTickStats) -> list[str | None]:
    return [TICK_REASONS[code] for code in rows.reason]


def _compare(rows: PairTickStats, y: LegTicks, x: LegTicks, window: int) -> int:
    """Every window against the definition; how many had a correlation."""
    products = definition(y, x)
    known = 0
    for k in range(len(rows)):
        if rows.n[k] < window:
            assert np.isnan(rows.covariance[k])
            assert np.isnan(rows.correlation[k])
            continue
        end = int(rows.open_time[k]) + rows.interval.us
        cov, var_y, var_x, ticks_y, ticks_x = products.window(end - window * rows.interval.us, end)
        assert (rows.y_ticks[k], rows.x_ticks[k]) == (ticks_y, ticks_x)
        assert rows.y_variance[k] == pytest.approx(var_y, rel=1e-12, abs=0)
        assert rows.x_variance[k] == pytest.approx(var_x, rel=1e-12, abs=0)
        assert abs(rows.covariance[k] - cov) <= 1e-12 * max(abs(cov), math.sqrt(var_y * var_x))
        if var_y and var_x:
            r = cov / math.sqrt(var_y * var_x)
            if abs(r) <= 1:
                assert abs(rows.correlation[k] - r) <= 1e-12
                known += 1
            elif abs(r) > 1 + 1e-9:
                assert np.isnan(rows.correlation[k])
                assert TICK_REASONS[rows.reason[k]] == "beyond_one"
    return known


@pytest.mark.parametrize(("y_ticks", "x_ticks"), [(900, 700), (900, 40), (50, 50), (1_500, 1_500)])
@pytest.mark.parametrize("window", [3, 40])
def test_every_window_against_the_definition(y_ticks: int, x_ticks: int, window: int) -> None:
    rng = np.random.default_rng(y_ticks + x_ticks)
    y, x = random_leg(rng, y_ticks, 150, 1_000), random_leg(rng, x_ticks, 150, 1_000)
    rows = _rows(y, x, window)
    assert len(rows) >= 140
    assert _compare(rows, y, x, window) > 0


def test_coarse_times_of_both_legs_meet() -> None:
    rng = np.random.default_rng(5)
    y, x = random_leg(rng, 400, 100, grid_us=100_000), random_leg(rng, 400, 100, grid_us=100_000)
    assert len(np.intersect1d(y.time, x.time)) > 50
    assert _compare(_rows(y, x, 20), y, x, 20) > 50


@pytest.mark.parametrize("interval", list(Interval))
def test_longer_intervals(interval: Interval) -> None:
    rng = np.random.default_rng(6)
    y, x = random_leg(rng, 1_500, 3_000, 7_000), random_leg(rng, 2_500, 3_000, 7_000)
    assert _compare(_rows(y, x, 3, interval), y, x, 3) > 4


def test_recorded_trades(shared_data: Path) -> None:
    splitter = TickSplitter(PAIRS)
    legs = [made.legs for chunk in recorded_chunks(shared_data / USDM_2024) for made in splitter.split(chunk)]
    y, x = (
        reduce(LegTicks.followed_by, [part[name] for part in legs if name in part]) for name in ("ETHUSDT", "BTCUSDT")
    )
    last = min(y.until, x.until)
    y, x = (replace(part, until=last) for part in (y, x))
    assert min(len(y), len(x)) > 1_000
    # A hole between two recordings begins anew; the definition knows none, so the longest stretch without one is compared.
    breaks = np.flatnonzero(np.diff(y.time) > 60 * S)
    assert len(breaks) < 5
    bounds = [0, *(breaks + 1).tolist(), len(y)]
    start, end = max(pairwise(bounds), key=lambda part: part[1] - part[0])
    y = y.take(slice(start, end))
    inside = slice(*np.searchsorted(x.time, (y.time[0], y.time[-1])).tolist())
    until = int(y.time[-1]) // S * S
    y, x = replace(y, until=until), replace(x.take(inside), until=until)
    assert _compare(_rows(y, x, 60), y, x, 60) > 100


def test_swapped_legs_give_the_same_bits() -> None:
    rng = np.random.default_rng(8)
    y, x = random_leg(rng, 800, 100, grid_us=20_000), random_leg(rng, 500, 100, grid_us=20_000)
    one, other = _rows(y, x, 10), _rows(x, y, 10)
    assert np.array_equal(one.correlation, other.correlation, equal_nan=True)
    assert np.array_equal(one.covariance, other.covariance, equal_nan=True)
    assert np.array_equal(one.y_variance, other.x_variance, equal_nan=True)


def test_equal_legs_correlate_exactly() -> None:
    y = random_leg(np.random.default_rng(9), 600, 60)
    rows = _rows(y, y, 10)
    assert set(rows.correlation[rows.n == 10]) == {1.0}


def test_what_lies_beyond_one_is_not_shown() -> None:
    """One x increment over many of y, and none of the y variance in the window: the estimate is far beyond 1."""
    y = leg([0, 2_900_000, 3_100_000, 9_900_000], [100, 120, 120.1, 120.2], 10 * S)
    x = leg([0, 3_500_000, 9_800_000], [100, 101, 101.5], 10 * S)
    rows = _rows(y, x, 1)
    at = int(np.flatnonzero(rows.open_time == 3 * S)[0])
    assert abs(rows.covariance[at]) > math.sqrt(rows.y_variance[at] * rows.x_variance[at])
    assert _reasons(rows)[at] == "beyond_one"
    assert np.isnan(rows.correlation[at])


def test_silent_and_flat_legs_are_told_apart() -> None:
    moving = leg([k * 500_000 for k in range(40)], [100 + k % 3 for k in range(40)], 20 * S)
    standing = leg([k * 500_000 for k in range(40)], [100] * 40, 20 * S)
    silent = leg([100_000, 200_000], [100, 101], 20 * S)
    for y, x, expected in (
        (standing, moving, "y_flat"),
        (moving, standing, "x_flat"),
        (standing, standing, "both_flat"),
        (silent, moving, "y_silent"),
        (moving, silent, "x_silent"),
        (silent, silent, "both_silent"),
    ):
        rows = _rows(y, x, 3)
        assert _reasons(rows)[:3] == ["warming_up"] * 3
        assert set(_reasons(rows)[3:]) == {expected}
        assert np.isnan(rows.correlation).all()


def test_a_price_without_logarithm_is_forgotten_with_its_window() -> None:
    rng = np.random.default_rng(10)
    y, x = random_leg(rng, 300, 60), random_leg(rng, 300, 60)
    spoilt = y.log_price.copy()
    spoilt[np.searchsorted(y.time, 20 * S)] = np.nan
    rows, clean = _rows(replace(y, log_price=spoilt), x, 5), _rows(y, x, 5)
    bad = np.array([reason == "no_logarithm" for reason in _reasons(rows)])
    assert 5 <= bad.sum() <= 8
    assert np.array_equal(rows.correlation[~bad], clean.correlation[~bad], equal_nan=True)


def test_a_long_gap_leaves_a_hole_and_lets_the_leg_begin_anew() -> None:
    times = [k * 500_000 for k in range(60)]
    prices = [100 + k % 3 for k in range(60)]
    inside = [t for t in times if not 10 * S <= t < 18 * S]
    x = leg(times, prices, 30 * S)
    row = inside.index(18 * S)
    y = leg(inside, [100 + k % 3 for k in range(len(inside))], 30 * S, {row: 12_300_000})
    rows = _rows(y, x, 3)
    seconds = (rows.open_time // S).tolist()
    assert seconds == [*range(12), *range(18, 30)]  # up to the proven 12th second there are silent bars
    assert rows.n[seconds.index(11)] == 3
    assert rows.n[seconds.index(18) :].tolist()[:5] == [0, 1, 2, 3, 3]
    assert rows.gap[seconds.index(18)] == 1
    after = definition(y.take(slice(row, None)), x.take(slice(times.index(18 * S), None)))
    cov, *_ = after.window(19 * S, 22 * S)
    assert rows.covariance[seconds.index(21)] == pytest.approx(cov, rel=1e-12)


def test_a_short_gap_is_marked_and_used() -> None:
    times = [k * 500_000 for k in range(20)]
    prices = [100 + k % 3 for k in range(20)]
    gappy = leg(times, prices, 10 * S, {7: 3_000_000})
    rows, clean = (
        _rows(gappy, leg(times, prices, 10 * S), 3),
        _rows(leg(times, prices, 10 * S), leg(times, prices, 10 * S), 3),
    )
    assert rows.gap.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert np.array_equal(rows.correlation, clean.correlation, equal_nan=True)


def test_a_silence_beyond_the_fill_limit_leaves_a_hole() -> None:
    """As with bars: seconds are there up to the limit after the last trade, and the window begins anew behind the hole."""
    x = leg([k * S for k in range(100)], [100 + k % 3 for k in range(100)], 100 * S)
    y = leg([*(k * S for k in range(10)), *(k * S for k in range(50, 100))], [100 + k % 2 for k in range(60)], 100 * S)
    rows = _rows(y, x, 4, limits=replace(LIMITS, fill_limit_us=20 * S))
    assert (rows.open_time // S).tolist() == [*range(30), *range(50, 100)]
    assert rows.n.tolist()[30:36] == [0, 1, 2, 3, 4, 4]
    assert np.isnan(rows.correlation[30:34]).all()
    # A trade in the very next second after the limit: no hole.
    y = leg([*(k * S for k in range(10)), *(k * S for k in range(30, 100))], [100 + k % 2 for k in range(80)], 100 * S)
    rows = _rows(y, x, 4, limits=replace(LIMITS, fill_limit_us=20 * S))
    assert (rows.n[4:] == 4).all()


def test_a_year_of_silence_costs_nothing() -> None:
    year = 365 * 86_400 * S
    times = [*(k * 500_000 for k in range(20)), *(year + k * 500_000 for k in range(20))]
    y = leg(times, [100 + k % 3 for k in range(40)], year + 10 * S)
    rows = _rows(y, y, 4)
    assert len(rows) == 9 + 900 + 1 + 10
    assert rows.n[-10:].tolist() == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4]


def test_a_leg_that_must_begin_anew_does() -> None:
    sums = SecondSums(1, LIMITS.fill_limit_us, LIMITS.gap_limit_us)
    times, prices = [k * 500_000 for k in range(12)], [100 + k for k in range(12)]
    ticks = leg(times, prices, 6 * S)
    flat = Flat(ticks.time, ticks.log_price, ticks.gap_from, np.array([[0, 12, 0, 12]]))
    first = sums.advance(flat, np.array([0]), np.array([3 * S]))
    sums.drop(0, np.array([True]))
    rest = sums.advance(flat, np.array([0]), np.array([6 * S]))
    seconds = concatenated([first, rest])  # type: ignore[type-var]
    assert seconds.whole.tolist() == [False, True, True, False, True, True]
    assert seconds.run.tolist() == [0, 0, 0, 3, 3, 3]
    assert seconds.sums[3, 1] == pytest.approx(math.log(107 / 106) ** 2)  # without the increment from 105 to 106


def test_a_second_is_whole_when_each_leg_has_traded_since_the_other_began() -> None:
    """Until then the pause of one leg reaches back to where the other is not known: y is silent from 0.2 to 4.5."""
    y = leg([200_000, 4_500_000, 5_500_000, 6_500_000], [100, 101, 102, 103], 8 * S)
    x = leg([k * 500_000 for k in range(1, 16)], [100 + k for k in range(15)], 8 * S)
    assert _rows(y, x, 3).n.tolist() == [0, 0, 0, 0, 0, 1, 2, 3]

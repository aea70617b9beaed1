"""Everything of one pair together: rows of all intervals, waiting legs, and correlation where bars lose it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tick_legs import PAIR, PAIRS, S, both, leg, random_leg

from flows.asynchrony.legs import NO_GAP, LegTicks
from flows.asynchrony.looks import LookRule
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics, TickChunk, warm_up
from flows.domain.frames import PairLeadLag, PairTickStats, concatenated
from flows.domain.interval import Interval


def _statistics(window: int = 5, limits: Limits | None = None) -> PairTickStatistics:
    return PairTickStatistics(PAIRS, tuple(Interval), window, LookRule(), limits or Limits())


def _of(chunks: list[TickChunk], interval: Interval) -> PairTickStats:
    frames = [
        chunk.rows for chunk in chunks if isinstance(chunk.rows, PairTickStats) and chunk.rows.interval is interval
    ]
    return concatenated(frames)


def test_each_interval_has_a_row_per_bar_and_its_own_warm_up() -> None:
    rng = np.random.default_rng(1)
    y, x = random_leg(rng, 9_000, 1_000, 100), random_leg(rng, 9_000, 1_000, 100)
    chunks = _statistics().update(both(y, x))
    for interval in Interval:
        rows = _of(chunks, interval)
        first = 100 * S // interval.us * interval.us
        last = 1_100 * S // interval.us * interval.us
        assert rows.open_time.tolist() == list(range(first, last, interval.us))
        assert rows.warmup_left.tolist()[:7] == [5, 4, 3, 2, 1, 0, 0][: len(rows)]
        assert np.array_equal(rows.reason == 1, rows.warmup_left > 0)
    assert all(int(chunk.watermark[0]) == 1_100 * S for chunk in chunks)
    assert any(isinstance(chunk.rows, PairLeadLag) for chunk in chunks)


def test_nothing_is_said_of_a_second_before_both_legs_have_passed_it() -> None:
    rng = np.random.default_rng(2)
    y, x = random_leg(rng, 300, 100), random_leg(rng, 300, 40)
    statistics = _statistics()
    assert statistics.update({PAIR.y: y}) == []
    rows = _of(statistics.update({PAIR.x: x}), Interval.S1)
    assert rows.open_time[-1] == 39 * S
    state = statistics.state()
    assert [len(leg) for leg in state.waiting] == [int(np.sum(y.time >= 40 * S)), 0]


def test_a_leg_far_ahead_is_bounded_and_begins_anew_behind_what_was_dropped() -> None:
    times = [k * 250_000 for k in range(400)]
    y, x = leg(times, [100 + k % 3 for k in range(400)], 100 * S), leg(times, [50 + k % 5 for k in range(400)], 100 * S)
    statistics = _statistics(limits=Limits(pending=100))
    statistics.update(both(*(replace(part.take(slice(8)), until=2 * S) for part in (y, x))))
    statistics.update({PAIR.y: y.take(slice(8, None))})
    assert statistics.dropped == {PAIR.y: 292}
    assert len(statistics.state().waiting[0]) == 100
    rows = _of(statistics.update({PAIR.x: x.take(slice(8, None))}), Interval.S1)
    seconds = (rows.open_time // S).tolist()
    assert seconds == list(range(75, 100))
    assert rows.n[:6].tolist() == [0, 1, 2, 3, 4, 5]
    whole = _of(_statistics().update(both(y, x)), Interval.S1)
    assert np.array_equal(rows.correlation[5:], whole.correlation[80:])


def _sparse(
    rng: np.random.Generator, seconds: int, rates: tuple[float, float], rho: float
) -> tuple[LegTicks, LegTicks]:
    steps = rng.normal(0, 1e-5, (2, seconds * 100))
    x = np.cumsum(steps[0])
    y = np.cumsum(rho * steps[0] + math.sqrt(1 - rho * rho) * steps[1])
    legs = []
    for path, rate in ((y, rates[0]), (x, rates[1])):
        time = np.unique(rng.integers(0, seconds * 100, rng.poisson(rate * seconds)))
        legs.append(LegTicks(time * 10_000, path[time], np.full(len(time), NO_GAP), seconds * S))
    return legs[0], legs[1]


def _bar_correlation(y: LegTicks, x: LegTicks, seconds: range) -> float:
    """Of the returns of one-second closes, each the last trade's price until the next one."""
    closes = []
    for part in (y, x):
        at = np.searchsorted(part.time, np.array(seconds) * S) - 1
        closes.append(part.log_price[np.maximum(at, 0)])
    return float(np.corrcoef(np.diff(closes[0]), np.diff(closes[1]))[0, 1])


@pytest.mark.parametrize(
    ("rates", "bars_see"), [((20.0, 10.0), (0.65, 0.80)), ((5.0, 1.0), (0.25, 0.45)), ((1.0, 0.2), (0.0, 0.22))]
)
def test_the_epps_effect(rates: tuple[float, float], bars_see: tuple[float, float]) -> None:
    """True correlation 0.8: the ticks give it back within their error at any rate, bars of one second lose it as trades get rare."""
    rng = np.random.default_rng(int(rates[0]))
    from_ticks, from_bars = [], []
    for _ in range(8):
        y, x = _sparse(rng, 3_300, rates, 0.8)
        statistics = PairTickStatistics(PAIRS, (Interval.S1,), 3_000, LookRule(10_000), Limits())
        rows = _of(statistics.update(both(y, x)), Interval.S1)
        from_ticks.append(rows.correlation[-1])
        from_bars.append(_bar_correlation(y, x, range(300, 3_301)))
    error = float(np.std(from_ticks, ddof=1)) / math.sqrt(len(from_ticks))
    assert abs(np.mean(from_ticks) - 0.8) < 3.5 * error
    assert error < 0.02
    assert bars_see[0] < np.mean(from_bars) < bars_see[1]
    # The negative control: what is asked of the ticks, the bars fail.
    assert abs(np.mean(from_bars) - 0.8) > 3.5 * np.std(from_bars, ddof=1) / math.sqrt(len(from_bars))


def test_warm_up_runs_every_kernel() -> None:
    warm_up()

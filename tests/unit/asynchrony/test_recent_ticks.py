"""The ticks kept for looks: which they are, and that a restart at any moment has the same, though most were packed long before."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from tick_legs import PAIR, PAIRS, S, bits, both, by_pair, random_leg

from flows.asynchrony.lead_lag import FINEST_US, Series, thinned
from flows.asynchrony.looks import LookRule, Recent
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics
from flows.domain.interval import Interval

NO_TICKS = Series(np.empty(0, np.int64), np.empty(0))


def _columns(ticks: Series) -> list[list[float]]:
    return [ticks.time.tolist(), ticks.log_price.tolist()]


@pytest.mark.parametrize(("ticks", "window_s"), [(1_500, 300), (700, 300), (100, 300), (4_096, 9), (4_096, 2)])
def test_the_newest_of_a_window_are_kept_over_restarts(ticks: int, window_s: int) -> None:
    leg = random_leg(np.random.default_rng(ticks), 20_000, 60)
    every = Series(leg.time, leg.log_price)
    rule = LookRule(60, window_s, ticks)
    kept = Recent(rule)
    for second in range(60):
        kept.add(every.between(second * S, (second + 1) * S))
        few = thinned(every.between(0, (second + 1) * S), FINEST_US)
        wanted = few.between(int(few.time[-1]) - window_s * S, 60 * S).newest(ticks)
        assert _columns(kept.followed_by(NO_TICKS)) == _columns(wanted)
        state = pickle.loads(pickle.dumps(kept.state()))
        assert len(state) == len(wanted)
        restarted = Recent(rule, state)
        assert _columns(restarted.followed_by(NO_TICKS)) == _columns(wanted)
        if second % 3 == 0:
            kept = restarted
    assert len(wanted) > 100 - 1


def test_rows_and_looks_are_the_same_over_restarts() -> None:
    rng = np.random.default_rng(4)
    y, x = random_leg(rng, 6_000, 90), random_leg(rng, 4_000, 90)
    rule = LookRule(5, 60, 1_400)

    def run(restart: bool) -> dict[tuple[str, str], list[bytes]]:
        statistics, made = PairTickStatistics(PAIRS, (Interval.S1, Interval.M1), 20, rule, Limits()), []
        for second in range(90):
            parts = {}
            for symbol, leg in both(y, x).items():
                behind = 3 if symbol == PAIR.x else 0  # what waits for it is part of the state too
                a, b = np.searchsorted(leg.time, [(second - behind) * S, (second + 1 - behind) * S])
                parts[symbol] = replace(leg.take(slice(a, b)), until=max(0, second + 1 - behind) * S)
            made += [chunk.rows for chunk in statistics.update(parts)]
            if restart:
                state = pickle.loads(pickle.dumps(statistics.state()))
                statistics = PairTickStatistics(PAIRS, (Interval.S1, Interval.M1), 20, rule, Limits(), state)
        return {key: bits(frame) for key, frame in by_pair(made).items()}

    whole = run(restart=False)
    assert whole.keys() == {(str(PAIR), name) for name in ("1s", "1m", "looks")}
    assert run(restart=True) == whole


def test_a_saved_tick_takes_a_few_bytes() -> None:
    leg = random_leg(np.random.default_rng(5), 40_000, 60)
    kept = Recent(LookRule(60, 300, 4_096))
    kept.add(Series(leg.time, leg.log_price))
    assert len(kept.state()) == 4_096
    blocks = sum(len(part) for block in kept.state().blocks for part in block)
    assert blocks < 3 * 5_000

"""What the statistics of ticks are worth: Hayashi-Yoshida where bars see too little, leads that were planted, and none that were not."""

import numpy as np

from flows.asynchrony.lead_lag import Series, look
from flows.asynchrony.legs import NO_GAP, LegTicks
from flows.asynchrony.looks import LookRule
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics
from flows.domain.frames import PairTickStats
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from tests.calibration.rate import Figure, Rate
from tests.calibration.simulated_ticks import S, for_a_look, moving

RHO = 0.8
SECONDS = 600
LEADS_MS = (-370, -55, 0, 80, 1_000)


def calibrate_ticks(runs: int, seed: int) -> list[Rate | Figure]:
    """All figures of this module, the same for the same seed. A run here is ten minutes of ticks: a fiftieth of `runs` of each."""
    some = max(runs // 50, 8)
    return [*_correlations(np.random.default_rng([seed, 0]), some), *_leads(np.random.default_rng([seed, 1]), some)]


def _correlations(rng: np.random.Generator, runs: int) -> list[Figure]:
    found = []
    for rates, control in (((20.0, 10.0), False), ((5.0, 1.0), False), ((1.0, 0.2), True)):
        legs = [moving(rng, SECONDS, RHO, 0, rates) for _ in range(runs)]
        told = f"true {RHO:g}, {rates[0]:g} and {rates[1]:g} trades/s"
        ticks = float(np.mean([_of_ticks(*pair) for pair in legs]))
        found.append(Figure(f"Hayashi-Yoshida, {told}", ticks, runs, 0.75, 0.85))
        bars = float(np.mean([_of_seconds(*pair) for pair in legs]))
        if control:
            found.append(Figure(f"CONTROL correlation of 1s bars, {told}, must stay under 0.3", bars, runs, -0.3, 0.3))
        else:
            found.append(Figure(f"correlation of 1s bars, {told}, no claim", bars, runs))
    return found


def _of_ticks(y: Series, x: Series) -> float:
    """Over all seconds but the first ones, in which the legs begin. From the sums: a single estimate beyond ±1 counts for the mean too."""
    pair = Pair("Y", "X")
    legs = {
        symbol: LegTicks(leg.time, leg.log_price, np.full(len(leg), NO_GAP), SECONDS * S)
        for symbol, leg in zip(("Y", "X"), (y, x), strict=True)
    }
    statistics = PairTickStatistics((pair,), (Interval.S1,), SECONDS - 60, LookRule(), Limits())
    rows = [chunk.rows for chunk in statistics.update(legs) if isinstance(chunk.rows, PairTickStats)]
    last = rows[-1]
    return float(last.covariance[-1] / np.sqrt(last.y_variance[-1] * last.x_variance[-1]))


def _of_seconds(y: Series, x: Series) -> float:
    closes = []
    for leg in (y, x):
        last = np.searchsorted(leg.time, np.arange(1, SECONDS + 1) * S) - 1
        closes.append(leg.log_price[np.maximum(last, 0)])
    return float(np.corrcoef(*np.diff(closes, axis=1))[0, 1])


def _leads(rng: np.random.Generator, runs: int) -> list[Rate]:
    found = []
    claims = hits = wrong = 0
    for lead_ms in LEADS_MS:
        for _ in range(runs):
            seen = look(*for_a_look(moving(rng, 200, RHO, lead_ms * 1_000, (10.0, 5.0))), 0, 200 * S)
            claims += seen.reason == 0
            hits += seen.reason == 0 and seen.low_us <= lead_ms * 1_000 <= seen.high_us
            wrong += lead_ms == 0 and seen.leader != 0
    total = runs * len(LEADS_MS)
    found.append(Rate("lead-lag, leads of -0.37 to 1 s: found", claims / total, total, 0.9, 1.0))
    found.append(Rate("lead-lag: its interval holds the planted lead", hits / claims, claims, 0.95, 1.0))
    found.append(Rate("legs that move together: given a leader", wrong / runs, runs, 0.0, 0.05))
    none = [look(*for_a_look(moving(rng, 200, 0.0, 0, (10.0, 5.0))), 0, 200 * S) for _ in range(runs)]
    found.append(Rate("independent legs: given a lead", sum(one.reason == 0 for one in none) / runs, runs, 0.0, 0.05))
    return found

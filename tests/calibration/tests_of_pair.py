"""How often the tests of a pair are wrong where the truth is known: false positives at nominal 5 %, coverage of the 95 % intervals.

Where a method claims a rate it is held to it; where it claims none the rate is printed all the same. The negative controls are the
usual mistakes, and must be seen to be mistaken.
"""

import math
from collections import Counter

import numpy as np

from flows.stats.battery.adf import adf
from flows.stats.battery.cusum import cusum
from flows.stats.battery.engle_granger import engle_granger
from flows.stats.battery.half_life import half_life
from flows.stats.battery.hedge_error import hedge_error
from flows.stats.battery.johansen import Johansen
from flows.stats.battery.kpss import kpss
from flows.stats.battery.looks import NO_LOOKS, day_of, with_look
from flows.stats.battery.pair_tests import battery
from flows.stats.battery.regression import regression
from flows.stats.battery.variance_ratio import variance_ratio
from flows.stats.battery.verdict import Newest, discoveries, verdict
from tests.calibration.rate import Rate
from tests.calibration.simulated_pairs import reverting, tied, unrelated, walk

N = 600
BETA = 0.8
MINUTE_US = 60_000_000


def calibrate_tests(runs: int, seed: int) -> list[Rate]:
    """All rates of this module, each from `runs` simulated windows, the same for the same seed (about 30 ms per run).

    Args:
        runs: 2,000 give a standard error of half a percent at 5 %.
    """
    rates = []
    for k, part in enumerate((_unrelated_legs, _given_series, _lines_that_hold, _half_lives, _hedge_ratios, _days)):
        rates += part(np.random.default_rng([seed, k]), runs)
    return rates


def _unrelated_legs(rng: np.random.Generator, runs: int) -> list[Rate]:
    found: Counter[str] = Counter()
    for _ in range(runs):
        y, x = unrelated(rng, N)
        line, tests = regression(y, x), battery(y, x)
        found["right"] += tests.y_on_x.p_value < 0.05
        found["turned"] += tests.x_on_y.p_value < 0.05
        found["both"] += tests.passes
        found["aic"] += engle_granger(line, "aic").p_value < 0.05
        found["johansen"] += tests.johansen.rank != 0
        found["drift"] += tests.johansen.trace[0] > Johansen.trace_critical_drift[0].five
        found["ratio"] += tests.variance_ratio.p_value < 0.05
        found["adf"] += adf(line.residual).p_value < 0.05
        found["endless"] += math.isinf(tests.half_life.high)
    rate = {name: count / runs for name, count in found.items()}
    return [
        Rate("Engle-Granger y on x, unrelated legs: false positives", rate["right"], runs, 0.04, 0.07),
        Rate("Engle-Granger x on y, unrelated legs: false positives", rate["turned"], runs, 0.04, 0.07),
        Rate("Engle-Granger with the lag by AIC: false positives", rate["aic"], runs, 0.04, 0.07),
        Rate("both directions together: false positives", rate["both"], runs, 0.0, 0.05),
        Rate("Johansen's trace, rank 0: false positives", rate["johansen"], runs, 0.04, 0.07),
        Rate("Johansen's trace with the table for legs that drift: false positives, no claim", rate["drift"], runs),
        Rate("variance ratio of the fitted spread: false positives", rate["ratio"], runs, 0.01, 0.06),
        Rate("half-life of unrelated legs: not told from a random walk's", rate["endless"], runs, 0.93, 0.97),
        Rate("CONTROL plain ADF on the fitted residuals, must exceed 10 %", rate["adf"], runs, 0.10, 1.0),
    ]


def _given_series(rng: np.random.Generator, runs: int) -> list[Rate]:
    found: Counter[str] = Counter()
    for _ in range(runs):
        series = walk(rng, N)
        found["adf"] += adf(series).p_value < 0.05
        found["ratio"] += variance_ratio(series).p_value < 0.05
        found["kpss"] += kpss(reverting(rng, N, 0)).p_value < 0.05
        found["slow"] += kpss(reverting(rng, N, N / 30)).p_value < 0.05
    rate = {name: count / runs for name, count in found.items()}
    return [
        Rate("ADF of a random walk: false positives", rate["adf"], runs, 0.04, 0.07),
        Rate("variance ratio of a random walk: false positives", rate["ratio"], runs, 0.03, 0.07),
        Rate("KPSS of noise without memory: false positives", rate["kpss"], runs, 0.03, 0.07),
        Rate("KPSS at a half-life of n/30: false positives, no claim", rate["slow"], runs),
    ]


def _lines_that_hold(rng: np.random.Generator, runs: int) -> list[Rate]:
    rates = []
    for name, life in (("0", 0.0), ("n/120", N / 120), ("n/30", N / 30)):
        whole = [cusum(regression(*tied(rng, N, life, BETA))) for _ in range(runs)]
        broken = [cusum(regression(*tied(rng, N, life, BETA, 1.25 * BETA))) for _ in range(runs)]
        false = sum(c.p_value < 0.05 for c in whole) / runs
        plain = sum(c.plain.p_value < 0.05 for c in whole) / runs
        power = sum(c.p_value < 0.05 for c in broken) / runs
        rates.append(Rate(f"break test, half-life {name}: false positives", false, runs, 0.0, 0.05))
        rates.append(Rate(f"break test, half-life {name}: power at β + 25 %, no claim", power, runs))
        if life:
            rates.append(Rate(f"CONTROL plain CUSUM, half-life {name}, must exceed 50 %", plain, runs, 0.5, 1.0))
    return rates


def _half_lives(rng: np.random.Generator, runs: int) -> list[Rate]:
    rates = []
    for part in (60, 15, 5):
        true = N / part
        lives = [half_life(regression(*tied(rng, N, true, BETA)).residual) for _ in range(runs)]
        covered = sum(life.low <= true <= life.high for life in lives) / runs
        rates.append(Rate(f"half-life n/{part}: coverage, at least 95 %", covered, runs, 0.95, 1.0))
    return rates


def _hedge_ratios(rng: np.random.Generator, runs: int) -> list[Rate]:
    rates = []
    for name, life in (("0", 0.0), ("n/60", N / 60), ("n/15", N / 15)):
        errors = [hedge_error(regression(*tied(rng, N, life, BETA))) for _ in range(runs)]
        covered = sum(e.low <= BETA <= e.high for e in errors) / runs
        robust = sum(abs(e.hedge_ratio - BETA) <= 1.96 * e.hac for e in errors) / runs
        plain = sum(abs(e.hedge_ratio - BETA) <= 1.96 * e.plain for e in errors) / runs
        claimed = (0.92, 0.97) if life < N / 15 else (0.0, 1.0)
        said = "" if life < N / 15 else ", no claim"
        rates.append(
            Rate(f"hedge ratio, half-life {name}: coverage by the long-run error{said}", covered, runs, *claimed)
        )
        rates.append(Rate(f"hedge ratio, half-life {name}: coverage by the HAC error, no claim", robust, runs))
        if life:
            rates.append(Rate(f"CONTROL plain error, half-life {name}, must stay under 60 %", plain, runs, 0.0, 0.6))
    return rates


def _days(rng: np.random.Generator, runs: int) -> list[Rate]:
    """Whole days of looks: 97 windows of 300 bars, one each 15 bars. A tenth of the runs, as a day costs a hundred windows."""
    n, every, days = 300, 15, max(runs // 10, 5)
    chance, words, tied_words = 0, Counter[str](), Counter[str]()
    for _ in range(days):
        for legs, counted in ((unrelated(rng, 1_740), words), (tied(rng, 1_740, n / 60, BETA), tied_words)):
            looks = NO_LOOKS
            for end in range(n, 1_741, every):
                tests = battery(legs[0][end - n : end], legs[1][end - n : end])
                looks = with_look(looks, end * MINUTE_US, tests.p_value)
            day = day_of(looks, n * MINUTE_US)
            chance += counted is words and day.p_value < 0.05
            counted[verdict("pair", Newest.of(tests), MINUTE_US, day, discoveries([day])[0]).word] += 1
    seen = sum(tied_words[word] for word in ("reverting", "breaking")) / days
    return [
        Rate("a day of looks at unrelated legs: p < 5 %", chance / days, days, 0.0, 0.05),
        Rate('unrelated legs called "reverting"', words["reverting"] / days, days, 0.0, 0.01),
        Rate("legs with a half-life of n/60 seen to be tied over a day", seen, days, 0.9, 1.0),
    ]

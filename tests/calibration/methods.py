"""What the hedge-ratio methods are worth where the truth is known: z-scores against a planted mispricing, errors against a planted line.

The usual formula of dashboards, `y - β_t·x` with a rolling mean and deviation, is the negative control.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from flows.domain.frames import PairBars, PairStats
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.methods import METHODS
from flows.stats.pair_stats import statistics_of
from tests.calibration.rate import Figure, Rate
from tests.calibration.simulated_pairs import STEP, reverting, tied, walk

BETA = 0.8
HALF_LIFE = 20
TOGETHER = 50
"""Pairs that are computed in one call."""
FIRST_INDEX = 1_700_000_123


def calibrate_methods(runs: int, seed: int) -> list[Rate | Figure]:
    """All figures of this module, each from `runs` simulated windows, the same for the same seed."""
    found: list[Rate | Figure] = []
    for k, part in enumerate((_zscores, _innovations, _errors, _moving_line)):
        found += part(np.random.default_rng([seed, k]), runs)
    return found


def _bars(legs: list[tuple[np.ndarray, np.ndarray]]) -> PairBars:
    """Log prices of many pairs as bars."""
    rows, pairs = len(legs[0][0]), tuple(Pair(f"Y{p}", "X") for p in range(len(legs)))
    y, x = (np.exp(np.concatenate([pair[side] for pair in legs])) for side in (0, 1))
    none, one = np.zeros(len(y), np.int64), np.ones(len(y), np.int64)
    open_time = np.tile((FIRST_INDEX + np.arange(rows)) * Interval.S1.us, len(legs))
    pair = np.repeat(np.arange(len(legs), dtype=np.int32), rows)
    return PairBars(
        pairs, pair, Interval.S1, open_time, y, x, y, x, none, none, one, one, one > 0, none.astype(np.int8)
    )


def _shaped(stats: PairStats, column: str) -> np.ndarray:
    """A column by pair, shape (pairs, rows)."""
    return np.asarray(getattr(stats, column)).reshape(len(stats.pairs), -1)


def _zscores(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """Correlation of z with the planted mispricing at a window of 15 half-lives."""
    n, pairs = 15 * HALF_LIFE, max(min(runs // 20, TOGETHER), 4)
    legs, shared, truth = [], [], []
    for _ in range(pairs):
        spread, x = reverting(rng, 10 * n, HALF_LIFE), walk(rng, 10 * n)
        legs.append((BETA * x - 1.0 + spread, x))
        part = spread / (1.0 + BETA * BETA)  # at right angles to the line, as TLS supposes
        shared.append((BETA * x - 1.0 + part, x - BETA * part))
        truth.append(spread)
    planted = np.array(truth)
    for method in METHODS:
        bars = _bars(shared if method == "tls" else legs)
        stats = statistics_of(bars, Model("m", method=method, window=n, z_window=n), 10_000)
        for column, name in (("zscore", "in-sample z"), ("zscore_one_step", "one-step z")):
            z = _shaped(stats, column)
            yield Figure(
                f"{method}: correlation of {name} with the mispricing", _likeness(z, planted), pairs, 0.75, 1.0
            )
        if method == "ols":
            beta = _shaped(stats, "hedge_ratio")
            usual = np.array([_usual(y, x, b, n) for (y, x), b in zip(legs, beta, strict=True)])
            said = "CONTROL y - β_t·x by its rolling mean and deviation, must stay under 0.25"
            yield Figure(said, _likeness(usual, planted), pairs, -0.25, 0.25)


def _usual(y: np.ndarray, x: np.ndarray, beta: np.ndarray, n: int) -> np.ndarray:
    spread = pd.Series(y - beta * x)
    return np.asarray((spread - spread.rolling(n).mean()) / spread.rolling(n).std())


def _likeness(z: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the pairs of the correlation over time."""
    found = []
    for one, other in zip(z, truth, strict=True):
        known = np.isfinite(one)
        found.append(np.corrcoef(one[known], other[known])[0, 1])
    return float(np.mean(found))


def _innovations(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """Size of the Kalman filter's innovations, over all its bars."""
    n, pairs = 300, max(min(runs // 20, TOGETHER), 4)
    for name, life, claimed in (
        ("noise without memory", 0.0, True),
        ("half-life n/60", n / 60, True),
        ("half-life n/30", n / 30, True),
        ("half-life n/15", n / 15, False),  # a window of few half-lives sees too little of the spread's deviation
    ):
        bars = _bars([tied(rng, 10 * n, life, BETA) for _ in range(pairs)])
        stats = statistics_of(bars, Model("m", method="kalman", window=n, z_window=n), 10_000)
        size, said = float(np.nanmean(stats.innovation_sd)), "" if claimed else ", no claim"
        yield Figure(f"kalman, {name}: innovation sd{said}", size, pairs, *((0.9, 1.1) if claimed else ()))
        likeness = float(np.nanmean(stats.innovation_autocorrelation))
        limits = (-0.1, 0.1) if life == 0.0 else (-np.inf, np.inf)
        said = "" if life == 0.0 else ", no claim"
        yield Figure(f"kalman, {name}: innovation autocorrelation{said}", likeness, pairs, *limits)


def _covered(stats: PairStats, error: str, row: int, truth: float) -> np.ndarray:
    beta, se = _shaped(stats, "hedge_ratio")[:, row], _shaped(stats, error)[:, row]
    return np.abs(beta - truth) <= 1.96 * se


def _errors(rng: np.random.Generator, runs: int) -> Iterator[Rate]:
    """How often β ± 1.96 errors holds the planted line, by what the residuals are like. The errors claim independent residuals."""
    n = 200
    cases = {"independent residuals": 0.0, "half-life n/40": n / 40}
    for name, life in cases.items():
        hits: dict[tuple[str, str], list[np.ndarray]] = {}
        for _ in range(-(-runs // TOGETHER)):
            bars = _bars([tied(rng, n + n // 5 + 1, life, BETA) for _ in range(TOGETHER)])
            for method in ("ols", "huber", "theil_sen"):
                stats = statistics_of(bars, Model("m", method=method, window=n, z_window=n), 10_000)
                hits.setdefault((method, "hedge_ratio_se"), []).append(_covered(stats, "hedge_ratio_se", -1, BETA))
                if method == "ols":
                    robust = _covered(stats, "hedge_ratio_se_hac", -1, BETA)
                    hits.setdefault((method, "hedge_ratio_se_hac"), []).append(robust)
            equal = statistics_of(_bars([_errors_in_both(rng, n + 1, life) for _ in range(TOGETHER)]), _tls(n), 10_000)
            hits.setdefault(("tls", "hedge_ratio_se"), []).append(_covered(equal, "hedge_ratio_se", -1, BETA))
        for (method, error), covered in hits.items():
            held = np.concatenate(covered)
            claimed = (0.92, 0.97) if life == 0.0 and error == "hedge_ratio_se" else (0.0, 1.0)
            said = "" if claimed[0] else ", no claim"
            yield Rate(f"{method}, {name}: β ± 1.96 {error} holds it{said}", float(held.mean()), len(held), *claimed)


def _tls(n: int) -> Model:
    return Model("m", method="tls", window=n, z_window=n)


def _errors_in_both(rng: np.random.Generator, rows: int, life: float) -> tuple[np.ndarray, np.ndarray]:
    """Legs that each are seen with an error of the same size."""
    x = walk(rng, rows)
    return BETA * x - 1.0 + reverting(rng, rows, life), x + reverting(rng, rows, life)


def _moving_line(rng: np.random.Generator, runs: int) -> Iterator[Rate]:
    """The Kalman filter's own error where β walks as the filter believes."""
    n = 100
    model = replace(Model("m", method="kalman", window=n, z_window=n), restart_windows=1_000)
    hits = []
    for _ in range(-(-runs // TOGETHER)):
        legs, betas = [], []
        for _ in range(TOGETHER):
            x = walk(rng, 6 * n)
            u = x - x[:n].mean()
            beta = BETA + np.cumsum(rng.normal(0, STEP / (u[:n].std() * n), 6 * n) * (np.arange(6 * n) >= n))
            legs.append((beta * u + 8.0 + rng.normal(0, STEP, 6 * n), x))
            betas.append(beta[-1])
        stats = statistics_of(_bars(legs), model, 10_000)
        last, se = _shaped(stats, "hedge_ratio")[:, -1], _shaped(stats, "hedge_ratio_se")[:, -1]
        hits.append(np.abs(last - np.array(betas)) <= 1.96 * se)
    held = np.concatenate(hits)
    yield Rate("kalman, β that walks: β ± 1.96 hedge_ratio_se holds it", float(held.mean()), len(held), 0.92, 0.97)

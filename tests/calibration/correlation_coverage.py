"""How often the 95 % interval of a correlation contains the truth: where it claims to, and where it does not."""

import numpy as np

from flows.stats.correlation_interval import correlation_interval
from tests.calibration.rate import Rate

CLAIMED = (0.92, 0.97)
NO_CLAIM = (0.0, 1.0)
RETURNS = (10, 30, 300)
TRUTHS = (0.0, 0.5, 0.9, -0.98)


def calibrate_correlation(runs: int, seed: int) -> list[Rate]:
    """Coverage for each number of returns and true correlation, by what the returns are like."""
    rng = np.random.default_rng(seed)
    rates = []
    for n in RETURNS:
        for rho in TRUTHS:
            covers = _covered(_normal(rng, runs, n, rho), rho)
            rates.append(Rate(f"correlation {rho:g}, {n} normal returns: interval holds it", covers, runs, *CLAIMED))
    for rho in TRUTHS:
        tails = _normal(rng, runs, 300, rho) * np.sqrt(4 / rng.chisquare(4, (runs, 1, 300)))
        rates.append(
            Rate(f"correlation {rho:g}, 300 returns with t(4) tails: no claim", _covered(tails, rho), runs, *NO_CLAIM)
        )
        clusters = _normal(rng, runs, 300, rho) * _volatility(rng, runs, 300)
        rates.append(
            Rate(f"correlation {rho:g}, 300 returns in clusters: no claim", _covered(clusters, rho), runs, *NO_CLAIM)
        )
    return rates


def _normal(rng: np.random.Generator, runs: int, n: int, rho: float) -> np.ndarray:
    """Returns of two legs, shape (runs, 2, n)."""
    legs = rng.normal(size=(runs, 2, n))
    legs[:, 1] = rho * legs[:, 0] + np.sqrt(1 - rho * rho) * legs[:, 1]
    return legs


def _volatility(rng: np.random.Generator, runs: int, n: int) -> np.ndarray:
    """Log volatility as an AR(1) with a half-life of 35 bars, common to both legs, shape (runs, 1, n)."""
    level, path = rng.normal(0, 0.8, runs), np.empty((runs, 1, n))
    for i in range(n):
        level = 0.98 * level + np.sqrt(1 - 0.98**2) * rng.normal(0, 0.8, runs)
        path[:, 0, i] = np.exp(level)
    return path


def _covered(legs: np.ndarray, rho: float) -> float:
    d = legs - legs.mean(axis=2, keepdims=True)
    r = (d[:, 0] * d[:, 1]).sum(axis=1) / np.sqrt((d[:, 0] ** 2).sum(axis=1) * (d[:, 1] ** 2).sum(axis=1))
    low, high = correlation_interval(r, legs.shape[2])
    return float(np.mean((low <= rho) & (rho <= high)))

"""Ticks of legs whose correlation and lead are known."""

import math

import numpy as np

from flows.asynchrony.lead_lag import FINEST_US, Series, thinned

S = 1_000_000
_ROOM_MS = 6_000
"""Before and after the seconds, for what reaches y earlier or later."""


def moving(
    rng: np.random.Generator, seconds: int, rho: float, lead_us: int, rates: tuple[float, float], noise: float = 0.0
) -> tuple[Series, Series]:
    """y and x: Brownian motions seen at Poisson times, `rates` trades a second; what they share reaches y `lead_us` after x.

    Args:
        noise: deviation of a bounce at each trade.
    """
    shared, own = rng.normal(0, 1e-5, (2, seconds * 1_000 + 2 * _ROOM_MS))
    paths = np.cumsum(rho * shared + math.sqrt(1 - rho * rho) * own), np.cumsum(shared)

    def seen(path: np.ndarray, rate: float, shift_us: int) -> Series:
        time = np.unique(rng.integers(0, seconds * S, rng.poisson(rate * seconds)))
        return Series(time, path[_ROOM_MS + (time - shift_us) // 1_000] + noise * rng.normal(size=len(time)))

    return seen(paths[0], rates[0], lead_us), seen(paths[1], rates[1], 0)


def for_a_look(legs: tuple[Series, Series]) -> tuple[Series, Series]:
    """Thinned as a look at the lead wants them."""
    return thinned(legs[0], FINEST_US), thinned(legs[1], FINEST_US)

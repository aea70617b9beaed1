"""Legs whose truth is known: unrelated, tied by a spread with a half-life, or tied by a hedge ratio that breaks."""

import math

import numpy as np
from scipy.signal import lfilter

STEP = 1e-4
"""Deviation of one bar's log return."""


def walk(rng: np.random.Generator, n: int) -> np.ndarray:
    """A random walk of log prices, shape (n,)."""
    return 11.0 + np.cumsum(rng.normal(0.0, STEP, n))


def unrelated(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """y and x, two independent random walks."""
    return walk(rng, n) - 3.0, walk(rng, n)


def reverting(rng: np.random.Generator, n: int, half_life: float) -> np.ndarray:
    """A stationary AR(1) spread; half-life 0 is noise without memory, inf a random walk."""
    phi = 0.0 if half_life == 0 else 0.5 ** (1.0 / half_life)
    noise = rng.normal(0.0, STEP, n)
    if phi < 1.0:
        noise[0] /= math.sqrt(1.0 - phi * phi)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))


def tied(
    rng: np.random.Generator, n: int, half_life: float, beta: float = 0.8, later: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """y and x with y = c + β·x + a reverting spread; β changes to `later` in the middle, without a jump, where that is given."""
    x = walk(rng, n)
    betas = np.where(np.arange(n) < n // 2, beta, beta if later is None else later)
    path = np.cumsum(np.concatenate(([beta * x[0]], betas[1:] * np.diff(x))))
    return path - 1.0 + reverting(rng, n, half_life), x

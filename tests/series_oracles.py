"""Definitions that tests of a pair are compared with where no library has them."""

import numpy as np


def centred(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For the oracles: levels near zero cost them no digits, and with a constant fitted no test knows the difference."""
    return y - y[0], x - x[0]


def prewhitened(s: np.ndarray) -> float:
    """Long-run variance: Newey and West's with Bartlett weights of what an autoregression of order one leaves."""
    n = len(s)
    phi = np.clip((s[1:] @ s[:-1]) / (s[:-1] @ s[:-1]), 1 / n - 1, 1 - 1 / n)
    u, lags = s[1:] - phi * s[:-1], int(4 * (n / 100) ** (2 / 9))
    terms = [2 * (1 - k / (lags + 1)) * (u[k:] @ u[: len(u) - k]) for k in range(1, lags + 1)]
    return float((u @ u + sum(terms)) / len(u) / (1 - phi) ** 2)

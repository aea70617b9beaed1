"""Long-run variance: what the variance of a mean is made of when the terms remember one another.

`bartlett`: Σ_{|l|≤L} (1 - |l|/(L+1))·γ_l, Newey and West's. It needs more lags than a window has once a memory of tens of bars is in
the terms, and is then far too small.
`prewhitened`: the memory of one bar is taken out first, u_t = s_t - φ·s_{t-1}, and put back as ω² = ω_u²/(1-φ)² (Andrews and Monahan
1992). φ is kept below 1 - 1/n: without that a unit root would divide by nothing, and a fixed 0.97 finds breaks in every slow spread.
"""

import numpy as np
from numba import njit

from flows.domain.frames import F64


def automatic_lag(s: F64) -> int:
    """Andrews' (1991) lags for Bartlett weights and a memory like that of one bar, φ at most 0.97; never more than n - 1.

    >>> automatic_lag(np.array([1.0, -1.0, 0.5, -0.4] * 10))
    13
    """
    n = len(s)
    phi = min(max(_memory(s), -0.97), 0.97)
    alpha = 4.0 * phi * phi / ((1.0 - phi) * (1.0 - phi) * (1.0 + phi) * (1.0 + phi))
    return min(int(1.1447 * (alpha * n) ** (1.0 / 3.0)), n - 1)


def bartlett(s: F64, lag: int) -> float:
    """Long-run variance of a series of mean zero, shape (n,), per bar."""
    return float(_bartlett(s, lag))


def prewhitened(s: F64) -> float:
    """The same, robust to a long memory; 4·(n/100)^(2/9) lags for what one bar of memory leaves."""
    n = len(s)
    phi = min(max(_memory(s), 1.0 / n - 1.0), 1.0 - 1.0 / n)
    rest = np.empty(n - 1)
    _filter(s, phi, rest)
    return float(_bartlett(rest, int(4.0 * (n / 100.0) ** (2.0 / 9.0)))) / ((1.0 - phi) * (1.0 - phi))


@njit(cache=True)
def _memory(s: F64) -> float:
    both = square = 0.0
    for t in range(1, len(s)):
        both += s[t] * s[t - 1]
        square += s[t - 1] * s[t - 1]
    return both / square if square > 0.0 else 0.0


@njit(cache=True)
def _filter(s: F64, phi: float, out: F64) -> None:
    for t in range(1, len(s)):
        out[t - 1] = s[t] - phi * s[t - 1]


@njit(cache=True)
def _bartlett(s: F64, lag: int) -> float:
    total = 0.0
    for i in range(lag + 1):
        a = b = c = d = 0.0  # four sums in turn: the processor need not wait for one addition before the next
        t = i
        while t + 3 < len(s):
            a += s[t] * s[t - i]
            b += s[t + 1] * s[t + 1 - i]
            c += s[t + 2] * s[t + 2 - i]
            d += s[t + 3] * s[t + 3 - i]
            t += 4
        while t < len(s):
            a += s[t] * s[t - i]
            t += 1
        weight = 1.0 if i == 0 else 2.0 * (1.0 - i / (lag + 1.0))
        total += weight * ((a + b) + (c + d))
    return total / len(s)

"""Negative controls: the usual ways to roll a second moment, which lose their digits. Centred sums (Sxx, Syy, Sxy) of every window."""

import numpy as np
import pandas as pd

Sums = tuple[np.ndarray, np.ndarray, np.ndarray]


def add_and_remove(x: np.ndarray, y: np.ndarray, n: int) -> Sums:
    """The textbook rolling sums: what enters is added, what leaves is subtracted."""
    sx, sy, sxx, syy, sxy = (_running(terms, n) for terms in (x, y, x * x, y * y, x * y))
    return sxx - sx * sx / n, syy - sy * sy / n, sxy - sx * sy / n


def _running(terms: np.ndarray, n: int) -> np.ndarray:
    steps = np.zeros((len(terms), 2))
    steps[:, 0], steps[n:, 1] = terms, -terms[:-n]
    sums = np.cumsum(steps)[1::2]  # one sum, in the order of the steps
    sums[: n - 1] = np.nan
    return sums


def pandas_rolling(x: np.ndarray, y: np.ndarray, n: int) -> Sums:
    """`rolling(n).var()` and `.cov()`."""
    sx, sy = pd.Series(x), pd.Series(y)
    with np.errstate(all="ignore"):
        found = sx.rolling(n).var(), sy.rolling(n).var(), sx.rolling(n).cov(sy)
        return tuple(np.asarray(s) * (n - 1) for s in found)  # type: ignore[return-value]


def ols_of(sums: Sums, x: np.ndarray, y: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """The columns of least squares that a user of such sums would compute."""
    sxx, syy, sxy = sums
    with np.errstate(all="ignore"):
        beta, r_squared = sxy / sxx, sxy**2 / (sxx * syy)
        std = np.sqrt((1 - r_squared) * syy / (n - 2))
        mean_x, mean_y = (np.asarray(pd.Series(s).rolling(n).mean()) for s in (x, y))
        spread = (y - mean_y) - beta * (x - mean_x)
        return {
            "hedge_ratio": beta, "hedge_ratio_se": std / np.sqrt(sxx), "r_squared": r_squared, "spread": spread,
            "spread_std": std, "zscore": spread / std,
        }  # fmt: skip

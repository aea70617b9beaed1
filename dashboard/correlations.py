"""Correlation of the returns of every symbol with every other, over the last closed bars."""

from dataclasses import dataclass, replace

import numpy as np

from dashboard.frame import F64, I64

RETURNS = 300
"""Returns looked at, at most."""
LEAST_RETURNS = 20
"""Fewer common returns say nothing."""
_FLAT = 1e-12
"""A variance below this share of the mean square is the rounding of returns that do not vary."""


@dataclass(frozen=True)
class Closes:
    """Last prices on a grid of bars.

    Attributes:
        symbols: one a row. newest: open time of the last column in bars since the epoch; meaningless while nothing is held.
        values: shape (len(symbols), RETURNS + 1); NaN where there is no closed bar.
    """

    symbols: tuple[str, ...]
    newest: int
    values: F64

    @property
    def held(self) -> bool:
        """Whether any price is known."""
        return bool(np.isfinite(self.values).any())


def no_closes(symbols: tuple[str, ...]) -> Closes:
    """A grid on which nothing is known yet."""
    return Closes(symbols, 0, np.full((len(symbols), RETURNS + 1), np.nan))


def with_closes(held: Closes, symbol: I64, bar: I64, close: F64) -> Closes:
    """`held` moved on to the newest bar, with more prices; `held` itself if they say nothing new.

    Args:
        symbol: index of the symbol of each price. bar: its open time in bars since the epoch; what is too old for the grid is left out.
    """
    if not len(bar):
        return held
    newest = max(int(bar.max()), held.newest) if held.held else int(bar.max())
    width, shift = RETURNS + 1, newest - held.newest
    values = np.full_like(held.values, np.nan)
    if held.held and shift < width:
        values[:, : width - shift] = held.values[:, shift:]
    at = bar - newest + width - 1
    kept = at >= 0
    values[symbol[kept], at[kept]] = close[kept]
    if held.held and not shift and np.array_equal(values, held.values, equal_nan=True):
        return held
    return replace(held, newest=newest, values=values)


@dataclass(frozen=True, eq=False)
class Correlations:
    """Every symbol with every other.

    Attributes:
        values: shape (n, n), symmetric; NaN where fewer than `LEAST_RETURNS` returns are common, or one side does not vary in them.
        counts: common returns, shape (n, n).
        until_us: end of the last bar looked at; None before the first.
    """

    symbols: tuple[str, ...]
    values: F64
    counts: I64
    until_us: int | None


def correlations(closes: Closes, bar_us: int) -> Correlations:
    """Pearson's correlation of log returns from bar to next bar, each over the returns that both symbols have."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(closes.values)
    logs[~np.isfinite(logs)] = np.nan
    values, counts = pairwise(np.diff(logs, axis=1))
    until = (closes.newest + 1) * bar_us if closes.held else None
    return Correlations(closes.symbols, values, counts, until)


def pairwise(returns: F64) -> tuple[F64, I64]:
    """Correlation of each row with each other over the columns in which both are known, as `pandas.DataFrame.corr` of the transpose.

    Args:
        returns: shape (n, t), NaN where not known.

    Returns:
        Correlations and numbers of common columns, both of shape (n, n).
    """
    known = np.isfinite(returns)
    mask = known.astype(float)
    mean = np.where(known, returns, 0.0).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
    x = np.where(known, returns - mean[:, None], 0.0)  # around the mean, so that the sums below cancel little
    n = mask @ mask.T
    s, ss, products = x @ mask.T, (x * x) @ mask.T, x @ x.T
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = ss - s * s / n
        variance[variance <= _FLAT * _mean_square(returns, mask)] = np.nan
        covariance = products - s * s.T / n
        values = covariance / np.sqrt(variance * variance.T)
    values[n < LEAST_RETURNS] = np.nan
    return np.clip(values, -1.0, 1.0), n.astype(np.int64)


def _mean_square(returns: F64, mask: F64) -> F64:
    raw = np.where(mask > 0, returns, 0.0)
    total: F64 = (raw * raw) @ mask.T
    return total

"""Correlation of all symbols against pandas, and the grid of prices behind it."""

import numpy as np
import pandas as pd
import pytest

from dashboard.correlations import LEAST_RETURNS, RETURNS, correlations, no_closes, pairwise, with_closes

SYMBOLS = tuple(f"S{i}" for i in range(12))


def holed(rows: int, columns: int, share: float, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = 1e-4 * (rng.standard_normal(columns) + rng.standard_normal((rows, columns))) + 3e-3
    values[rng.random(values.shape) < share] = np.nan
    return values


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.95])
def test_pairwise_is_what_pandas_says(share: float) -> None:
    returns = holed(12, RETURNS, share)
    values, counts = pairwise(returns)
    frame = pd.DataFrame(returns.T)
    np.testing.assert_allclose(values, frame.corr(min_periods=LEAST_RETURNS).to_numpy(), rtol=0, atol=1e-9)
    known = frame.notna().astype(int)
    np.testing.assert_array_equal(counts, (known.T @ known).to_numpy())
    assert np.isnan(values).any() == (share > 0.9), "the control: few common returns say nothing"


def test_what_does_not_move_says_nothing() -> None:
    returns = holed(3, 100, 0.0)
    returns[1] = 0.0
    returns[2, 50:] = np.nan
    returns[0, :50] = 0.1  # moves, but not while the third is known
    values, counts = pairwise(returns)
    assert np.isnan(values[1]).all()
    assert np.isnan(values[0, 2])
    assert counts[0, 2] == 50
    assert values[0, 0] == pytest.approx(1)


def test_the_grid_moves_with_the_newest_bar() -> None:
    rng = np.random.default_rng(4)
    prices = 100 * np.exp(np.cumsum(1e-4 * rng.standard_normal((12, 700)), axis=1))
    missing = rng.random(prices.shape) < 0.05
    held, at = no_closes(SYMBOLS), 0
    assert correlations(held, 1_000_000).until_us is None
    assert np.isnan(correlations(held, 1_000_000).values).all()
    while at < 700:
        step = int(rng.integers(1, 90))
        symbol, bar = np.nonzero(~missing[:, at : at + step])
        held = with_closes(held, symbol, 10_000 + at + bar, prices[symbol, at + bar])
        at += step
    assert with_closes(held, symbol, 10_000 + at - step + bar, prices[symbol, at - step + bar]) is held, "nothing new"
    frame = pd.DataFrame(np.where(missing, np.nan, prices).T[-RETURNS - 1 :])
    wanted = np.log(frame).diff().corr(min_periods=LEAST_RETURNS)
    found = correlations(held, 1_000_000)
    np.testing.assert_allclose(found.values, wanted.to_numpy(), rtol=0, atol=1e-9)
    assert found.until_us == 10_700 * 1_000_000
    jumped = with_closes(held, np.array([0]), np.array([20_000]), np.array([5.0]))
    assert np.isfinite(jumped.values).sum() == 1, "nothing of before is left after a long hole"

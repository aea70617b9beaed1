"""Which price of a bar a model is made of, and the spread in basis points of what a position is worth."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from bar_frames import bars_of, chunk_of
from pair_series import assert_same_bits, hard_closes, pair_bars

from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.join.legs import legs_of
from flows.stats.methods import METHODS
from flows.stats.pair_stats import PairStatistics, statistics_of

MODEL = Model("m", window=30, z_window=20, correlation_window=20)
LIMIT_MS = 10_000


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_model_of_vwap_says_of_the_vwaps_what_one_of_closes_says_of_closes(method: str) -> None:
    y, x = hard_closes(400)
    other_y, other_x = hard_closes(400, seed=5)
    bars = pair_bars(other_y, other_x, y_vwap=y, x_vwap=x)
    model = replace(MODEL, method=method)
    found = statistics_of(bars, replace(model, source="vwap"), LIMIT_MS)
    assert_same_bits(found, statistics_of(pair_bars(y, x), model, LIMIT_MS))
    with pytest.raises(AssertionError):
        assert_same_bits(found, statistics_of(bars, model, LIMIT_MS))


def test_both_sources_in_one_run() -> None:
    y, x = hard_closes(400)
    bars = pair_bars(y, x, y_vwap=y * 1.01, x_vwap=x + 0.5)
    models = (MODEL, replace(MODEL, name="v", source="vwap"), replace(MODEL, name="raw", price="raw"))
    statistics = PairStatistics(bars.pairs, Interval.S1, models, LIMIT_MS)
    pieces = [statistics.update(bars.take(slice(start, start + 90))) for start in range(0, 400, 90)]
    for at, model in enumerate(models):
        whole = statistics_of(bars, model, LIMIT_MS)
        for start, piece in zip(range(0, 400, 90), pieces, strict=True):
            assert_same_bits(piece[at], whole.take(slice(start, start + 90)))


def test_vwap_is_quote_volume_by_volume_in_the_symbols_own_scale() -> None:
    bars = bars_of({"A": [(1, 105), (2, 106)], "B": [(1, 2000), (2, 2100)]}, decimals={"A": 1, "B": 3})
    volume = np.array([7, 0, 3, 900_001])
    quote = np.array([7 * 104, 0, 3 * 2_001 - 1, 1_890_002_100])
    legs = legs_of(chunk_of(replace(bars, volume=volume, quote_volume=quote), 3_000_000))
    wanted = [
        Fraction(7 * 104, 7 * 10),
        Fraction(106, 10),
        Fraction(6_002, 3_000),
        Fraction(1_890_002_100, 900_001_000),
    ]
    assert legs.vwap.tolist() == pytest.approx([float(price) for price in wanted], rel=1e-15)
    assert legs.vwap[1] == legs.close[1]  # no trade: the price of the last one


@pytest.mark.parametrize("price", ["log", "raw"])
def test_the_spread_in_basis_points_is_what_the_position_would_gain_by_its_value(price: str) -> None:
    y, x = hard_closes(400)
    stats = statistics_of(pair_bars(y, x), replace(MODEL, price=price), LIMIT_MS)  # type: ignore[arg-type]
    known = np.flatnonzero(np.isfinite(stats.spread))
    assert len(known) > 300
    for row in known:
        spread, beta = Fraction(float(stats.spread[row])), Fraction(float(stats.hedge_ratio[row]))
        # log: for each unit of money in y, |β| units in x; raw: one y against β x
        worths = {"log": 1 + abs(beta), "raw": Fraction(float(y[row])) + abs(beta) * Fraction(float(x[row]))}
        assert stats.spread_bp[row] == pytest.approx(float(10_000 * spread / worths[price]), rel=1e-12, abs=1e-12)
    assert np.array_equal(np.isnan(stats.spread_bp), np.isnan(stats.spread))

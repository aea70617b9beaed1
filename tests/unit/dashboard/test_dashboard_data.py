"""Query rows to columns, and the catalogue."""

import math

import numpy as np
import pytest

from dashboard.data import Catalogue, parsed_catalogue, side_by_side
from dashboard.frame import ROW_OF, STATS_FIELDS
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import StorageError

PAIR = Pair("ETHUSDT", "BTCUSDT")


def bar(time: int, symbol: str, close: float, complete: bool = True) -> tuple[object, ...]:
    return (time, symbol, close, close, close, close, 1.0, time == 2, complete)


def stats(time: int, stale: str | None = None, gap: str | None = None) -> tuple[object, ...]:
    values = {name: float(i) for i, name in enumerate(STATS_FIELDS)} | {"zscore": None, "stale": stale, "gap": gap}
    return (time, *values.values(), True)


def test_legs_and_statistics_stand_side_by_side() -> None:
    rows = side_by_side(
        PAIR,
        [bar(1, "ETHUSDT", 10.0), bar(1, "BTCUSDT", 20.0), bar(2, "ETHUSDT", 11.0, complete=False)],
        [stats(1, "x", "both")],
        600,
    )
    assert rows.times.tolist() == [1, 2]
    assert rows.values[ROW_OF["y_close"]].tolist() == [10.0, 11.0]
    assert rows.values[ROW_OF["x_close"], 0] == 20.0
    assert math.isnan(rows.values[ROW_OF["x_close"], 1])
    assert rows.values[ROW_OF["y_closed"]].tolist() == [1.0, 0.0]
    assert rows.values[ROW_OF["y_gap"]].tolist() == [0.0, 1.0]
    assert rows.values[ROW_OF["stale"], 0] == 2.0
    assert rows.values[ROW_OF["gap"], 0] == 3.0
    assert rows.values[ROW_OF["correlation"], 0] == STATS_FIELDS.index("correlation")
    assert math.isnan(rows.values[ROW_OF["zscore"], 0]), "a null is not a zero"
    assert np.isnan(rows.values[ROW_OF["n"], 1])


def test_ticks_stand_at_the_times_of_bars_and_make_none() -> None:
    bars = [bar(t, "ETHUSDT", 1.0) for t in (1, 2, 3)]
    rows = side_by_side(PAIR, bars, [], 600, [(1, None), (2, 0.8), (4, 0.9)])
    assert rows.times.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(rows.values[ROW_OF["ticks_correlation"]], [np.nan, 0.8, np.nan])
    np.testing.assert_array_equal(rows.values[ROW_OF["ticks_closed"]], [1.0, 1.0, np.nan])


def test_the_newest_times_are_kept() -> None:
    rows = side_by_side(PAIR, [bar(t, "ETHUSDT", 1.0) for t in range(10)], [], 4)
    assert rows.times.tolist() == [6, 7, 8, 9]


def test_no_rows_are_no_rows() -> None:
    assert len(side_by_side(PAIR, [], [], 4).times) == 0


def row(pairs: str = '["A/B"]', models: str = '[{"name": "ols"}]') -> dict[str, str]:
    return {"dataset": "q3", "origin": "replay", "pairs": pairs, "intervals": '["1s", "5m"]', "models": models}


def test_a_catalogue_names_models_with_their_windows() -> None:
    models = (
        '[{"name": "ols", "method": "ols", "price": "raw", "window": 60, "z_window": 60, "correlation_window": 30}]'
    )
    found = parsed_catalogue(row(models=models))
    assert found == Catalogue(
        "q3",
        "replay",
        (Pair("A", "B"),),
        (Interval.S1, Interval.M5),
        (Model("ols", "ols", "raw", window=60, z_window=60, correlation_window=30),),
    )
    assert found.model("ols").window == 60


@pytest.mark.parametrize("pairs", ["", "[]", '["AB"]', "[3]", "null"])
def test_a_catalogue_that_makes_no_sense_is_refused(pairs: str) -> None:
    with pytest.raises(StorageError, match='dataset "q3"'):
        parsed_catalogue(row(pairs))


def test_a_model_without_its_windows_is_refused() -> None:
    with pytest.raises(StorageError, match='dataset "q3"'):
        parsed_catalogue(row(models='["ols"]'))

"""Models that come and go between two runs: those that stay say the same, those that come say what a flow would that began with them."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from pair_series import assert_same_bits, hard_closes, pair_bars

from flows.domain.frames import PairStats, concatenated
from flows.domain.model import Model
from flows.stats.cohorts import Cohorts, CohortState
from flows.stats.methods import METHODS
from flows.stats.pair_stats import statistics_of

LIMIT_MS = 10_000
Y, X = hard_closes(900)
BARS = pair_bars(Y, X, y_vwap=Y * 1.001, x_vwap=X + 0.5)
STAYS = Model("stays", window=100, z_window=100, correlation_window=60)


def run(
    models: tuple[Model, ...], start: int, end: int, states: tuple[CohortState, ...] = (), step: int = 37
) -> tuple[dict[str, PairStats], tuple[CohortState, ...]]:
    """Statistics of some bars in pieces, and the state that is saved at the end, as a restart finds it."""
    made = Cohorts(BARS.pairs, BARS.interval, models, LIMIT_MS, states)
    frames = [made.update(BARS.take(slice(at, min(at + step, end)))) for at in range(start, end, step)]
    said = {model.name: concatenated([piece[m] for piece in frames]) for m, model in enumerate(models)}
    return said, pickle.loads(pickle.dumps(made.state()))


def of_all(model: Model, start: int = 0) -> PairStats:
    return statistics_of(BARS.take(slice(start, None)), model, LIMIT_MS)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_comes_joins_where_the_bars_are_enough(method: str) -> None:
    comes = Model("comes", method, window=40, z_window=30, correlation_window=20)
    _, states = run((STAYS,), 0, 500)
    said, states = run((comes, STAYS), 500, 700, states)
    assert_same_bits(said["stays"], of_all(STAYS).take(slice(500, 700)))
    filtered = method == "kalman"
    wanted = of_all(comes, 500).take(slice(0, 200)) if filtered else of_all(comes).take(slice(500, 700))
    assert_same_bits(said["comes"], wanted)
    assert said["comes"].n[0] == (1 if filtered else 40)
    # killed and gone on with, and the models in another order
    said, _ = run((STAYS, comes), 700, 900, states, step=11)
    assert_same_bits(said["stays"], of_all(STAYS).take(slice(700, 900)))
    wanted = of_all(comes, 500).take(slice(200, 400)) if filtered else of_all(comes).take(slice(700, 900))
    assert_same_bits(said["comes"], wanted)


@pytest.mark.parametrize(
    "comes",
    [
        Model("comes", window=400, z_window=400, correlation_window=20),
        Model("comes", window=40, z_window=40, correlation_window=250),
        Model("comes", source="vwap", window=40, z_window=40, correlation_window=20),
        replace(STAYS, name="stays", window=90, z_window=90, source="vwap"),
    ],
    ids=["longer", "longer correlation", "other prices", "same name"],
)
def test_a_model_that_needs_more_than_is_kept_begins_with_the_next_bar(comes: Model) -> None:
    _, states = run((STAYS,), 0, 500)
    models = (comes,) if comes.name == STAYS.name else (STAYS, comes)
    said, states = run(models, 500, 600, states)
    assert_same_bits(said[comes.name], of_all(comes, 500).take(slice(0, 100)))
    assert said[comes.name].n[0] == 1
    said, _ = run(models, 600, 900, states)
    assert_same_bits(said[comes.name], of_all(comes, 500).take(slice(100, 400)))


def test_a_model_that_goes_leaves_the_others_as_they_are_and_its_bars_are_let_go_of() -> None:
    long = Model("long", "huber", source="vwap", window=250, z_window=250, correlation_window=60)
    _, states = run((long, STAYS), 0, 600)
    said, after = run((STAYS,), 600, 900, states)
    assert_same_bits(said["stays"], of_all(STAYS).take(slice(600, 900)))
    assert [cohort.models for cohort in after] == [(STAYS,)]
    assert after[0].state.history.prices.shape == (2, int(after[0].state.history.count[0]))
    assert after[0].state.history.count[0] < states[0].state.history.count[0]
    assert "long" not in after[0].state.carried
    said, _ = run((long,), 600, 900, states)
    assert_same_bits(said["long"], of_all(long).take(slice(600, 900)))


def test_a_hole_in_the_kept_bars_is_not_bridged() -> None:
    index = BARS.open_time // BARS.interval.us
    holed = replace(BARS, open_time=(index + np.where(np.arange(len(index)) >= 480, 5, 0)) * BARS.interval.us)
    made = Cohorts(BARS.pairs, BARS.interval, (STAYS,), LIMIT_MS)
    made.update(holed.take(slice(0, 500)))
    comes = Model("comes", window=40, z_window=30, correlation_window=20)
    (stats,) = Cohorts(BARS.pairs, BARS.interval, (comes, STAYS), LIMIT_MS, made.state()).update(
        holed.take(slice(500, 600))
    )[:1]
    assert_same_bits(stats, statistics_of(holed.take(slice(500, 600)), comes, LIMIT_MS))
    assert stats.n[0] == 1

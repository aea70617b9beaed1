"""Statistics of models of which some begin while the others go on, as a flow computes them whose models are changed between two runs.

A model that is new in a run joins those that are there where the bars that they keep are all that its values can depend on: then its first
row is what it would be if it had been there from the beginning. Else it begins with the first bar that follows, and says how many it waits
for. What the others say is the same with it and without it. A model is known by all its parameters, so that one that comes under the name
of another one begins like any new one.
"""

from dataclasses import dataclass

import numpy as np

from flows.domain.frames import PairBars, PairStats
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import correlation
from flows.stats.history import HistoryState
from flows.stats.methods import estimator
from flows.stats.pair_stats import PairState, PairStatistics

_FAR = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CohortState:
    """What a restart needs of models that share their bars: which they are, and their state."""

    models: tuple[Model, ...]
    state: PairState


class Cohorts:
    """As `PairStatistics`, for models that began at different times.

    Args:
        states: of the run before; models that are no longer asked for are let go of.
    """

    def __init__(
        self,
        pairs: tuple[Pair, ...],
        interval: Interval,
        models: tuple[Model, ...],
        stale_after_ms: int,
        states: tuple[CohortState, ...] = (),
    ) -> None:
        members = [(_kept(state, models), state) for state in states]
        known = {model for kept, _ in members for model in kept}
        for model in models:
            if model in known:
                continue
            at = next(
                (i for i, (kept, state) in enumerate(members) if kept and _enough(model, pairs, kept, state)), None
            )
            if at is not None:
                members[at] = ((*members[at][0], model), members[at][1])
                known.add(model)
        fresh = tuple(model for model in models if model not in known)
        self._cohorts = [
            (kept, PairStatistics(pairs, interval, kept, stale_after_ms, _state(state, kept)))
            for kept, state in members
            if kept
        ]
        if fresh:
            self._cohorts.append((fresh, PairStatistics(pairs, interval, fresh, stale_after_ms)))
        place = {model: i for i, model in enumerate(model for kept, _ in self._cohorts for model in kept)}
        self._order = [place[model] for model in models]

    def update(self, bars: PairBars) -> list[PairStats]:
        """One frame per model, in their order. Raises as `PairStatistics.update`."""
        frames = [frame for _, statistics in self._cohorts for frame in statistics.update(bars)]
        return [frames[i] for i in self._order]

    def provisional(self, bars: PairBars) -> list[PairStats]:
        """The same for bars that are still forming; nothing is remembered of them."""
        frames = [frame for _, statistics in self._cohorts for frame in statistics.provisional(bars)]
        return [frames[i] for i in self._order]

    def state(self) -> tuple[CohortState, ...]:
        """A snapshot, small and picklable."""
        return tuple(CohortState(models, statistics.state()) for models, statistics in self._cohorts)


def _kept(state: CohortState, models: tuple[Model, ...]) -> tuple[Model, ...]:
    return tuple(model for model in state.models if model in models)


def _sources(models: tuple[Model, ...]) -> list[str]:
    """Of the prices that are kept for some models, in the order of `PairStatistics`."""
    return sorted({model.source for model in models})


def _enough(model: Model, pairs: tuple[Pair, ...], kept: tuple[Model, ...], cohort: CohortState) -> bool:
    """Whether the kept bars of every pair that has any are all that the model's values can depend on.

    Never for one that goes on from its own state and not from bars, as a filter does: where it starts is part of what it says.
    """
    made, history = estimator(model, pairs), cohort.state.history
    at = np.full(len(pairs), _FAR)
    if model.source not in _sources(kept) or np.any(at - made.reach(at) + 1 < made.memory):
        return False
    needed = max(made.warmup, made.memory, correlation.warmup(model.correlation_window))
    ends = np.cumsum(history.count)
    for begin, end in zip((ends - history.count).tolist(), ends.tolist(), strict=True):
        index = history.index[begin:end]
        if len(index) > 0 and (len(index) < needed or index[-1] - index[-needed] != needed - 1):
            return False
    return True


def _state(cohort: CohortState, models: tuple[Model, ...]) -> PairState:
    """Of the models that go on: prices that nobody asks for any more are let go of."""
    history, had = cohort.state.history, _sources(cohort.models)
    rows = [2 * had.index(source) + leg for source in _sources(models) for leg in (0, 1)]
    names = {model.name for model in models} & {model.name for model in cohort.models}
    carried = {name: state for name, state in cohort.state.carried.items() if name in names}
    return PairState(HistoryState(history.count, history.index, history.prices[rows]), carried)

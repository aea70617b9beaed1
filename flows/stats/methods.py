"""The hedge-ratio methods by the name they have in the settings: adding one is its file and one line here."""

from collections.abc import Mapping
from typing import Any

from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.estimator import Estimator
from flows.stats.huber import Huber
from flows.stats.kalman import Kalman
from flows.stats.ols import Ols
from flows.stats.theil_sen import TheilSen
from flows.stats.tls import Tls

METHODS: Mapping[str, type[Estimator]] = {
    "ols": Ols,
    "tls": Tls,
    "huber": Huber,
    "theil_sen": TheilSen,
    "kalman": Kalman,
}


def estimator(model: Model, pairs: tuple[Pair, ...], state: Any = None) -> Estimator:
    """The estimator of a model for these pairs, continued from `state`.

    Raises:
        ValueError: the model names no method known here.
    """
    if model.method not in METHODS:
        raise ValueError(f'model "{model.name}": method must be one of {", ".join(METHODS)}, was "{model.method}"')
    return METHODS[model.method](model, pairs, state)

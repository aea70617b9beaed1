"""What a page reads."""

from dataclasses import dataclass

from flows.domain.interval import Interval
from flows.domain.pair import Pair


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of one model of a pair."""

    dataset: str
    pair: Pair
    interval: Interval
    model: str

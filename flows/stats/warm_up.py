"""`python -m flows.stats.warm_up`: compiles the statistics of every method, so that whoever wants one for the first time does not wait."""

from typing import get_args

from flows.domain.model import Model, PriceForm
from flows.stats import pair_stats
from flows.stats.methods import METHODS


def warm_up() -> None:
    """Compile, or load from the cache, every kernel that a model of any method needs."""
    pair_stats.warm_up(
        tuple(Model(f"{method}_{price}", method, price) for method in METHODS for price in get_args(PriceForm))
    )


if __name__ == "__main__":
    warm_up()

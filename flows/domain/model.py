"""What is to be computed for a pair: a hedge-ratio method with its windows."""

from dataclasses import dataclass
from typing import Literal

PriceForm = Literal["log", "raw"]


@dataclass(frozen=True, slots=True)
class Model:
    """A named set of parameters of the pair statistics. Windows count bars.

    Attributes:
        method: name of an estimator registered in `flows.stats.methods`.
        price: `log` makes the hedge ratio an elasticity, `raw` a number of units.
        window: bars of the fit. z_window: bars of the z-score's mean and deviation, at most `window`.
        correlation_window: returns in the correlation.
    """

    name: str
    method: str = "ols"
    price: PriceForm = "log"
    window: int = 600
    z_window: int = 600
    correlation_window: int = 300

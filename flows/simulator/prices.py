"""Fair prices of the simulated market.

log x(t)   random walk
log y(t) = hedge_ratio · log x(t) + level + m(t)
m(t)       Ornstein-Uhlenbeck: half-life `half_life_s`, standard deviation `mispricing_bp` basis points
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.simulator.listing import Listing
from flows.simulator.trades import I64, Flags

F64 = NDArray[np.float64]

STEPS = 100
"""Prices move this often in a block, which is one second."""
_VOLATILITY = 0.5 / math.sqrt(365 * 86_400)
"""Of the random walks, per square root of a second: 50 % a year."""


class Prices:
    """Walks of all symbols.

    Args:
        tied_to: index of `x` and hedge ratio of each `y`, by index; an x stands before its y.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        tied_to: Mapping[int, tuple[int, float]],
        half_life_s: float,
        mispricing_bp: float,
        draw: np.random.Generator,
    ) -> None:
        self._tied_to = tied_to
        self._decay = 0.5 ** (1 / (STEPS * half_life_s))
        deviation = mispricing_bp * 1e-4
        self._shock = deviation * math.sqrt(1.0 - self._decay**2)
        self._walk: F64 = np.log([each.price for each in listings])
        self._levels = self._walk.copy()
        for y, (x, ratio) in tied_to.items():
            self._levels[y] -= ratio * self._walk[x]
        self._mispricing = draw.normal(0.0, 1.0, len(listings)) * deviation
        self._ticks = np.array([each.tick for each in listings])
        self._scales = np.array([10.0**each.price_decimals / each.tick for each in listings])

    def block(self, draw: np.random.Generator) -> F64:
        """Log prices at each step of the next block, shape (symbols, STEPS)."""
        shape = (len(self._walk), STEPS)
        walk = self._walk[:, None] + np.cumsum(draw.normal(0.0, _VOLATILITY / math.sqrt(STEPS), shape), axis=1)
        # m[k] = decay · m[k − 1] + shock, solved for the whole block.
        shocks = draw.normal(0.0, self._shock, shape)
        powers = self._decay ** np.arange(1, STEPS + 1)
        mispricing = powers * (self._mispricing[:, None] + np.cumsum(shocks / powers, axis=1))
        logs = walk.copy()
        for y, (x, ratio) in self._tied_to.items():
            logs[y] = ratio * logs[x] + self._levels[y] + mispricing[y]
        self._walk, self._mispricing = walk[:, -1], mispricing[:, -1]
        return logs

    def quotes(self, logs: F64, symbol: I64, buys: Flags) -> I64:
        """Prices on the tick grid: a buyer pays the next tick above the fair price, a seller gets the one below."""
        fair = np.exp(logs) * self._scales[symbol]
        quotes = np.where(buys, np.floor(fair) + 1, np.ceil(fair) - 1)
        prices: I64 = np.maximum(quotes.astype(np.int64), 1) * self._ticks[symbol]
        return prices

    def position(self) -> dict[str, Any]:
        """Where they are, as JSON keeps it."""
        return {"walk": self._walk.tolist(), "mispricing": self._mispricing.tolist()}

    def go_to(self, position: dict[str, Any]) -> None:
        """Go on from there."""
        self._walk, self._mispricing = np.array(position["walk"]), np.array(position["mispricing"])

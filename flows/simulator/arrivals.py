"""When trades come in the simulated market: in clusters (Poisson parents, exponential pauses within) at a rate that swells and ebbs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from flows.simulator.listing import Listing
from flows.simulator.prices import F64
from flows.simulator.trades import I64, Flags

_CLUSTER_SIZE, _CLUSTER_PAUSE_S = 3.0, 0.015
_RATE_SWING, _RATE_HALF_LIFE_S = 0.5, 30.0


class Arrivals:
    """Trades of all symbols, by their shares."""

    def __init__(self, listings: Sequence[Listing], trades_per_s: float) -> None:
        shares = np.array([each.share for each in listings])
        self._shares = np.cumsum(shares / shares.sum())
        self._rate, self._swing = trades_per_s, 0.0
        self._carried = np.zeros((0, 3))

    def block(self, draw: np.random.Generator, times: float) -> tuple[F64, I64, Flags]:
        """Second within the next block, symbol and taker side of each trade, in time order.

        Args:
            times: so many times the usual rate.
        """
        keep = 0.5 ** (1 / _RATE_HALF_LIFE_S)
        self._swing = keep * self._swing + math.sqrt(1 - keep**2) * draw.normal()
        rate = times * self._rate * math.exp(_RATE_SWING * self._swing - _RATE_SWING**2 / 2)
        clusters = draw.poisson(rate / _CLUSTER_SIZE)
        born = draw.random(clusters)
        symbol = np.searchsorted(self._shares, draw.random(clusters), "right").clip(max=len(self._shares) - 1)
        buys = draw.random(clusters) < 0.5
        sizes = draw.geometric(1.0 / _CLUSTER_SIZE, clusters)
        starts = np.cumsum(sizes) - sizes
        pauses = draw.exponential(_CLUSTER_PAUSE_S, int(sizes.sum()))
        pauses[starts] = 0.0
        passed = np.cumsum(pauses)
        when = np.repeat(born - passed[starts], sizes) + passed if clusters else pauses
        found = np.column_stack([when, np.repeat(symbol, sizes), np.repeat(buys, sizes)])
        found = np.concatenate([self._carried, found])
        found = found[np.argsort(found[:, 0], kind="stable")]
        inside = int(np.searchsorted(found[:, 0], 1.0))
        self._carried = found[inside:] - np.array([1.0, 0.0, 0.0])
        found = found[:inside]
        return found[:, 0], found[:, 1].astype(np.int64), found[:, 2] > 0

    def position(self) -> dict[str, Any]:
        """Where they are, as JSON keeps it."""
        return {"swing": self._swing, "carried": self._carried.tolist()}

    def go_to(self, position: dict[str, Any]) -> None:
        """Go on from there."""
        self._swing = position["swing"]
        self._carried = np.array(position["carried"], np.float64).reshape(-1, 3)

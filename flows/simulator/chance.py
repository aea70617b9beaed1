"""Chance that depends on a seed and an id alone: the same message has the same luck however the work is cut and whoever reads it."""

import numpy as np
from numpy.typing import NDArray

from flows.simulator.trades import I64


def chance(seed: int, symbol: I64, identity: I64) -> NDArray[np.float64]:
    """A number in [0, 1) for each id: SplitMix64 of seed, symbol and id."""
    mixed = _mixed(np.uint64(seed & 0xFFFFFFFFFFFFFFFF) + symbol.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    mixed = _mixed(mixed ^ identity.astype(np.uint64))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))

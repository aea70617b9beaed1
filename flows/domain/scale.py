"""From scaled integers to floats, once, at the border."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.errors import InputError

UNKNOWN = np.int64(np.iinfo(np.int64).min)
"""The integer that stands for "not known" in a scaled or time column; it becomes NaN or null at the border."""

_EXACT = 1 << 53
_LARGEST = (1 << 63) - 1


def to_float(scaled: NDArray[np.int64], decimals: int) -> NDArray[np.float64]:
    """`scaled / 10**decimals`, correctly rounded; UNKNOWN becomes NaN.

    Below 2**53 one float division rounds correctly; above it Python's integer division does. So the float is a function of the
    decimal value alone and not of the scale it was held in.

    >>> to_float(np.array([342498, UNKNOWN]), 2)
    array([3424.98,     nan])
    """
    out = scaled / np.float64(10**decimals)
    large = np.flatnonzero((scaled >= _EXACT) | (scaled <= -_EXACT))
    for i in large:
        out[i] = np.nan if scaled[i] == UNKNOWN else int(scaled[i]) / 10**decimals
    return out


def to_float_by_symbol(
    scaled: NDArray[np.int64], symbol: NDArray[np.int32], decimals: Sequence[int]
) -> NDArray[np.float64]:
    """`to_float` of a column whose scale is that of the row's symbol.

    >>> to_float_by_symbol(np.array([15, 15]), np.array([0, 1], np.int32), [0, 1])
    array([15. ,  1.5])
    """
    scales = sorted(set(decimals))
    if len(scales) == 1:
        return to_float(scaled, scales[0])
    out = np.empty(len(scaled))
    scale_of_row = np.array(decimals, np.int64)[symbol]
    for scale in scales:
        rows = np.flatnonzero(scale_of_row == scale)
        out[rows] = to_float(scaled[rows], scale)
    return out


def rescaled(scaled: NDArray[np.int64], by: int) -> NDArray[np.int64]:
    """Integers of a scale finer by `by` decimals; UNKNOWN stays.

    Raises:
        InputError: an integer would leave the range of int64: numbers of an input are too large beside its decimals.
    """
    if by == 0:
        return scaled
    known = scaled != UNKNOWN
    if np.any(np.abs(scaled[known]) > _LARGEST // 10**by):
        raise InputError(f"numbers too large for {by} more decimals: they cannot be held exactly")
    return np.where(known, scaled * np.int64(10**by), UNKNOWN)

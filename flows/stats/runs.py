"""Runs of consecutive bars."""

import numpy as np
from numba import njit

from flows.domain.frames import I64


def run_lengths(index: I64) -> I64:
    """How many consecutive bars end at each row, itself included.

    >>> run_lengths(np.array([7, 8, 9, 12, 13]))
    array([1, 2, 3, 1, 2])
    """
    out = np.empty(len(index), np.int64)
    _run_lengths(index, out)
    return out


@njit(cache=True)
def _run_lengths(index: I64, out: I64) -> None:
    for j in range(len(index)):
        out[j] = out[j - 1] + 1 if j > 0 and index[j] == index[j - 1] + 1 else 1

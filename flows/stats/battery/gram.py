"""The products of all columns of a regression with one another, and their Cholesky factor, from which every regression among them follows.

Summed in the order of the rows, the means first: the bits depend on the columns alone.
"""

import math

import numpy as np
from numba import njit

from flows.domain.frames import F64

_SINGULAR = 1e-12


def gram_factor(columns: F64, centred: bool) -> F64 | None:
    """The lower factor of the columns' products; None where one is, but for rounding, a combination of those before it.

    Args:
        columns: shape (rows, columns), overwritten where it is `centred`: taken relative to the means.
    """
    gram = _products(columns, centred)
    return gram if _cholesky(gram) else None


@njit(cache=True)
def _products(columns: F64, centred: bool) -> F64:
    rows, k = columns.shape
    if centred:
        mean = np.zeros(k)
        for t in range(rows):
            for i in range(k):
                mean[i] += columns[t, i]
        for i in range(k):
            mean[i] /= rows
        for t in range(rows):
            for i in range(k):
                columns[t, i] -= mean[i]
    gram = np.zeros((k, k))
    for t in range(rows):
        for i in range(k):
            a = columns[t, i]
            for j in range(i + 1):
                gram[i, j] += a * columns[t, j]
    return gram


@njit(cache=True)
def _cholesky(gram: F64) -> bool:
    """The lower factor in place; False where a column is, but for rounding, a combination of those before it."""
    k = len(gram)
    for i in range(k):
        for j in range(i):
            v = gram[i, j]
            for m in range(j):
                v -= gram[i, m] * gram[j, m]
            gram[i, j] = v / gram[j, j]
        v = gram[i, i]
        for m in range(i):
            v -= gram[i, m] * gram[i, m]
        if not v > _SINGULAR * gram[i, i]:
            return False
        gram[i, i] = math.sqrt(v)
    return True

"""What the order of times says: which rows are too far ahead to be believed, which are late, which were there already."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]


@njit(cache=True)
def find_jumps(time: I64, newest: int, limit: int, at_end: bool) -> tuple[NDArray[np.bool_], int, I64, I64]:
    """Rows whose time is more than `limit` ahead of the rows on both sides: a wrong time, not a silence.

    Args:
        newest: newest believed time before, 0 at the beginning (then the row after decides alone).
        at_end: no row follows the last one; such a row without a witness is not believed.

    Returns:
        Mask of the rows not believed; how many rows are judged: one less than all where the last one waits for its next; the newest
        time up to each row; and the time at which a malformed line after each row is filed: the same, but without the row itself
        where only its next decides about it, so that it does not depend on where the input is cut.
    """
    n = len(time)
    jump = np.zeros(n, np.bool_)
    key, filed = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        ahead = time[i] > newest + limit
        filed[i] = newest if ahead else max(newest, time[i])
        key[i] = newest
        if ahead:
            if i + 1 < n:
                jump[i] = time[i + 1] < time[i] - limit
            elif not at_end:
                return jump, n - 1, key, filed
            else:
                jump[i] = newest > 0
        if not jump[i]:
            newest = max(newest, time[i])
            key[i] = newest
    return jump, n, key, filed


@njit(cache=True)
def mark_late(time: I64, newest: int, lateness: int, late: NDArray[np.bool_]) -> tuple[int, int]:
    """Mark rows below the watermark (newest time so far − lateness) at their arrival: (newest time after, rows marked)."""
    count = 0
    for i in range(len(time)):
        if time[i] < newest - lateness:
            late[i] = True
            count += 1
        elif time[i] > newest:
            newest = time[i]
    return newest, count


@njit(cache=True)
def number_rows(symbol: NDArray[np.int32], numbers: I64, out: I64) -> None:
    """Positions per symbol, from 1, as identities of rows without ids; `numbers` goes on from call to call."""
    for i in range(len(symbol)):
        numbers[symbol[i]] += 1
        out[i] = numbers[symbol[i]]


@njit(cache=True)
def find_repeats(
    symbol: NDArray[np.int32], trade_id: I64, file: NDArray[np.int32], newest_id: I64
) -> NDArray[np.bool_]:
    """Rows whose id another file has passed already: overlapping files hold the same trades.

    Args:
        newest_id: highest id so far, shape (files, symbols); goes on from call to call.
    """
    repeat = np.zeros(len(symbol), np.bool_)
    files = newest_id.shape[0]
    for i in range(len(symbol)):
        s = symbol[i]
        for other in range(files):
            if other != file[i] and trade_id[i] <= newest_id[other, s]:
                repeat[i] = True
        newest_id[file[i], s] = max(newest_id[file[i], s], trade_id[i])
    return repeat

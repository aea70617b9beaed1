"""The loops of the join over all pairs of a group. Rows are those of the symbols, one symbol after the other, by time within each."""

import numpy as np
from numba import njit

from flows.domain.frames import I64, Bools

Y, X = 0, 1


@njit(cache=True)
def gather(old: I64, old_end: I64, new: I64, new_end: I64, order: I64, start: I64) -> None:
    """Rows of each symbol: those it had and then the new ones, which stand behind all old ones.

    Args:
        old, old_end, new, new_end: first row and row after the last of each symbol, shape (symbols,).
        order: the rows in their new order, shape (rows,). start: where each symbol begins in it, shape (symbols + 1,).
    """
    at = 0
    for s in range(len(old)):
        start[s] = at
        for row in range(old[s], old_end[s]):
            order[at] = row
            at += 1
        for row in range(new[s], new_end[s]):
            order[at] = row
            at += 1
    start[len(old)] = at


@njit(cache=True)
def first_out_of_order(open_time: I64, new: I64, new_end: I64, closed_until: I64) -> int:
    """The symbol whose new bars do not increase or begin before what is closed, -1 if there is none."""
    for s in range(len(new)):
        least = closed_until[s]
        for row in range(new[s], new_end[s]):
            if open_time[row] < least:
                return s
            least = open_time[row] + 1
    return -1


@njit(cache=True)
def match(open_time: I64, start: I64, legs: I64, lowest: I64, pair: I64, y_row: I64, x_row: I64) -> int:
    """Rows of equal times of the legs of each pair, from `lowest` on.

    Args:
        legs: symbol of y and of x of each pair, shape (2, pairs). lowest: open times below it are done with, shape (2, pairs).
        pair, y_row, x_row: the result, by pair and time.

    Returns:
        how many there are.
    """
    count = 0
    for p in range(legs.shape[1]):
        i, i_end = start[legs[Y, p]], start[legs[Y, p] + 1]
        j, j_end = start[legs[X, p]], start[legs[X, p] + 1]
        while i < i_end and open_time[i] < lowest[Y, p]:
            i += 1
        while j < j_end and open_time[j] < lowest[X, p]:
            j += 1
        while i < i_end and j < j_end:
            if open_time[i] < open_time[j]:
                i += 1
            elif open_time[i] > open_time[j]:
                j += 1
            else:
                pair[count], y_row[count], x_row[count] = p, i, j
                count += 1
                i += 1
                j += 1
    return count


@njit(cache=True)
def settle(
    open_time: I64, start: I64, legs: I64, lowest: I64, decided: I64, limit: int, matched: I64, alone: I64, overflow: I64,
    needed: I64,
) -> None:  # fmt: skip
    """Count what is dropped, and find what still has to wait.

    Args:
        lowest: moved on to what each leg of each pair still waits for, shape (2, pairs).
        decided: until when both legs are closed, shape (pairs,). matched: rows that found each other, shape (pairs,).
        alone, overflow: rows without a partner, and beyond the limit, are added, shape (2, pairs).
        needed: the oldest open time that any pair still waits for, shape (symbols,).
    """
    needed[:] = np.iinfo(np.int64).max
    for p in range(legs.shape[1]):
        for side in range(2):
            s = legs[side, p]
            row = start[s]
            while row < start[s + 1] and open_time[row] < lowest[side, p]:
                row += 1
            begin = row
            while row < start[s + 1] and open_time[row] < decided[p]:
                row += 1
            alone[side, p] += row - begin - matched[p]
            lowest[side, p] = max(lowest[side, p], decided[p])
            over = start[s + 1] - row - limit
            if over > 0:
                overflow[side, p] += over
                lowest[side, p] = open_time[row + over - 1] + 1
            needed[s] = min(needed[s], lowest[side, p])


@njit(cache=True)
def waiting(open_time: I64, start: I64, needed: I64, keep: Bools, kept_start: I64) -> None:
    """Which rows are needed still, and where each symbol begins among them."""
    at = 0
    for s in range(len(needed)):
        kept_start[s] = at
        for row in range(start[s], start[s + 1]):
            keep[row] = open_time[row] >= needed[s]
            at += keep[row]
    kept_start[len(needed)] = at

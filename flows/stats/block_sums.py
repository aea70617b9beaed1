"""The kernels of `moments`: sums that know what they rounded away, and the centred moments that are made of them.

Adding thousands of terms in doubles loses three digits, most where a leg rests and each term is rounded in the same direction; what a close
fit leaves is a difference of such sums, and loses as many more as the fit is close. So a sum is a pair of doubles, of which the second is
what the first lacks (Knuth's two-sum, Dekker 1971), a product enters it whole, and the sums are centred and 1 - R² is formed in pairs too.
Only then they are rounded: relative errors are a few 1e-16 whatever the window, whatever was in it, and however close the fit.
"""

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from flows.domain.frames import F64, I64

MOMENTS, SUMS = 8, 10
_ANCHOR_X, _ANCHOR_Y, _LAST_MOMENTS = 10, 11, 12
_NEVER = -(2**62)

Sums: TypeAlias = tuple[float, float, float, float, float, float, float, float, float, float]
"""Σd, Σe, Σd², Σe², Σde, and what each of them lacks; d and e are differences to the anchor."""
DoubleDouble: TypeAlias = tuple[float, float]


class Series(NamedTuple):
    """Absolute bar index, consecutive bars that end there, and the values, shape (all rows,)."""

    bar: I64
    runs: I64
    x: F64
    y: F64


class Kept(NamedTuple):
    """Of each pair, shape (pairs, …).

    Attributes:
        last: index of its last bar. prefix: sums of that bar's block up to it, the anchor, and the bar's moments.
        suffix: sums over the newest m bars of the block before, for every m.
    """

    last: I64
    prefix: F64
    suffix: F64


def nothing(pairs: int, n: int) -> Kept:
    """Room for windows of n bars."""
    return Kept(np.full(pairs, _NEVER), np.empty((pairs, _LAST_MOMENTS + MOMENTS)), np.empty((pairs, n, SUMS)))


def _fused(_typing: Any, _a: Any, _b: Any, _c: Any) -> Any:
    """a·b + c, rounded once. It is one instruction; Dekker's product takes seventeen and gives the same bits."""

    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.fma(*values)

    return types.float64(types.float64, types.float64, types.float64), code


_fma: Any = intrinsic(_fused)  # Python itself has one since 3.13


@njit(cache=True)
def block_moments(
    series: Series, n: int, begin: I64, first: I64, end: I64, kept: Kept, room: F64, keep: bool, out: F64
) -> None:
    """`room` is for the suffix sums of blocks that begin with a bar which is not kept."""
    row = 0
    for p in range(len(begin)):
        if end[p] > first[p]:
            row = _of_pair(series, n, begin[p], first[p], end[p], p, kept, room, keep, row, out)


@njit(cache=True)
def _of_pair(
    series: Series,
    n: int,
    begin: int,
    first: int,
    end: int,
    p: int,
    kept: Kept,
    room: F64,
    keep: bool,
    row: int,
    out: F64,
) -> int:
    """The wanted rows of one pair into `out` from `row` on; the row after them."""
    index, runs, x, y = series
    prefix, suffix = kept.prefix[p] if keep else kept.prefix[p].copy(), kept.suffix[p]
    start, new_block = first, False
    if kept.last[p] == index[first]:  # the bar before the new ones
        out[:, row] = prefix[_LAST_MOMENTS:]
        row += 1
        start += 1
    elif not (first > begin and kept.last[p] == index[first - 1]):  # from the beginning of the block
        start, new_block = max(begin, first - min(index[first] % n, runs[first] - 1)), True
    while start < end:
        next_block = start + n - index[start] % n
        if new_block or runs[start] == 1 or index[start] % n == 0:
            prefix[:SUMS] = 0.0
            prefix[_ANCHOR_X], prefix[_ANCHOR_Y] = x[start], y[start]
            if next_block > first:
                suffix = kept.suffix[p] if keep else room
                _fill_suffix(x, y, start, min(n, runs[start], start - begin + 1), suffix)
        new_block = False
        stop = start + 1
        while stop < min(next_block, end) and runs[stop] > 1:
            stop += 1
        row = _within_block(x, y, runs, n, start, stop, first, next_block, prefix, suffix, row, out)
        start = stop
    if keep:
        prefix[_LAST_MOMENTS:] = out[:, row - 1]
        kept.last[p] = index[end - 1]
    return row


@njit(cache=True)
def _within_block(
    x: F64,
    y: F64,
    runs: I64,
    n: int,
    start: int,
    stop: int,
    first: int,
    next_block: int,
    prefix: F64,
    suffix: F64,
    row: int,
    out: F64,
) -> int:
    """Add the rows from `start` to `stop` to the prefix sums, and of those from `first` on write the moments."""
    ax, ay, sums = prefix[_ANCHOR_X], prefix[_ANCHOR_Y], _loaded(prefix)
    for j in range(start, stop):
        sums = _with_bar(sums, x[j] - ax, y[j] - ay)
        if j < first:
            continue
        if runs[j] < n:
            out[:, row] = np.nan
        else:
            older = next_block - 1 - j
            out[0, row], out[1, row] = ax, ay
            _moments(_joined(sums, _loaded(suffix[older])) if older > 0 else sums, n, out, row)
        row += 1
    _store(sums, prefix)
    return row


@njit(cache=True)
def _fill_suffix(x: F64, y: F64, block: int, count: int, suffix: F64) -> None:
    """Sums over the newest m bars before row `block`, for every m below `count`."""
    ax, ay = x[block], y[block]
    sums: Sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for m in range(1, count):
        sums = _with_bar(sums, x[block - m] - ax, y[block - m] - ay)
        _store(sums, suffix[m])


@njit(cache=True)
def _with_bar(sums: Sums, d: float, e: float) -> Sums:
    td, te, tdd, tee, tde, ld, le, ldd, lee, lde = sums
    td, r = _two_sum(td, d)
    ld += r
    te, r = _two_sum(te, e)
    le += r
    p, q = _two_product(d, d)
    tdd, r = _two_sum(tdd, p)
    ldd += r + q
    p, q = _two_product(e, e)
    tee, r = _two_sum(tee, p)
    lee += r + q
    p, q = _two_product(d, e)
    tde, r = _two_sum(tde, p)
    lde += r + q
    return td, te, tdd, tee, tde, ld, le, ldd, lee, lde


@njit(cache=True)
def _joined(a: Sums, b: Sums) -> Sums:
    td, r0 = _two_sum(a[0], b[0])
    te, r1 = _two_sum(a[1], b[1])
    tdd, r2 = _two_sum(a[2], b[2])
    tee, r3 = _two_sum(a[3], b[3])
    tde, r4 = _two_sum(a[4], b[4])
    return (
        td, te, tdd, tee, tde,
        a[5] + b[5] + r0, a[6] + b[6] + r1, a[7] + b[7] + r2, a[8] + b[8] + r3, a[9] + b[9] + r4,
    )  # fmt: skip


@njit(cache=True)
def _moments(sums: Sums, n: int, out: F64, row: int) -> None:
    """All but the anchor."""
    td, te, tdd, tee, tde, ld, le, ldd, lee, lde = sums
    a, al = _centred(n, tdd, ldd, td, ld, td, ld)
    b, bl = _centred(n, tde, lde, td, ld, te, le)
    c, cl = _centred(n, tee, lee, te, le, te, le)
    out[2, row] = (td + ld) / n
    out[3, row] = (te + le) / n
    out[4, row] = a / n
    out[5, row] = c / n
    out[6, row] = b / n
    p, q = _two_product(a, c)
    r, s = _two_product(b, b)
    h, g = _two_sum(p, -r)
    if p > 0.0:
        g += (q + (a * cl + c * al)) - (s + 2.0 * (b * bl))
        out[7, row] = (h + g) / p
    else:
        out[7, row] = math.nan


@njit(cache=True)
def _centred(n: int, t: float, lt: float, u: float, lu: float, v: float, lv: float) -> DoubleDouble:
    """n·t - u·v of pairs; n is there to divide once, at the end."""
    p, q = _two_product(float(n), t)
    r, s = _two_product(u, v)
    h, g = _two_sum(p, -r)
    g += (q + n * lt) - (s + (u * lv + v * lu))
    whole = h + g
    return whole, g - (whole - h)


@njit(cache=True)
def _two_sum(a: float, b: float) -> DoubleDouble:
    """a + b as it is rounded, and what it lacks: exact."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@njit(cache=True)
def _two_product(a: float, b: float) -> DoubleDouble:
    """a·b as it is rounded, and what it lacks: exact."""
    p = a * b
    return p, _fma(a, b, -p)


@njit(cache=True)
def _loaded(s: F64) -> Sums:
    return s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9]


@njit(cache=True)
def _store(sums: Sums, s: F64) -> None:
    s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9] = sums

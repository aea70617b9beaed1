"""The fold of ticks into bars, compiled.

Two passes. `collect` puts every tick into the cell of its symbol and second; cells of a symbol form a chain in time order, so a tick that
steps back inside the allowed lateness finds its place. `emit` walks the chains up to the watermark, fills silent seconds with the close
before them, and folds each one-second bar into the longer intervals. All sums are integers, and open and close go by id where there are
ids, so no result depends on how ticks were cut or, within a second, ordered.

A gap touches every second from its beginning to its end, both included. It begins at the newest trade before it, or at the watermark where
that is later, as the silence up to there is proven; it ends at the tick that says so. Bars that hold a touched second are marked, but for
those that are out. A gap longer than the limit leaves a hole: its silent seconds make no bars.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.domain.scale import UNKNOWN as _UNKNOWN

# Columns of the int64 rows that hold bars: one bar is one contiguous row. They stand in this file as the compiled code is kept by its date.
OPEN_TIME, OPEN, HIGH, LOW, CLOSE = 0, 1, 2, 3, 4
VOLUME, QUOTE_VOLUME, TRADE_COUNT, TAKER_VOLUME, TAKER_QUOTE = 5, 6, 7, 8, 9
FIRST_ID, LAST_ID, LAST_TIME, LATE_COUNT, GAP = 10, 11, 12, 13, 14
BAR_WIDTH = 15

# A row that belongs to a symbol carries two more: cells waiting for the watermark link to the next newer cell of their symbol.
SYMBOL, NEXT = 15, 16
ROW_WIDTH = 17

# Bits of GAP. Bars that are out know the first only; the others tell of the silent seconds between a waiting cell and the cell before.
MARKED = 1  # trades are missing from this bar
TOUCHED_BEFORE = 2  # … and from every silent second before it
HOLE_BEFORE = 4  # … for so long that no bars are made of them

# What is remembered of a symbol between bars.
NEXT_OPEN, LAST_CLOSE, LAST_TRADE_TIME, PENDING_LATE, HAS_SIDE, PENDING_GAP = 0, 1, 2, 3, 4, 5
SYMBOL_WIDTH = 6

PRICE_COLUMNS = (OPEN, HIGH, LOW, CLOSE)
SIZE_COLUMNS = (VOLUME, TAKER_VOLUME)
QUOTE_COLUMNS = (QUOTE_VOLUME, TAKER_QUOTE)

UNKNOWN = int(_UNKNOWN)
SECOND = 1_000_000
NONE = -1
SUM_LIMIT = 1 << 62
"""Sums beyond this are refused: one more trade could wrap around."""
OVERFLOWN = -1
"""Stands for such a sum in a longer bar until it is written out."""

I64 = NDArray[np.int64]


@njit(cache=True)
def _insert(cells: I64, k: int, symbol: int, second: int, heads: I64, tails: I64, start: int) -> None:
    """Link the new cell `k` into its symbol's chain, after `start` (NONE: at the head)."""
    cells[k, OPEN_TIME] = second
    cells[k, SYMBOL] = symbol
    cells[k, LAST_TIME] = NONE
    if start == NONE:
        cells[k, NEXT] = heads[symbol]
        heads[symbol] = k
    else:
        cells[k, NEXT] = cells[start, NEXT]
        cells[start, NEXT] = k
    if cells[k, NEXT] == NONE:
        tails[symbol] = k
        cells[k, GAP] = 0
    else:  # a second that a gap touches as silent is touched still
        touched = cells[cells[k, NEXT], GAP] & (TOUCHED_BEFORE | HOLE_BEFORE)
        cells[k, GAP] = touched | MARKED if touched else 0


@njit(cache=True)
def _cell_before(cells: I64, head: int, second: int) -> int:
    """The last cell of a chain whose second is not after `second`, or NONE."""
    found = NONE
    k = head
    while k != NONE and cells[k, OPEN_TIME] <= second:
        found = k
        k = cells[k, NEXT]
    return found


@njit(cache=True)
def _mark_gap(cells: I64, newest: int, k: int, time: int, proven: int, anything_before: bool, gap_limit: int) -> None:
    """Mark what a gap touches that ends with a tick in cell `k`, `newest` being the cell of the newest trade before it."""
    cells[k, GAP] |= MARKED
    if newest == NONE:  # the bar of the trade before is out, or there is none
        if anything_before:
            cells[k, GAP] |= TOUCHED_BEFORE | (HOLE_BEFORE if time - proven > gap_limit else 0)
    elif cells[newest, OPEN_TIME] > cells[k, OPEN_TIME]:  # the tick steps back: the gap reaches forward to the newest
        while k != newest:
            k = cells[k, NEXT]
            cells[k, GAP] |= TOUCHED_BEFORE | MARKED
    elif newest != k:
        cells[newest, GAP] |= MARKED
        long = time - max(cells[newest, LAST_TIME], proven) > gap_limit
        cells[k, GAP] |= TOUCHED_BEFORE | (HOLE_BEFORE if long else 0)


@njit(cache=True)
def collect(
    cells: I64,
    used: int,
    heads: I64,
    tails: I64,
    symbols: I64,
    tick_symbol: NDArray[np.int32],
    time: I64,
    price: I64,
    size: I64,
    side: NDArray[np.int8],
    late: NDArray[np.bool_],
    first_id: I64,
    last_id: I64,
    ids_known: bool,
    gap: NDArray[np.bool_],
    proven: I64,
    gap_limit: int,
) -> int:
    """Fold ticks into `cells`, of which `used` are taken; there must be room for one more per tick.

    `gap`: trades are missing before this tick. `proven`: per symbol the watermark before these ticks. A gap before a tick that is in no
    bar is one before the next tick.

    Returns the number of cells then used, or −1 − i when the sums of tick i's bar would leave the range of int64.
    """
    for i in range(len(time)):
        s = tick_symbol[i]
        if gap[i]:
            symbols[s, PENDING_GAP] = 1
        if late[i]:
            symbols[s, PENDING_LATE] += 1
            continue
        second = time[i] - time[i] % SECOND
        k = newest = tails[s]
        if k == NONE or cells[k, OPEN_TIME] != second:
            if k != NONE and cells[k, OPEN_TIME] > second:
                k = _cell_before(cells, heads[s], second)
            if k == NONE or cells[k, OPEN_TIME] != second:
                if symbols[s, NEXT_OPEN] > second:  # its bar is out, whatever the source thinks: once is once
                    symbols[s, PENDING_LATE] += 1
                    continue
                _insert(cells, used, s, second, heads, tails, k)
                k = used
                used += 1
        if symbols[s, PENDING_GAP]:
            symbols[s, PENDING_GAP] = 0
            _mark_gap(cells, newest, k, time[i], proven[s], symbols[s, NEXT_OPEN] != NONE, gap_limit)
        p = price[i]
        q = size[i]
        quote = p * q
        count = last_id[i] - first_id[i] + 1
        row = cells[k]
        if row[LAST_TIME] == NONE:
            row[OPEN] = row[HIGH] = row[LOW] = p
            row[VOLUME] = row[QUOTE_VOLUME] = row[TRADE_COUNT] = row[TAKER_VOLUME] = row[TAKER_QUOTE] = 0
            row[CLOSE] = p
            row[FIRST_ID] = first_id[i] if ids_known else UNKNOWN
            row[LAST_ID] = last_id[i] if ids_known else UNKNOWN
            row[LATE_COUNT] = 0
        else:
            if p > row[HIGH]:
                row[HIGH] = p
            elif p < row[LOW]:
                row[LOW] = p
            if not ids_known:
                row[CLOSE] = p
            elif last_id[i] > row[LAST_ID]:
                row[CLOSE] = p
                row[LAST_ID] = last_id[i]
            elif first_id[i] < row[FIRST_ID]:
                row[OPEN] = p
                row[FIRST_ID] = first_id[i]
        row[VOLUME] += q
        row[QUOTE_VOLUME] += quote
        row[TRADE_COUNT] += count
        if side[i] == 0:
            row[TAKER_VOLUME] = row[TAKER_QUOTE] = UNKNOWN
        elif side[i] > 0 and row[TAKER_VOLUME] != UNKNOWN:
            row[TAKER_VOLUME] += q
            row[TAKER_QUOTE] += quote
        row[LAST_TIME] = max(row[LAST_TIME], time[i])
        row[LATE_COUNT] += symbols[s, PENDING_LATE]
        symbols[s, PENDING_LATE] = 0
        if row[QUOTE_VOLUME] > SUM_LIMIT or row[VOLUME] > SUM_LIMIT:
            return -1 - i
    return used


@njit(cache=True)
def count_bars(cells: I64, heads: I64, symbols: I64, until: I64, fill_limit: int) -> tuple[int, int]:
    """How many one-second bars `emit` will make up to the watermarks `until`, and how many holes between them."""
    bars = 0
    holes = 0
    for s in range(len(until)):
        next_open = symbols[s, NEXT_OPEN]
        last_time = symbols[s, LAST_TRADE_TIME]
        k = heads[s]
        while k != NONE and cells[k, OPEN_TIME] + SECOND <= until[s]:
            if next_open != NONE:
                end = next_open if cells[k, GAP] & HOLE_BEFORE else cells[k, OPEN_TIME]
                filled = _filled_until(next_open, end, last_time, fill_limit)
                bars += (filled - next_open) // SECOND
                holes += filled != cells[k, OPEN_TIME]
            bars += 1
            next_open = cells[k, OPEN_TIME] + SECOND
            last_time = cells[k, LAST_TIME]
            k = cells[k, NEXT]
        in_hole = k != NONE and cells[k, GAP] & HOLE_BEFORE
        if next_open != NONE and next_open + SECOND <= until[s] and not in_hole:
            end = until[s] - until[s] % SECOND
            bars += (_filled_until(next_open, end, last_time, fill_limit) - next_open) // SECOND
    return bars, holes


@njit(cache=True)
def _filled_until(next_open: int, end: int, last_time: int, fill_limit: int) -> int:
    """The first second from `next_open` that is not filled: `end`, or earlier where the silence passes the limit."""
    limit = last_time + fill_limit
    first_unfilled = limit - limit % SECOND + SECOND
    return max(next_open, min(end, first_unfilled))


@njit(cache=True)
def _merge(into: I64, bar: I64, open_time: int) -> None:
    """Fold a one-second bar into a longer one; an `into` whose OPEN_TIME is NONE is empty."""
    if into[OPEN_TIME] == NONE:
        into[:BAR_WIDTH] = bar[:BAR_WIDTH]
        into[OPEN_TIME] = open_time
        return
    if bar[TRADE_COUNT] > 0:
        if into[TRADE_COUNT] == 0:
            into[OPEN] = into[HIGH] = into[LOW] = bar[OPEN]
            into[FIRST_ID] = bar[FIRST_ID]
            into[TAKER_VOLUME] = into[TAKER_QUOTE] = 0
        into[HIGH] = max(into[HIGH], bar[HIGH])
        into[LOW] = min(into[LOW], bar[LOW])
        into[CLOSE] = bar[CLOSE]
        into[LAST_ID] = bar[LAST_ID]
        into[LAST_TIME] = bar[LAST_TIME]
        for column in (VOLUME, QUOTE_VOLUME):
            fits = 0 <= into[column] <= SUM_LIMIT - bar[column]
            into[column] = into[column] + bar[column] if fits else OVERFLOWN
        into[TRADE_COUNT] += bar[TRADE_COUNT]
        if bar[TAKER_VOLUME] == UNKNOWN or into[TAKER_VOLUME] == UNKNOWN:
            into[TAKER_VOLUME] = into[TAKER_QUOTE] = UNKNOWN
        else:
            into[TAKER_VOLUME] += bar[TAKER_VOLUME]
            into[TAKER_QUOTE] += bar[TAKER_QUOTE]
    into[LATE_COUNT] += bar[LATE_COUNT]
    into[GAP] |= bar[GAP]


@njit(cache=True)
def _fold_longer(bar: I64, symbol: int, lengths: I64, longer: I64, out: I64, kinds: NDArray[np.int8], used: int) -> int:
    """Fold a finished one-second bar into every longer interval; write those that it ends or that ended before it."""
    for j in range(len(lengths)):
        held = longer[symbol, j]
        if held[OPEN_TIME] != NONE and bar[OPEN_TIME] >= held[OPEN_TIME] + lengths[j]:
            used = _write(held, symbol, j, out, kinds, used)
        open_time = held[OPEN_TIME]
        if open_time == NONE:  # a division only where a bar begins: it costs more than the rest
            open_time = bar[OPEN_TIME] - bar[OPEN_TIME] % lengths[j]
        _merge(held, bar, open_time)
        if bar[OPEN_TIME] + SECOND == open_time + lengths[j]:
            used = _write(held, symbol, j, out, kinds, used)
    return used


@njit(cache=True)
def _write(held: I64, symbol: int, kind: int, out: I64, kinds: NDArray[np.int8], used: int) -> int:
    """Write a longer bar out and leave its place empty."""
    out[used, :BAR_WIDTH] = held[:BAR_WIDTH]
    out[used, SYMBOL] = symbol
    kinds[used] = kind
    held[OPEN_TIME] = NONE
    return used + 1


@njit(cache=True)
def _mark_open(longer: I64, lengths: I64, second: int) -> None:
    """Mark the open longer bars of a symbol that hold this second, of which there may be no bar."""
    for j in range(len(lengths)):
        if longer[j, OPEN_TIME] != NONE and second < longer[j, OPEN_TIME] + lengths[j]:
            longer[j, GAP] = MARKED


@njit(cache=True)
def _silent_bar(row: I64, open_time: int, state: I64, gap: int) -> None:
    """A bar without trades: the close before it, as the exchange's klines have it."""
    row[OPEN_TIME] = open_time
    row[OPEN] = row[HIGH] = row[LOW] = row[CLOSE] = state[LAST_CLOSE]
    row[VOLUME] = row[QUOTE_VOLUME] = row[TRADE_COUNT] = row[LATE_COUNT] = 0
    row[TAKER_VOLUME] = row[TAKER_QUOTE] = 0 if state[HAS_SIDE] else UNKNOWN
    row[FIRST_ID] = row[LAST_ID] = UNKNOWN
    row[LAST_TIME] = state[LAST_TRADE_TIME]
    row[GAP] = gap


@njit(cache=True)
def emit(
    cells: I64,
    heads: I64,
    tails: I64,
    symbols: I64,
    longer: I64,
    lengths: I64,
    until: I64,
    fill_limit: int,
    flush: bool,
    bars: I64,
    out: I64,
    kinds: NDArray[np.int8],
) -> int:
    """Write the bars that the watermarks `until` close: one-second bars to `bars`, longer ones with their kind to `out`.

    Cells that are written leave their chains. With `flush` the longer bars are written too although they are not over.
    Returns the number of longer bars; `bars` is exactly as long as `count_bars` said.
    """
    written = 0
    used = 0
    for s in range(len(until)):
        state = symbols[s]
        while True:
            k = heads[s]
            due = k != NONE and cells[k, OPEN_TIME] + SECOND <= until[s]
            end = cells[k, OPEN_TIME] if due else until[s] - until[s] % SECOND
            gap = cells[k, GAP] if k != NONE else 0
            if state[NEXT_OPEN] != NONE:
                if gap & TOUCHED_BEFORE and state[NEXT_OPEN] < cells[k, OPEN_TIME]:
                    _mark_open(longer[s], lengths, state[NEXT_OPEN])
                if gap & HOLE_BEFORE:
                    end = state[NEXT_OPEN]
                filled = _filled_until(state[NEXT_OPEN], end, state[LAST_TRADE_TIME], fill_limit)
                while state[NEXT_OPEN] < filled:
                    row = bars[written]
                    _silent_bar(row, state[NEXT_OPEN], state, MARKED if gap & TOUCHED_BEFORE else 0)
                    row[SYMBOL] = s
                    used = _fold_longer(row, s, lengths, longer, out, kinds, used)
                    state[NEXT_OPEN] += SECOND
                    written += 1
            if not due:
                break
            bars[written, :] = cells[k, :]
            bars[written, GAP] &= MARKED
            used = _fold_longer(bars[written], s, lengths, longer, out, kinds, used)
            written += 1
            state[NEXT_OPEN] = cells[k, OPEN_TIME] + SECOND
            state[LAST_CLOSE] = cells[k, CLOSE]
            state[LAST_TRADE_TIME] = max(state[LAST_TRADE_TIME], cells[k, LAST_TIME])
            state[HAS_SIDE] = cells[k, TAKER_VOLUME] != UNKNOWN
            heads[s] = cells[k, NEXT]
            if heads[s] == NONE:
                tails[s] = NONE
        for j in range(len(lengths)):
            held = longer[s, j]
            if held[OPEN_TIME] != NONE and (flush or held[OPEN_TIME] + lengths[j] <= until[s]):
                used = _write(held, s, j, out, kinds, used)
    return used


@njit(cache=True)
def compact(cells: I64, heads: I64, tails: I64) -> I64:
    """The cells that are still in a chain, copied to the front of a new array; chains are re-linked to it."""
    n = 0
    for s in range(len(heads)):
        k = heads[s]
        while k != NONE:
            n += 1
            k = cells[k, NEXT]
    kept = np.empty((n, ROW_WIDTH), np.int64)
    n = 0
    for s in range(len(heads)):
        k = heads[s]
        heads[s] = n if k != NONE else NONE
        while k != NONE:
            following = cells[k, NEXT]
            kept[n, :] = cells[k, :]
            kept[n, NEXT] = n + 1 if following != NONE else NONE
            n += 1
            k = following
        tails[s] = n - 1 if heads[s] != NONE else NONE
    return kept

"""The compiled steps of the feed: message after message, so that how they are cut into batches changes nothing.

`apply` takes messages as they come. `admit` is the step of a verified feed: a row whose id does not follow the one before waits, and
`enter` lets rows in that waited or that REST gave, in the order of their ids.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.sources.binance.columns import (
    AGGREGATE,
    EVENT,
    EXECUTION,
    FIRST,
    ID,
    IGNORED,
    INSURANCE_FUND,
    KIND,
    LAST,
    MALFORMED,
    MARKET,
    NA,
    NOT_GIVEN,
    PRICE,
    PRICE_DECIMALS,
    RECEIVED,
    SIZE,
    SIZE_DECIMALS,
    STATUS,
    SYMBOL,
    TIME,
)
from flows.sources.scan import EXACT, NOTIONAL_LIMIT, POW10

I64 = NDArray[np.int64]

# What becomes of a message.
TRADE, LATE, SKIPPED, DUPLICATE, ZERO, INSURANCE, NO_MARKET, OTHER_EXECUTION, WAITS = range(9)
BAD_MESSAGE, AHEAD, WRONG_KIND, TOO_LARGE = range(9, 13)
VERDICTS = 13
FIRST_REJECT = BAD_MESSAGE

# The feed's clock: one row of int64, times in microseconds.
GRID, LAST_RECEIVED, LEAD, LEAD_NOW, LEAD_BEFORE, LEAD_BUCKET, SILENCE, NEWEST, STREAM_KIND = range(9)
CLOCK = 9
UNSET = NOT_GIVEN
LEAD_WINDOW = 60_000_000
"""The lead of the receive clock is the least delay of this window and the one before it."""
GRID_STEP = 100_000
"""The local clock acts at multiples of this only, so that it does not matter when somebody looked at it."""

# One row per symbol.
LAST_ID, LAST_TRADE, LEG_TIME, MISSING, MISSING_TRADES, LEG_PRICE_DECIMALS, LEG_SIZE_DECIMALS = range(7)
PROVEN, LEG_RECEIVED, GAP_NEXT, FILLED, FILLING, FILLING_FROM, FILLING_TO = range(7, 14)
LEG = 14
"""PROVEN: until when silence is proven. GAP_NEXT: the next trade comes after a gap. FILLED: rows of REST; FILLING…: those that no
event has told yet."""

# Rows that wait, one row per symbol; no part of the state.
HELD, FIRST_HELD, HELD_SINCE = range(3)
HOLD = 3


@njit(cache=True)
def tick(clock: I64, now: int, grace: int) -> None:
    """Let the local clock act up to `now`: where nothing at all has come for `grace`, silence itself moves the watermark.

    While anything comes, the exchange's own clock is the better proof and moves it (`_heard`). Between two messages the last grid
    point says all, as nothing else changes.
    """
    grid = now - now % GRID_STEP
    if grid <= clock[GRID]:
        return
    clock[GRID] = grid
    if clock[LEAD] != UNSET and clock[LAST_RECEIVED] != UNSET and grid - clock[LAST_RECEIVED] >= grace:
        clock[SILENCE] = max(clock[SILENCE], grid - clock[LEAD] - grace)


@njit(cache=True)
def _heard(clock: I64, received: int, event: int, grace: int) -> None:
    """A message proves that the exchange's clock has reached `event`."""
    clock[LAST_RECEIVED] = max(clock[LAST_RECEIVED], received)
    clock[SILENCE] = max(clock[SILENCE], event - grace)
    bucket = received // LEAD_WINDOW
    if clock[LEAD] == UNSET or clock[LEAD_NOW] == UNSET:
        clock[LEAD_NOW] = clock[LEAD_BEFORE] = received - event
        clock[LEAD_BUCKET] = bucket
    elif bucket != clock[LEAD_BUCKET]:
        clock[LEAD_BEFORE], clock[LEAD_NOW] = clock[LEAD_NOW], received - event
        clock[LEAD_BUCKET] = bucket
    else:
        clock[LEAD_NOW] = min(clock[LEAD_NOW], received - event)
    clock[LEAD] = min(clock[LEAD_NOW], clock[LEAD_BEFORE])


@njit(cache=True)
def apply(
    rows: I64, verdicts: NDArray[np.int8], filed: I64, clock: I64, legs: I64, grace: int, most_ahead: int
) -> None:
    """Judge each message and move clocks, ids and scales on.

    Args:
        verdicts: what becomes of each row (out). filed: the time at which a rejected row is filed (out).
        grace: how far behind the exchange's clock a silent symbol's watermark follows.
        most_ahead: how far ahead of the receive clock, corrected by its lead, a time may be.
    """
    for i in range(len(rows)):
        row = rows[i]
        if row[STATUS] == IGNORED:
            verdicts[i] = SKIPPED
            continue
        received = row[RECEIVED]
        if received != NOT_GIVEN:
            tick(clock, received, grace)
            if row[SYMBOL] >= 0:
                legs[row[SYMBOL], LEG_RECEIVED] = max(legs[row[SYMBOL], LEG_RECEIVED], received)
        filed[i] = clock[NEWEST] if clock[NEWEST] > 0 else max(received, 0)
        verdicts[i] = _judged(row, clock, legs, grace, most_ahead)


@njit(cache=True)
def _judged(row: I64, clock: I64, legs: I64, grace: int, most_ahead: int) -> int:
    if row[SYMBOL] < 0 or row[ID] < 0:
        return BAD_MESSAGE
    if clock[STREAM_KIND] != 0 and row[KIND] != clock[STREAM_KIND]:
        return WRONG_KIND
    leg = legs[row[SYMBOL]]
    if row[ID] <= leg[LAST_ID]:
        return DUPLICATE
    event, time, received = row[EVENT] * 1000, row[TIME] * 1000, row[RECEIVED]
    if row[STATUS] == MALFORMED:
        _follow(row, leg)
        return BAD_MESSAGE
    lead = clock[LEAD] if clock[LEAD] != UNSET else 0
    now = received - lead if received != NOT_GIVEN else event
    if max(event, time) > now + most_ahead:
        return AHEAD  # its id is not believed either
    if received == NOT_GIVEN:
        received = event
        tick(clock, received, grace)
    clock[STREAM_KIND] = row[KIND]
    _follow(row, leg)
    verdict = _counted(row, leg, clock[SILENCE])
    if verdict <= LATE:
        clock[NEWEST] = max(clock[NEWEST], time)
        _heard(clock, received, event, grace)
    return verdict


@njit(cache=True)
def _counted(row: I64, leg: I64, silence: int) -> int:
    """What a row whose id counts is; a trade moves the symbol's time on. `silence`: no trade before this was to follow."""
    if row[EXECUTION] != MARKET:
        if row[EXECUTION] == INSURANCE_FUND:
            return INSURANCE
        return NO_MARKET if row[EXECUTION] == NA else OTHER_EXECUTION
    if row[PRICE] == 0 or row[SIZE] == 0:
        return ZERO
    if not _fits(row, leg):
        return TOO_LARGE
    time = row[TIME] * 1000
    late = time < max(leg[LEG_TIME], silence)
    leg[LEG_TIME] = max(leg[LEG_TIME], time)
    return LATE if late else TRADE


@njit(cache=True)
def _follow(row: I64, leg: I64) -> None:
    """Move the id sequence of the symbol on, counting what is missing in it."""
    if leg[LAST_ID] >= 0:
        leg[MISSING] += row[ID] - leg[LAST_ID] - 1
    _move_on(row, leg)


@njit(cache=True)
def _move_on(row: I64, leg: I64) -> None:
    if leg[LAST_ID] >= 0 and row[KIND] == AGGREGATE:
        leg[MISSING_TRADES] += max(row[FIRST] - leg[LAST_TRADE] - 1, 0)
    leg[LAST_ID], leg[LAST_TRADE] = row[ID], max(leg[LAST_TRADE], row[LAST])


@njit(cache=True)
def _fits(row: I64, leg: I64) -> bool:
    """Whether price, size and their product stay exact at the symbol's scale, which grows where this row is finer."""
    price_decimals = max(leg[LEG_PRICE_DECIMALS], row[PRICE_DECIMALS])
    size_decimals = max(leg[LEG_SIZE_DECIMALS], row[SIZE_DECIMALS])
    price = float(row[PRICE]) * POW10[price_decimals - row[PRICE_DECIMALS]]
    size = float(row[SIZE]) * POW10[size_decimals - row[SIZE_DECIMALS]]
    if price >= EXACT or size >= EXACT or price * size >= NOTIONAL_LIMIT:
        return False
    leg[LEG_PRICE_DECIMALS], leg[LEG_SIZE_DECIMALS] = price_decimals, size_decimals
    return True


@njit(cache=True)
def admit(
    rows: I64, start: int, verdicts: NDArray[np.int8], filed: I64, gaps: NDArray[np.bool_], clock: I64, legs: I64, holds: I64,
    grace: int, most_ahead: int, hold_limit: int,
) -> int:  # fmt: skip
    """Judge messages of a verified feed from `start` on, up to the end or to one after which rows that wait must be looked at.

    Args:
        verdicts, filed: as of `apply`. gaps: a trade before which others are missing (out).
        holds: how many rows of each symbol wait (in and out). hold_limit: how many may wait in all.

    Returns:
        The row behind the last one judged. After that one, rows that wait follow without a gap, or more wait than may, or the stream
        speaks again where REST spoke for it.
    """
    waiting = 0
    for k in range(len(holds)):
        waiting += holds[k, HELD]
    for i in range(start, len(rows)):
        row = rows[i]
        if row[STATUS] == IGNORED:
            verdicts[i] = SKIPPED
            continue
        filed[i] = clock[NEWEST] if clock[NEWEST] > 0 else max(row[RECEIVED], 0)
        verdict = verdicts[i] = _admitted(row, clock, legs, grace, most_ahead)
        if verdict == WAITS:
            _hold(row, holds[row[SYMBOL]])
            waiting += 1
            if waiting > hold_limit:
                return i + 1
        elif verdict < FIRST_REJECT or verdict == TOO_LARGE:
            leg, hold = legs[row[SYMBOL]], holds[row[SYMBOL]]
            if verdict != DUPLICATE:
                gaps[i] = _marked(verdict, leg)
                if waiting > 0 and hold[HELD] > 0 and hold[FIRST_HELD] <= leg[LAST_ID] + 1:
                    return i + 1
            if leg[FILLING] > 0 and hold[HELD] == 0:
                return i + 1
    return len(rows)


@njit(cache=True)
def _admitted(row: I64, clock: I64, legs: I64, grace: int, most_ahead: int) -> int:
    """As `_judged`, but a message that cannot be read or believed moves no id: the trade can be had from REST."""
    if row[SYMBOL] < 0 or row[ID] < 0:
        return BAD_MESSAGE
    if row[KIND] != clock[STREAM_KIND]:
        return WRONG_KIND
    leg = legs[row[SYMBOL]]
    if row[STATUS] != MALFORMED:
        leg[LEG_RECEIVED] = max(leg[LEG_RECEIVED], row[RECEIVED])
    if row[ID] <= leg[LAST_ID]:
        return DUPLICATE
    if row[STATUS] == MALFORMED:
        return BAD_MESSAGE
    event = row[EVENT] * 1000
    lead = clock[LEAD] if clock[LEAD] != UNSET else 0
    if max(event, row[TIME] * 1000) > row[RECEIVED] - lead + most_ahead:
        return AHEAD
    _heard(clock, row[RECEIVED], event, grace)
    if leg[LAST_ID] >= 0 and row[ID] > leg[LAST_ID] + 1:
        return WAITS
    return _entered(row, clock, leg)


@njit(cache=True)
def _entered(row: I64, clock: I64, leg: I64) -> int:
    """A row whose turn it is, whatever brought it."""
    _move_on(row, leg)
    verdict = _counted(row, leg, leg[PROVEN])
    if verdict <= LATE:
        clock[NEWEST] = max(clock[NEWEST], row[TIME] * 1000)
    return verdict


@njit(cache=True)
def _marked(verdict: int, leg: I64) -> bool:
    """Whether this is the trade that comes after a gap; one that cannot be summed leaves a gap itself."""
    if verdict == TOO_LARGE:
        leg[GAP_NEXT] = 1
    marked = verdict == TRADE and leg[GAP_NEXT] != 0
    if marked:
        leg[GAP_NEXT] = 0
    return marked


@njit(cache=True)
def _hold(row: I64, hold: I64) -> None:
    if hold[HELD] == 0:
        hold[FIRST_HELD], hold[HELD_SINCE] = row[ID], row[RECEIVED]
    hold[HELD] += 1
    hold[FIRST_HELD] = min(hold[FIRST_HELD], row[ID])
    hold[HELD_SINCE] = min(hold[HELD_SINCE], row[RECEIVED])


@njit(cache=True)
def enter(
    rows: I64,
    limit: int,
    verdicts: NDArray[np.int8],
    filed: I64,
    gaps: NDArray[np.bool_],
    jumps: I64,
    clock: I64,
    legs: I64,
) -> tuple[int, int]:
    """Let rows of one symbol in, sorted by id, as far as their ids follow one another.

    Args:
        limit: ids missing before this one are known not to come: they are jumped over.
        verdicts, filed, gaps: as of `admit` (out). jumps: first and last id jumped over, and 1 where no trade is missing there, as the
            trade ids go on without a hole (out).

    Returns:
        How many rows were let in, and how many jumps there were.
    """
    jumped = 0
    for i in range(len(rows)):
        row, leg = rows[i], legs[rows[i, SYMBOL]]
        filed[i] = clock[NEWEST] if clock[NEWEST] > 0 else max(row[RECEIVED], 0)
        if row[ID] <= leg[LAST_ID]:
            verdicts[i] = DUPLICATE
            continue
        missing = row[ID] - leg[LAST_ID] - 1
        if leg[LAST_ID] >= 0 and missing > 0:
            if row[ID] > limit:
                return i, jumped
            unused = row[FIRST] == leg[LAST_TRADE] + 1
            jumps[jumped, 0], jumps[jumped, 1], jumps[jumped, 2] = leg[LAST_ID] + 1, row[ID] - 1, unused
            jumped += 1
            if not unused:
                leg[MISSING] += missing
                leg[GAP_NEXT] = 1
        verdicts[i] = _entered(row, clock, leg)
        gaps[i] = _marked(verdicts[i], leg)
    return len(rows), jumped

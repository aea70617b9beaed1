"""The compiled step of the feed: message after message, so that how they are cut into batches changes nothing."""

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
TRADE, LATE, SKIPPED, DUPLICATE, ZERO, INSURANCE, NO_MARKET, OTHER_EXECUTION = range(8)
BAD_MESSAGE, AHEAD, WRONG_KIND, TOO_LARGE = range(8, 12)
VERDICTS = 12
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
LEG = 7


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
    if row[EXECUTION] != MARKET:
        if row[EXECUTION] == INSURANCE_FUND:
            return INSURANCE
        return NO_MARKET if row[EXECUTION] == NA else OTHER_EXECUTION
    if row[PRICE] == 0 or row[SIZE] == 0:
        return ZERO
    if not _fits(row, leg):
        return TOO_LARGE
    late = time < max(leg[LEG_TIME], clock[SILENCE])
    leg[LEG_TIME] = max(leg[LEG_TIME], time)
    clock[NEWEST] = max(clock[NEWEST], time)
    _heard(clock, received, event, grace)
    return LATE if late else TRADE


@njit(cache=True)
def _follow(row: I64, leg: I64) -> None:
    """Move the id sequence of the symbol on, counting what is missing in it."""
    if leg[LAST_ID] >= 0:
        leg[MISSING] += row[ID] - leg[LAST_ID] - 1
        if row[KIND] == AGGREGATE:
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

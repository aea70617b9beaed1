"""Columns of the int64 rows in which the kernels hold bars: one bar is one contiguous row."""

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

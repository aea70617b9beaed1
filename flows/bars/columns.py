"""Columns of the int64 rows in which the kernels hold bars: one bar is one contiguous row."""

OPEN_TIME, OPEN, HIGH, LOW, CLOSE = 0, 1, 2, 3, 4
VOLUME, QUOTE_VOLUME, TRADE_COUNT, TAKER_VOLUME, TAKER_QUOTE = 5, 6, 7, 8, 9
FIRST_ID, LAST_ID, LAST_TIME, LATE_COUNT = 10, 11, 12, 13
BAR_WIDTH = 14

# A row that belongs to a symbol carries two more: cells waiting for the watermark link to the next newer cell of their symbol.
SYMBOL, NEXT = 14, 15
ROW_WIDTH = 16

# What is remembered of a symbol between bars.
NEXT_OPEN, LAST_CLOSE, LAST_TRADE_TIME, PENDING_LATE, HAS_SIDE = 0, 1, 2, 3, 4
SYMBOL_WIDTH = 5

PRICE_COLUMNS = (OPEN, HIGH, LOW, CLOSE)
SIZE_COLUMNS = (VOLUME, TAKER_VOLUME)
QUOTE_COLUMNS = (QUOTE_VOLUME, TAKER_QUOTE)

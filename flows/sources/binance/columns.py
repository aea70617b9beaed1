"""Columns of parsed messages: one int64 row per line, so that the fast and the careful parser fill the same thing."""

START, END = 0, 1
"""The line's bytes are `buffer[START:END]`."""
STATUS = 2
"""READ, IGNORED (blank line, acknowledgement, event of another kind) or MALFORMED."""
KIND = 3
"""AGGREGATE (`aggTrade`) or SINGLE (`trade`)."""
SYMBOL = 4
"""Index into the symbol table; −1 where a malformed row has none."""
RECEIVED = 5
"""Receive time in microseconds, or NOT_GIVEN."""
EVENT, TIME = 6, 7
"""`E` and `T`, milliseconds."""
ID, FIRST, LAST = 8, 9, 10
"""`a` with `f`, `l`; or `t` three times. ID is −1 where a malformed row has none."""
PRICE, PRICE_DECIMALS, SIZE, SIZE_DECIMALS = 11, 12, 13, 14
"""`p` and `q`: digits without the point, and how many of them stand behind it."""
MAKER = 15
"""`m`: 1 the buyer was the maker, so the taker sold."""
EXECUTION = 16
"""`X`: MARKET (also when absent), INSURANCE_FUND, NA or OTHER."""
WIDTH = 17

READ, IGNORED, MALFORMED = 0, 1, 2
AGGREGATE, SINGLE = 1, 2
MARKET, INSURANCE_FUND, NA, OTHER = 0, 1, 2, 3

NOT_GIVEN = -(2**63)
MAX_ID = 10**15
"""Ids have ten digits today; one with more than fifteen is no id."""
MIN_TIME_MS, MAX_TIME_MS = 10**12, 10**13
"""Times of 13 digits, the years 2001 to 2286: anything else is a wrong unit."""
MAX_WHOLE_DIGITS = 10
"""Digits before the point, so that any price or size fits 64 bits at the finest scale."""

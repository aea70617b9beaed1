"""The frames: structs of numpy columns of equal length. Times are int64 microseconds UTC; prices and sizes scaled int64.

An integer that is not known is `flows.domain.scale.UNKNOWN`; a float that is not known is NaN.
"""

from flows.domain.frames.columns import F64, I8, I32, I64, Bools, Columns, Frame, concatenated
from flows.domain.frames.feed import (
    BAD_EVENTS,
    BAD_STATES,
    EVENT_KINDS,
    GOOD_STATES,
    LATENCY_STAGES,
    LEG_STATES,
    WARNING_EVENTS,
    FeedEvents,
    FeedLatency,
    FeedStatus,
)
from flows.domain.frames.market import BUY, NO_SIDE, SELL, Bars, Rejects, Ticks
from flows.domain.frames.pair_tests import (
    HALF_LIFE_SAYS,
    KPSS_BOUNDS,
    LOOK_COUNTS,
    LOOK_VALUES,
    WINDOW_SAYS,
    PairLooks,
    PairVerdicts,
)
from flows.domain.frames.pair_ticks import LEAD_REASONS, TICK_REASONS, PairLeadLag, PairTickStats
from flows.domain.frames.pairs import LEG_NAMES, PairBars, PairStats

__all__ = [
    "BAD_EVENTS",
    "BAD_STATES",
    "BUY",
    "EVENT_KINDS",
    "F64",
    "GOOD_STATES",
    "HALF_LIFE_SAYS",
    "I8",
    "I32",
    "I64",
    "KPSS_BOUNDS",
    "LATENCY_STAGES",
    "LEAD_REASONS",
    "LEG_NAMES",
    "LEG_STATES",
    "LOOK_COUNTS",
    "LOOK_VALUES",
    "NO_SIDE",
    "SELL",
    "TICK_REASONS",
    "WARNING_EVENTS",
    "WINDOW_SAYS",
    "Bars",
    "Bools",
    "Columns",
    "FeedEvents",
    "FeedLatency",
    "FeedStatus",
    "Frame",
    "PairBars",
    "PairLeadLag",
    "PairLooks",
    "PairStats",
    "PairTickStats",
    "PairVerdicts",
    "Rejects",
    "Ticks",
    "concatenated",
]

"""What happened to the feed, how its legs stand, and how long things take."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.frames.columns import F64, I64, Columns


@dataclass(frozen=True, slots=True)
class FeedEvents(Columns):
    """What happened to the feed. Object columns of str.

    Attributes:
        time: receive time, microseconds. number: +1 each since the feed began.
        kind: one of `EVENT_KINDS`. symbol: '' where it concerns no single leg. detail: a sentence for a person.
        from_id, to_id: ids concerned, inclusive, UNKNOWN where none. count: trades or messages concerned, UNKNOWN where none.
    """

    time: I64
    number: I64
    kind: NDArray[np.object_]
    symbol: NDArray[np.object_]
    detail: NDArray[np.object_]
    from_id: I64
    to_id: I64
    count: I64


EVENT_KINDS = (
    "connected", "disconnected", "handover", "silent", "flowing", "unproven", "gap", "filled", "skipped", "lost", "hold_dropped",
    "refuted", "queue_full", "queue_free", "clock_off", "clock_right", "rest_refused", "rest_back",
)  # fmt: skip
"""gap: ids are missing and asked for. filled: what REST gave for a silence or a gap, told once, when that is over. skipped: the exchange
never used them. lost: nobody can give them. refuted: it knows no ids as high."""


@dataclass(frozen=True, slots=True)
class FeedStatus(Columns):
    """How each leg of the feed stands, once a second. Object columns of str.

    Attributes:
        time: receive time, microseconds.
        state: one of `LEG_STATES`. since: microseconds since when. detail: a sentence for a person, '' where all is well.
        last_trade_time, received: of the leg's newest trade; UNKNOWN before the first.
        held: rows that wait for missing ids. missing: ids that nobody could give since the feed began. filled: ids that REST gave.
        lead_ms: how far the local clock is ahead of the exchange's.
    """

    time: I64
    symbol: NDArray[np.object_]
    state: NDArray[np.object_]
    since: I64
    detail: NDArray[np.object_]
    last_trade_time: I64
    received: I64
    last_id: I64
    held: I64
    filled: I64
    missing: I64
    lead_ms: I64


LEG_STATES = ("waiting", "live", "quiet", "silent", "filling", "reconnecting", "unproven")
"""waiting: for its first data. quiet: silent, and the exchange says that nothing traded. silent: the exchange trades it, the stream
says nothing. unproven: silent, and the exchange cannot be asked. Data can be relied on in `live` and `quiet` only."""
GOOD_STATES = frozenset({"live", "quiet"})
BAD_STATES = frozenset({"silent", "reconnecting", "unproven"})
BAD_EVENTS = frozenset({"lost", "silent", "unproven"})
WARNING_EVENTS = frozenset(
    {"gap", "disconnected", "rest_refused", "clock_off", "hold_dropped", "refuted", "queue_full"}
)
"""How bad a state of a leg or a kind of event is; any other state is a warning, any other event none."""


@dataclass(frozen=True, slots=True)
class FeedLatency(Columns):
    """Latency of each stage since the row before. Object columns of str.

    Attributes:
        stage: one of `LATENCY_STAGES`. count: measurements in it; the quantiles of none are NaN.
        histogram: all of them, as text of `flows.latency.Histogram`; '' of none.
    """

    time: I64
    stage: NDArray[np.object_]
    p50_ms: F64
    p95_ms: F64
    p99_ms: F64
    max_ms: F64
    count: I64
    histogram: NDArray[np.object_]


LATENCY_STAGES = ("traded_sent", "sent_received", "received_chunk", "chunk_bar", "bar_row")

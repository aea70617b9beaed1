"""What is made of the ticks of pairs."""

from dataclasses import dataclass

from flows.domain.frames.columns import F64, I8, I32, I64, Columns
from flows.domain.interval import Interval
from flows.domain.pair import Pair


@dataclass(frozen=True, slots=True)
class PairTickStats(Columns):
    """Hayashi-Yoshida correlation of log prices over the ticks of the last `window` bars; NaN where not known. Ordered by pair, then time.

    Attributes:
        pair: position in `pairs` of each row.
        covariance, y_variance, x_variance: sums over the window, in squared log price; NaN before it is full.
        y_ticks, x_ticks: trades with different times in the window; 0 before it is full.
        n: consecutive bars in the window that both legs cover from beginning to end.
        warmup_left: bars still to come before the window is full.
        reason: why the correlation is not known, a code of `TICK_REASONS`.
        gap: 0 none, 1 y, 2 x, 3 both: trades are missing before a trade of this bar.
    """

    pairs: tuple[Pair, ...]
    pair: I32
    interval: Interval
    open_time: I64
    correlation: F64
    covariance: F64
    y_variance: F64
    x_variance: F64
    y_ticks: I64
    x_ticks: I64
    n: I64
    warmup_left: I64
    reason: I8
    gap: I8


TICK_REASONS: tuple[str | None, ...] = (
    None, "warming_up", "y_silent", "x_silent", "both_silent", "y_flat", "x_flat", "both_flat", "no_logarithm", "beyond_one",
)  # fmt: skip
"""silent: no trade in the window. flat: trades, but the price never moved. no_logarithm: a price that is not positive. beyond_one: the
estimate, which nothing keeps within ±1, lies outside: too few trades for the window."""


@dataclass(frozen=True, slots=True)
class PairLeadLag(Columns):
    """Looks at which leg moves first. Floats are NaN where not known. Ordered by pair, then time.

    Attributes:
        pair: position in `pairs` of each row.
        time: end of the last second that the look knows, microseconds.
        lead_ms: the shift of x's times at which the ticks correlate most; positive: x moves first.
        lead_low_ms, lead_high_ms: where the shift lies with 95 % confidence or more; see `flows.asynchrony.lead_lag`.
        correlation: at that shift. correlation_at_zero: without a shift.
        leader: 1 y, 2 x; 0 where the interval holds 0: not distinguishable from simultaneous.
        y_ticks, x_ticks: ticks looked at. window_ms: the time they span.
        reason: why there is no lead, a code of `LEAD_REASONS`.
    """

    pairs: tuple[Pair, ...]
    pair: I32
    time: I64
    lead_ms: F64
    lead_low_ms: F64
    lead_high_ms: F64
    correlation: F64
    correlation_at_zero: F64
    leader: I8
    y_ticks: I64
    x_ticks: I64
    window_ms: I64
    reason: I8


LEAD_REASONS: tuple[str | None, ...] = (
    None, "too_few_ticks", "flat", "no_logarithm", "beyond_one", "no_correlation", "at_the_edge",
)  # fmt: skip
"""no_correlation: at no shift is it distinguishable from none. at_the_edge: strongest at the largest shift, so it may lie beyond."""

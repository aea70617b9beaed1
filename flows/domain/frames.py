"""The frames: structs of numpy columns of equal length. Times are int64 microseconds UTC; prices and sizes scaled int64.

An integer that is not known is `flows.domain.scale.UNKNOWN`; a float that is not known is NaN.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.domain.pair import Pair

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I8 = NDArray[np.int8]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

BUY, SELL, NO_SIDE = np.int8(1), np.int8(-1), np.int8(0)
"""Side of the taker."""

Frame = TypeVar("Frame", bound="_Columns")


class _Columns:
    """What every frame can do: know its length, be sliced and be filtered."""

    __slots__ = ()

    def __len__(self) -> int:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                return len(value)
        return 0

    def take(self: Frame, rows: Any) -> Frame:
        """The frame of some rows: a slice, a mask or an index array."""
        columns = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)  # type: ignore[arg-type]
            if isinstance(getattr(self, field.name), np.ndarray)
        }
        return replace(self, **columns)  # type: ignore[type-var]


@dataclass(frozen=True, slots=True)
class Ticks(_Columns):
    """Trades in arrival order; per symbol in id order.

    Attributes:
        instruments: the table that `symbol` points into; its order never changes within a run, new ones are added at its end.
        trade_id: identity within the symbol: trade id, aggregate id, or position in the input where the input has none.
        side: BUY, SELL or NO_SIDE of the taker.
        late: the event time was below the watermark at arrival: kept, but in no bar.
        first_id, last_id: raw trades inside an aggregate; None where each row is one trade.
        event_time: when the exchange sent it; None where not recorded.
        received: when it was received here; None where not recorded.
        ids_known: False where `trade_id` is a position made up by the reader.
        gap: trades are missing between the symbol's row before and this one, or a live input begins here; None: nowhere.
    """

    instruments: tuple[Instrument, ...]
    symbol: I32
    time: I64
    trade_id: I64
    price: I64
    size: I64
    side: I8
    late: Bools
    first_id: I64 | None = None
    last_id: I64 | None = None
    event_time: I64 | None = None
    received: I64 | None = None
    ids_known: bool = True
    gap: Bools | None = None


@dataclass(frozen=True, slots=True)
class Bars(_Columns):
    """OHLCV bars of one interval, in time order per symbol.

    Attributes:
        open, high, low, close: in price units (`price_decimals`).
        volume, taker_buy_volume: in size units; quote_volume, taker_buy_quote_volume in `quote_decimals`. The taker columns are
            UNKNOWN when the input has no side.
        first_trade_id, last_trade_id: UNKNOWN when the bar has no trade or the input has no ids.
        last_trade_time: time of the newest trade at or before the bar, so a bar without trades tells how old its close is.
        late_count: trades that came too late for this symbol since the bar before.
        complete: False for a forming bar, which a later one of the same open time replaces.
        gap: trades are missing from this bar: nobody could give them, or a live input begins in it.
    """

    instruments: tuple[Instrument, ...]
    interval: Interval
    symbol: I32
    open_time: I64
    open: I64
    high: I64
    low: I64
    close: I64
    volume: I64
    quote_volume: I64
    trade_count: I64
    taker_buy_volume: I64
    taker_buy_quote_volume: I64
    first_trade_id: I64
    last_trade_id: I64
    last_trade_time: I64
    late_count: I64
    complete: Bools
    gap: Bools


@dataclass(frozen=True, slots=True)
class PairBars(_Columns):
    """Both legs of pairs at the same open time, pair after pair, each in time order.

    Attributes:
        pair: position in `pairs`.
        y_close, x_close: prices as correctly rounded floats: the border to the statistics.
        y_vwap, x_vwap: mean prices of the bars' trades weighted by size; the close of a bar without trades.
        y_age_ms, x_age_ms: from the leg's last trade to the end of the bar.
        gap: 0 none, 1 y, 2 x, 3 both legs' bars lack trades.
    """

    pairs: tuple[Pair, ...]
    pair: I32
    interval: Interval
    open_time: I64
    y_close: F64
    x_close: F64
    y_vwap: F64
    x_vwap: F64
    y_age_ms: I64
    x_age_ms: I64
    y_trade_count: I64
    x_trade_count: I64
    complete: Bools
    gap: I8


@dataclass(frozen=True, slots=True)
class PairStats(_Columns):
    """Rolling statistics of pairs for one interval and model, pair after pair, each in time order; NaN where not known.

    See `flows.stats` for the formulas.

    Attributes:
        pair: position in `pairs`.
        hedge_ratio_se_hac: error of the hedge ratio that allows for autocorrelated residuals, of `ols` only.
        innovation_sd, innovation_autocorrelation: how far the one-step z-scores of `kalman` are from unit noise.
        fit_age: bars since the fit was made that holds at the bar, or that `hedge_ratio_se_hac` is of; UNKNOWN before the first.
        spread_bp: spread in basis points of the gross notional, one y and `hedge_ratio` x.
        n: consecutive bars in the fit window, at most the model's window.
        warmup_left: bars still to come before every statistic of the model is there.
        stale: 0 none, 1 y, 2 x, 3 both legs older than the limit; the statistics of such a bar are NaN.
        gap: 0 none, 1 y, 2 x, 3 both legs' bars lack trades.
    """

    pairs: tuple[Pair, ...]
    pair: I32
    interval: Interval
    model: str
    open_time: I64
    hedge_ratio: F64
    hedge_ratio_se: F64
    intercept: F64
    r_squared: F64
    spread: F64
    spread_mean: F64
    spread_std: F64
    zscore: F64
    zscore_one_step: F64
    hedge_ratio_se_hac: F64
    innovation_sd: F64
    innovation_autocorrelation: F64
    fit_age: I64
    spread_bp: F64
    correlation: F64
    n: I64
    warmup_left: I64
    y_age_ms: I64
    x_age_ms: I64
    y_trade_count: I64
    x_trade_count: I64
    stale: I8
    complete: Bools
    gap: I8


LEG_NAMES: tuple[str | None, ...] = (None, "y", "x", "both")
"""What the codes of `stale` and `gap` mean."""


@dataclass(frozen=True, slots=True)
class Rejects(_Columns):
    """Rows that are no trades because they could not be read, with where and why. Object columns of str but for `line`.

    Attributes:
        source: file or stream name.
        line: 1-based line, row or message number in that source.
        time: microseconds at which it is filed: the newest event time before it, as the row's own time is not trusted.
        reason: what was wanted and what was found.
        text: the row itself, cut to 200 characters.
    """

    source: NDArray[np.object_]
    line: I64
    time: I64
    reason: NDArray[np.object_]
    text: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class FeedEvents(_Columns):
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
class FeedStatus(_Columns):
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
class FeedLatency(_Columns):
    """Quantiles of the latency of each stage since the row before. Object column of str.

    Attributes:
        stage: one of `LATENCY_STAGES`. count: measurements in it; the quantiles of none are NaN.
    """

    time: I64
    stage: NDArray[np.object_]
    p50_ms: F64
    p95_ms: F64
    p99_ms: F64
    max_ms: F64
    count: I64


LATENCY_STAGES = ("traded_sent", "sent_received", "received_chunk", "chunk_bar", "bar_row")


def concatenated(frames: list[Frame]) -> Frame:
    """The rows of several frames of one kind in order; the scalars are the last frame's.

    Integer scales are not reconciled here: frames of one run whose instruments differ must be brought to one scale first.
    """
    if len(frames) == 1:
        return frames[0]
    last = frames[-1]
    columns: dict[str, Any] = {}
    for field in fields(last):  # type: ignore[arg-type]
        if isinstance(getattr(last, field.name), np.ndarray):
            columns[field.name] = np.concatenate([getattr(frame, field.name) for frame in frames])
    return replace(last, **columns)  # type: ignore[type-var]


@dataclass(frozen=True, slots=True)
class PairTickStats(_Columns):
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
class PairLeadLag(_Columns):
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


LOOK_VALUES = (
    "p_value", "y_on_x_statistic", "y_on_x_p_value", "x_on_y_statistic", "x_on_y_p_value",
    "coint_critical_1", "coint_critical_5", "coint_critical_10",
    "johansen_trace_0", "johansen_trace_1", "johansen_largest_0", "johansen_largest_1", "johansen_p_above", "johansen_p_below",
    "johansen_hedge_ratio",
    "half_life", "half_life_low", "half_life_high", "half_lives", "phi", "phi_se",
    "variance_ratio_2", "variance_ratio_4", "variance_ratio_8", "variance_ratio_16", "variance_ratio_statistic",
    "variance_ratio_p_value", "hurst",
    "cusum_level", "cusum_hedge_ratio", "break_p_value", "cusum_plain", "cusum_plain_p_value",
    "hedge_ratio", "hedge_ratio_low", "hedge_ratio_high", "hedge_ratio_se", "hedge_ratio_se_hac", "hedge_ratio_se_long_run",
    "fixed_hedge_ratio", "adf_statistic", "adf_p_value", "adf_critical_1", "adf_critical_5", "adf_critical_10",
    "kpss_statistic", "kpss_p_value",
)  # fmt: skip
LOOK_COUNTS = (
    "n",
    "warmup_left",
    "y_on_x_lag",
    "x_on_y_lag",
    "johansen_rank",
    "johansen_lag",
    "hac_lag",
    "adf_lag",
    "kpss_lag",
)
"""What one look at a pair gives, in the order of the columns of `PairLooks`."""
HALF_LIFE_SAYS: tuple[str | None, ...] = (None, "reverts", "not distinguishable from a random walk")
WINDOW_SAYS: tuple[str | None, ...] = (None, "fewer than 5 half-lives")
KPSS_BOUNDS: tuple[str | None, ...] = (None, "at most", "at least")
"""What the codes of `half_life_says`, `window_says` and `kpss_bound` mean."""


@dataclass(frozen=True, slots=True)
class PairLooks(_Columns):
    """Looks at pairs: every test over the window that ends at a bar. See `flows.stats.battery` for the formulas.

    Attributes:
        pair: position in `pairs`. open_time: of the window's newest bar.
        values: shape (rows, LOOK_VALUES); NaN where not known, ±inf where a half-life has no end.
        counts: shape (rows, LOOK_COUNTS); UNKNOWN where not known.
        half_life_says, window_says, kpss_bound: codes of the texts above; 0 where nothing is to be said.
        reason: str, why the look says nothing of the pair, '' where it does.
        missing: str, the single tests of a look that do say nothing, each with its reason.
    """

    pairs: tuple[Pair, ...]
    pair: I32
    interval: Interval
    open_time: I64
    values: F64
    counts: I64
    half_life_says: I8
    window_says: I8
    kpss_bound: I8
    reason: NDArray[np.object_]
    missing: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class PairVerdicts(_Columns):
    """What is said of each pair after a round of looks, with the inputs of the rule. See `flows.stats.battery.verdict`.

    Attributes:
        pair: position in `pairs`. open_time: of the last bar of the round.
        word, sentence: str.
        look_time: open time of the newest look's bar, UNKNOWN where the round has none of the pair.
        y_on_x_p_value, x_on_y_p_value, half_lives, break_p_value: of that look.
        looks, looks_known, looks_passed, windows: of the last 24 hours, or another period; share, p_value: what they give together.
        q_value, pairs_watched, survives, fdr_rate: that p-value beside those of the other pairs.
    """

    pairs: tuple[Pair, ...]
    pair: I32
    interval: Interval
    open_time: I64
    word: NDArray[np.object_]
    sentence: NDArray[np.object_]
    look_time: I64
    y_on_x_p_value: F64
    x_on_y_p_value: F64
    half_lives: F64
    break_p_value: F64
    looks: I64
    looks_known: I64
    looks_passed: I64
    windows: I64
    share: F64
    p_value: F64
    q_value: F64
    pairs_watched: I64
    survives: Bools
    fdr_rate: F64

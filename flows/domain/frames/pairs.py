"""Both legs of pairs, bar by bar, and their rolling statistics."""

from dataclasses import dataclass

from flows.domain.frames.columns import F64, I8, I32, I64, Bools, Columns
from flows.domain.interval import Interval
from flows.domain.pair import Pair


@dataclass(frozen=True, slots=True)
class PairBars(Columns):
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
class PairStats(Columns):
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

"""The line of every method over the window that ends with the newest bar, by the function that the flow calls."""

import math
from dataclasses import dataclass, replace

import numpy as np

from dashboard.analysis.rows import F64, I64, LEG_FIELDS, PairRows
from flows.domain.frames import PairBars
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.explain.joined import joined
from flows.explain.stored import LegBars
from flows.stats.methods import METHODS, estimator
from flows.stats.pair_stats import statistics_of
from flows.stats.prices import log_prices
from flows.stats.rolling_line import RollingLine

_ALWAYS = 2**62
"""No trade is too old for a line here: what a stale leg takes away is the line's use, not the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """y = intercept + hedge_ratio·x in the model's price form; NaN where not known, `why` says it.

    Attributes:
        hedge_ratio_se: its plain error, NaN where the method has none. fit_age: bars since it was fitted, 0 for the newest bar.
    """

    method: str
    hedge_ratio: float
    hedge_ratio_se: float
    intercept: float
    r_squared: float
    fit_age: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """What the lines are made of.

    Attributes:
        times: open times of the window's bars, all consecutive, at most `window` of them, shape (n,).
        y, x: prices in the model's form and source, shape (n,). spread: y less the model's own line, empty without one.
        lines: of every method, in the order of `METHODS`; own: the position of the model's. window: bars that it takes.
    """

    times: I64
    y: F64
    x: F64
    spread: F64
    lines: tuple[Line, ...]
    own: int
    window: int


def bars_needed(model: Model, pair: Pair) -> int:
    """Consecutive bars that the lines of all methods can depend on."""
    return max(_needed(replace(model, method=method), pair) for method in METHODS)


def _needed(model: Model, pair: Pair) -> int:
    made = estimator(model, (pair,))
    return max(made.warmup, made.memory, model.window) + 1


def fit(rows: PairRows, pair: Pair, interval: Interval, model: Model) -> Fit:
    """The lines of all methods with the model's windows, price form and source."""
    bars = pair_bars(rows, pair, interval)
    holes = np.flatnonzero(np.diff(bars.open_time) != interval.us)
    run = len(bars) - (int(holes[-1]) + 1 if len(holes) else 0)
    n = min(run, model.window)
    lines = tuple(_line(bars, replace(model, method=method), n) for method in METHODS)
    own = list(METHODS).index(model.method)
    y, x = (_form(price[len(bars) - n :], model) for price in _prices(bars, model))
    spread = y - lines[own].intercept - lines[own].hedge_ratio * x
    known = spread if np.isfinite(spread).all() else spread[:0]
    return Fit(bars.open_time[len(bars) - n :], y, x, known, lines, own, model.window)


def _line(bars: PairBars, model: Model, n: int) -> Line:
    if not len(bars):
        return Line(model.method, math.nan, math.nan, math.nan, math.nan, 0, "waiting for the first bar")
    stats = statistics_of(bars.take(slice(max(0, len(bars) - _needed(model, bars.pairs[0])), None)), model, _ALWAYS)
    # Of a line that is fitted at every bar `fit_age` is that of its robust error.
    age = 0 if issubclass(METHODS[model.method], RollingLine) else int(stats.fit_age[-1])
    slope = float(stats.hedge_ratio[-1])
    return Line(
        method=model.method,
        hedge_ratio=slope,
        hedge_ratio_se=float(stats.hedge_ratio_se[-1]),
        intercept=float(stats.intercept[-1]),
        r_squared=float(stats.r_squared[-1]),
        fit_age=0 if age == UNKNOWN else age,
        why=_why(model, n, int(stats.warmup_left[-1])) if math.isnan(slope) else "",
    )


def _why(model: Model, n: int, left: int) -> str:
    """There is no line."""
    if n < model.window:
        return f"waiting for {model.window:,} bars: {n:,}"
    return f"waiting for {left:,} bars more" if left else "without a line here: a leg does not change"


def pair_bars(rows: PairRows, pair: Pair, interval: Interval) -> PairBars:
    """The rows as the statistics take them; how old trades were is not known."""
    y, x = (_leg(rows, leg) for leg in "yx")
    return joined(pair, interval, y, x)


def said(rows: PairRows, pair: Pair, interval: Interval, model: Model) -> tuple[F64, F64]:
    """Spread and z that a model would have said at each bar."""
    stats = statistics_of(pair_bars(rows, pair, interval), model, _ALWAYS)
    return stats.spread, stats.zscore


def _leg(rows: PairRows, leg: str) -> LegBars:
    column = {name: np.ascontiguousarray(rows[f"{leg}_{name}"]) for name in LEG_FIELDS}
    return LegBars(
        open_time=rows.times,
        close=column["close"],
        volume=column["volume"],
        quote_volume=column["quote_volume"],
        trade_count=np.nan_to_num(column["trade_count"]).astype(np.int64),
        last_trade_time=np.full(len(rows), int(UNKNOWN), np.int64),
        complete=np.ones(len(rows), np.bool_),
        gap=column["gap"] == 1.0,
    )


def _prices(bars: PairBars, model: Model) -> tuple[F64, F64]:
    return (bars.y_close, bars.x_close) if model.source == "close" else (bars.y_vwap, bars.x_vwap)


def _form(price: F64, model: Model) -> F64:
    if model.price == "raw":
        return price
    out = np.empty(len(price))
    log_prices(price, out)
    return out

"""All statistics of one pair and interval, for any number of models: the function that the flow, the page and notebooks call.

A hole between two bars, as a long silence or a long gap in the feed leaves it, starts every window anew: the price moved by an unknown path
in between. A bar that only lacks trades enters the windows like any other, as its close is the price of a real trade, and the row says in
`gap` which leg it was; so does each row of the silent bars of a short gap, whose close is the one before. A row tells of its own bar only:
that an earlier bar of its window lacks trades is in that bar's row.

>>> import numpy as np
>>> bars = PairBars(
...     Pair("ETHUSDT", "BTCUSDT"), Interval.S1, np.arange(5) * 1_000_000, np.array([10.0, 11, 13, 12, 14]),
...     np.array([5.0, 6, 6, 7, 8]), *(np.zeros(5, np.int64),) * 4, np.ones(5, bool), np.zeros(5, np.int8)
... )
>>> stats = statistics_of(bars, Model("tiny", price="raw", window=4, z_window=4, correlation_window=3), stale_after_ms=1_000)
>>> stats.hedge_ratio.round(3), stats.warmup_left
(array([  nan,   nan,   nan, 1.   , 0.909]), array([4, 3, 2, 1, 0]))
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from flows.domain.frames import F64, I8, I64, PairBars, PairStats, concatenated
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import correlation
from flows.stats.estimator import FIT_COLUMNS, Estimator, Legs
from flows.stats.methods import estimator
from flows.stats.prices import log_prices
from flows.stats.runs import run_lengths

_Y, _X, _LOG_Y, _LOG_X = range(4)


@dataclass(frozen=True, slots=True)
class PairState:
    """What a restart needs: the bars since the beginning of the block before, as they came, and what estimators carry beside them.

    Attributes:
        index: absolute bar index, shape (rows,), fewer than two of the longest window.
        prices: y and x closes, shape (2, rows).
        carried: state of each model's estimator by the model's name.
    """

    index: I64
    prices: F64
    carried: dict[str, Any]


class PairStatistics:
    """Statistics of the bars of one pair and interval, given piece by piece; the same bits for any pieces."""

    def __init__(
        self,
        pair: Pair,
        interval: Interval,
        models: tuple[Model, ...],
        stale_after_ms: int,
        state: PairState | None = None,
    ) -> None:
        self._pair, self._interval, self._models, self._stale_after_ms = pair, interval, models, stale_after_ms
        state = state or PairState(np.empty(0, np.int64), np.empty((2, 0)), {})
        self._index = state.index
        self._prices = _fill(np.empty((4, len(state.index))), state.prices[_Y], state.prices[_X])
        self._estimators = [estimator(model, pair, state.carried.get(model.name)) for model in models]

    def update(self, bars: PairBars) -> list[PairStats]:
        """One frame per model for closed bars that follow those given before.

        Raises:
            ValueError: a forming bar, or one that is not newer than the bar before it.
        """
        if not bars.complete.all():
            raise ValueError(f"{self._pair} {self._interval}: a forming bar must not enter the windows")
        index, prices, first = self._with_history(bars)
        stats = self._compute(bars, index, prices, first, self._estimators)
        if len(index):
            next_index = int(index[-1]) + 1
            needed = [e.reach(next_index) for e in self._estimators]
            needed += [correlation.reach(next_index, model.correlation_window) for model in self._models]
            oldest = int(np.searchsorted(index, min(needed)))
            self._index, self._prices = index[oldest:].copy(), prices[:, oldest:].copy()
        return stats

    def provisional(self, bars: PairBars) -> list[PairStats]:
        """The same for bars that are still forming; nothing is remembered of them."""
        index, prices, first = self._with_history(bars)
        return self._compute(bars, index, prices, first, [estimator(m, self._pair, s) for m, s in self._carried()])

    def state(self) -> PairState:
        """A snapshot, small and picklable."""
        carried = {model.name: state for model, state in self._carried() if state is not None}
        return PairState(self._index, self._prices[[_Y, _X]], carried)

    def _carried(self) -> list[tuple[Model, Any]]:
        return [(model, e.state()) for model, e in zip(self._models, self._estimators, strict=True)]

    def _with_history(self, bars: PairBars) -> tuple[I64, F64, int]:
        """Index and prices of the remembered bars followed by the new ones, and the row where the new ones begin."""
        first = len(self._index)
        index = np.concatenate((self._index, bars.open_time // self._interval.us))
        new = index[max(first - 1, 0) :]
        if np.any(new[1:] <= new[:-1]):
            row = int(np.flatnonzero(new[1:] <= new[:-1])[0])
            times = f"{new[row + 1] * self._interval.us} follows {new[row] * self._interval.us}"
            raise ValueError(f"{self._pair} {self._interval}: open times must increase, {times}")
        prices = np.empty((4, len(index)))
        prices[:, :first] = self._prices
        _fill(prices[:, first:], bars.y_close, bars.x_close)
        return index, prices, first

    def _compute(
        self, bars: PairBars, index: I64, prices: F64, first: int, estimators: list[Estimator]
    ) -> list[PairStats]:
        length = run_lengths(index)[first:]
        stale = stale_legs(bars, self._stale_after_ms)
        correlations: dict[int, F64] = {}
        stats = []
        for model, method in zip(self._models, estimators, strict=True):
            c = model.correlation_window
            if c not in correlations:
                correlations[c] = correlation.return_correlation(index, prices[_LOG_X], prices[_LOG_Y], c, first)
            y, x = (_LOG_Y, _LOG_X) if model.price == "log" else (_Y, _X)
            fit = method.estimate(Legs(index, prices[y], prices[x], first))
            left = np.maximum(max(method.warmup, correlation.warmup(c)) - length, 0)
            stats.append(_frame(bars, model, fit, correlations[c], np.minimum(length, model.window), left, stale))
        return stats


def statistics_of(bars: PairBars, model: Model, stale_after_ms: int) -> PairStats:
    """Statistics of one model over all the bars at hand, with the bits of the flow that saw them one by one.

    Forming bars may stand at the end. The first window begins with the first bar given.

    Raises:
        ValueError: bars out of order, or closed bars after a forming one.
    """
    closed = int(np.sum(bars.complete))
    statistics = PairStatistics(bars.pair, bars.interval, (model,), stale_after_ms)
    frames = statistics.update(bars.take(slice(closed)))
    if closed < len(bars):
        frames += statistics.provisional(bars.take(slice(closed, None)))
    return concatenated(frames)


def stale_legs(bars: PairBars, stale_after_ms: int) -> I8:
    """0 none, 1 y, 2 x, 3 both legs whose last trade is older than the limit; an unknown age is not old."""
    return ((bars.y_age_ms > stale_after_ms) + 2 * (bars.x_age_ms > stale_after_ms)).astype(np.int8)


def warm_up(models: tuple[Model, ...]) -> None:
    """Compile, or load from the cache, every kernel these models need, so that the first bar of a run does not wait for it."""
    none, two = np.zeros(2, np.int64), np.array([1.0, 2.0])
    times = np.arange(2, dtype=np.int64) * Interval.S1.us
    no_gap = np.zeros(2, np.int8)
    bars = PairBars(Pair("Y", "X"), Interval.S1, times, two, two, none, none, none, none, np.ones(2, np.bool_), no_gap)
    PairStatistics(bars.pair, bars.interval, models, 0).update(bars)


def _fill(prices: F64, y: F64, x: F64) -> F64:
    """Rows y, x, log y, log x: each price is logged once, when its bar comes."""
    prices[_Y], prices[_X] = y, x
    log_prices(y, prices[_LOG_Y])
    log_prices(x, prices[_LOG_X])
    return prices


def _frame(bars: PairBars, model: Model, fit: F64, corr: F64, n: I64, warmup_left: I64, stale: I8) -> PairStats:
    if stale.any():
        fit, corr = np.where(stale, np.nan, fit), np.where(stale, np.nan, corr)
    return PairStats(
        pair=bars.pair,
        interval=bars.interval,
        model=model.name,
        open_time=bars.open_time,
        correlation=corr,
        n=n,
        warmup_left=warmup_left,
        y_age_ms=bars.y_age_ms,
        x_age_ms=bars.x_age_ms,
        y_trade_count=bars.y_trade_count,
        x_trade_count=bars.x_trade_count,
        stale=stale,
        complete=bars.complete,
        gap=bars.gap,
        **dict(zip(FIT_COLUMNS, fit, strict=True)),
    )

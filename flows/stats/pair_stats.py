"""All statistics of pairs of one interval, for any number of models: the function that the flow, the page and notebooks call.

A hole between two bars, as a long silence or a long gap in the feed leaves it, starts every window anew: the price moved by an unknown path
in between. A bar that only lacks trades enters the windows like any other, as its close is the price of a real trade, and the row says in
`gap` which leg it was; so does each row of the silent bars of a short gap, whose close is the one before. A row tells of its own bar only:
that an earlier bar of its window lacks trades is in that bar's row. No pair's numbers depend on which others are computed with it.

>>> import numpy as np
>>> bars = PairBars(
...     (Pair("ETHUSDT", "BTCUSDT"),), np.zeros(5, np.int32), Interval.S1, np.arange(5) * 1_000_000,
...     *(np.array([10.0, 11, 13, 12, 14]), np.array([5.0, 6, 6, 7, 8])) * 2, *(np.zeros(5, np.int64),) * 4,
...     np.ones(5, bool), np.zeros(5, np.int8)
... )
>>> stats = statistics_of(bars, Model("tiny", price="raw", window=4, z_window=4, correlation_window=3), stale_after_ms=1_000)
>>> stats.hedge_ratio.round(3), stats.warmup_left
(array([  nan,   nan,   nan, 1.   , 0.909]), array([4, 3, 2, 1, 0]))
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from flows.domain.frames import F64, I8, I32, I64, PairBars, PairStats, concatenated
from flows.domain.interval import Interval
from flows.domain.model import Model, PriceForm, PriceSource
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.stats import correlation
from flows.stats.estimator import FIT_AGE, FIT_COLUMNS, Estimator, Legs
from flows.stats.history import LEGS, History, HistoryState
from flows.stats.methods import estimator
from flows.stats.moments import BlockSums
from flows.stats.rows import Rows

_FORMS: Mapping[PriceForm, str] = {"log": "logs", "raw": "prices"}
_HEDGE_RATIO, _SPREAD = FIT_COLUMNS.index("hedge_ratio"), FIT_COLUMNS.index("spread")


@dataclass(frozen=True, slots=True)
class PairState:
    """What a restart needs: the bars since the beginning of the block before, as they came, and what estimators carry beside them.

    Attributes:
        history: fewer bars of each pair than two of the longest window.
        carried: state of each model's estimator by the model's name.
    """

    history: HistoryState
    carried: dict[str, Any]


class PairStatistics:
    """Statistics of the bars of some pairs of one interval, given piece by piece; the same bits for any pieces."""

    def __init__(
        self,
        pairs: tuple[Pair, ...],
        interval: Interval,
        models: tuple[Model, ...],
        stale_after_ms: int,
        state: PairState | None = None,
    ) -> None:
        self._pairs, self._interval, self._models, self._stale_after_ms = pairs, interval, models, stale_after_ms
        self._sources = sorted({model.source for model in models})
        self._history = History(len(pairs), len(self._sources), state.history if state else None)
        self._sums: dict[tuple[str, PriceSource], BlockSums] = defaultdict(
            BlockSums
        )  # by form and source of the series
        carried = state.carried if state else {}
        self._estimators = [estimator(model, pairs, carried.get(model.name)) for model in models]

    def update(self, bars: PairBars) -> list[PairStats]:
        """One frame per model for closed bars that follow those given before.

        Raises:
            ValueError: bars of other pairs, a forming bar, or one that is not newer than the bar before it.
        """
        if not bars.complete.all():
            raise ValueError(f"{self._of(bars)} {self._interval}: a forming bar must not enter the windows")
        rows = self._written(bars)
        stats = self._compute(bars, rows, self._estimators, closed=True)
        self._history.keep(rows)
        next_index = self._history.next_index
        needed = [e.reach(next_index) for e in self._estimators]
        needed += [correlation.reach(next_index, model.correlation_window) for model in self._models]
        self._history.forget(np.min(needed, axis=0))
        return stats

    def provisional(self, bars: PairBars) -> list[PairStats]:
        """The same for bars that are still forming; nothing is remembered of them."""
        estimators = [estimator(model, self._pairs, state) for model, state in self._carried()]
        return self._compute(bars, self._written(bars), estimators, closed=False)

    def state(self) -> PairState:
        """A snapshot, small and picklable."""
        carried = {model.name: state for model, state in self._carried() if state is not None}
        return PairState(self._history.state(), carried)

    def _carried(self) -> list[tuple[Model, Any]]:
        return [(model, e.state()) for model, e in zip(self._models, self._estimators, strict=True)]

    def _of(self, bars: PairBars, row: int = 0) -> str:
        return str(self._pairs[bars.pair[row]]) if len(bars) else "no pair"

    def _written(self, bars: PairBars) -> Rows:
        """The bars behind those that are remembered."""
        if bars.pairs != self._pairs or bars.interval is not self._interval:
            raise ValueError(f"expected {self._interval} bars of {len(self._pairs)} pairs in their order, found others")
        index, next_index = bars.open_time // self._interval.us, self._history.next_index
        row = _out_of_order(bars.pair, index, next_index)
        if row > 0 and bars.pair[row] < bars.pair[row - 1]:
            raise ValueError(f"{self._interval} bars must come pair after pair")
        if row >= 0:
            follows = row > 0 and bars.pair[row] == bars.pair[row - 1]
            before = index[row - 1] if follows else next_index[bars.pair[row]] - 1
            times = f"{index[row] * self._interval.us} follows {before * self._interval.us}"
            raise ValueError(f"{self._of(bars, row)} {self._interval}: open times must increase, {times}")
        prices = [getattr(bars, f"{leg}_{source}") for source in self._sources for leg in "yx"]
        return self._history.written(bars.pair, index, prices)

    def _compute(self, bars: PairBars, rows: Rows, estimators: list[Estimator], closed: bool) -> list[PairStats]:
        stale = stale_legs(bars, self._stale_after_ms)

        @cache
        def legs(form: str, source: PriceSource) -> Legs:
            at = LEGS * self._sources.index(source)
            y, x = getattr(self._history, form)[at : at + LEGS]
            return Legs(self._history.index, y, x, rows, self._sums[form, source], closed)

        @cache
        def correlated(source: PriceSource, c: int) -> F64:
            return correlation.return_correlation(legs("returns", source), c)

        stats = []
        for model, method in zip(self._models, estimators, strict=True):
            c, prices = model.correlation_window, legs(_FORMS[model.price], model.source)
            corr = correlated(model.source, c)
            fit = method.estimate(prices)
            left = np.maximum(max(method.warmup, correlation.warmup(c)) - rows.run, 0)
            n = np.minimum(rows.run, model.window)
            notional = _gross_notional(model, fit, prices)
            stats.append(_frame(bars, model, fit, notional, corr, n, left, stale))
        return stats


def statistics_of(bars: PairBars, model: Model, stale_after_ms: int) -> PairStats:
    """Statistics of one model over all the bars at hand, with the bits of the flow that saw them one by one.

    Forming bars may stand at the end of each pair's. The first window begins with the first bar given.

    Raises:
        ValueError: bars out of order, or closed bars after a forming one.
    """
    statistics = PairStatistics(bars.pairs, bars.interval, (model,), stale_after_ms)
    if bars.complete.all():
        return statistics.update(bars)[0]
    frames = statistics.update(bars.take(bars.complete)) + statistics.provisional(bars.take(~bars.complete))
    stats = concatenated(frames)
    return stats.take(np.argsort(stats.pair, kind="stable"))


def stale_legs(bars: PairBars, stale_after_ms: int) -> I8:
    """0 none, 1 y, 2 x, 3 both legs whose last trade is older than the limit; an unknown age is not old."""
    return ((bars.y_age_ms > stale_after_ms) + 2 * (bars.x_age_ms > stale_after_ms)).astype(np.int8)


def warm_up(models: tuple[Model, ...]) -> None:
    """Compile, or load from the cache, every kernel these models need, so that the first bar of a run does not wait for it."""
    none, two = np.zeros(2, np.int64), np.array([1.0, 2.0])
    times = np.arange(2, dtype=np.int64) * Interval.S1.us
    bars = PairBars(
        (Pair("Y", "X"),), np.zeros(2, np.int32), Interval.S1, times, two, two, two, two, none, none, none, none,
        np.ones(2, np.bool_), np.zeros(2, np.int8),
    )  # fmt: skip
    PairStatistics(bars.pairs, bars.interval, models, 0).update(bars)


@njit(cache=True)
def _out_of_order(pair: I32, index: I64, next_index: I64) -> int:
    """The first row that belongs before the one above it, or that is not newer than its pair's bar before; -1 if there is none."""
    for row in range(len(index)):
        follows = row > 0 and pair[row] == pair[row - 1]
        least = index[row - 1] + 1 if follows else next_index[pair[row]]
        if index[row] < least or (row > 0 and pair[row] < pair[row - 1]):
            return row
    return -1


def _gross_notional(model: Model, fit: F64, prices: Legs) -> F64:
    """Of a position of one y and `hedge_ratio` x, in the unit of the spread: of logs, each leg's notional is its share of y's.

    NaN where the position is worth nothing.
    """
    size: F64 = np.abs(fit[_HEDGE_RATIO])
    if model.price == "log":
        return 1.0 + size
    worth = np.abs(prices.y[prices.rows.at]) + size * np.abs(prices.x[prices.rows.at])
    return np.where(worth > 0.0, worth, np.nan)


def _frame(
    bars: PairBars, model: Model, fit: F64, notional: F64, corr: F64, n: I64, warmup_left: I64, stale: I8
) -> PairStats:
    if stale.any():
        fit, corr = np.where(stale, np.nan, fit), np.where(stale, np.nan, corr)
    columns: dict[str, Any] = dict(zip(FIT_COLUMNS, fit, strict=True))
    age = fit[FIT_AGE]
    columns["fit_age"] = np.where(np.isnan(age), UNKNOWN, age).astype(np.int64)
    return PairStats(
        pairs=bars.pairs,
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
        spread_bp=1e4 * fit[_SPREAD] / notional,
        **columns,
    )

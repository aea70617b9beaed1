"""What a model that the flow does not compute would say: the flow's own statistics over stored bars, with the bits that it would give.

Windows begin anew where the flow began with empty ones: after holes, and at bars that every stored model counts as its first.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np

from dashboard.frame import ROW_OF, STATS_FIELDS, Rows
from dashboard.stored_bars import MOST_BARS, PIECE, BarsSource, Going, StoredBars
from flows.domain.frames import F64, I64, PairBars, PairStats
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.explain.history import bars_needed
from flows.stats.pair_stats import PairStatistics

_FIRST, _CLOSED = ROW_OF[STATS_FIELDS[0]], ROW_OF["stats_closed"]
_STATS = slice(_FIRST, _FIRST + len(STATS_FIELDS))
_AGES = [ROW_OF["y_age_ms"], ROW_OF["x_age_ms"]]
_END_US = 250_000_000_000_000_000  # in the year 9892


class WhatIfSource(BarsSource, Protocol):
    """What a what-if asks: `dashboard.data.Reader`, or a stand-in of a test."""

    def beginnings(self, dataset: str, pair: Pair, interval: Interval, since_us: int) -> I64:
        """Open times from `since_us` on of the bars that are the first of their windows in every stored model."""
        ...

    def stale_after_ms(self, dataset: str, otherwise: int) -> int:
        """As the flow had it that filled the dataset."""
        ...


class WhatIf:
    """Statistics of one model over the stored bars of a pair, kept up with as bars are closed. In one thread at a time.

    Args:
        stale_after_ms: where the dataset does not say what its flow had.
    """

    def __init__(
        self, bars: StoredBars, dataset: str, pair: Pair, interval: Interval, model: Model, stale_after_ms: int
    ) -> None:
        self._bars, self._of, self._stale_after_ms = bars, (dataset, pair, interval), stale_after_ms
        self.model = model
        self._needed = bars_needed(model, pair)
        self._first_us = self._since_us = _END_US
        self._begin()

    def follow(self, source: WhatIfSource, rows: Rows, going: Going) -> Rows:
        """The rows with this model's statistics in place of those they have.

        Args:
            rows: bars and statistics of a stored model; of a bar that forms the ages are taken from them, as these tell when it was
                looked at.

        Raises:
            StorageError: the database cannot be reached. Whatever `going` raises.
        """
        if not len(rows.times):
            return rows
        first, newest = int(rows.times[0]), int(rows.times[-1])
        us = self._of[2].us
        if first < self._first_us:
            self._stale_after_ms = source.stale_after_ms(self._of[0], self._stale_after_ms)
            self._first_us = first
            self._since_us = max(first - self._needed * us, newest - MOST_BARS * us, 0)
            self._begin()
        closed, forming = self._bars.read(source, self._since_us, self._last_us, newest, lambda share: going(share / 2))
        self._compute(source, closed, going)
        values = rows.values.copy()
        forming = _looked_at(forming, rows)
        values[_STATS], values[_CLOSED] = np.nan, np.nan
        _lay(values, rows.times, self._times, self._values)
        if len(forming):
            (stats,) = self._statistics.provisional(forming)
            _lay(values, rows.times, stats.open_time, _table(stats))
        return Rows(rows.times, values)

    def _begin(self) -> None:
        """Nothing is computed yet."""
        self._statistics = self._empty()
        self._times, self._values = np.empty(0, np.int64), np.empty((len(STATS_FIELDS) + 1, 0))
        self._last_us = -1

    def _empty(self) -> PairStatistics:
        _, pair, interval = self._of
        return PairStatistics((pair,), interval, (self.model,), self._stale_after_ms)

    def _compute(self, source: WhatIfSource, bars: PairBars, going: Going) -> None:
        """Take in bars that follow, in pieces that end where windows begin anew."""
        if not len(bars):
            return
        anew = source.beginnings(*self._of, int(bars.open_time[0]))
        begins = np.searchsorted(bars.open_time, anew)
        cuts = np.unique([0, *range(PIECE, len(bars), PIECE), *begins[begins < len(bars)], len(bars)])
        for start, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            if start in begins:
                self._statistics = self._empty()
            (stats,) = self._statistics.update(bars.take(slice(start, end)))
            self._last_us = int(stats.open_time[-1])
            keep = slice(int(np.searchsorted(self._times, self._last_us - MOST_BARS * self._of[2].us)), None)
            self._times = np.concatenate((self._times[keep], stats.open_time))
            self._values = np.concatenate((self._values[:, keep], _table(stats)), axis=1)
            going(0.5 + end / len(bars) / 2)


def _looked_at(forming: PairBars, rows: Rows) -> PairBars:
    """The bars that form and have a row of statistics, with its ages."""
    at = np.minimum(np.searchsorted(rows.times, forming.open_time), len(rows.times) - 1)
    there = (rows.times[at] == forming.open_time) & (rows.values[_CLOSED, at] == 0)
    forming, at = forming.take(there), at[there]
    y_age, x_age = (
        np.where(np.isnan(age), UNKNOWN, np.nan_to_num(age)).astype(np.int64)
        for age in rows.values[_AGES, at[:, None]].T
    )
    return replace(forming, y_age_ms=y_age, x_age_ms=x_age)


def _table(stats: PairStats) -> F64:
    """The columns that a frame has of statistics, and whether the row is closed, shape (fields + 1, rows)."""
    columns = [getattr(stats, name) for name in STATS_FIELDS]
    known = [np.where(column == UNKNOWN, np.nan, column) if column.dtype == np.int64 else column for column in columns]
    return np.array([*known, stats.complete], np.float64)


def _lay(values: F64, times: I64, computed: I64, table: F64) -> None:
    """The computed rows into the columns of their times."""
    at = np.searchsorted(computed, times)
    found = np.flatnonzero(at < len(computed))
    found = found[computed[at[found]] == times[found]]
    values[_STATS, found] = table[:-1, at[found]]
    values[_CLOSED, found] = table[-1, at[found]]

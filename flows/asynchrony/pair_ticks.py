"""All that is made of the ticks of one pair: rolling Hayashi-Yoshida correlation of every interval, and looks at which leg leads.

>>> from flows.asynchrony.frames import TICK_REASONS
>>> from flows.asynchrony.legs import NO_GAP
>>> seconds, no_gap = np.arange(6) * 1_000_000, np.full(6, NO_GAP)
>>> y = LegTicks(seconds + 500_000, np.array([0.0, 1, 3, 2, 4, 7]), no_gap, 6_000_000)
>>> x = LegTicks(seconds + 700_000, np.array([0.0, 1, 3, 2, 4, 5]), no_gap, 6_000_000)
>>> pair = Pair("ETHUSDT", "BTCUSDT")
>>> ticks = PairTickStatistics(pair, (Interval.S1,), 3, LookRule(), Limits())
>>> rows = ticks.update(PairTicks(pair, y, x))[0].rows
>>> rows.warmup_left, rows.correlation.round(2), TICK_REASONS[rows.reason[-1]]
(array([3, 3, 2, 1, 0, 0]), array([ nan,  nan,  nan,  nan, 0.78,  nan]), 'beyond_one')
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from flows.asynchrony import hayashi_yoshida as hy
from flows.asynchrony.frames import PairLeadLag, PairTickStats
from flows.asynchrony.legs import NO_TICKS, LegTicks, PairTicks, TickSplitter
from flows.asynchrony.looks import LookRule, Looks, LooksState
from flows.asynchrony.windows import RollingSums, Windows, WindowState
from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.domain.pair import Pair

TickChunk: TypeAlias = Chunk[PairTickStats] | Chunk[PairLeadLag]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where patience ends.

    Attributes:
        fill_limit_us: a leg silent for longer has no bars, and begins anew when it trades again.
        gap_limit_us: trades missing for longer than this let the leg begin anew.
        pending: ticks of one leg that may wait for the other; beyond it the oldest are dropped and counted, and the leg begins anew.
    """

    fill_limit_us: int = 900_000_000
    gap_limit_us: int = 5_000_000
    pending: int = 1_000_000


@dataclass(frozen=True, slots=True)
class TickPairState:
    """What a restart needs: ticks of one leg that wait for the other, and what sums, windows and looks remember."""

    y: LegTicks
    x: LegTicks
    sums: hy.SumsState
    windows: WindowState
    looks: LooksState
    dropped: int


class PairTickStatistics:
    """Statistics of the ticks of one pair, given piece by piece; the same bits for any pieces.

    Args:
        window: bars of each interval that the correlation is taken over.
    """

    def __init__(
        self,
        pair: Pair,
        intervals: tuple[Interval, ...],
        window: int,
        rule: LookRule,
        limits: Limits,
        state: TickPairState | None = None,
    ) -> None:
        self._pair, self._window, self._limits = pair, window, limits
        self._y, self._x = (state.y, state.x) if state else (NO_TICKS, NO_TICKS)
        self._sums = hy.SecondSums(limits.fill_limit_us, limits.gap_limit_us, state.sums if state else None)
        self._windows = RollingSums(intervals, window, state.windows if state else None)
        self._looks = Looks(pair, rule, state.looks if state else None)
        self.dropped = state.dropped if state else 0

    def state(self) -> TickPairState:
        """A picklable snapshot."""
        parts = (self._sums.state(), self._windows.state(), self._looks.state())
        return TickPairState(self._y, self._x, *parts, self.dropped)

    def update(self, legs: PairTicks) -> list[TickChunk]:
        """What the seconds say that both legs have now passed."""
        self._y = self._y if legs.y is None else self._y.followed_by(legs.y)
        self._x = self._x if legs.x is None else self._x.followed_by(legs.x)
        until = min(self._y.until, self._x.until)
        out: list[TickChunk] = []
        while self._sums.done_until < until:
            out += self._advance(until)
        self._y, self._x = self._bounded(self._y), self._bounded(self._x)
        return out

    def _advance(self, until: int) -> Iterator[TickChunk]:
        seconds, used_y, used_x = self._sums.advance(self._y, self._x, until)
        y, self._y = self._y.parted(used_y)
        x, self._x = self._x.parted(used_x)
        done = self._sums.done_until
        watermark = np.array([done], np.int64)
        for windows in self._windows.fold(seconds, done):
            yield Chunk(watermark, self._frame(windows))
        found = self._looks.add(y, x, seconds, done)
        if found is not None:
            yield Chunk(watermark, found)

    def _frame(self, windows: Windows) -> PairTickStats:
        interval, sums = windows.interval, windows.sums
        correlation, reason = hy.correlation(sums, windows.n, self._window)
        return PairTickStats(
            pair=self._pair,
            interval=interval,
            open_time=windows.index * interval.us,
            correlation=correlation,
            covariance=sums[:, hy.COVARIANCE],
            y_variance=sums[:, hy.Y_VARIANCE],
            x_variance=sums[:, hy.X_VARIANCE],
            y_ticks=sums[:, hy.Y_TICKS].astype(np.int64),
            x_ticks=sums[:, hy.X_TICKS].astype(np.int64),
            n=windows.n,
            warmup_left=self._window - windows.n,
            reason=reason,
            gap=windows.gap,
        )

    def _bounded(self, leg: LegTicks) -> LegTicks:
        over = len(leg) - self._limits.pending
        if over <= 0:
            return leg
        self.dropped += over
        gap_from = leg.gap_from[over:].copy()
        gap_from[0] = hy.FORCED
        return replace(leg.take(slice(over, None)), gap_from=gap_from)


def warm_up() -> None:
    """Compile, or load from the cache, every kernel of this stage, so that the first tick of a run does not wait for it."""
    pair, times = Pair("Y", "X"), np.arange(200, dtype=np.int64) * 500_000
    rule = LookRule(cadence_s=1)
    instruments = (Instrument("Y"), Instrument("X"))
    price = 1_000 + np.arange(200, dtype=np.int64) % 7
    rows = Ticks(
        instruments, np.arange(200, dtype=np.int32) % 2, times, times, price, price,
        np.zeros(200, np.int8), np.zeros(200, np.bool_),
    )  # fmt: skip
    watermark = np.full(2, times[-1], np.int64)
    for legs in TickSplitter((pair,)).split(Chunk(watermark, rows)):
        PairTickStatistics(pair, (Interval.S1,), 2, rule, Limits()).update(legs)

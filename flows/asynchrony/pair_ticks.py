"""All that is made of the ticks of a group of pairs: rolling Hayashi-Yoshida correlation of every interval, and looks at which leg leads.

>>> from flows.asynchrony.legs import NO_GAP
>>> from flows.domain.frames import TICK_REASONS
>>> seconds, no_gap = np.arange(6) * 1_000_000, np.full(6, NO_GAP)
>>> y = LegTicks(seconds + 500_000, np.array([0.0, 1, 3, 2, 4, 7]), no_gap, 6_000_000)
>>> x = LegTicks(seconds + 700_000, np.array([0.0, 1, 3, 2, 4, 5]), no_gap, 6_000_000)
>>> ticks = PairTickStatistics((Pair("ETHUSDT", "BTCUSDT"),), (Interval.S1,), 3, LookRule(), Limits())
>>> rows = ticks.update({"ETHUSDT": y, "BTCUSDT": x})[0].rows
>>> rows.warmup_left, rows.correlation.round(2), TICK_REASONS[rows.reason[-1]]
(array([3, 3, 2, 1, 0, 0]), array([ nan,  nan,  nan,  nan, 0.78,  nan]), 'beyond_one')
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from flows.asynchrony import hayashi_yoshida as hy
from flows.asynchrony.group_state import GroupState
from flows.asynchrony.lead_lag import Series
from flows.asynchrony.legs import NO_TICKS, LegTicks, Queue
from flows.asynchrony.looks import LookRule, Looks, Recent
from flows.asynchrony.splitter import TickSplitter
from flows.asynchrony.windows import RollingSums, Windows
from flows.domain.chunk import Chunk
from flows.domain.frames import I32, I64, PairLeadLag, PairTickStats, Ticks
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
        pending: ticks of one symbol that may wait for other legs; beyond it the oldest are dropped and counted, and the leg begins anew in
            the pairs that had not used them.
    """

    fill_limit_us: int = 900_000_000
    gap_limit_us: int = 5_000_000
    pending: int = 200_000


class PairTickStatistics:
    """Statistics of the ticks of a group of pairs, given piece by piece; the same bits for any pieces.

    Args:
        window: bars of each interval that the correlation is taken over.

    Attributes:
        dropped: ticks that were more than `Limits.pending` ahead of another leg, by symbol.
    """

    def __init__(
        self,
        pairs: tuple[Pair, ...],
        intervals: tuple[Interval, ...],
        window: int,
        rule: LookRule,
        limits: Limits,
        state: GroupState | None = None,
    ) -> None:
        self._pairs, self._window, self._pending = pairs, window, limits.pending
        codes: dict[str, int] = {}
        self._y = np.array([codes.setdefault(pair.y, len(codes)) for pair in pairs])
        self._x = np.array([codes.setdefault(pair.x, len(codes)) for pair in pairs])
        self._codes = codes
        waiting = state.waiting if state else (NO_TICKS,) * len(codes)
        recent = state.recent if state else (None,) * len(codes)
        self._waiting = [Queue(leg.time, leg.log_price, leg.gap_from) for leg in waiting]
        self._recent = [Recent(rule, ticks) for ticks in recent]
        self._until = np.array([leg.until for leg in waiting], np.int64)
        limit_us = (limits.fill_limit_us, limits.gap_limit_us)
        self._sums = hy.SecondSums(len(pairs), *limit_us, state.sums if state else None)
        self._windows = RollingSums(len(pairs), intervals, window, state.windows if state else None)
        self._looks = Looks(pairs, rule)
        self.dropped = dict(state.dropped) if state else {}

    def state(self) -> GroupState:
        """A picklable snapshot."""
        waiting = []
        for queue, until in zip(self._waiting, self._until.tolist(), strict=True):
            time, log_price, gap_from = queue.copied()
            waiting.append(LegTicks(time, log_price, gap_from, until))
        return GroupState(
            tuple(waiting),
            tuple(recent.state() for recent in self._recent),
            self._sums.state(),
            self._windows.state(),
            dict(self.dropped),
        )

    def update(self, legs: Mapping[str, LegTicks]) -> list[TickChunk]:
        """What the seconds say that both legs of a pair have now passed.

        Args:
            legs: the next ticks of some symbols of the group.
        """
        for symbol, leg in legs.items():
            s = self._codes[symbol]
            self._waiting[s].append(leg.time, leg.log_price, leg.gap_from)
            self._until[s] = leg.until
        until = np.minimum(self._until[self._y], self._until[self._x])
        out: list[TickChunk] = []
        while len(behind := np.flatnonzero(self._sums.done_until < until)):
            out += self._advance(behind, until[behind])
        for symbol in legs:
            self._bound(symbol)
        return out

    def _advance(self, behind: I64, until: I64) -> Iterator[TickChunk]:
        seconds = self._sums.advance(self._flat(behind, until), behind, until)
        done = self._sums.done_until.copy()
        for windows in self._windows.fold(seconds, behind, done[behind]):
            yield Chunk(done, self._frame(windows))
        due = self._looks.due(seconds)
        if len(due):
            yield Chunk(done, self._looks.taken(seconds, due, self._looked_at(seconds.pair[due], int(until.max()))))
        self._let_go(done)

    def _flat(self, behind: I64, until: I64) -> hy.Flat:
        """What these pairs are to use, end to end: each symbol once, from its slowest pair's place to the tick behind the fastest's."""
        y, x, done = self._y[behind], self._x[behind], self._sums.done_until[behind]
        size = len(self._waiting)
        first, last = np.full(size, np.iinfo(np.int64).max), np.zeros(size, np.int64)
        for legs in (y, x):
            np.minimum.at(first, legs, done)
            np.maximum.at(last, legs, until)
        parts, start = [], np.zeros((2, size), np.int64)
        rows = 0
        for s in np.flatnonzero(last).tolist():
            queue = self._waiting[s]
            part = queue.rows(queue.before(int(first[s])), queue.before(int(last[s])) + 1)
            parts.append(part)
            start[0, s] = rows
            rows += len(part[0])
            start[1, s] = rows
        bounds = np.concatenate((start[:, y], start[:, x])).T.copy()
        time, log_price, gap_from = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return hy.Flat(time, log_price, gap_from, bounds)

    def _looked_at(self, pairs: I32, until: int) -> list[tuple[Series, Series]]:
        """The ticks of both legs of some pairs up to `until`, as the looks take them."""
        made: dict[int, Series] = {}

        def of(s: int) -> Series:
            if s not in made:
                time, log_price, _ = self._waiting[s].rows(0, self._waiting[s].before(until))
                made[s] = self._recent[s].followed_by(Series(time, log_price))
            return made[s]

        return [(of(y), of(x)) for y, x in zip(self._y[pairs].tolist(), self._x[pairs].tolist(), strict=True)]

    def _let_go(self, done: I64) -> None:
        """Of what all pairs of a symbol have used the looks keep some."""
        front = np.full(len(self._waiting), np.iinfo(np.int64).max)
        np.minimum.at(front, self._y, done)
        np.minimum.at(front, self._x, done)
        for queue, recent, time in zip(self._waiting, self._recent, front.tolist(), strict=True):
            if len(queue) and (rows := queue.before(time)):
                self._used(queue, recent, rows)

    def _used(self, queue: Queue, recent: Recent, rows: int) -> None:
        time, log_price, _ = queue.rows(0, rows)
        recent.add(Series(time, log_price))
        queue.drop(rows)

    def _bound(self, symbol: str) -> None:
        s = self._codes[symbol]
        queue, over = self._waiting[s], len(self._waiting[s]) - self._pending
        if over <= 0:
            return
        last = int(queue.rows(over - 1, over)[0][0])
        for leg, codes in enumerate((self._y, self._x)):
            self._sums.drop(leg, (codes == s) & (self._sums.done_until <= last))
        self.dropped[symbol] = self.dropped.get(symbol, 0) + over
        self._used(queue, self._recent[s], over)

    def _frame(self, windows: Windows) -> PairTickStats:
        interval, sums = windows.interval, windows.sums
        correlation, reason = hy.correlation(sums, windows.n, self._window)
        return PairTickStats(
            pairs=self._pairs,
            pair=windows.pair,
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


def warm_up() -> None:
    """Compile, or load from the cache, every kernel of this stage, so that the first tick of a run does not wait for it."""
    pairs, times = (Pair("Y", "X"),), np.arange(200, dtype=np.int64) * 500_000
    instruments = (Instrument("Y"), Instrument("X"))
    price = 1_000 + np.arange(200, dtype=np.int64) % 7
    rows = Ticks(
        instruments, np.arange(200, dtype=np.int32) % 2, times, times, price, price,
        np.zeros(200, np.int8), np.zeros(200, np.bool_),
    )  # fmt: skip
    watermark = np.full(2, times[-1], np.int64)
    for item in TickSplitter(pairs).split(Chunk(watermark, rows)):
        PairTickStatistics(pairs, (Interval.S1,), 2, LookRule(cadence_s=1), Limits()).update(item.legs)

"""When the legs are looked at for a lead, and the recent ticks kept for it."""

import zlib
from collections import deque
from dataclasses import dataclass

import numpy as np

from flows.asynchrony.hayashi_yoshida import Seconds
from flows.asynchrony.lead_lag import FINEST_US, Look, Series, look, thinned
from flows.asynchrony.legs import SECOND, Queue
from flows.domain.frames import I64, PairLeadLag
from flows.domain.pair import Pair
from flows.packing import packed, packed_whole, unpacked, unpacked_whole

_BLOCK = np.array([512])
"""Ticks that are packed together."""


@dataclass(frozen=True, slots=True)
class LookRule:
    """How often and how far back.

    Attributes:
        cadence_s: seconds between two looks, at absolute seconds staggered over the pairs; 0: never.
        window_s: how far back at most.
        ticks: of each leg at most, thinned to one per 10 ms: the memory bound. The window of busy legs is shorter.
    """

    cadence_s: int = 60
    window_s: int = 300
    ticks: int = 4_096


@dataclass(frozen=True, slots=True)
class RecentState:
    """Kept ticks of a symbol: the newest `count` of those in the blocks and behind them.

    Attributes:
        blocks: times and log prices, packed. behind: ticks that fill no block yet.
    """

    count: int
    blocks: tuple[tuple[bytes, bytes], ...]
    behind: Series

    def __len__(self) -> int:
        return self.count

    def ticks(self) -> Series:
        """All of them."""
        times = [*(unpacked_whole(times, _BLOCK) for times, _ in self.blocks), self.behind.time]
        logs = [*(unpacked(logs, _BLOCK) for _, logs in self.blocks), self.behind.log_price]
        every = Series(np.concatenate(times), np.concatenate(logs))
        return every.newest(self.count) if self.count else Series(every.time[:0], every.log_price[:0])


class Recent:
    """The newest ticks of one symbol that all its pairs have used, thinned; the same for any pieces that are whole seconds.

    They are packed once, when there is a block of them, and not at each snapshot.
    """

    def __init__(self, rule: LookRule, state: RecentState | None = None) -> None:
        self._ticks, self._window = rule.ticks if rule.cadence_s else 0, rule.window_s * SECOND
        kept = Series(np.empty(0, np.int64), np.empty(0)) if state is None else state.ticks()
        self._kept = Queue(kept.time, kept.log_price)
        self._blocks = deque(state.blocks if state else ())
        self._behind = len(state.behind) if state else 0

    def state(self) -> RecentState:
        """A picklable snapshot."""
        time, log_price = self._kept.rows(len(self._kept) - self._behind)
        return RecentState(len(self._kept), tuple(self._blocks), Series(time.copy(), log_price.copy()))

    def add(self, ticks: Series) -> None:
        """The next ones, in time order."""
        if self._ticks and len(ticks):
            few = thinned(ticks, FINEST_US).newest(self._ticks)
            self._kept.append(few.time, few.log_price)
            old = self._kept.before(int(few.time[-1]) - self._window)  # no look to come reaches back to them
            self._kept.drop(max(old, len(self._kept) - self._ticks))
            self._pack(len(few))

    def _pack(self, added: int) -> None:
        kept, block = len(self._kept), int(_BLOCK[0])
        self._behind = min(self._behind + added, kept)
        while self._behind >= block:
            time, log_price = self._kept.rows(kept - self._behind, kept - self._behind + block)
            self._blocks.append((packed_whole(time, _BLOCK), packed(log_price, _BLOCK, logs=True)))
            self._behind -= block
        while self._blocks and (len(self._blocks) - 1) * block + self._behind >= kept:
            self._blocks.popleft()

    def followed_by(self, ticks: Series) -> Series:
        """The thinned ticks together with later ones that not all pairs have used."""
        kept, few = Series(*self._kept.rows()), thinned(ticks, FINEST_US)
        if not len(few):
            return kept
        return Series(np.concatenate((kept.time, few.time)), np.concatenate((kept.log_price, few.log_price)))


class Looks:
    """Looks at the legs of the pairs of a group, each on its turn of the cadence."""

    def __init__(self, pairs: tuple[Pair, ...], rule: LookRule) -> None:
        self._pairs, self._rule = pairs, rule
        self._turn = np.array([zlib.crc32(str(pair).encode()) for pair in pairs], np.int64)

    def due(self, seconds: Seconds) -> I64:
        """Rows of the seconds at whose end a look is due."""
        if not self._rule.cadence_s:
            return np.empty(0, np.int64)
        return np.flatnonzero((seconds.index + self._turn[seconds.pair]) % self._rule.cadence_s == 0)

    def taken(self, seconds: Seconds, due: I64, legs: list[tuple[Series, Series]]) -> PairLeadLag:
        """The looks that are due.

        Args:
            legs: the ticks of y and x of each, all that are known before its end.
        """
        ends = (seconds.index[due] + 1) * SECOND
        starts = np.maximum(ends - self._rule.window_s * SECOND, (seconds.run[due] + 1) * SECOND)
        found: list[Look] = []
        ticks = np.empty((2, len(due)), np.int64)
        for k, (y, x) in enumerate(legs):
            starts[k], y, x = self._cut(y, x, int(starts[k]), int(ends[k]))
            ticks[:, k] = len(y), len(x)
            found.append(look(y, x, int(starts[k]), int(ends[k])))
        return PairLeadLag(
            pairs=self._pairs,
            pair=seconds.pair[due],
            time=ends,
            lead_ms=np.array([f.lead_us / 1_000 for f in found]),
            lead_low_ms=np.array([f.low_us / 1_000 for f in found]),
            lead_high_ms=np.array([f.high_us / 1_000 for f in found]),
            correlation=np.array([f.correlation for f in found]),
            correlation_at_zero=np.array([f.correlation_at_zero for f in found]),
            leader=np.array([f.leader for f in found], np.int8),
            y_ticks=ticks[0],
            x_ticks=ticks[1],
            window_ms=(ends - starts) // 1_000,
            reason=np.array([f.reason for f in found], np.int8),
        )

    def _cut(self, y: Series, x: Series, start: int, end: int) -> tuple[int, Series, Series]:
        """Where the look begins, and the ticks in it."""
        for leg in (y, x):
            newest = leg.between(start, end).newest(self._rule.ticks)
            if len(newest) == self._rule.ticks:  # cut off: the other leg must not reach further back
                start = max(start, int(newest.time[0]))
        return start, y.between(start, end), x.between(start, end)

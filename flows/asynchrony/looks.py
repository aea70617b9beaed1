"""When the legs are looked at for a lead, and the recent ticks kept for it."""

import zlib
from dataclasses import dataclass

import numpy as np

from flows.asynchrony.frames import PairLeadLag
from flows.asynchrony.hayashi_yoshida import SECOND, Seconds
from flows.asynchrony.lead_lag import FINEST_US, Look, Series, look, thinned
from flows.asynchrony.legs import LegTicks
from flows.domain.frames import I64
from flows.domain.pair import Pair

_MOST_PIECES = 60


@dataclass(frozen=True, slots=True)
class LookRule:
    """How often and how far back.

    Attributes:
        cadence_s: seconds between two looks, at absolute seconds staggered over the pairs.
        window_s: how far back at most.
        ticks: of each leg at most, thinned to one per 10 ms: the memory bound. The window of busy legs is shorter.
    """

    cadence_s: int = 60
    window_s: int = 300
    ticks: int = 4_096


@dataclass(frozen=True, slots=True)
class LooksState:
    """What a restart needs: the recent ticks of both legs, and up to when they are all here (microseconds)."""

    y: Series
    x: Series
    until: int


_NO_ROWS = np.empty(0, np.int64)
_NONE = Series(_NO_ROWS, np.empty(0))


class Looks:
    """Looks at the legs of one pair on its cadence; the same for any pieces of the ticks."""

    def __init__(self, pair: Pair, rule: LookRule, state: LooksState | None = None) -> None:
        self._pair, self._rule = pair, rule
        self._offset = zlib.crc32(str(pair).encode())
        state = LooksState(_NONE, _NONE, 0) if state is None else state
        self._pieces = [(state.y, state.x)]  # the first is thinned, the others as they came
        self._rows = 0  # of the pieces since they were last made one
        self._until = state.until

    def state(self) -> LooksState:
        """A picklable snapshot."""
        self._compact()
        return LooksState(*self._pieces[0], self._until)

    def add(self, y: LegTicks, x: LegTicks, seconds: Seconds, until: int) -> PairLeadLag | None:
        """The looks that are due at the ends of these seconds, given the ticks in them and `until` when they end, or None."""
        self._pieces.append((Series(y.time, y.log_price), Series(x.time, x.log_price)))
        self._rows += len(y) + len(x)
        due = self._due(seconds.index)
        frame = None
        if len(due):
            joined = self._joined()
            ends = (seconds.index[due] + 1) * SECOND
            starts = np.maximum(ends - self._rule.window_s * SECOND, (seconds.run[due] + 1) * SECOND)
            frame = self._frame(
                [self._look(*joined, s, e) for s, e in zip(starts.tolist(), ends.tolist(), strict=True)]
            )
        self._until = until
        if len(due) or len(self._pieces) > _MOST_PIECES or self._rows > 2 * self._rule.ticks:
            self._compact()
        return frame

    def _due(self, index: I64) -> I64:
        """Rows of the seconds at whose end a look is due."""
        if len(index) == 1 and (int(index[0]) + self._offset) % self._rule.cadence_s:  # the live case, without arrays
            return _NO_ROWS
        return np.flatnonzero((index + self._offset) % self._rule.cadence_s == 0)

    def _joined(self) -> tuple[Series, Series]:
        """The ticks of each leg, thinned: pieces are whole seconds, so no interval of the thinning lies in two."""
        if len(self._pieces) == 1:
            return self._pieces[0]
        (y, x), *new = self._pieces
        ys, xs = zip(*new, strict=True)
        return _concatenated((y, _thinned(ys))), _concatenated((x, _thinned(xs)))

    def _compact(self) -> None:
        """Keep what later looks can need, copied so that it does not hold more in memory."""
        oldest = self._until - self._rule.window_s * SECOND
        y, x = (leg.between(oldest, self._until).newest(self._rule.ticks) for leg in self._joined())
        self._pieces = [(Series(y.time.copy(), y.log_price.copy()), Series(x.time.copy(), x.log_price.copy()))]
        self._rows = 0

    def _look(self, y: Series, x: Series, start: int, end: int) -> tuple[int, int, int, int, Look]:
        legs = [leg.between(start, end).newest(self._rule.ticks) for leg in (y, x)]
        for leg in legs:
            if len(leg) == self._rule.ticks:  # cut off: the other leg must not reach further back
                start = max(start, int(leg.time[0]))
        y, x = (leg.between(start, end) for leg in legs)
        return start, end, len(y), len(x), look(y, x, start, end)

    def _frame(self, looks: list[tuple[int, int, int, int, Look]]) -> PairLeadLag:
        starts, ends, y_ticks, x_ticks = (np.array([row[c] for row in looks], np.int64) for c in range(4))
        found = [row[4] for row in looks]
        return PairLeadLag(
            pair=self._pair,
            time=ends,
            lead_ms=np.array([f.lead_us / 1_000 for f in found]),
            lead_low_ms=np.array([f.low_us / 1_000 for f in found]),
            lead_high_ms=np.array([f.high_us / 1_000 for f in found]),
            correlation=np.array([f.correlation for f in found]),
            correlation_at_zero=np.array([f.correlation_at_zero for f in found]),
            leader=np.array([f.leader for f in found], np.int8),
            y_ticks=y_ticks,
            x_ticks=x_ticks,
            window_ms=(ends - starts) // 1_000,
            reason=np.array([f.reason for f in found], np.int8),
        )


def _thinned(parts: tuple[Series, ...]) -> Series:
    return thinned(_concatenated(parts), FINEST_US)


def _concatenated(parts: tuple[Series, ...]) -> Series:
    return Series(np.concatenate([p.time for p in parts]), np.concatenate([p.log_price for p in parts]))

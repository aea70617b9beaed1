"""From the ticks of all symbols of a source partition to the ticks of each pair's legs, second by second.

What every pair needs of a symbol is done once: late ticks left out, the price made a float and logged, ticks put in time order, those of
one time collapsed to the last trade. Ticks are passed on when the watermark has left their second, so a pair is woken once a second.
"""

import copy
import math
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from flows.domain.chunk import Chunk
from flows.domain.frames import F64, I32, I64, Bools, Ticks
from flows.domain.instrument import Instrument
from flows.domain.pair import Pair
from flows.domain.scale import to_float_by_symbol

SECOND = 1_000_000
NO_GAP = -1

_SYMBOL, _TIME, _ID, _GAP_FROM, _WIDTH = 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class LegTicks:
    """Ticks of one symbol that nothing can change any more.

    Attributes:
        time: strictly increasing, all below `until`, shape (rows,).
        log_price: natural logarithm, NaN for a price that is not positive.
        gap_from: NO_GAP, or where trades are missing before the tick: the watermark before it came, up to which none are.
        until: microseconds, a whole second: every tick below it is here or was before.
    """

    time: I64
    log_price: F64
    gap_from: I64
    until: int

    def __len__(self) -> int:
        return len(self.time)

    def parted(self, rows: int) -> "tuple[LegTicks, LegTicks]":
        """The first `rows` rows, and the others."""
        if rows == len(self.time):
            return self, LegTicks(_NO_INTS, _NO_FLOATS, _NO_INTS, self.until)
        return self.take(slice(rows)), self.take(slice(rows, None))

    def take(self, rows: slice) -> "LegTicks":
        """Some of the rows."""
        return LegTicks(self.time[rows], self.log_price[rows], self.gap_from[rows], self.until)

    def followed_by(self, other: "LegTicks") -> "LegTicks":
        """Rows of both in order."""
        if not len(self):
            return other
        return LegTicks(
            np.concatenate((self.time, other.time)),
            np.concatenate((self.log_price, other.log_price)),
            np.concatenate((self.gap_from, other.gap_from)),
            other.until,
        )


_NO_INTS, _NO_FLOATS = np.empty(0, np.int64), np.empty(0)
NO_TICKS = LegTicks(_NO_INTS, _NO_FLOATS, _NO_INTS, 0)


@dataclass(frozen=True, slots=True)
class PairTicks:
    """What one chunk holds for a pair: ticks of either leg, or None where it says nothing new about it."""

    pair: Pair
    y: LegTicks | None
    x: LegTicks | None


@dataclass(slots=True)
class SplitState:
    """What a splitter remembers: the ticks whose second is not over. Small and picklable.

    Attributes:
        watermark: per symbol, of the newest chunk. until: per symbol, the seconds before it have been passed on.
        lacking: per symbol, trades are missing before its next tick.
        rows: symbol, time, id and gap of the waiting ticks as they came, shape (waiting, 4). logs: their log prices.
    """

    instruments: tuple[Instrument, ...] = ()
    watermark: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    until: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    lacking: Bools = field(default_factory=lambda: np.empty(0, np.bool_))
    rows: I64 = field(default_factory=lambda: np.empty((0, _WIDTH), np.int64))
    logs: F64 = field(default_factory=lambda: np.empty(0))


class TickSplitter:
    """Hands each pair the ticks of its legs as the seconds pass; the cost grows with ticks + pairs, not with their product."""

    def __init__(self, pairs: tuple[Pair, ...], state: SplitState | None = None) -> None:
        self._pairs_of: dict[str, list[Pair]] = {}
        for pair in pairs:
            self._pairs_of.setdefault(pair.y, []).append(pair)
            self._pairs_of.setdefault(pair.x, []).append(pair)
        self._state = SplitState() if state is None else state
        self._know(self._state.instruments)

    def state(self) -> SplitState:
        """A copy of the state, safe to pickle while splitting goes on."""
        return copy.deepcopy(self._state)

    def split(self, chunk: Chunk[Ticks]) -> list[PairTicks]:
        """The legs of every pair for which this chunk ends a second."""
        state = self._state
        if chunk.rows.instruments != state.instruments:
            self._adopt(chunk.rows.instruments)
        before = state.watermark
        state.watermark = np.maximum(before, chunk.watermark)
        if len(chunk.rows):
            self._take_in(chunk.rows, before)
        if not np.any(self._wanted & (state.watermark >= state.until + SECOND)):
            return []
        legs = self._released()
        pairs = dict.fromkeys(pair for symbol in legs for pair in self._pairs_of[symbol])
        return [PairTicks(pair, legs.get(pair.y), legs.get(pair.x)) for pair in pairs]

    def _adopt(self, instruments: tuple[Instrument, ...]) -> None:
        """Take in new symbols. A finer scale of an old one changes nothing: what waits has been made a float already."""
        state = self._state
        added = len(instruments) - len(state.instruments)
        state.watermark = np.concatenate([state.watermark, np.zeros(added, np.int64)])
        state.until = np.concatenate([state.until, np.zeros(added, np.int64)])
        state.lacking = np.concatenate([state.lacking, np.zeros(added, np.bool_)])
        state.instruments = instruments
        self._know(instruments)

    def _know(self, instruments: tuple[Instrument, ...]) -> None:
        self._wanted = np.array([instrument.symbol in self._pairs_of for instrument in instruments], np.bool_)
        self._decimals = [instrument.price_decimals for instrument in instruments]

    def _take_in(self, ticks: Ticks, before: I64) -> None:
        state = self._state
        price = to_float_by_symbol(ticks.price, ticks.symbol, self._decimals)
        gap = np.zeros(len(ticks), np.bool_) if ticks.gap is None else ticks.gap
        used = len(state.logs)
        rows, logs = np.empty((used + len(ticks), _WIDTH), np.int64), np.empty(used + len(ticks))
        rows[:used], logs[:used] = state.rows, state.logs
        used = _take_in(
            ticks.symbol, ticks.time, ticks.trade_id, price, ticks.late, gap, self._wanted, before, state.until,
            state.lacking, rows, logs, used,
        )  # fmt: skip
        state.rows, state.logs = rows[:used], logs[:used]

    def _released(self) -> dict[str, LegTicks]:
        state = self._state
        before = state.until
        until = np.maximum(_closed_until(state.rows, state.watermark), before)
        passed = np.flatnonzero(self._wanted & (until > before))
        if not len(passed):
            return {}
        state.until = until
        rows = len(state.logs)
        ints, logs = np.empty((3, rows), np.int64), np.empty(rows)
        starts, ends = np.empty(len(until), np.int64), np.empty(len(until), np.int64)
        kept = _release(state.rows, state.logs, until, starts, ends, ints, logs)
        state.rows, state.logs = state.rows[:kept].copy(), state.logs[:kept].copy()
        time, _, gap_from = ints
        return {
            state.instruments[s].symbol: LegTicks(
                time[starts[s] : ends[s]], logs[starts[s] : ends[s]], gap_from[starts[s] : ends[s]], int(until[s])
            )
            for s in passed.tolist()
        }


@njit(cache=True)
def _take_in(
    symbol: I32, time: I64, trade_id: I64, price: F64, late: Bools, gap: Bools, wanted: Bools, watermark: I64, until: I64,
    lacking: Bools, rows: I64, logs: F64, used: int,
) -> int:  # fmt: skip
    """Put the ticks that count behind the `used` ones that wait. A gap before a tick that does not count is one before the next."""
    for i in range(len(time)):
        s = symbol[i]
        if not wanted[s]:
            continue
        if gap[i]:
            lacking[s] = True
        if (
            late[i] or time[i] < watermark[s] - watermark[s] % 1_000_000
        ):  # its second is out, whatever the source thinks
            continue
        rows[used, 0] = s
        rows[used, 1] = time[i]
        rows[used, 2] = trade_id[i]
        rows[used, 3] = watermark[s] if lacking[s] else -1
        lacking[s] = False
        p = price[i]
        logs[used] = math.log(p) if 0.0 < p < math.inf else math.nan
        used += 1
    return used


@njit(cache=True)
def _closed_until(rows: I64, watermark: I64) -> I64:
    """Per symbol, the second up to which everything is known.

    That of the watermark, but a second that a gap touches is not known before the tick at the gap's end is passed on, which says so.
    """
    until = watermark - watermark % 1_000_000
    for i in range(len(rows) - 1, -1, -1):  # `gap_from` grows with the rows, so one pass backwards finds the earliest
        s, gap_from = rows[i, 0], rows[i, 3]
        if gap_from >= 0 and rows[i, 1] >= until[s]:
            until[s] = min(until[s], gap_from - gap_from % 1_000_000)
    return until


@njit(cache=True)
def _release(rows: I64, logs: F64, until: I64, starts: I64, ends: I64, out: I64, out_logs: F64) -> int:
    """Write the ticks below `until` to rows time, id, gap of `out`, symbol by symbol from `starts` to `ends`, each in time order.

    Of ticks of one time the highest id stays. The others move to the front of `rows` and `logs`; returns how many they are.
    """
    starts[:] = 0
    for i in range(len(rows)):
        if rows[i, 1] < until[rows[i, 0]]:
            starts[rows[i, 0]] += 1
    at = 0
    for s in range(len(starts)):
        count = starts[s]
        starts[s] = ends[s] = at
        at += count
    kept = 0
    for i in range(len(rows)):
        s, time = rows[i, 0], rows[i, 1]
        if time >= until[s]:
            rows[kept] = rows[i]
            logs[kept] = logs[i]
            kept += 1
            continue
        k = ends[s]
        while k > starts[s] and out[0, k - 1] > time:
            k -= 1
        if k > starts[s] and out[0, k - 1] == time:
            k -= 1
            out[2, k] = max(out[2, k], rows[i, 3])
            if rows[i, 2] < out[1, k]:
                continue
        else:
            for m in range(ends[s], k, -1):
                out[:, m] = out[:, m - 1]
                out_logs[m] = out_logs[m - 1]
            ends[s] += 1
            out[2, k] = rows[i, 3]
        out[0, k] = time
        out[1, k] = rows[i, 2]
        out_logs[k] = logs[i]
    return kept

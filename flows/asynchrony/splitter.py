"""From the ticks of all symbols of a source partition to the ticks of each group's legs, second by second.

What every pair needs of a symbol is done once: late ticks left out, the price made a float and logged, ticks put in time order, those of
one time collapsed to the last trade. Ticks are passed on when the watermark has left their second, so a group is woken about once a second
and symbol; a chunk that ends no second costs its ticks alone.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit

from flows.asynchrony.legs import SECOND, LegTicks
from flows.domain.chunk import Chunk
from flows.domain.frames import F64, I32, I64, Bools, Ticks
from flows.domain.instrument import Instrument
from flows.domain.pair import Pair, groups
from flows.domain.scale import to_float_by_symbol
from flows.packing import packed, packed_whole, unpacked, unpacked_whole

_WIDTH = 4  # of the rows that wait: symbol, time, id, gap from


@dataclass(frozen=True, slots=True)
class GroupTicks:
    """What one chunk holds for a group of pairs: ticks of each symbol of it that passed a second.

    Attributes:
        group: position in `flows.domain.pair.groups`. legs: by symbol.
    """

    group: int
    legs: dict[str, LegTicks]


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

    def __reduce__(self) -> tuple[Any, ...]:
        """Symbol by symbol, where neighbours are alike: only the order within a symbol means anything."""
        own = self.instruments, self.watermark, self.until, self.lacking
        order = np.argsort(self.rows[:, 0].astype(np.int16), kind="stable")  # counted, where 64 bits are compared
        lengths = np.bincount(self.rows[:, 0], minlength=len(self.instruments))
        columns = packed_whole(self.rows[order, 1:].T.ravel(), np.tile(lengths, _WIDTH - 1))
        return _split_state, (*own, lengths, columns, packed(self.logs[order], lengths, logs=True))


def _split_state(
    instruments: tuple[Instrument, ...],
    watermark: I64,
    until: I64,
    lacking: Bools,
    lengths: I64,
    columns: bytes,
    logs: bytes,
) -> SplitState:
    rows = np.empty((int(lengths.sum()), _WIDTH), np.int64)
    rows[:, 0] = np.repeat(np.arange(len(lengths)), lengths)
    rows[:, 1:] = unpacked_whole(columns, np.tile(lengths, _WIDTH - 1)).reshape(_WIDTH - 1, len(rows)).T
    return SplitState(instruments, watermark, until, lacking, rows, unpacked(logs, lengths))


class TickSplitter:
    """Hands each group the ticks of its legs as the seconds pass; the cost grows with the ticks, not with the pairs."""

    def __init__(self, pairs: tuple[Pair, ...], state: SplitState | None = None) -> None:
        self._groups_of: dict[str, dict[int, None]] = {}
        for number, group in enumerate(groups(pairs)):
            for pair in group:
                self._groups_of.setdefault(pair.y, {})[number] = None
                self._groups_of.setdefault(pair.x, {})[number] = None
        state = SplitState() if state is None else state
        self._watermark, self._until = state.watermark.copy(), state.until.copy()
        self._lacking, self._used = state.lacking.copy(), len(state.logs)
        self._rows, self._logs = state.rows.copy(), state.logs.copy()
        self._know(state.instruments)

    def state(self) -> SplitState:
        """A copy of the state, safe to pickle while splitting goes on."""
        return SplitState(
            self._instruments, self._watermark.copy(), self._until.copy(), self._lacking.copy(),
            self._rows[: self._used].copy(), self._logs[: self._used].copy(),
        )  # fmt: skip

    def split(self, chunk: Chunk[Ticks]) -> list[GroupTicks]:
        """The legs of every group for which this chunk ends a second."""
        if chunk.rows.instruments != self._instruments:
            self._adopt(chunk.rows.instruments)
        before = self._watermark
        self._watermark = np.maximum(before, chunk.watermark)
        if len(chunk.rows):
            self._take_in(chunk.rows, before)
        if not np.any(self._wanted & (self._watermark >= self._until + SECOND)):
            return []
        items: dict[int, dict[str, LegTicks]] = {}
        for symbol, leg in self._released():
            for number in self._groups_of[symbol]:
                items.setdefault(number, {})[symbol] = leg
        return [GroupTicks(number, legs) for number, legs in items.items()]

    def _adopt(self, instruments: tuple[Instrument, ...]) -> None:
        """Take in new symbols. A finer scale of an old one changes nothing: what waits has been made a float already."""
        added = len(instruments) - len(self._instruments)
        self._watermark = np.concatenate([self._watermark, np.zeros(added, np.int64)])
        self._until = np.concatenate([self._until, np.zeros(added, np.int64)])
        self._lacking = np.concatenate([self._lacking, np.zeros(added, np.bool_)])
        self._know(instruments)

    def _know(self, instruments: tuple[Instrument, ...]) -> None:
        self._instruments = instruments
        self._wanted = np.array([instrument.symbol in self._groups_of for instrument in instruments], np.bool_)
        self._decimals = [instrument.price_decimals for instrument in instruments]

    def _take_in(self, ticks: Ticks, before: I64) -> None:
        price = to_float_by_symbol(ticks.price, ticks.symbol, self._decimals)
        gap = np.zeros(len(ticks), np.bool_) if ticks.gap is None else ticks.gap
        if self._used + len(ticks) > len(self._logs):
            self._make_room(len(ticks))
        self._used = _take_in(
            ticks.symbol, ticks.time, ticks.trade_id, price, ticks.late, gap, self._wanted, before, self._lacking,
            self._rows, self._logs, self._used,
        )  # fmt: skip

    def _make_room(self, added: int) -> None:
        room = 2 * (self._used + added)
        rows, logs = np.empty((room, _WIDTH), np.int64), np.empty(room)
        rows[: self._used], logs[: self._used] = self._rows[: self._used], self._logs[: self._used]
        self._rows, self._logs = rows, logs

    def _released(self) -> list[tuple[str, LegTicks]]:
        until = np.maximum(_closed_until(self._rows[: self._used], self._watermark), self._until)
        passed = np.flatnonzero(self._wanted & (until > self._until))
        if not len(passed):
            return []
        self._until = until
        ints, logs = np.empty((3, self._used), np.int64), np.empty(self._used)
        starts, ends = np.empty(len(until), np.int64), np.empty(len(until), np.int64)
        self._used = _release(self._rows, self._logs, self._used, until, starts, ends, ints, logs)
        time, _, gap_from = ints
        found = []
        for s in passed.tolist():
            own = slice(starts[s], ends[s])
            found.append((self._instruments[s].symbol, LegTicks(time[own], logs[own], gap_from[own], int(until[s]))))
        return found


@njit(cache=True)
def _take_in(
    symbol: I32, time: I64, trade_id: I64, price: F64, late: Bools, gap: Bools, wanted: Bools, watermark: I64,
    lacking: Bools, rows: I64, logs: F64, used: int,
) -> int:  # fmt: skip
    """Put the ticks that count behind the `used` ones that wait. A gap before a tick that does not count is one before the next."""
    for i in range(len(time)):
        s = symbol[i]
        if not wanted[s]:
            continue
        if gap[i]:
            lacking[s] = True
        if late[i] or time[i] < watermark[s] - watermark[s] % SECOND:  # its second is out, whatever the source thinks
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
    until = watermark - watermark % SECOND
    for i in range(len(rows) - 1, -1, -1):  # `gap_from` grows with the rows, so one pass backwards finds the earliest
        s, gap_from = rows[i, 0], rows[i, 3]
        if gap_from >= 0 and rows[i, 1] >= until[s]:
            until[s] = min(until[s], gap_from - gap_from % SECOND)
    return until


@njit(cache=True)
def _release(rows: I64, logs: F64, used: int, until: I64, starts: I64, ends: I64, out: I64, out_logs: F64) -> int:
    """Write those of the `used` ticks below `until` to rows time, id, gap of `out`, by symbol from `starts` to `ends`, in time order.

    Of ticks of one time the highest id stays. Ticks not below it move to the front of `rows` and `logs`; returns how many they are.
    """
    starts[:] = 0
    for i in range(used):
        if rows[i, 1] < until[rows[i, 0]]:
            starts[rows[i, 0]] += 1
    at = 0
    for s in range(len(starts)):
        count = starts[s]
        starts[s] = ends[s] = at
        at += count
    kept = 0
    for i in range(used):
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

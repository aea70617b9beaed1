"""Looks at pairs on a cadence: the battery over the last bars, at bars that the absolute index decides.

A look at a pair is due where `(index + crc32(pair)) % cadence == 0`, so that pairs are not all looked at in the same second. It is a
function of the `window` consecutive bars that end there, as logs of their closes; a hole starts the window anew, and with fewer bars, or
where a leg's last trade is too old, the look says why it says nothing.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from flows.domain.battery import BatteryPlan
from flows.domain.frames import F64, I32, I64, PairBars
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.packing import packed, unpacked
from flows.stats.battery import pair_tests
from flows.stats.battery.pair_tests import PairTests, battery, nothing_said
from flows.stats.prices import log_prices


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a pair.

    Attributes:
        pair: position among the pairs. index: absolute index of the window's newest bar.
        tests: of the window. warmup_left: bars that the window still lacks.
    """

    pair: int
    index: int
    tests: PairTests
    warmup_left: int = 0


@dataclass(frozen=True, slots=True)
class WindowsState:
    """What a restart needs.

    Attributes:
        begin, last: index of the first and the newest bar of each pair's run, -1 before its first; shape (pairs,).
        closes: y and x; the bar of index i lies at i % window; shape (2, pairs, window).
    """

    begin: I64
    last: I64
    closes: F64

    def __reduce__(self) -> tuple[Any, ...]:
        shape = self.closes.shape
        return _windows_state, (self.begin, self.last, shape, packed(self.closes.ravel(), _lengths(shape)))


def _windows_state(begin: I64, last: I64, shape: tuple[int, ...], closes: bytes) -> WindowsState:
    return WindowsState(begin, last, unpacked(closes, _lengths(shape)).reshape(shape))


def _lengths(shape: tuple[int, ...]) -> I64:
    return np.full(shape[0] * shape[1], shape[2])


class PeriodicTests:
    """Looks at the pairs of one interval, given their bars piece by piece; the same bits for any pieces."""

    def __init__(
        self,
        pairs: tuple[Pair, ...],
        interval: Interval,
        plan: BatteryPlan,
        stale_after_ms: int,
        state: WindowsState | None = None,
    ) -> None:
        self._pairs, self._interval, self._plan, self._stale_after_ms = pairs, interval, plan, stale_after_ms
        self._phase = np.array([zlib.crc32(str(pair).encode()) % plan.cadence for pair in pairs], np.int64)
        none = np.full(len(pairs), -1, np.int64)
        # Places without a bar are read by no look. They hold 0, which is packed in a byte.
        self._state = state or WindowsState(none, none.copy(), np.zeros((2, len(pairs), plan.window)))

    def update(self, bars: PairBars) -> list[Look]:
        """The looks that are due at closed bars, which follow those given before; in the order of the bars.

        Raises:
            ValueError: a forming bar, or one that is not newer than the pair's bar before it.
        """
        if not bars.complete.all():
            raise ValueError(f"{self._interval} pair bars: a forming bar must not enter the windows")
        index = bars.open_time // self._interval.us
        closes = np.stack((bars.y_close, bars.x_close))
        pair = np.array(bars.pair, np.int32)  # a fresh copy: a read-only or strided one would compile the kernel anew
        looks, done = [], 0
        for row in np.flatnonzero((index + self._phase[pair]) % self._plan.cadence == 0).tolist():
            self._remember(pair, index, closes, done, row + 1)
            looks.append(self._look(bars, row, int(index[row])))
            done = row + 1
        self._remember(pair, index, closes, done, len(index))
        return looks

    def state(self) -> WindowsState:
        """A picklable copy."""
        state = self._state
        return WindowsState(state.begin.copy(), state.last.copy(), state.closes.copy())

    def _remember(self, pair: I32, index: I64, closes: F64, start: int, end: int) -> None:
        state = self._state
        wrong = _push(state.begin, state.last, state.closes, pair, index, closes, start, end)
        if wrong >= 0:
            us = self._interval.us
            times = f"{index[wrong] * us} follows {state.last[pair[wrong]] * us}"
            raise ValueError(f"{self._pairs[pair[wrong]]} {self._interval}: open times must increase, {times}")

    def _look(self, bars: PairBars, row: int, index: int) -> Look:
        p, window = int(bars.pair[row]), self._plan.window
        n = min(index - int(self._state.begin[p]) + 1, window)
        if n < window:
            return Look(p, index, nothing_said(n, f"needs {window} bars, has {n}"), window - n)
        if reason := self._stale(int(bars.y_age_ms[row]), int(bars.x_age_ms[row])):
            return Look(p, index, nothing_said(n, reason))
        oldest = (index + 1) % window
        legs = np.concatenate((self._state.closes[:, p, oldest:], self._state.closes[:, p, :oldest]), axis=1)
        for leg in legs:
            log_prices(leg, leg)
        return Look(p, index, battery(*legs, lag=self._plan.lag))

    def _stale(self, y_age_ms: int, x_age_ms: int) -> str:
        told = [
            f"{leg} is stale: its last trade was {age / 1_000:.1f} s before the end of the bar"
            for leg, age in (("y", y_age_ms), ("x", x_age_ms))
            if age > self._stale_after_ms
        ]
        return "; ".join(told)


def warm_up() -> None:
    """Compile, or load from the cache, every kernel of a look, so that the first one of a run does not wait for it."""
    pair_tests.warm_up()
    one, index, closes = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros((2, 1))
    log_prices(np.ones(1), closes[0])
    _push(one - 1, one - 1, np.zeros((2, 1, 3)), np.zeros(1, np.int32), index, closes, 0, 1)


@njit(cache=True)
def _push(begin: I64, last: I64, kept: F64, pair: I32, index: I64, closes: F64, start: int, end: int) -> int:
    """Put rows into the windows; the row that is not newer than the one before it, or -1."""
    window = kept.shape[2]
    for row in range(start, end):
        p, i = pair[row], index[row]
        if i <= last[p]:
            return row
        if i != last[p] + 1:
            begin[p] = i
        last[p] = i
        kept[0, p, i % window] = closes[0, row]
        kept[1, p, i % window] = closes[1, row]
    return -1

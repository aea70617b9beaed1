"""The tests of pairs as Bytewax operators: looks keyed like the statistics, verdicts keyed by interval."""

from collections.abc import Mapping
from dataclasses import dataclass

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from flows.domain.battery import BatteryPlan
from flows.domain.chunk import Chunk
from flows.domain.frames import I64, Bars, PairBars, PairLooks, PairVerdicts
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.stats.battery import periodic
from flows.stats.battery.look_rows import look_rows
from flows.stats.battery.periodic import PeriodicTests, WindowsState
from flows.stats.battery.rounds import GroupLooks, LegsSeen, Rounds, RoundsState

Plans = Mapping[Interval, BatteryPlan]


@dataclass(frozen=True, slots=True)
class Tested:
    """looks: every look at a pair. verdicts: what is said of all pairs of an interval after each round of looks."""

    looks: KeyedStream[Chunk[PairLooks]]
    verdicts: KeyedStream[Chunk[PairVerdicts]]


class _LooksLogic(StatefulBatchLogic[Chunk[PairBars], GroupLooks, WindowsState | None]):
    def __init__(self, plans: Plans, stale_after_ms: int, state: WindowsState | None) -> None:
        self._plans, self._stale_after_ms, self._state = plans, stale_after_ms, state
        self._tests: PeriodicTests | None = None  # made at the first chunk, which names the pairs and the interval
        self._told: I64 | None = None

    def on_batch(self, chunks: list[Chunk[PairBars]]) -> tuple[list[GroupLooks], bool]:
        return [looks for chunk in chunks if (looks := self._fold(chunk)) is not None], StatefulBatchLogic.RETAIN

    def _fold(self, chunk: Chunk[PairBars]) -> GroupLooks | None:
        bars = chunk.rows
        plan = self._plans[bars.interval]
        if self._tests is None:
            self._tests = PeriodicTests(bars.pairs, bars.interval, plan, self._stale_after_ms, self._state)
        looks = self._tests.update(bars)
        rounds = chunk.watermark // (plan.cadence * bars.interval.us)
        if not looks and self._told is not None and np.array_equal(rounds, self._told):
            return None
        self._told = rounds
        return GroupLooks(bars.interval, bars.pairs, chunk.watermark, tuple(looks))

    def snapshot(self) -> WindowsState | None:
        return self._tests.state() if self._tests else self._state


class _VerdictsLogic(StatefulBatchLogic[GroupLooks | LegsSeen, Chunk[PairVerdicts], RoundsState | None]):
    def __init__(self, pairs: tuple[Pair, ...], plans: Plans, state: RoundsState | None) -> None:
        self._pairs, self._plans, self._state = pairs, plans, state
        self._rounds: Rounds | None = None  # made at the first item, which names the interval

    def on_batch(self, items: list[GroupLooks | LegsSeen]) -> tuple[list[Chunk[PairVerdicts]], bool]:
        return [chunk for told in items for chunk in self._add(told)], StatefulBatchLogic.RETAIN

    def _add(self, told: GroupLooks | LegsSeen) -> list[Chunk[PairVerdicts]]:
        interval = told.interval
        if self._rounds is None:
            self._rounds = Rounds(self._pairs, interval, self._plans[interval], self._state)
        return [Chunk(frame.open_time[:1] + interval.us, frame) for frame in self._rounds.add(told)]

    def snapshot(self) -> RoundsState | None:
        return self._rounds.state() if self._rounds else self._state


@operator
def pair_looks(
    step_id: str, up: KeyedStream[Chunk[PairBars]], plans: Plans, stale_after_ms: int
) -> KeyedStream[GroupLooks]:
    """The looks that are due, keyed like the pair bars; forming bars change nothing."""
    periodic.warm_up()
    # Left out before the state, as the engine saves the state of every key that an item came for.
    closed = op.filter("closed", up, lambda item: not len(item[1].rows) or bool(item[1].rows.complete[0]))
    return op.stateful_batch("fold", closed, lambda state: _LooksLogic(plans, stale_after_ms, state))


@operator
def pair_verdicts(
    step_id: str, looks: KeyedStream[GroupLooks], bars: KeyedStream[Chunk[Bars]], pairs: tuple[Pair, ...], plans: Plans
) -> KeyedStream[Chunk[PairVerdicts]]:
    """The verdicts of each round, keyed by interval. The bars tell how far each leg is."""
    by_interval = op.map("looks", looks, lambda item: (str(item[1].interval), item[1]))
    legs = op.filter_map("legs", bars, _legs_seen)
    told: KeyedStream[GroupLooks | LegsSeen] = op.merge("told", by_interval, legs)
    return op.stateful_batch("judge", told, lambda state: _VerdictsLogic(pairs, plans, state))


@operator
def pair_tests(
    step_id: str,
    up: KeyedStream[Chunk[PairBars]],
    bars: KeyedStream[Chunk[Bars]],
    pairs: tuple[Pair, ...],
    plans: Plans,
    stale_after_ms: int,
) -> Tested:
    """Looks at every pair on the cadence of its interval, and the verdicts on all pairs of an interval together."""
    looked = pair_looks("looks", up, plans, stale_after_ms)
    verdicts = pair_verdicts("verdicts", looked, bars, pairs, plans)
    return Tested(op.filter_map("rows", looked, _rows), verdicts)


def _rows(item: tuple[str, GroupLooks]) -> tuple[str, Chunk[PairLooks]] | None:
    key, group = item
    if not group.looks:
        return None
    return key, Chunk(group.closed_until, look_rows(group.pairs, group.interval, group.looks))


def _legs_seen(item: tuple[str, Chunk[Bars]]) -> tuple[str, LegsSeen] | None:
    """How far the legs are, of chunks of closed bars."""
    bars = item[1].rows
    if len(bars) and not bars.complete[0]:
        return None
    symbols = (instrument.symbol for instrument in bars.instruments)
    until = dict(zip(symbols, item[1].watermark.tolist(), strict=True))
    return str(bars.interval), LegsSeen(bars.interval, until)

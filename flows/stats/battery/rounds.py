"""Verdicts on all pairs of one interval together, round by round.

A round is `cadence` bars by their absolute index, so each pair has one look in it. Pairs are worked on in groups that are not in step
with one another, and what is a discovery depends on all pairs: so the verdicts of a round are made when every pair that can have a look
in it has come to its end. Two things tell: the groups, how far the bars of each pair are joined, and the bars themselves, how far each
leg is. So a round depends on the bars up to its end and neither on the order in which looks arrive nor on what follows.

Two exceptions, for a wait that would not end. A pair whose leg has not been seen at all is not waited for. Nor is one whose leg is held
back by the feed for more than `MOST_HELD_US` behind the leg that is furthest: its later looks come too late for those rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flows.domain.battery import BatteryPlan
from flows.domain.frames import I64, PairVerdicts
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.stats.battery.looks import NO_LOOKS, DayOfLooks, Looks, day_of, recent, with_look
from flows.stats.battery.pair_tests import nothing_said
from flows.stats.battery.periodic import Look
from flows.stats.battery.verdict import Discovery, Newest, Verdict, discoveries, verdict
from flows.stats.battery.window import LEAST_BARS

MOST_HELD_US = 3_600_000_000
_UNSEEN = -1


@dataclass(frozen=True, slots=True)
class LegsSeen:
    """How far the bars of each symbol are, as one source partition tells it: microseconds by symbol."""

    interval: Interval
    closed_until: dict[str, int]


@dataclass(frozen=True, slots=True)
class GroupLooks:
    """The looks at the pairs of a group, and how far each pair is; told at least where a pair comes to the end of a round.

    Attributes:
        closed_until: microseconds; no look at a bar that ends at or before it follows; shape (pairs,).
    """

    interval: Interval
    pairs: tuple[Pair, ...]
    closed_until: I64
    looks: tuple[Look, ...]


@dataclass(slots=True)
class RoundsState:
    """What a restart needs.

    Attributes:
        legs: how far each leg is, -1 before it is seen; pairs: how far each pair is.
        waiting: looks of rounds that are not over, by round and position of the pair among all, with the index of their bar.
        days: the looks of each pair, by its position, from the first that had enough bars for any test.
        over: the last round that had verdicts.
    """

    legs: I64
    pairs: I64
    waiting: dict[int, dict[int, tuple[int, Newest]]] = field(default_factory=dict)
    days: dict[int, Looks] = field(default_factory=dict)
    over: int = -1


class Rounds:
    """The verdicts of one interval, given what the groups and the bars tell in any order and any pieces.

    Args:
        pairs: all that are watched, in the order in which the verdicts name them.
    """

    def __init__(
        self, pairs: tuple[Pair, ...], interval: Interval, plan: BatteryPlan, state: RoundsState | None = None
    ) -> None:
        self._pairs, self._interval, self._plan = pairs, interval, plan
        self._position = {pair: p for p, pair in enumerate(pairs)}
        self._leg = {leg: i for i, leg in enumerate(dict.fromkeys(leg for pair in pairs for leg in (pair.y, pair.x)))}
        self._y = np.array([self._leg[pair.y] for pair in pairs])
        self._x = np.array([self._leg[pair.x] for pair in pairs])
        self._length_us = plan.cadence * interval.us
        self._state = state or RoundsState(np.full(len(self._leg), _UNSEEN, np.int64), np.zeros(len(pairs), np.int64))

    def add(self, told: GroupLooks | LegsSeen) -> list[PairVerdicts]:
        """The verdicts that are due now, one frame per round."""
        state = self._state
        if isinstance(told, LegsSeen):
            for symbol, until in told.closed_until.items():
                if (leg := self._leg.get(symbol)) is not None:
                    state.legs[leg] = max(state.legs[leg], until)
        else:
            positions = [self._position[pair] for pair in told.pairs]
            state.pairs[positions] = np.maximum(state.pairs[positions], told.closed_until)
            for look in told.looks:
                if (number := look.index // self._plan.cadence) > state.over:
                    state.waiting.setdefault(number, {})[positions[look.pair]] = look.index, Newest.of(look.tests)
        return self._due() if state.waiting else []

    def state(self) -> RoundsState:
        """A picklable copy."""
        state = self._state
        waiting = {number: dict(looks) for number, looks in state.waiting.items()}
        return RoundsState(state.legs.copy(), state.pairs.copy(), waiting, dict(state.days), state.over)

    def _due(self) -> list[PairVerdicts]:
        last = self._complete_until() // self._length_us - 1
        frames = []
        for number in sorted(number for number in self._state.waiting if number <= last):
            frame = self._verdicts(number, self._state.waiting.pop(number))
            self._state.over = number
            frames += [frame] if len(frame) else []
        return frames

    def _complete_until(self) -> int:
        """Microseconds: no look at a bar that ends at or before it follows, but for pairs that are not waited for."""
        legs = self._state.legs
        seen = legs != _UNSEEN
        if not seen.any():
            return 0
        floor = legs.max() - MOST_HELD_US
        both = seen[self._y] & seen[self._x]
        source = np.minimum(legs[self._y], legs[self._x])[both]
        pairs = self._state.pairs[both]
        told = pairs >= source - source % self._length_us  # every round that the bars have ended is here
        pairs = np.where(told, np.maximum(pairs, floor), pairs)
        return int(min(np.maximum(legs[seen], floor).min(), pairs.min(initial=legs.max())))

    def _verdicts(self, number: int, looks: dict[int, tuple[int, Newest]]) -> PairVerdicts:
        plan, us, days = self._plan, self._interval.us, self._state.days
        now = ((number + 1) * plan.cadence - 1) * us
        for p, (index, look) in sorted(looks.items()):
            if p in days or look.n >= LEAST_BARS:
                days[p] = with_look(days.get(p, NO_LOOKS), index * us, look.p_value, plan.period_us)
        watched = sorted(days)
        together = [day_of(recent(days[p], now, plan.period_us), plan.window * us, plan.level) for p in watched]
        found = discoveries(together, plan.fdr_rate)
        absent = int(UNKNOWN), Newest.of(nothing_said(plan.window, "no bar at the time of its look"))
        newest = [looks.get(p, absent) for p in watched]
        said = [
            verdict(f"{self._pairs[p]} {self._interval}", look, us, day, discovery, plan.level, plan.period_us)
            for p, (_, look), day, discovery in zip(watched, newest, together, found, strict=True)
        ]
        return _frame(self._pairs, watched, self._interval, now, newest, together, found, said)


def _frame(
    pairs: tuple[Pair, ...],
    watched: Sequence[int],
    interval: Interval,
    now: int,
    newest: Sequence[tuple[int, Newest]],
    days: Sequence[DayOfLooks],
    found: Sequence[Discovery],
    said: Sequence[Verdict],
) -> PairVerdicts:
    looks = [look for _, look in newest]
    return PairVerdicts(
        pairs=pairs,
        pair=np.array(watched, np.int32),
        interval=interval,
        open_time=np.full(len(watched), now, np.int64),
        word=np.array([one.word for one in said], object),
        sentence=np.array([one.sentence for one in said], object),
        look_time=np.array([UNKNOWN if index == UNKNOWN else index * interval.us for index, _ in newest], np.int64),
        y_on_x_p_value=np.array([look.y_on_x for look in looks]),
        x_on_y_p_value=np.array([look.x_on_y for look in looks]),
        half_lives=np.array([look.windows for look in looks]),
        break_p_value=np.array([look.break_p_value for look in looks]),
        looks=np.array([day.looks for day in days], np.int64),
        looks_known=np.array([day.known for day in days], np.int64),
        looks_passed=np.array([day.passes for day in days], np.int64),
        windows=np.array([day.windows for day in days], np.int64),
        share=np.array([day.share for day in days]),
        p_value=np.array([day.p_value for day in days]),
        q_value=np.array([one.q_value for one in found]),
        pairs_watched=np.array([one.pairs for one in found], np.int64),
        survives=np.array([one.survives for one in found], np.bool_),
        fdr_rate=np.array([one.rate for one in found]),
    )

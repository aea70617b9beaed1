"""How the feed stands, as the page reads it: legs, latencies, events. Knows neither Panel nor SQL."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from flows.domain.frames import BAD_EVENTS, BAD_STATES, GOOD_STATES, WARNING_EVENTS

FLOW_SILENT_AFTER_S = 3.0
"""The flow writes a status each second: one that is older says nothing about now."""

GAP_KINDS = ("gap", "skipped", "lost", "hold_dropped", "refuted")
"""Kinds of events that tell of missing ids. Not `filled`: those came."""


class Tone(Enum):
    """How bad something is; the value is its colour on the page."""

    GOOD = "teal"
    WARN = "amber"
    BAD = "red"
    PLAIN = "blue"


@dataclass(frozen=True, slots=True)
class LegStatus:
    """One row of `feed_status`; times in microseconds, None where not known.

    Attributes:
        asked_us: when this was so, by the receive clock, which is `lead_ms` ahead of the exchange's.
    """

    symbol: str
    state: str
    since_us: int | None
    detail: str
    asked_us: int
    last_trade_us: int | None
    last_id: int | None
    held: int
    filled: int
    missing: int
    lead_ms: int

    @property
    def tone(self) -> Tone:
        """Good only for states in which the data can be relied on, whatever new states a flow may invent."""
        if self.state in GOOD_STATES:
            return Tone.GOOD
        return Tone.BAD if self.state in BAD_STATES else Tone.WARN

    @property
    def age_ms(self) -> float:
        """Age of the last trade at `asked_us`, by the exchange's clock; NaN before the first."""
        if self.last_trade_us is None:
            return math.nan
        return max(0.0, (self.asked_us - self.last_trade_us) / 1000 - self.lead_ms)


@dataclass(frozen=True, slots=True)
class StageLatency:
    """One row of `feed_latency`; NaN where nothing was measured."""

    stage: str
    asked_us: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    count: int


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One row of `feed_events`; ids and count None where there are none."""

    time_us: int
    number: int
    kind: str
    symbol: str
    detail: str
    from_id: int | None
    to_id: int | None
    count: int | None

    @property
    def tone(self) -> Tone:
        if self.kind in BAD_EVENTS:
            return Tone.BAD
        return Tone.WARN if self.kind in WARNING_EVENTS else Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Answer:
    """What a poll brought: the newest rows, and the clock of the database at that moment."""

    now_us: int
    legs: tuple[LegStatus, ...]

    @property
    def newest_us(self) -> int | None:
        return max((leg.asked_us for leg in self.legs), default=None)


@dataclass(frozen=True, slots=True)
class Legs:
    """The newest status of every leg.

    Attributes:
        newest_us: time of the status; None where the flow has not written any.
        flow_silent: the status is too old to say anything about now.
    """

    legs: tuple[LegStatus, ...] = ()
    stages: tuple[StageLatency, ...] = ()
    newest_us: int | None = None
    flow_silent: bool = False

    def of(self, symbol: str) -> LegStatus | None:
        """The status of a leg, if the flow reports it."""
        return next((leg for leg in self.legs if leg.symbol == symbol), None)

    def stage(self, name: str) -> StageLatency | None:
        """The latency of a stage, unless it was measured long before the status."""
        found = next((stage for stage in self.stages if stage.stage == name), None)
        old = found is not None and self.newest_us is not None and self.newest_us - found.asked_us > _STAGE_LIFE_US
        return None if old else found

    def ordered(self, symbols: Iterable[str]) -> tuple[tuple[str, LegStatus | None], ...]:
        """Every symbol asked for and every leg reported, the worst first, then in the order asked for."""
        names = dict.fromkeys([*symbols, *(leg.symbol for leg in self.legs)])
        known = {leg.symbol: leg for leg in self.legs}
        rank = {Tone.BAD: 0, Tone.WARN: 1, Tone.GOOD: 2}
        return tuple(sorted(((name, known.get(name)) for name in names), key=lambda e: rank[e[1].tone] if e[1] else 1))


_STAGE_LIFE_US = 30_000_000


class Freshness:
    """Tells whether the flow still writes its status.

    It does not if the newest one is old by the database's clock, or if no newer one came for as long by ours: the receive clock of
    an accelerated exchange runs ahead of every other, so that such rows are never old.
    """

    def __init__(self) -> None:
        self._newest_us: int | None = None
        self._moved_s: float | None = None

    def silent(self, answer: Answer, monotonic_s: float) -> bool:
        """Judge the newest answer.

        Args:
            monotonic_s: a clock of ours that no one sets.
        """
        newest = answer.newest_us
        if newest is None:
            return False
        if newest != self._newest_us or self._moved_s is None:
            self._newest_us, self._moved_s = newest, monotonic_s
        old = answer.now_us - newest > FLOW_SILENT_AFTER_S * 1e6
        return old or monotonic_s - self._moved_s > FLOW_SILENT_AFTER_S

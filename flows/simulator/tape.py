"""Everything the exchange ever publishes, in order: the source's trades with the market's faults in them, remembered for REST."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from flows.simulator.edits import Edits
from flows.simulator.faults import Fault
from flows.simulator.history import History
from flows.simulator.listing import Listing
from flows.simulator.trades import Pulse


class Source(Protocol):
    """Where trades come from: a seeded market or a recorded one. Attributes: `kinds` of streams it can serve."""

    listings: tuple[Listing, ...]
    kinds: tuple[str, ...]
    start_ms: int

    def take(self, now_ms: int) -> Pulse:
        """What is due of the present block and was not taken before."""

    def over(self, now_ms: int) -> bool:
        """Whether the present block is taken and the next has begun."""

    def turn(self) -> None:
        """Go to the next block."""

    def burst(self, number: int, from_ms: int, until_ms: int, times: float) -> None:
        """Trade more for a while; told again with its number it is changed."""


class Tape:
    """Publishes a source.

    Args:
        keep_ms, most_rows: bounds of the history.
        faults: of the market, known already.

    Attributes:
        on_turn: called between two blocks. on_change: called when a fault of the market begins or ends, before it shows.
    """

    def __init__(
        self, source: Source, edits: Edits, keep_ms: int, most_rows: int, faults: Sequence[Fault] = ()
    ) -> None:
        self.source, self.edits = source, edits
        self.on_turn: Callable[[], None] = _nothing
        self.on_change: Callable[[], None] = _nothing
        self.history = History(len(source.listings), keep_ms, most_rows)
        self.now_ms = source.start_ms
        self.faults: dict[int, Fault] = {}
        """Of the market, by number: those that last and those that are over."""
        for fault in faults:
            self.change(fault)

    @property
    def listings(self) -> Sequence[Listing]:
        """What is traded."""
        return self.source.listings

    def advance(self, now_ms: int) -> Pulse:
        """What is published up to `now_ms` and was not before. A clock that goes back publishes nothing until it is there again."""
        self.now_ms = max(self.now_ms, now_ms)
        parts = [self._taken()]
        while self.source.over(self.now_ms):
            self.on_turn()
            self.source.turn()
            parts.append(self._taken())
        return parts[0] if len(parts) == 1 else _joined(parts)

    def change(self, fault: Fault) -> None:
        """Let a fault of the market begin, or end otherwise than was said before. Its times are the market's."""
        if fault.kind == "burst":
            assert fault.until_ms is not None
            self.source.burst(fault.number, fault.since_ms, fault.until_ms, fault.values["times"])
        else:
            self.edits.change(fault)
        self.faults[fault.number] = fault
        self.on_change()

    def end(self, number: int) -> None:
        """Let a fault of the market end now."""
        fault = self.faults[number]
        self.change(replace(fault, until_ms=max(self.now_ms, fault.since_ms)))

    def _taken(self) -> Pulse:
        pulse = self.source.take(self.now_ms)
        if not pulse.rows.shape[1]:
            return pulse
        pulse = self.edits(pulse)
        self.history.append(pulse.true_rows)
        return pulse


def _nothing() -> None:
    pass


def _joined(parts: list[Pulse]) -> Pulse:
    return Pulse(np.concatenate([part.rows for part in parts], axis=1), np.concatenate([part.fills for part in parts]))

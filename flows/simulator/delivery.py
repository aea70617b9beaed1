"""What becomes of messages between the market and its readers: held back, kept silent, doubled, out of order, broken, with wrong ids."""

from collections.abc import Sequence

import numpy as np

from flows.simulator.chance import chance
from flows.simulator.faults import Fault
from flows.simulator.trades import I64, NO_ROWS, Field, Flags

KINDS = ("stall", "silent", "duplicate", "reorder", "malformed", "bogus_id")
HELD_ROWS = 1_000_000
"""A stall holds back this many messages at most; the oldest beyond are not sent."""


class Delivery:
    """Of one kind of streams.

    Args:
        streams: names in the order of the listings.
    """

    def __init__(self, streams: Sequence[str]) -> None:
        self._streams = streams
        self._held = NO_ROWS
        self._delayed, self._turns, self._sent = NO_ROWS, np.zeros(0), 0

    def __call__(self, rows: I64, faults: Sequence[Fault]) -> tuple[I64, Flags | None]:
        """The rows to send now, and which of them are broken (None: none is).

        Args:
            faults: active ones of `KINDS`.
        """
        if not (faults or self.waits):
            return rows, None
        rows = self._stalled(rows, [fault for fault in faults if fault.kind == "stall"])
        broken = None
        for fault in faults:
            if fault.kind == "silent":
                rows = rows[:, ~self._concerned(fault, rows)]
            elif fault.kind == "duplicate":
                rows = np.repeat(rows, 1 + self._drawn(fault, rows) * fault.values["times"], axis=1)
        rows = self._reordered(rows, next((fault for fault in faults if fault.kind == "reorder"), None))
        for fault in faults:
            if fault.kind == "malformed":
                drawn = self._drawn(fault, rows)
                broken = drawn if broken is None else broken | drawn
        for fault in faults:
            if fault.kind == "bogus_id":
                drawn, rows = self._drawn(fault, rows), rows.copy()
                rows[Field.id, drawn] += fault.values["by"]
        return rows, broken

    @property
    def waits(self) -> bool:
        """Whether messages are held back."""
        return bool(self._held.shape[1] or self._delayed.shape[1])

    def _concerned(self, fault: Fault, rows: I64) -> Flags:
        meant = np.array([fault.concerns(stream) for stream in self._streams])
        found: Flags = meant[rows[Field.symbol]]
        return found

    def _drawn(self, fault: Fault, rows: I64) -> Flags:
        luck = chance(fault.values["seed"], rows[Field.symbol], rows[Field.id])
        drawn: Flags = self._concerned(fault, rows) & (luck < fault.values["share"])
        return drawn

    def _stalled(self, rows: I64, faults: list[Fault]) -> I64:
        rows = np.concatenate((self._held, rows), axis=1)
        wait = np.zeros(rows.shape[1], np.bool_)
        for fault in faults:
            wait |= self._concerned(fault, rows)
        self._held = rows[:, wait][:, -HELD_ROWS:]
        return rows[:, ~wait]

    def _reordered(self, rows: I64, fault: Fault | None) -> I64:
        """Give every row a turn; one that is drawn gets a later one. A turn that has not come waits for further rows."""
        count = rows.shape[1]
        if fault is None:
            rows, self._delayed = np.concatenate((self._delayed, rows), axis=1), NO_ROWS
            self._turns = np.zeros(0)
            return rows
        luck = chance(fault.values["seed"] + 1, rows[Field.symbol], rows[Field.id])
        later = 0.5 + np.floor(luck * fault.values["within"]) + 1.0
        turns = self._sent + np.arange(count) + self._drawn(fault, rows) * later
        self._sent += count
        rows, turns = np.concatenate((self._delayed, rows), axis=1), np.concatenate((self._turns, turns))
        order = np.argsort(turns, kind="stable")
        due = turns[order] < self._sent
        self._delayed, self._turns = rows[:, order[~due]], turns[order[~due]]
        return rows[:, order[due]]


def spoiled(message: bytes, luck: int) -> str:
    """A broken form of a message: cut, no JSON at all, a field less, a word for a number."""
    text = message.decode()
    return (
        text[: len(text) // 2],
        "}{" + text,
        text.replace('"p":', '"x":'),
        text.replace('"T":', '"T":"soon","T0":'),
    )[luck % 4]

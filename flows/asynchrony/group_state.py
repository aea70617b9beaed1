"""What a restart of the statistics of a group of pairs needs, pickled in few bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flows.asynchrony.hayashi_yoshida import SumsState
from flows.asynchrony.lead_lag import Series
from flows.asynchrony.legs import LegTicks
from flows.asynchrony.looks import RecentState
from flows.asynchrony.windows import WindowState
from flows.domain.frames import F64, I64
from flows.packing import packed, packed_whole, unpacked, unpacked_whole


@dataclass(frozen=True, slots=True)
class GroupState:
    """What a restart needs.

    Attributes:
        waiting: ticks of each symbol that not all of its pairs have used. recent: those before, thinned, for the looks.
        dropped: ticks of each symbol.
    """

    waiting: tuple[LegTicks, ...]
    recent: tuple[RecentState, ...]
    sums: SumsState
    windows: WindowState
    dropped: dict[str, int]

    def __reduce__(self) -> tuple[Any, ...]:
        """The ticks of all symbols end to end: a symbol has few, and an array of its own costs a hundred bytes."""
        lengths = np.array([len(leg) for leg in self.waiting])
        gaps = packed_whole(np.concatenate([leg.gap_from for leg in self.waiting]), lengths)
        waiting = _packed(self.waiting), gaps, np.array([leg.until for leg in self.waiting])
        recent = [(of.count, of.blocks) for of in self.recent], _packed([of.behind for of in self.recent])
        return _group_state, (waiting, recent, self.sums, self.windows, self.dropped)


def _group_state(
    waiting: tuple[Any, bytes, I64],
    recent: tuple[Any, Any],
    sums: SumsState,
    windows: WindowState,
    dropped: dict[str, int],
) -> GroupState:
    ticks, gaps, until = waiting
    columns = zip(*_unpacked(*ticks), _split(unpacked_whole(gaps, ticks[0]), ticks[0]), until.tolist(), strict=True)
    kept, behind = recent
    blocks = zip(kept, *_unpacked(*behind), strict=True)
    return GroupState(
        tuple(LegTicks(*leg) for leg in columns),
        tuple(RecentState(count, of, Series(time, log_price)) for (count, of), time, log_price in blocks),
        sums,
        windows,
        dropped,
    )


def _packed(parts: Sequence[LegTicks] | Sequence[Series]) -> tuple[I64, bytes, bytes]:
    lengths = np.array([len(part) for part in parts])
    times, logs = (np.concatenate([getattr(part, name) for part in parts]) for name in ("time", "log_price"))
    return lengths, packed_whole(times, lengths), packed(logs, lengths, logs=True)


def _unpacked(lengths: I64, times: bytes, logs: bytes) -> tuple[list[I64], list[F64]]:
    return _split(unpacked_whole(times, lengths), lengths), _split(unpacked(logs, lengths), lengths)


def _split(column: Any, lengths: I64) -> list[Any]:
    return np.split(column, np.cumsum(lengths)[:-1])

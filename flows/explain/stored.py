"""What an explanation reads, wherever it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from flows.domain.frames import F64, I64, Bools
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.explain.question import Question
from flows.storage.datasets import Dataset

Value: TypeAlias = float | int | str | bool | None
StoredRow: TypeAlias = Mapping[str, Value]
"""A row of `pair_stats` by its columns; None is null."""

BAR_FIELDS = ("open_time", "close", "volume", "quote_volume", "trade_count", "last_trade_time", "complete", "gap")


@dataclass(frozen=True, slots=True)
class LegBars:
    """Stored bars of one leg in time order, shape (rows,). Times in microseconds; `last_trade_time` UNKNOWN where there is none."""

    open_time: I64
    close: F64
    volume: F64
    quote_volume: F64
    trade_count: I64
    last_trade_time: I64
    complete: Bools
    gap: Bools

    def at(self, open_time: I64) -> "LegBars":
        """The bars of these times, all of which there must be."""
        rows = np.searchsorted(self.open_time, open_time)
        return LegBars(*(getattr(self, name)[rows] for name in BAR_FIELDS))


@dataclass(frozen=True, slots=True)
class Nearest:
    """Open times of stored rows around one that is not there; None where there is none."""

    before: int | None
    after: int | None
    first: int | None
    last: int | None


class Stored(Protocol):
    """One dataset's statistics and bars."""

    @property
    def dataset(self) -> Dataset:
        """What it holds, as the flow that wrote it has said."""
        ...

    def row(self, question: Question) -> StoredRow | None:
        """The row of `pair_stats`, or None."""
        ...

    def nearest(self, question: Question) -> Nearest:
        """The rows of the same pair and model around the time."""
        ...

    def run_began(self, question: Question, since_us: int) -> int | None:
        """The newest open time in [since_us, the row's] at which the flow counted its first bar, None where that was earlier."""
        ...

    def legs(self, pair: Pair, interval: Interval, since_us: int, until_us: int) -> tuple[LegBars, LegBars]:
        """Bars of y and x with open times in [since_us, until_us]."""
        ...

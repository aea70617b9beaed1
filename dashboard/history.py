"""Stored rows around a moment, and what was known of them at any moment between two ends. Knows neither Panel nor SQL.

A row of a bar is known from the end of its bar on, a lead from the time of its look on. How long live rows took to arrive is not part of
it. Rows that were still forming are not stored, and so never shown.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dashboard.frame import Frame
from dashboard.quality import Quality
from dashboard.selection import Selection

BACK_BARS = 60
"""Known beside the look-back, so that steps back need no query."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is stored of a pair at an interval.

    Attributes:
        first_us: from when on there is anything to see: the end of the first closed bar. last_us: end of the newest one.
        cover: for each of equal parts of it, whether bars are stored there.
    """

    first_us: int
    last_us: int
    cover: tuple[bool, ...] = ()


Known = tuple[tuple[int, Any], ...]
"""Records of one kind, each with the time from which on it was known, in order of it."""


@dataclass(frozen=True)
class Moments:
    """Rows of a selection, enough to say what was known at every moment from `from_us` to `until_us`.

    Attributes:
        lookback: rows before any such moment, where so many are stored.
        span: None where nothing is stored.
        frame: closed rows only, look-back and beyond.
        kept: of each kind of `Quality`. no_table: as of `Quality`.
    """

    selection: Selection
    from_us: int
    until_us: int
    lookback: int
    span: Span | None
    frame: Frame = field(default_factory=Frame)
    kept: Mapping[str, Known] = field(default_factory=dict)
    no_table: frozenset[str] = frozenset()

    def covers(self, selection: Selection, at_us: int, lookback: int) -> bool:
        """Whether all is here that was known then."""
        return selection == self.selection and self.from_us <= at_us <= self.until_us and lookback <= self.lookback

    def frame_at(self, at_us: int, lookback: int) -> Frame:
        """The newest `lookback` rows of bars that had ended; the same object never holds a later one."""
        known = int(np.searchsorted(self.frame.times, at_us - self.selection.interval.us, side="right"))
        whole = self.frame
        return replace(
            whole, times=whole.times[:known], values=whole.values[:, :known], changed=whole.changed[:known]
        ).tail(lookback)

    def quality_at(self, at_us: int) -> Quality:
        """The newest record of each kind that was known."""
        newest = {name: _newest(records, at_us) for name, records in self.kept.items()}
        return Quality(**newest, no_table=self.no_table, asked=True)


def _newest(records: Known, at_us: int) -> Any:
    index = bisect_right(records, at_us, key=lambda record: record[0])
    return records[index - 1][1] if index else None

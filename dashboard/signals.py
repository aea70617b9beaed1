"""Where z crosses the thresholds: the signals of a look-back, and which of them came while a page was open. Knows neither Panel nor SQL."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from dashboard.frame import Frame


class Kind(Enum):
    """What a crossing says."""

    SHORT = "short"
    LONG = "long"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Crossing:
    """A closed bar by its open time, and its z."""

    time_us: int
    kind: Kind
    zscore: float


def crossings(times: Sequence[int], zscores: Sequence[float], entry: float, exit_: float) -> list[Crossing]:
    """Every entry and every exit, in the order of time.

    Flat until z reaches `entry` (short) or -`entry` (long); from then on in position until z comes back to `exit_` (from below to
    -`exit_`), however far beyond it goes: a bar that leaps to the other entry is both. NaN neither enters nor leaves. What was before the
    first bar is not known: a series that begins beyond an entry begins in position, and when that was entered is not told.

    Args:
        times: of closed bars, rising. zscores: theirs.

    >>> [(at.time_us, at.kind.value) for at in crossings(range(5), [0.0, 2.1, 1.0, 0.4, -2.0], entry=2.0, exit_=0.5)]
    [(1, 'short'), (3, 'exit'), (4, 'long')]
    """
    found: list[Crossing] = []
    side, begun = 0.0, False
    for time_us, z in zip(times, zscores, strict=True):
        if z != z:
            continue
        left = side if side and side * z <= exit_ else 0.0
        if left:
            side = 0.0
            found.append(Crossing(time_us, Kind.EXIT, z))
        if not side and abs(z) >= entry and left * z <= 0:
            side = 1.0 if z > 0 else -1.0
            if begun:
                found.append(Crossing(time_us, Kind.SHORT if z > 0 else Kind.LONG, z))
        begun = True
    return found


def closed_zscores(frame: Frame) -> tuple[list[int], list[float]]:
    """Open times and z of the closed rows of statistics; a stale row's z is NaN."""
    closed = frame["stats_closed"] == 1
    zscores = np.where(frame["stale"] == 0, frame["zscore"], np.nan)
    return frame.times[closed].tolist(), zscores[closed].tolist()


class Signals:
    """The signals of what a page shows.

    Attributes:
        found: of the look-back. fresh: those of bars that closed since the call before.
    """

    def __init__(self) -> None:
        self.found: tuple[Crossing, ...] = ()
        self.fresh: tuple[Crossing, ...] = ()
        self._of: Hashable = None
        self._newest: int | None = None
        self._seen: Hashable = None

    def follow(self, of: Hashable, frame: Frame, entry: float, exit_: float) -> bool:
        """Take the newest rows; true if `found` has changed.

        Args:
            of: what the rows are of. Signals of something else, or of bars that had closed before, are never fresh.
        """
        closed = np.flatnonzero(frame["stats_closed"] == 1)
        newest = int(frame.times[closed[-1]]) if len(closed) else None
        seen = (of, frame.generation, len(closed), newest, entry, exit_)
        self.fresh = ()
        if seen == self._seen:
            return False
        before = self._newest if of == self._of else None
        self._of, self._newest, self._seen = of, newest, seen
        found = tuple(crossings(*closed_zscores(frame), entry, exit_))
        if before is not None:
            self.fresh = tuple(crossing for crossing in found if crossing.time_us > before)
        news, self.found = found != self.found, found
        return news

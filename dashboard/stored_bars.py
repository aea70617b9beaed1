"""Closed bars of a pair, read once for all who compute something of them, and appended to as more are closed."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from flows.domain.frames import PairBars
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.explain.joined import at_both, joined
from flows.explain.stored import BAR_FIELDS, LegBars

MOST_BARS = 200_000
"""Kept of a pair; what would need more begins its warm-up later."""
PIECE = 10_000
"""Bars that are read or computed without asking whether anyone still waits."""
_END_US = 250_000_000_000_000_000  # in the year 9892

Legs: TypeAlias = tuple[LegBars, LegBars]
Going: TypeAlias = Callable[[float], None]
"""Is told the share that is done, from 0 to 1, in the thread that works; raises to end the work."""


class BarsSource(Protocol):
    """Where the bars come from: `dashboard.data.Reader`, or a stand-in of a test."""

    def bars(self, dataset: str, pair: Pair, interval: Interval, since_us: int, until_us: int) -> Legs: ...


class StoredBars:
    """The bars of a pair and interval that both legs have closed. For any number of threads, of which one at a time reads."""

    def __init__(self, dataset: str, pair: Pair, interval: Interval) -> None:
        self._of = dataset, pair, interval
        self._lock = threading.Lock()
        self._since_us = _END_US
        self._legs: Legs | None = None

    def read(
        self, source: BarsSource, since_us: int, after_us: int, until_us: int, going: Going
    ) -> tuple[PairBars, PairBars]:
        """The closed bars from `since_us` on that are behind `after_us`, and those behind them that still form.

        Ages of these are those at their end.

        Args:
            until_us: about the newest bar: only the progress is made of it.

        Raises:
            StorageError: the database cannot be reached. Whatever `going` raises.
        """
        _, pair, interval = self._of
        with self._lock:
            wanted_us = max(since_us, after_us + 1)
            if wanted_us < self._since_us:
                self._read_before(source, wanted_us, until_us, going)
            forming = self._read_on(source)
            legs = self._legs
        assert legs is not None
        new = slice(int(np.searchsorted(legs[0].open_time, wanted_us)), None)
        return joined(pair, interval, *(_rows(leg, new) for leg in legs)), joined(pair, interval, *forming)

    def _read_before(self, source: BarsSource, since_us: int, until_us: int, going: Going) -> None:
        """What is older than what is held, in pieces; kept when all are there."""
        length = PIECE * self._of[2].us
        held = self._legs
        end = until_us if held is None else self._since_us - 1
        pieces: list[Legs] = []
        for at in range(since_us, end + 1, length):
            pieces.append(at_both(*map(_closed, source.bars(*self._of, at, min(at + length - 1, end)))))
            going(min((at + length - since_us) / (end + 1 - since_us), 1.0))
        self._legs = _together([*pieces, held] if held is not None else pieces)
        self._since_us = since_us

    def _read_on(self, source: BarsSource) -> Legs:
        """What both legs have closed since; the bars that at least one has not are given back."""
        assert self._legs is not None
        times = self._legs[0].open_time
        after = int(times[-1]) + 1 if len(times) else self._since_us
        new = source.bars(*self._of, after, _END_US)
        closed = at_both(*map(_closed, new))
        if len(closed[0].open_time):
            y, x = _together([self._legs, closed])
            self._legs = _rows(y, slice(-MOST_BARS, None)), _rows(x, slice(-MOST_BARS, None))
            if len(y.open_time) > MOST_BARS:
                self._since_us = int(self._legs[0].open_time[0])
            after = int(closed[0].open_time[-1]) + 1
        return at_both(*(_rows(leg, leg.open_time >= after) for leg in new))


def _closed(leg: LegBars) -> LegBars:
    return _rows(leg, leg.complete)


def _rows(leg: LegBars, which: slice | np.ndarray) -> LegBars:
    return LegBars(*(getattr(leg, name)[which] for name in BAR_FIELDS))


def _together(pieces: Sequence[Legs]) -> Legs:
    y, x = (
        LegBars(*(np.concatenate([getattr(piece[leg], name) for piece in pieces]) for name in BAR_FIELDS))
        for leg in (0, 1)
    )
    return y, x

"""Ticks of one symbol for tests, in seconds after a start, and bars as rows small enough to read."""

from collections.abc import Collection, Sequence

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval

S = 1_000_000
START = 1_721_347_200_000_000
COIN = (Instrument("AUSDT", 1, 2),)

Row = tuple[float, int, int]
"""Second after the start, price, size."""


def ticks_of(rows: Sequence[Row], late: bool = False, first_id: int = 1, gaps: Collection[int] = ()) -> Ticks:
    """Ticks with consecutive ids. `gaps`: rows before which trades are missing."""
    n = len(rows)
    time = np.array([START + round(second * S) for second, _, _ in rows], np.int64)
    price, size = (np.array([row[k] for row in rows], np.int64) for k in (1, 2))
    return Ticks(
        COIN, np.zeros(n, np.int32), time, np.arange(first_id, first_id + n), price, size, np.ones(n, np.int8),
        np.full(n, late), gap=np.isin(np.arange(n), list(gaps)),
    )  # fmt: skip


def ticks_until(
    until: float, rows: Sequence[Row] = (), late: bool = False, first_id: int = 1, gaps: Collection[int] = ()
) -> Chunk[Ticks]:
    """A chunk of them whose watermark is `until` seconds after the start."""
    return Chunk(np.array([START + round(until * S)]), ticks_of(rows, late, first_id, gaps))


def seconds_of(chunks: list[Chunk[Bars]], interval: Interval = Interval.S1) -> list[tuple[int, int, int, bool]]:
    """(second after the start, close, trades, complete) of the bars of an interval."""
    return [
        ((int(rows.open_time[i]) - START) // S, int(rows.close[i]), int(rows.trade_count[i]), bool(rows.complete[i]))
        for rows in (chunk.rows for chunk in chunks)
        if rows.interval is interval
        for i in range(len(rows))
    ]


def marks_of(chunks: list[Chunk[Bars]], interval: Interval = Interval.S1) -> dict[int, bool]:
    """Whether trades are missing, by the second after the start at which a bar of the interval opens."""
    return {
        (int(open_time) - START) // S: bool(gap)
        for rows in (chunk.rows for chunk in chunks)
        if rows.interval is interval
        for open_time, gap in zip(rows.open_time, rows.gap, strict=True)
    }

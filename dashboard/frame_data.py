"""Rows of queries as a table by open time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.frame import BAR_FIELDS, COLUMNS, ROW_OF, STATS_FIELDS, TICKS_FIELD, Rows
from flows.domain.frames import LEG_NAMES
from flows.domain.pair import Pair

_LEG_CODE = {name: float(code) for code, name in enumerate(LEG_NAMES)}


def side_by_side(
    pair: Pair,
    bars: list[tuple[Any, ...]],
    stats: list[tuple[Any, ...]],
    limit: int,
    ticks: Sequence[tuple[Any, ...]] = (),
) -> Rows:
    """Bars of both legs and statistics as one table by open time, the newest `limit` times.

    Args:
        bars: (time µs, symbol, *BAR_FIELDS, complete). stats: (time µs, *STATS_FIELDS, complete).
        ticks: (time µs, correlation); only those of times that bars or statistics have.
    """
    times = np.unique(np.array([row[0] for row in bars] + [row[0] for row in stats], np.int64))
    values = np.full((len(COLUMNS), len(times)), np.nan)
    for leg, symbol in (("y", pair.y), ("x", pair.x)):
        rows = [row for row in bars if row[1] == symbol]
        _fill(values, times, rows, ROW_OF[f"{leg}_open"], 2, len(BAR_FIELDS), ROW_OF[f"{leg}_closed"])
    coded = [(*row[:-3], _LEG_CODE[row[-3]], _LEG_CODE[row[-2]], row[-1]) for row in stats]
    _fill(values, times, coded, ROW_OF[STATS_FIELDS[0]], 1, len(STATS_FIELDS), ROW_OF["stats_closed"])
    known = set(times.tolist()) if ticks else set()
    held = [(*row, True) for row in ticks if row[0] in known]
    _fill(values, times, held, ROW_OF[TICKS_FIELD], 1, 1, ROW_OF["ticks_closed"])
    return Rows(times[-limit:], values[:, -limit:])


def _fill(values: Any, times: Any, rows: list[tuple[Any, ...]], row: int, first: int, count: int, closed: int) -> None:
    """Write `count` fields of the query rows from field `first` on into `values[row:]`, at the columns of their times."""
    if not rows:
        return
    at = np.searchsorted(times, np.array([r[0] for r in rows], np.int64))
    table = np.array([r[first:] for r in rows], np.float64)  # None becomes NaN
    values[row : row + count, at] = table[:, :count].T
    values[closed, at] = table[:, count]

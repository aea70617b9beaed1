"""The rows a page holds: merged by time as they arrive, and the plan that brings a browser from one state to the next.

Frames are immutable, so a session keeps the one it drew last and never depends on having received every change.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

BAR_FIELDS = ("open", "high", "low", "close", "volume", "gap")
STATS_FIELDS = (
    "hedge_ratio", "hedge_ratio_se", "hedge_ratio_se_hac", "r_squared", "spread", "spread_mean", "spread_std", "zscore", "zscore_one_step",
    "correlation", "n", "warmup_left", "innovation_sd", "innovation_autocorrelation", "fit_age", "spread_bp",
    "y_age_ms", "x_age_ms", "stale", "gap",
)  # fmt: skip
TICKS_FIELD = "ticks_correlation"
CLOSED = ("y_closed", "x_closed", "stats_closed", "ticks_closed")
"""Per part of a row: NaN where it has not arrived, 0 forming, 1 closed."""
_OPTIONAL = "ticks_closed"
"""Not every dataset has it."""

COLUMNS = (*(f"{leg}_{name}" for leg in "yx" for name in BAR_FIELDS), *STATS_FIELDS, TICKS_FIELD, *CLOSED)
ROW_OF = {name: i for i, name in enumerate(COLUMNS)}
_PARTS = {
    closed: [*range(first, first + count), ROW_OF[closed]]
    for closed, first, count in zip(
        CLOSED,
        (0, len(BAR_FIELDS), 2 * len(BAR_FIELDS), ROW_OF[TICKS_FIELD]),
        (len(BAR_FIELDS), len(BAR_FIELDS), len(STATS_FIELDS), 1),
        strict=True,
    )
}
"""The rows of a table of values that belong to each of `CLOSED`."""
_LAST_STATS = STATS_FIELDS.index("n")
BROWSER_COLUMNS = (
    *COLUMNS[: 2 * len(BAR_FIELDS)],
    *STATS_FIELDS[:_LAST_STATS],
    TICKS_FIELD,
    "y_closed",
    "stats_closed",
)
"""What the charts need. The rest is shown in the tiles, which the server writes."""

_UNSETTLED_BARS = 120
"""A leg that stays behind is asked for again over at most so many bars; beyond it there is a hole, seen on the next full load."""


@dataclass(frozen=True)
class Frame:
    """Rows in time order, no time twice.

    Attributes:
        times: open times, int64 microseconds UTC, shape (n,).
        values: float64, shape (len(COLUMNS), n); NaN where not known.
        changed: the sequence number at which each row last changed, shape (n,).
        sequence: grows with each merge that changed anything.
        generation: grows with each full load; frames of two generations have no rows in common.
    """

    times: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    values: F64 = field(default_factory=lambda: np.empty((len(COLUMNS), 0)))
    changed: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    sequence: int = 0
    generation: int = 0

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, column: str) -> F64:
        row: F64 = self.values[ROW_OF[column]]
        return row

    def tail(self, rows: int) -> "Frame":
        """The newest `rows` rows."""
        return replace(self, times=self.times[-rows:], values=self.values[:, -rows:], changed=self.changed[-rows:])

    def since(self, bar_us: int) -> int | None:
        """The open time from which to ask for news: the last bar but one, earlier where a part has not closed yet."""
        if not len(self):
            return None
        last = int(self.times[-1])
        settled = [last - bar_us]
        for name in CLOSED:
            closed = np.flatnonzero(self[name] == 1)
            if len(closed):
                settled.append(int(self.times[closed[-1]]))
            elif name != _OPTIONAL:
                settled.append(int(self.times[0]))
        return max(min(settled), last - _UNSETTLED_BARS * bar_us)


@dataclass(frozen=True)
class Rows:
    """What a query brought: as `Frame`, without history."""

    times: I64
    values: F64


def loaded(rows: Rows, before: Frame, limit: int) -> Frame:
    """A frame of a full load, in place of `before`."""
    sequence = before.sequence + 1
    changed = np.full(len(rows.times), sequence, np.int64)
    values = rows.values.copy()
    _let_go(values)
    return Frame(rows.times, values, changed, sequence, before.generation + 1).tail(limit)


def merged(held: Frame, rows: Rows, limit: int) -> Frame | None:
    """`held` with the new rows laid over and appended; `held` itself if they say nothing new; None if there is a hole.

    The rows were asked for from a time that `held` has. If that row is not among them, or one of them should have been held and is
    not, then rows are missing between: only a full load helps.
    """
    cut = int(np.searchsorted(rows.times, held.times[-1], side="right"))
    at = np.searchsorted(held.times, rows.times[:cut])
    if not cut or rows.times[cut - 1] != held.times[-1] or not np.array_equal(held.times[at], rows.times[:cut]):
        return None
    values = np.concatenate((held.values, rows.values[:, cut:]), axis=1)
    values[:, at] = rows.values[:, :cut]
    let_go = _let_go(values)
    touched = np.union1d(at, let_go[let_go < len(held)])
    old, new = held.values[:, touched], values[:, touched]
    differs = ~((old == new) | (np.isnan(old) & np.isnan(new))).all(axis=0)
    if not differs.any() and cut == len(rows.times):
        return held
    sequence = held.sequence + 1
    changed = np.concatenate((held.changed, np.full(len(rows.times) - cut, sequence, np.int64)))
    changed[touched[differs]] = sequence
    times = np.concatenate((held.times, rows.times[cut:]))
    return Frame(times, values, changed, sequence, held.generation).tail(limit)


def _let_go(values: F64) -> I64:
    """Forget what was forming before the newest closed row of its part: a leg that was held ended in a hole, and nothing replaces it.

    Returns:
        The columns in which something was forgotten.
    """
    found = [np.empty(0, np.int64)]
    for name, part in _PARTS.items():
        closed = values[ROW_OF[name]]
        settled = np.flatnonzero(closed == 1)
        forming = np.flatnonzero(closed[: settled[-1]] == 0) if len(settled) else found[0]
        values[np.ix_(part, forming)] = np.nan
        found.append(forming)
    return np.concatenate(found)


Patches = dict[str, list[tuple[int, float]]]


@dataclass(frozen=True)
class Update:
    """How to bring a column source up to date: `full` alone, or `patches` and then `stream`. All may be empty."""

    full: dict[str, F64] | None = None
    patches: Patches = field(default_factory=dict)
    stream: dict[str, list[float]] = field(default_factory=dict)


def columns(frame: Frame) -> dict[str, F64]:
    """The frame as the browser holds it: `time` in float milliseconds, and the chart columns as writable copies."""
    return {"time": frame.times / 1000.0, **{name: frame[name].copy() for name in BROWSER_COLUMNS}}


def plan(before: Frame, after: Frame) -> Update:
    """The step from the rows a browser holds (`before`) to `after`, a tail of the same length limit.

    Values go as lists: a one-element array would cost two extra websocket frames per column.
    """
    if before.generation != after.generation or not len(before) or before.times[-1] < after.times[0]:
        return Update(full=columns(after))
    new = int(np.searchsorted(after.times, before.times[-1], side="right"))
    rows = np.flatnonzero(after.changed[:new] > before.sequence)
    at = np.searchsorted(before.times, after.times[rows])
    patches: Patches = {}
    for name in BROWSER_COLUMNS:
        old, now = before[name][at], after[name][rows]
        cells = np.flatnonzero(~((old == now) | (np.isnan(old) & np.isnan(now))))
        if len(cells):
            patches[name] = [(int(at[i]), float(now[i])) for i in cells]
    if new == len(after):
        return Update(patches=patches)
    stream = {name: after[name][new:].tolist() for name in BROWSER_COLUMNS}
    return Update(patches=patches, stream={"time": (after.times[new:] / 1000.0).tolist(), **stream})

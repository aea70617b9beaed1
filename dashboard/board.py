"""The newest statistics of all pairs of a dataset, and the way of their z: merged as rows arrive, told to a browser as what differs.

Boards are immutable: a session keeps the one it told its browser last, and never depends on having received every change.
"""

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from dashboard.frame import F64, I64

FIELDS = (
    "zscore", "zscore_one_step", "spread", "spread_bp", "correlation", "hedge_ratio", "r_squared", "innovation_sd", "fit_age",
    "n", "warmup_left", "y_age_ms", "x_age_ms", "stale", "gap",
)  # fmt: skip
"""Columns of `pair_stats_<interval>` that a board holds, as numbers: a leg's name is its code in `LEG_NAMES`."""
CLOSED, CHANGE = len(FIELDS), len(FIELDS) + 1
ROW_OF = {**{name: at for at, name in enumerate(FIELDS)}, "closed": CLOSED, "change": CHANGE}

CHANGE_BARS = 60
WIDTH = CHANGE_BARS + 5
"""Bars of z held: the last 60, and a few more for pairs that are a little behind."""
BEHIND_BARS = 5
"""A pair so many bars behind the newest one is not waited for; its rows are asked for by name."""
UNKNOWN_BAR = -1
"""Stands for the bar of a pair without rows."""


@dataclass(frozen=True)
class PairRows:
    """What a query brought, in time order.

    Attributes:
        bar: open times in bars since the epoch, shape (n,). pair: index of the pair, shape (n,).
        values: shape (len(FIELDS) + 1, n), the last row is 1 where the bar is closed, 0 where it forms.
    """

    bar: I64
    pair: I64
    values: F64


@dataclass(frozen=True, eq=False)
class Board:
    """All pairs of one interval and model.

    Attributes:
        pairs: names, in the order of the columns. bar_us: length of a bar.
        bar: open time of each pair's newest row in bars since the epoch, `UNKNOWN_BAR` where there is none; shape (n,).
        settled: the same of the newest closed row.
        values: newest row of each pair, shape (len(ROW_OF), n); `change` is z now minus z 60 bars before. NaN where not known.
        newest: the newest of `bar`.
        history: z of the last `WIDTH` closed bars, shape (n, WIDTH), the last column is bar `newest`; NaN where there is none.
    """

    pairs: tuple[str, ...]
    bar_us: int
    bar: I64
    settled: I64
    values: F64
    newest: int
    history: F64

    def __getitem__(self, name: str) -> F64:
        row: F64 = self.values[ROW_OF[name]]
        return row

    @property
    def awaited_us(self) -> int:
        """The open time after which all rows are news, in microseconds; those of pairs far behind aside."""
        kept = self.settled[self.settled > self.newest - BEHIND_BARS]
        return int(kept.min() if len(kept) else self.newest - 1) * self.bar_us

    @property
    def behind(self) -> tuple[tuple[str, ...], int]:
        """Pairs far behind, and the open time in microseconds after which their rows are news."""
        far = np.flatnonzero(self.settled <= self.newest - BEHIND_BARS)
        since = max(int(self.settled[far].min()), self.newest - WIDTH) if len(far) else self.newest
        return tuple(self.pairs[i] for i in far), since * self.bar_us


def empty(pairs: tuple[str, ...], bar_us: int) -> Board:
    """A board on which nothing is known yet."""
    n = len(pairs)
    unknown = np.full(n, UNKNOWN_BAR, np.int64)
    return Board(
        pairs, bar_us, unknown, unknown, np.full((len(ROW_OF), n), np.nan), UNKNOWN_BAR, np.full((n, WIDTH), np.nan)
    )


def merged(held: Board, rows: PairRows) -> Board:
    """`held` with newer rows laid over; `held` itself if they say nothing new. Rows older than the held one only fill the history."""
    if not len(rows.bar):
        return held
    newest = max(held.newest, int(rows.bar.max()))
    closed = rows.values[CLOSED] == 1
    bar, settled, values = held.bar.copy(), held.settled.copy(), held.values.copy()
    np.maximum.at(bar, rows.pair, rows.bar)
    np.maximum.at(settled, rows.pair[closed], rows.bar[closed])
    # Time order and a closed row after the forming one of its bar: of several rows of a pair the last one stays.
    last = (rows.bar == bar[rows.pair]) & (closed | (settled[rows.pair] < rows.bar))
    values[: CLOSED + 1, rows.pair[last]] = rows.values[:, last]
    history = _moved(held.history, newest - held.newest)
    at = rows.bar - newest + WIDTH - 1
    kept = closed & (at >= 0)
    history[rows.pair[kept], at[kept]] = rows.values[ROW_OF["zscore"], kept]
    values[CHANGE] = _change(values[ROW_OF["zscore"]], history, bar, newest)
    after = replace(held, bar=bar, settled=settled, values=values, newest=newest, history=history)
    return held if _same(held, after) else after


def _same(held: Board, after: Board) -> bool:
    return (
        np.array_equal(held.bar, after.bar)
        and np.array_equal(held.values, after.values, equal_nan=True)
        and np.array_equal(held.history, after.history, equal_nan=True)
    )


def _moved(history: F64, bars: int) -> F64:
    """The history `bars` bars later."""
    if bars <= 0:
        return history.copy()
    moved = np.full_like(history, np.nan)
    if bars < WIDTH:
        moved[:, : WIDTH - bars] = history[:, bars:]
    return moved


def _change(zscore: F64, history: F64, bar: I64, newest: int) -> F64:
    """z of each pair's newest row minus z `CHANGE_BARS` before it; NaN where either is not known."""
    at = bar - newest + WIDTH - 1 - CHANGE_BARS
    known = at >= 0
    before = np.full(len(bar), np.nan)
    before[known] = history[np.flatnonzero(known), at[known]]
    change: F64 = zscore - before
    return change


@dataclass(frozen=True)
class Difference:
    """What a browser that knows one board lacks of another.

    Attributes:
        pairs: indices of the pairs whose newest row differs. points: (pair, bar, z) of closed bars that differ; z is None where unknown.
        full: the browser has to forget what it knows.
    """

    full: bool
    pairs: tuple[int, ...] = ()
    points: tuple[tuple[int, int, float | None], ...] = field(default=())


@lru_cache(maxsize=8)
def difference(before: Board | None, after: Board) -> Difference:
    """How `after` differs from `before`, None for a browser that knows nothing. Made once for all pages that saw the same two."""
    shift = after.newest - before.newest if before is not None else WIDTH
    if before is None or before.pairs != after.pairs or before.bar_us != after.bar_us or not 0 <= shift < WIDTH:
        known = np.argwhere(np.isfinite(after.history))
        return Difference(True, tuple(range(len(after.pairs))), _points(after, known))
    unlike = ~((before.values == after.values) | (np.isnan(before.values) & np.isnan(after.values)))
    rows = np.flatnonzero(unlike.any(axis=0) | (before.bar != after.bar))
    moved = _moved(before.history, shift)
    differs = ~((moved == after.history) | (np.isnan(moved) & np.isnan(after.history)))
    return Difference(False, tuple(rows.tolist()), _points(after, np.argwhere(differs)))


def _points(board: Board, at: I64) -> tuple[tuple[int, int, float | None], ...]:
    first = board.newest - WIDTH + 1
    values = board.history[at[:, 0], at[:, 1]].tolist()
    return tuple((i, first + j, None if math.isnan(z) else z) for (i, j), z in zip(at.tolist(), values, strict=True))

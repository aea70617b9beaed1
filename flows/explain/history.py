"""The bars that one row was made of: read far enough back, joined, and begun where the flow began."""

import math
from dataclasses import dataclass

import numpy as np

from flows.domain.frames import I64, LEG_NAMES, PairBars, PairStats
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.explain.joined import at_both, joined
from flows.explain.question import Question
from flows.explain.stored import LegBars, Stored, StoredRow, Value
from flows.stats.methods import estimator
from flows.stats.pair_stats import statistics_of
from flows.storage.schema import PAIR_STATS_COLUMNS


@dataclass(frozen=True, slots=True)
class History:
    """Both legs at the same open times, up to the row's, shape (rows,) each.

    Attributes:
        index: absolute bar index. run: row at which the consecutive bars that end with the last one begin.
        began: open time of the first bar that the flow counted, None where that was before all that is needed.
        wanted: bars that the row's values can depend on, if there were as many without a hole.
    """

    index: I64
    y: LegBars
    x: LegBars
    run: int
    began: int | None
    wanted: int

    def __len__(self) -> int:
        return len(self.index)


def bars_needed(model: Model, pair: Pair) -> int:
    """Consecutive bars that a value of this model can depend on."""
    made = estimator(model, (pair,))
    return max(made.warmup, made.memory, model.correlation_window + 1) + 1


def history(stored: Stored, question: Question, row: StoredRow) -> History:
    """The bars behind a row. A closed row is made of closed bars only; a forming one of forming bars too."""
    us, until = question.interval.us, question.open_time
    wanted = bars_needed(question.model, question.pair)
    since = max(until - (wanted - 1) * us, 0)
    began = stored.run_began(question, since)
    y, x = stored.legs(question.pair, question.interval, since if began is None else began, until)
    if row["complete"]:
        y, x = (leg.at(leg.open_time[leg.complete]) for leg in (y, x))
    y, x = at_both(y, x)
    index = y.open_time // us
    holes = np.flatnonzero(np.diff(index) != 1)
    return History(index, y, x, int(holes[-1]) + 1 if len(holes) else 0, began, wanted)


def own_row(question: Question, past: History, row: StoredRow, stale_after_ms: int) -> PairStats:
    """The row made again from the stored bars by the function that the flow calls; one row.

    Ages of a forming bar depend on when it was looked at, so the stored ones are taken for it.
    """
    bars = _as_looked_at(joined(question.pair, question.interval, past.y, past.x), row)
    stats = statistics_of(bars, question.model, stale_after_ms)
    return stats.take(slice(len(stats) - 1, None))


def _as_looked_at(bars: PairBars, row: StoredRow) -> PairBars:
    """With the ages that the stored row has, where its bar is forming."""
    if not row["complete"]:
        for age, name in ((bars.y_age_ms, "y_age_ms"), (bars.x_age_ms, "x_age_ms")):
            stored = row[name]
            age[-1] = stored if isinstance(stored, int) else UNKNOWN
    return bars


def as_stored(stats: PairStats) -> StoredRow:
    """One row of a frame as the table has it."""
    made: dict[str, Value] = {"pair": str(stats.pairs[int(stats.pair[0])]), "model": stats.model}
    for name, _ in PAIR_STATS_COLUMNS:
        if name in made:
            continue
        value = getattr(stats, name)[0].item()
        if name in ("stale", "gap"):
            value = LEG_NAMES[value]
        elif value == UNKNOWN or not math.isfinite(value):
            value = None
        made[name] = value
    return made

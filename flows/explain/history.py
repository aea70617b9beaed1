"""The bars that one row was made of: read far enough back, joined, and begun where the flow began."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

import numpy as np

from flows.domain.frames import F64, I64, LEG_NAMES, PairBars, PairStats
from flows.domain.model import Model
from flows.domain.scale import UNKNOWN
from flows.explain.compare import same_bits
from flows.explain.question import Question
from flows.explain.stored import LegBars, Stored, StoredRow, Value
from flows.stats.methods import estimator
from flows.stats.pair_stats import statistics_of
from flows.storage.schema import PAIR_STATS_COLUMNS

_MORE_DECIMALS = 4
"""Than the closes show: inputs may write zeros at the end."""


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


def bars_needed(model: Model, question: Question) -> int:
    """Consecutive bars that a value of this model can depend on."""
    made = estimator(model, (question.pair,))
    return max(made.warmup, made.memory, model.correlation_window + 1) + 1


def history(stored: Stored, question: Question, row: StoredRow) -> History:
    """The bars behind a row. A closed row is made of closed bars only; a forming one of forming bars too."""
    us, until = question.interval.us, question.open_time
    wanted = bars_needed(question.model, question)
    since = max(until - (wanted - 1) * us, 0)
    began = stored.run_began(question, since)
    y, x = stored.legs(question.pair, question.interval, since if began is None else began, until)
    if row["complete"]:
        y, x = (leg.at(leg.open_time[leg.complete]) for leg in (y, x))
    both = np.intersect1d(y.open_time, x.open_time)
    index = both // us
    holes = np.flatnonzero(np.diff(index) != 1)
    return History(index, y.at(both), x.at(both), int(holes[-1]) + 1 if len(holes) else 0, began, wanted)


def own_row(question: Question, past: History, row: StoredRow, stale_after_ms: int) -> PairStats:
    """The row made again from the stored bars by the function that the flow calls; one row.

    Ages of a forming bar depend on when it was looked at, so the stored ones are taken for it. Volume-weighted prices depend in their last
    bit on how many decimals the input wrote, which is not stored: of the few possible numbers the one that gives the row is taken.
    """
    bars = _pair_bars(question, past, row)
    made = _last_of(bars, question.model, stale_after_ms)
    if question.model.source == "close":
        return made
    for y_more, x_more in product(range(_MORE_DECIMALS + 1), repeat=2):
        weighted = replace(bars, y_vwap=vwap(past.y, y_more), x_vwap=vwap(past.x, x_more))
        other = _last_of(weighted, question.model, stale_after_ms)
        if all(same_bits(row[name], value) for name, value in as_stored(other).items()):
            return other
    return made


def _last_of(bars: PairBars, model: Model, stale_after_ms: int) -> PairStats:
    stats = statistics_of(bars, model, stale_after_ms)
    return stats.take(slice(len(stats) - 1, None))


def _pair_bars(question: Question, past: History, row: StoredRow) -> PairBars:
    ends = (past.index + 1) * question.interval.us
    y_age, x_age = _ages_ms(past.y, ends), _ages_ms(past.x, ends)
    if not row["complete"]:
        for age, name in ((y_age, "y_age_ms"), (x_age, "x_age_ms")):
            stored = row[name]
            age[-1] = stored if isinstance(stored, int) else UNKNOWN
    return PairBars(
        pairs=(question.pair,),
        pair=np.zeros(len(past), np.int32),
        interval=question.interval,
        open_time=past.index * question.interval.us,
        y_close=past.y.close,
        x_close=past.x.close,
        y_vwap=vwap(past.y),
        x_vwap=vwap(past.x),
        y_age_ms=y_age,
        x_age_ms=x_age,
        y_trade_count=past.y.trade_count,
        x_trade_count=past.x.trade_count,
        complete=past.y.complete & past.x.complete,
        gap=(past.y.gap + 2 * past.x.gap).astype(np.int8),
    )


def vwap(leg: LegBars, more_decimals: int = 0) -> F64:
    """Mean prices weighted by size, from the stored volumes; the close of a bar without trades.

    The join divides integers and then the price's power of ten. What stands in the table gives the same quotient; how many decimals the
    price had is not stored: at least those that the closes show.
    """
    seen = max((len(repr(price).partition(".")[2].rstrip("0")) for price in leg.close.tolist()), default=0)
    scale = 10 ** (seen + more_decimals)
    means = [
        float(_decimal(quote) * scale / _decimal(volume)) / float(scale) if volume > 0 else close
        for close, volume, quote in zip(leg.close.tolist(), leg.volume.tolist(), leg.quote_volume.tolist(), strict=True)
    ]
    return np.array(means, np.float64)


def _decimal(value: float) -> Fraction:
    """The number as it is printed."""
    return Fraction(repr(value))


def _ages_ms(leg: LegBars, ends: I64) -> I64:
    """From the last trade to the end of the bar, as the join has it."""
    return np.where(leg.last_trade_time == UNKNOWN, UNKNOWN, (ends - leg.last_trade_time) // 1_000)


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

"""Bars and the statistics that our library makes of them, as `flows.explain` reads them from a database."""

import numpy as np
from pair_series import pair_bars

from flows.domain.frames import PairBars
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.explain.history import as_stored
from flows.explain.question import Question
from flows.explain.stored import LegBars, Nearest, StoredRow
from flows.stats.pair_stats import statistics_of
from flows.storage.datasets import Dataset


class InMemory:
    """A dataset of one pair, one model and 1s, each bar with a trade at its end."""

    def __init__(self, y: np.ndarray, x: np.ndarray, model: Model, index: np.ndarray | None = None) -> None:
        self.bars: PairBars = pair_bars(y, x, index)
        self.stats = statistics_of(self.bars, model, stale_after_ms=10_000)
        self.pair, self.model = self.bars.pairs[0], model
        self.dataset = Dataset(
            "", "test", self.bars.pairs, (Interval.S1,), (model,), "test", {"join.stale_after_s": "10"}
        )

    def question(self, row: int) -> Question:
        """What asks for a row."""
        return Question(self.pair, Interval.S1, self.model, int(self.bars.open_time[row]))

    def row(self, question: Question) -> StoredRow | None:
        at = np.flatnonzero(self.stats.open_time == question.open_time)
        return {**as_stored(self.stats.take(at)), "open_time": question.open_time} if len(at) else None

    def nearest(self, question: Question) -> Nearest:
        raise NotImplementedError("every row that is asked for is there")

    def run_began(self, question: Question, since_us: int) -> int | None:
        times = self.stats.open_time
        began = times[(self.stats.n == 1) & (times >= since_us) & (times <= question.open_time)]
        return int(began[-1]) if len(began) else None

    def legs(self, pair: Pair, interval: Interval, since_us: int, until_us: int) -> tuple[LegBars, LegBars]:
        bars = self.bars.take((self.bars.open_time >= since_us) & (self.bars.open_time <= until_us))
        ends, no_gap = bars.open_time + interval.us, np.zeros(len(bars), np.bool_)
        one = np.ones(len(bars))
        return (
            LegBars(bars.open_time, bars.y_close, one, bars.y_close, bars.y_trade_count, ends, bars.complete, no_gap),
            LegBars(bars.open_time, bars.x_close, one, bars.x_close, bars.x_trade_count, ends, bars.complete, no_gap),
        )

"""Stored rows out of the Parquet files that a replay has written: an explanation without a database."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.explain.question import Question
from flows.explain.stored import LegBars, Nearest, StoredRow
from flows.storage.datasets import Dataset
from flows.storage.schema import PAIR_STATS_COLUMNS


class FileRows:
    """`bars.parquet` and `pair_stats.parquet` of a folder, and what is known of the run that wrote them."""

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self._bars = pq.read_table(folder / "bars.parquet")
        self._stats = pq.read_table(folder / "pair_stats.parquet")
        self._dataset = dataset

    @property
    def dataset(self) -> Dataset:
        return self._dataset

    def row(self, question: Question) -> StoredRow | None:
        stats = self._of(question)
        found = stats.filter(pc.equal(_times(stats), question.open_time))
        if not len(found):
            return None
        row = found.to_pylist()[-1]
        return {name: row[name] for name, _ in PAIR_STATS_COLUMNS} | {"open_time": question.open_time}

    def nearest(self, question: Question) -> Nearest:
        times = _integers(_times(self._of(question)))
        before, after = times[times < question.open_time], times[times > question.open_time]
        return Nearest(
            int(before.max()) if len(before) else None,
            int(after.min()) if len(after) else None,
            int(times.min()) if len(times) else None,
            int(times.max()) if len(times) else None,
        )

    def run_began(self, question: Question, since_us: int) -> int | None:
        stats = self._of(question)
        times = _integers(_times(stats.filter(pc.equal(stats["n"], 1))))
        times = times[(times >= since_us) & (times <= question.open_time)]
        return int(times.max()) if len(times) else None

    def legs(self, pair: Pair, interval: Interval, since_us: int, until_us: int) -> tuple[LegBars, LegBars]:
        y, x = (self._leg(symbol, interval, since_us, until_us) for symbol in (pair.y, pair.x))
        return y, x

    def _of(self, question: Question) -> Any:
        stats = self._stats
        wanted = {"pair": str(question.pair), "interval": str(question.interval), "model": question.model.name}
        for name, value in wanted.items():
            stats = stats.filter(pc.equal(stats[name], value))
        return stats

    def _leg(self, symbol: str, interval: Interval, since_us: int, until_us: int) -> LegBars:
        bars = self._bars.filter(
            pc.and_(pc.equal(self._bars["symbol"], symbol), pc.equal(self._bars["interval"], str(interval)))
        )
        times = _integers(_times(bars))
        rows = np.flatnonzero((times >= since_us) & (times <= until_us))
        rows = rows[np.argsort(times[rows], kind="stable")]
        bars = bars.take(rows)
        return LegBars(
            times[rows],
            _floats(bars["close"]),
            _floats(bars["volume"]),
            _floats(bars["quote_volume"]),
            _integers(bars["trade_count"]),
            _integers(bars["last_trade_time"].cast(pa.int64())),
            bars["complete"].to_numpy(),
            bars["gap"].to_numpy(),
        )


def _times(table: Any) -> Any:
    return table["open_time"].cast(pa.int64())


def _integers(column: Any) -> Any:
    return column.fill_null(int(UNKNOWN)).to_numpy().astype(np.int64)


def _floats(column: Any) -> Any:
    return column.to_numpy().astype(np.float64)

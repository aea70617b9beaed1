"""Bars through join and statistics inside the engine: the same rows as the functions alone, for any pieces and workers."""

import hashlib
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import numpy as np
import pytest
from bar_frames import bars_of
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main
from pair_series import hard_closes

from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, PairBars, PairStats, concatenated
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.domain.scale import to_float
from flows.join.operators import pair_bars
from flows.sinks.counting import row_hashes
from flows.sinks.tables import table_rows
from flows.stats.operators import pair_stats
from flows.stats.pair_stats import statistics_of

S = 1_000_000
PAIRS = (Pair("ETHUSDT", "BTCUSDT"), Pair("SOLUSDT", "BTCUSDT"))
MODELS = (Model("ols", window=60, z_window=60, correlation_window=30), Model("short", window=20, z_window=10))
ROWS = 700


def _bars(symbols: dict[str, int]) -> Bars:
    """Bars of symbols whose prices come from series of a seed, with a hole of ten seconds in SOLUSDT."""
    closes = {}
    for symbol, seed in symbols.items():
        prices = np.round(hard_closes(ROWS, seed)[1] * 10).astype(int).tolist()
        seconds = range(5_000, 5_000 + ROWS)
        points = list(zip(seconds, prices, strict=True))
        closes[symbol] = points[:300] + points[310:] if symbol == "SOLUSDT" else points
    return bars_of(closes, decimals=dict.fromkeys(symbols, 1))


def _cut(bars: Bars, seed: int, most: int) -> list[Chunk[Bars]]:
    """The bars in pieces of random length by time, and a heartbeat now and then."""
    pieces, rng, second = [], random.Random(seed), 5_000
    while second < 5_000 + ROWS:
        end = second + rng.randint(1, most)
        inside = (bars.open_time >= second * S) & (bars.open_time < end * S)
        watermark = np.full(len(bars.instruments), end * S, np.int64)
        pieces.append(Chunk(watermark, bars.take(inside)))
        if rng.random() < 0.3:
            pieces.append(Chunk(watermark, bars.take(slice(0))))
        second = end
    return pieces


def _flow(items: list[tuple[str, Chunk[Bars]]], out: list[tuple[str, Chunk[PairStats]]], batch: int = 1) -> Dataflow:
    flow = Dataflow("test")
    bars = op.input("bars", flow, TestingSource(items, batch))
    legs = pair_bars("pair_bars", bars, PAIRS, 10_000)
    op.output("out", pair_stats("stats", legs, MODELS, 10_000), TestingSink(out))
    return flow


def _digests(out: list[tuple[str, Chunk[PairStats]]]) -> dict[tuple[str, str], str]:
    """Of the rows of each pair and model, in the order they came out."""
    frames: dict[tuple[str, str], list[PairStats]] = {}
    for _, chunk in out:
        for p, pair in enumerate(chunk.rows.pairs):
            mine = chunk.rows.take(chunk.rows.pair == p)
            frames.setdefault((f"{pair} {mine.interval}", mine.model), []).append(mine)
    return {k: hashlib.sha256(row_hashes(table_rows(concatenated(v))).tobytes()).hexdigest() for k, v in frames.items()}


def _expected() -> dict[tuple[str, str], str]:
    out: list[tuple[str, Chunk[PairStats]]] = []
    run_main(_flow([("p", chunk) for chunk in _cut(_bars(SYMBOLS), 0, ROWS * 2)], out))
    return _digests(out)


SYMBOLS = {"ETHUSDT": 1, "BTCUSDT": 2, "SOLUSDT": 3}


def test_any_pieces_one_or_two_partitions_and_one_to_three_workers_give_the_same_rows() -> None:
    expected = _expected()
    assert set(expected) == {(f"{pair} 1s", model.name) for pair in PAIRS for model in MODELS}
    one_file = [("p", chunk) for chunk in _cut(_bars(SYMBOLS), 1, 40)]
    eth = [("eth", chunk) for chunk in _cut(_bars({"ETHUSDT": 1}), 2, 25)]
    others = [("others", chunk) for chunk in _cut(_bars({"BTCUSDT": 2, "SOLUSDT": 3}), 3, 90)]
    interleaved = [item for pair in zip(eth, others, strict=False) for item in pair]
    interleaved += eth[len(others) :] + others[len(eth) :]
    for items in (one_file, eth + others, interleaved):
        out: list[tuple[str, Chunk[PairStats]]] = []
        run_main(_flow(items, out, batch=3))
        assert _digests(out) == expected
    for workers in (2, 3):
        out = []
        cluster_main(_flow(one_file, out), [], 0, worker_count_per_proc=workers)
        assert _digests(out) == expected


def test_rows_are_those_of_the_plain_function() -> None:
    bars = _bars(SYMBOLS)
    y, x = (bars.take(bars.symbol == s) for s in (2, 1))
    x = x.take(np.isin(x.open_time, y.open_time))
    age = np.full(len(y), 1_000)
    joined = PairBars(
        PAIRS[1:], np.zeros(len(y), np.int32), Interval.S1, y.open_time, *(to_float(y.close, 1), to_float(x.close, 1)) * 2, age, age,
        y.trade_count, x.trade_count, y.complete, np.zeros(len(y), np.int8),
    )  # fmt: skip
    digest = hashlib.sha256(row_hashes(table_rows(statistics_of(joined, MODELS[1], 10_000))).tobytes()).hexdigest()
    assert _expected()["SOLUSDT/BTCUSDT 1s", "short"] == digest


def test_forming_bars_come_out_as_forming_and_leave_the_closed_rows_alone() -> None:
    expected = _expected()
    items: list[tuple[str, Chunk[Bars]]] = []
    bars = _bars(SYMBOLS)
    for chunk in _cut(bars, 4, 30):
        items.append(("p", chunk))
        next_open = bars.open_time == chunk.watermark[0]
        forming = bars.take(next_open)
        if len(forming):
            items.append(("p", Chunk(chunk.watermark, _as_forming(forming))))
    out: list[tuple[str, Chunk[PairStats]]] = []
    run_main(_flow(items, out))
    closed = [(key, chunk) for key, chunk in out if len(chunk.rows) == 0 or chunk.rows.complete.all()]
    assert _digests(closed) == expected
    formed = [chunk.rows for key, chunk in out if len(chunk.rows) and not chunk.rows.complete.any()]
    assert sum(map(len, formed)) > 20
    assert any(not np.isnan(frame.zscore).all() for frame in formed)


def _as_forming(bars: Bars) -> Bars:
    return replace(bars, close=bars.close + 5, complete=np.zeros(len(bars), np.bool_))


@pytest.mark.parametrize("abort_at", [2, 9, 17])
def test_an_abort_and_a_resume_give_the_rows_of_an_uninterrupted_run(tmp_path: Path, abort_at: int) -> None:
    init_db_dir(tmp_path, 1)
    items: list[tuple[str, Chunk[Bars]]] = [("p", chunk) for chunk in _cut(_bars(SYMBOLS), 5, 60)]
    items.insert(abort_at, TestingSource.ABORT())  # type: ignore[arg-type]
    out: list[tuple[str, Chunk[PairStats]]] = []
    flow = _flow(items, out)
    for _ in range(2):
        run_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(str(tmp_path)))
    assert _digests(out) == _expected()

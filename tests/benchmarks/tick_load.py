"""One measured run of the correlation of ticks in a process of its own: `python -m tests.benchmarks.tick_load LOOK_EVERY_S`.

A minute of 100 symbols that trade 20,000 times a second, in chunks of 50 ms as they come live, 99 pairs against one of them. Prints as
JSON what a second of it costs in the engine, what the slowest chunk does outside of it, and how many looks there were.
"""

import json
import sys
import time
from collections.abc import Iterator

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

from flows.asynchrony.looks import LookRule
from flows.asynchrony.operators import pair_tick_stats
from flows.asynchrony.pair_ticks import Limits, PairTickStatistics, warm_up
from flows.asynchrony.splitter import TickSplitter
from flows.domain.chunk import Chunk
from flows.domain.frames import PairLeadLag, Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.domain.pair import Pair, groups

SYMBOLS, TRADES_PER_S, CHUNK_MS, SECONDS, WARM_SECONDS = 100, 20_000, 50, 60, 15
WINDOW = 300
PAIRS = tuple(Pair(f"C{k:02}USDT", "C00USDT") for k in range(1, SYMBOLS))
_START = 1_721_347_200_000_000


def main() -> None:
    rule = LookRule(cadence_s=int(sys.argv[1]))
    warm_up()
    chunks = list(_market())
    began = WARM_SECONDS * 1_000 // CHUNK_MS
    slowest, looks = _outside(chunks, began, rule)
    cpu = _in_engine(chunks, rule)
    sys.stdout.write(json.dumps({"ms_per_s": 1e3 * cpu / SECONDS, "slowest_ms": slowest, "looks_per_s": looks}) + "\n")


def _in_engine(chunks: list[Chunk[Ticks]], rule: LookRule) -> float:
    """Processor seconds of the stage in a dataflow."""
    flow = Dataflow("ticks")
    items = op.input("in", flow, TestingSource([("live", chunk) for chunk in chunks]))
    stats = pair_tick_stats("tick_stats", items, PAIRS, tuple(Interval), WINDOW, rule, Limits())
    op.output("out", stats, TestingSink([]))
    began = time.process_time()
    run_main(flow)
    return time.process_time() - began


def _outside(chunks: list[Chunk[Ticks]], began: int, rule: LookRule) -> tuple[float, float]:
    """Milliseconds of processor time of the slowest chunk once all is warm, and looks per second."""
    splitter = TickSplitter(PAIRS)
    of_group = [PairTickStatistics(group, tuple(Interval), WINDOW, rule, Limits()) for group in groups(PAIRS)]
    times, looks = [], 0
    for chunk in chunks:
        start = time.thread_time()
        made = [out.rows for item in splitter.split(chunk) for out in of_group[item.group].update(item.legs)]
        times.append(time.thread_time() - start)
        looks += sum(len(rows) for rows in made if isinstance(rows, PairLeadLag))
    return 1e3 * max(times[began:]), looks / SECONDS


def _market() -> Iterator[Chunk[Ticks]]:
    """Random walks of all symbols; some trade more often than others, as the rank to the power of -0.7."""
    rng = np.random.default_rng(7)
    weights = np.arange(1, SYMBOLS + 1) ** -0.7
    rows = SECONDS * TRADES_PER_S
    instruments = tuple(Instrument(f"C{k:02}USDT", 1 + k % 5) for k in range(SYMBOLS))
    symbol = rng.choice(SYMBOLS, rows, p=weights / weights.sum()).astype(np.int32)
    time_us = _START + np.sort(rng.integers(0, SECONDS * 1_000, rows)) * 1_000
    price = np.empty(rows, np.int64)
    for s in range(SYMBOLS):
        mine = symbol == s
        price[mine] = 1_000_000 + np.cumsum(rng.integers(-2, 3, int(mine.sum())))
    watermark = np.zeros(SYMBOLS, np.int64)
    edges = np.searchsorted(time_us, _START + np.arange(0, SECONDS * 1_000 + 1, CHUNK_MS) * 1_000)
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        np.maximum.at(watermark, symbol[a:b], time_us[a:b])
        ones, zeros = np.ones(b - a, np.int64), np.zeros(b - a, np.int8)
        ticks = Ticks(
            instruments, symbol[a:b], time_us[a:b], np.arange(a, b), price[a:b], ones, zeros, zeros.astype(np.bool_)
        )
        yield Chunk(watermark.copy(), ticks)


if __name__ == "__main__":
    main()

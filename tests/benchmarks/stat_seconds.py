"""One measured run of a hundred pairs, live, with everything that is computed of a pair: `python -m tests.benchmarks.stat_seconds`.

The whole dataflow but for the database; each item is a second of ticks, and its cost what the processor did until the next was asked for.
Prints as JSON figures of the seconds after every window is full.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from bytewax.testing import TestingSource, run_main

from flows.domain.chunk import Chunk
from flows.domain.frames import Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.pairs import build
from flows.settings import Market, Settings, load
from flows.sinks.counting import CountingSink
from flows.stats.methods import METHODS

PAIRS, TRADES_PER_S = 100, 2_000
WARM_SECONDS, SECONDS = 730, 200
_START = 1_721_347_200_000_000


def main() -> None:
    settings = _settings()
    began: list[float] = []

    def timed() -> Iterator[tuple[str, Chunk[Ticks]]]:
        for item in _market():
            began.append(time.thread_time())
            yield item

    sink = CountingSink()
    run_main(build(settings, TestingSource(timed()), sink, settings.bars.forming_every_ms))
    took = 1e3 * np.diff(began)[WARM_SECONDS:]
    if sink.rows["pair_stats_1s"] < PAIRS * len(METHODS) * (SECONDS + WARM_SECONDS - 5):
        raise RuntimeError(f"there must be a row of each pair, method and second, there were {sink.rows}")
    found = {
        "ms_per_s": float(took.mean()),
        "p50_ms": float(np.quantile(took, 0.5)),
        "p99_ms": float(np.quantile(took, 0.99)),
        "longest_ms": float(took.max()),
        "trades_per_s": TRADES_PER_S,
        "rows": dict(sink.rows),
    }
    sys.stdout.write(json.dumps(found) + "\n")


def _settings() -> Settings:
    usual = load(None, {})
    models = tuple(Model(method, method=method) for method in METHODS)
    pairs = tuple(Pair(f"C{p:03}USDT", "C000USDT") for p in range(1, PAIRS + 1))
    return replace(usual, market=Market(pairs, (Interval.S1,)), models=models)


def _market() -> Iterator[tuple[str, Chunk[Ticks]]]:
    """Random walks; each symbol trades about 20 times a second."""
    rng = np.random.default_rng(11)
    symbols = tuple(Instrument(f"C{p:03}USDT", 2, 3) for p in range(PAIRS + 1))
    price = np.full(len(symbols), 1_000_000.0)
    for second in range(WARM_SECONDS + SECONDS):
        symbol = rng.integers(0, len(symbols), TRADES_PER_S).astype(np.int32)
        time_us = _START + second * 1_000_000 + np.sort(rng.integers(0, 999_999, TRADES_PER_S))
        price *= np.exp(rng.normal(0, 1e-4, len(symbols)))
        prices = np.rint(price[symbol] * np.exp(rng.normal(0, 2e-5, TRADES_PER_S))).astype(np.int64)
        ids, one = second * TRADES_PER_S + np.arange(TRADES_PER_S), np.ones(TRADES_PER_S, np.int64)
        watermark = np.full(len(symbols), _START + (second + 1) * 1_000_000, np.int64)
        side = one.astype(np.int8)
        yield "live", Chunk(watermark, Ticks(symbols, symbol, time_us, ids, prices, one, side, side == 0))


if __name__ == "__main__":
    main()

"""One measured piece of work in a process of its own: `python -m tests.benchmarks.work NAME FILE WARM_FILE SYMBOLS`.

It runs once on a short file, so that imports and compilation are over, then once on the file, and prints its wall and processor
seconds as JSON with what it made.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks.data import pairs_of

ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}


def main() -> None:
    name, path, warm, symbols = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    run = _work(name, symbols)
    run(warm)
    wall, cpu = time.perf_counter(), time.process_time()
    made = run(path)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    sys.stdout.write(json.dumps({"seconds": wall, "cpu_seconds": cpu, "made": made}) + "\n")


def _work(name: str, symbols: int) -> Callable[[Path], Any]:
    if name == "pairdesk":
        return lambda path: _dataflow(path, symbols)
    if name == "polars script":
        return lambda path: _script(path, symbols)
    from tests.benchmarks.libraries import READERS

    return READERS[name]


def bench_settings(symbols: int) -> Any:
    """The default settings with as many pairs; without correlation of ticks, which no other program here makes: it has lines of its own."""
    from flows.settings import load

    settings = load(environment={})
    return replace(
        settings,
        market=replace(settings.market, pairs=pairs_of(symbols)),
        ticks=replace(settings.ticks, enabled=False),
        sinks=replace(settings.sinks, store_trades=False),
    )


def _dataflow(path: Path, symbols: int) -> dict[str, int]:
    """The real flow with a sink that counts: rows by table."""
    from bytewax.testing import run_main

    from flows.pairs import build
    from flows.replay import source_of
    from flows.sinks.counting import CountingSink

    settings, sink = bench_settings(symbols), CountingSink()
    run_main(build(settings, source_of([path], settings), sink))
    return dict(sink.rows)


def _script(path: Path, symbols: int) -> dict[str, int]:
    from tests.benchmarks.polars_pairs import run

    result = run(path, pairs_of(symbols))
    bars = {f"bars_{interval}": frame.height for interval, frame in result.bars.items()}
    return bars | {f"pair_stats_{interval}": frame.height for interval, frame in result.stats.items()}


if __name__ == "__main__":
    assert os.environ.get("POLARS_MAX_THREADS") == "1", "the libraries must be held to one thread"
    main()

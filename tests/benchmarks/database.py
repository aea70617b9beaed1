"""The line about QuestDB: a replay with raw ticks stored, until SQL sees the rows.

As a program (`python -m tests.benchmarks.database TICKS`) it does the measured replay on a server of its own and prints JSON.
"""

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from psycopg import sql

from tests.benchmarks import data
from tests.benchmarks.files import WARM_TICKS
from tests.benchmarks.measure import child
from tests.benchmarks.table import Line, at_least
from tests.ports import take_free_ports

_VISIBLE_WITHIN_S = 120.0


def replayed(ticks: int, repeats: int) -> list[Line]:
    """Millions of ticks a second into a managed server on an empty root; the fastest of the repeats."""
    ticks = min(ticks, 2_000_000)
    runs = [child("tests.benchmarks.database", str(ticks)) for _ in range(repeats)]
    best = min(runs, key=lambda run: float(run["seconds"]))
    figures = (
        f"{ticks / 1e6:g} M ticks with bars and statistics in {best['seconds']:.2f} s, of them the flow {best['flow']:.2f} s "
        f"({best['cpu']:.2f} s CPU); the fastest of {repeats}"
    )
    rate = ticks / float(best["seconds"]) / 1e6
    return [at_least("replay into QuestDB, raw ticks stored, until visible", rate, 0.3, "M ticks/s", figures)]


def main() -> None:
    from flows.storage.server import ManagedServer

    path, warm = data.csv_file(2, int(sys.argv[1])), data.csv_file(2, WARM_TICKS)
    http_port, pg_port, health_port = take_free_ports(3)
    with (
        tempfile.TemporaryDirectory() as root,
        ManagedServer(Path(root), http_port=http_port, pg_port=pg_port, health_port=health_port) as server,
    ):
        _replay(server.address, warm, WARM_TICKS, "warm")
        sys.stdout.write(json.dumps(_replay(server.address, path, int(sys.argv[1]), "timed")) + "\n")


def _replay(address: Any, path: Path, ticks: int, dataset: str) -> dict[str, float]:
    from bytewax.testing import run_main

    from flows.pairs import build, dataset_of, retry_of
    from flows.replay import source_of
    from flows.sinks.questdb import QuestDBSink
    from flows.storage.client import connect
    from flows.storage.datasets import register
    from tests.benchmarks.work import bench_settings

    settings = bench_settings(2)
    settings = replace(settings, sinks=replace(settings.sinks, store_trades=True))
    register(address, dataset_of(settings, dataset, "replay"))
    began, cpu = time.perf_counter(), time.process_time()
    sink = QuestDBSink(address, dataset, settings.sinks.batch_rows, retry_of(settings))
    run_main(build(settings, source_of([path], settings), sink))
    flow, cpu = time.perf_counter() - began, time.process_time() - cpu
    count = sql.SQL("SELECT count() FROM {}").format(sql.Identifier(f"{dataset}_trades"))
    with connect(address) as connection:
        while (found := connection.execute(count).fetchone()) is None or found[0] < ticks:
            if time.perf_counter() - began > flow + _VISIBLE_WITHIN_S:
                raise SystemExit(f"{ticks} ticks were sent, only {found} are visible after {_VISIBLE_WITHIN_S:g} s")
            time.sleep(0.01)
    return {"seconds": time.perf_counter() - began, "flow": flow, "cpu": cpu}


if __name__ == "__main__":
    main()

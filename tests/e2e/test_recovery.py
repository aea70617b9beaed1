"""kill -9 in mid-replay: the tables of a flow that was killed twice and resumed equal those of one that was not."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from recordings import COLLECTOR, USDM_2024, recorded_trades, write_csv

from flows.domain.interval import Interval
from flows.storage.client import connect, create_tables
from flows.storage.schema import dataset_tables, table_name
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb

TESTS = Path(__file__).parent.parent
BLOCK_BYTES = 4_096


def _rows(server: ManagedServer, dataset: str, table: str) -> list[tuple[Any, ...]]:
    with connect(server.address) as connection:
        rows = connection.execute(f"SELECT * FROM {table_name(table, dataset)}").fetchall()  # noqa: S608 - our own names
    return sorted(rows, key=repr)


def _count(server: ManagedServer, dataset: str, table: str) -> int:
    with connect(server.address) as connection:
        answer = connection.execute(f"SELECT count() FROM {table_name(table, dataset)}").fetchone()  # noqa: S608
    assert answer is not None
    return int(answer[0])


def _wait(condition: Callable[[], bool], what: str, timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


@contextmanager
def _flow(
    server: ManagedServer, dataset: str, file: Path, recovery: Path | None, block: int
) -> Iterator[subprocess.Popen[str]]:
    address = server.address
    environment = {
        **os.environ, "PYTHONPATH": str(TESTS), "REPLAY_DATASET": dataset, "REPLAY_FILE": str(file),
        "PAIRS_TESTS__WINDOW_1S": "40", "PAIRS_TESTS__CADENCE_1S": "15", "PAIRS_TESTS__CADENCE_1M": "1", "PAIRS_TESTS__CADENCE_5M": "1",
        "REPLAY_BLOCK_BYTES": str(block), "REPLAY_HTTP_PORT": str(address.http_port), "REPLAY_PG_PORT": str(address.pg_port),
    }  # fmt: skip
    command = [sys.executable, "-m", "bytewax.run", "recovering_flow"]
    if recovery is not None:
        command += ["-r", str(recovery), "-s", "0", "-b", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _finish(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output[-3_000:]


def _csv(shared_data: Path, folder: Path) -> Path:
    """With rows that are no trades, so that table rejects has something to be compared."""
    trades = recorded_trades(shared_data / USDM_2024)
    path = write_csv(folder / "trades.csv", trades)
    lines = path.read_text().splitlines(keepends=True)
    for at in (1, 5_000, 12_000, 20_000):  # one before the first trade
        lines.insert(at, f"garbage {at}\n")
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("form", ["csv", "capture", "collector"])
def test_tables_after_two_kills_equal_those_of_an_uninterrupted_run(
    form: str, questdb: ManagedServer, shared_data: Path, tmp_path: Path
) -> None:
    files = {
        "csv": lambda: _csv(shared_data, tmp_path),
        "capture": lambda: shared_data / USDM_2024,
        "collector": lambda: shared_data / COLLECTOR,
    }
    file = files[form]()
    whole, killed = f"whole_{form}", f"killed_{form}"
    for dataset in (whole, killed):
        create_tables(questdb.address, dataset, tuple(Interval))

    with _flow(questdb, whole, file, None, 1 << 22) as process:  # other blocks too: the rows are the same
        _finish(process)

    recovery = tmp_path / "recovery"
    recovery.mkdir()
    subprocess.run([sys.executable, "-m", "bytewax.recovery", str(recovery), "1"], check=True)
    before = 0
    total = _count_when_stable(questdb, whole)
    for share in (0.2, 0.6):
        with _flow(questdb, killed, file, recovery, BLOCK_BYTES) as process:
            wanted = int(share * total)
            _wait(
                lambda wanted=wanted: _count(questdb, killed, "trades") > wanted or process.poll() is not None, "rows"
            )  # type: ignore[misc]
            assert process.poll() is None, "it was over before it could be killed"
            process.kill()
            assert process.wait() == -9
        stored = _count(questdb, killed, "trades")
        assert before < stored < total
        before = stored
    with _flow(questdb, killed, file, recovery, BLOCK_BYTES) as process:
        _finish(process)

    for table in dataset_tables():
        _wait(lambda name=table.name: _count(questdb, killed, name) >= _count(questdb, whole, name), table.name)  # type: ignore[misc]
        wanted_rows = _rows(questdb, whole, table.name)
        assert _rows(questdb, killed, table.name) == wanted_rows, table.name
        assert wanted_rows or table.name in (
            "rejects",
            "feed_events",
            "feed_status",
            "feed_latency",  # files have no feed
            "pair_verdicts_1m",
            "pair_verdicts_5m",  # and these files too few bars for any test at those intervals
        )
    assert _count(questdb, whole, "rejects") == (4 if form == "csv" else 0)


def _count_when_stable(server: ManagedServer, dataset: str) -> int:
    """Rows of table trades once all that were sent are visible: WAL tables follow their writers by milliseconds."""

    def pending() -> int:
        with connect(server.address) as connection:
            rows = connection.execute("SELECT name, writerTxn, sequencerTxn FROM wal_tables()").fetchall()
        return sum(1 for name, written, sent in rows if str(name).startswith(dataset) and written != sent)

    _wait(lambda: pending() == 0, "WAL applied")
    return _count(server, dataset, "trades")

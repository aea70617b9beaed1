"""The short form of `make chaos`, and a live run with faults whose capture replays to the same tables."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.storage.client import connect
from flows.storage.server import ManagedServer
from tests.chaos.compare import captured_differences
from tests.chaos.run import Plan, replay, run, settings
from tests.running_stack import Stack

pytestmark = pytest.mark.questdb

SEED = int(os.environ.get("CHAOS_SEED", "11"))
"""A seed that failed elsewhere is run again with CHAOS_SEED=N."""


def test_no_row_shows_faults_and_kills(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> None:
    report = run(Plan(SEED, length_s=1_230.0, speed=30.0, kills=3, faults=14), tmp_path, free_ports(6))
    assert report.passed, str(report)
    assert report.filled > 0, "nothing went wrong, so nothing was shown"
    assert report.counts is not None
    assert report.counts.expected > 10_000


_FAULTS = (
    {"fault": "malformed", "share": "0.05", "for_s": "20"},
    {"fault": "stall", "stream": "ethusdt@aggTrade", "for_s": "20"},
    {"fault": "reorder", "share": "0.3", "within": "5", "for_s": "60"},
    {"fault": "skip", "symbol": "BTCUSDT", "count": "7"},
    {"fault": "drop"},
    {"fault": "lose", "symbol": "ETHUSDT", "count": "20"},
    {"fault": "silent", "stream": "btcusdt@aggTrade", "for_s": "30"},
    {"fault": "rest", "status": "500", "for_s": "20"},
)


def test_a_captured_run_with_faults_replays_to_the_same_tables(
    tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    plan = Plan(seed=5, speed=15.0)
    captures = tmp_path / "captures"
    kept = settings(plan) | {"CAPTURE__DIR": f'"{captures}"', "CAPTURE__ROTATE_MB": "1", "BARS__GAP_LIMIT_S": "1"}
    with Stack(tmp_path, free_ports(6), kept) as stack:
        stack.until(lambda: (stack.feed() or {}).get("ready"), "every leg live")

        def exchange_reaches(ms: float) -> None:
            stack.until(lambda: stack.exchange("/control/clock")["now_ms"] > ms, f"{ms} ms of the exchange")

        started = float(stack.exchange("/control/clock")["now_ms"])
        for fault in _FAULTS:
            begun = float(stack.exchange("/control/clock")["now_ms"])
            stack.exchange("/control/add", **fault)
            exchange_reaches(begun + 25_000)
        stack.until(lambda: (stack.feed() or {}).get("ready"), "every leg live again")
        # a table without rows proves nothing: at least one interval of 5 minutes has to end within the run
        exchange_reaches(started + 330_000)
        assert stack.stop() == 0
        storage = [stack.ports[f"STORAGE__{name}_PORT"] for name in ("HTTP", "PG", "HEALTH")]
        with ManagedServer(tmp_path / "var" / "simulated" / "questdb", "127.0.0.1", *storage) as server:
            replay(stack, sorted(captures.glob("capture-*.zst")), "again")
            assert captured_differences(server.address, "again") == []
            with connect(server.address) as sql:
                kinds = {kind for (kind,) in sql.execute("SELECT kind FROM feed_events").fetchall()}
                sql.execute("DROP TABLE again_rejects")
                sql.execute("CREATE TABLE again_rejects AS (SELECT * FROM rejects LIMIT 1)")
            assert {"gap", "filled", "skipped", "lost"} <= kinds
            (told,) = captured_differences(server.address, "again")  # the comparison sees a row that is missing
            assert told.startswith("rejects: ")

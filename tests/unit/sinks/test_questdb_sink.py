"""The QuestDB sink against a real server: what is stored, what happens when it is away, what it refuses."""

import logging
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_frames import (
    START,
    some_bars,
    some_events,
    some_latency,
    some_looks,
    some_pair_looks,
    some_rejects,
    some_stats,
    some_status,
    some_tick_stats,
    some_ticks,
    some_verdicts,
)

from flows.domain.frames import FeedEvents, FeedLatency, FeedStatus, Rejects
from flows.domain.interval import Interval
from flows.domain.scale import UNKNOWN
from flows.errors import StorageError
from flows.sinks.columns import Labels, TableRows
from flows.sinks.delivery import MAX_FLUSH_ROWS, ROW_BY_ROW, Retry
from flows.sinks.questdb import QuestDBSink
from flows.sinks.tables import Storable, table_rows
from flows.storage.client import Address, address_of, connect, create_tables
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_WAIT = Retry(min_s=0.01, max_s=0.05, deadline_s=30)


def _stored(address: Address, table: str, columns: str = "*", order: str = "") -> list[tuple[Any, ...]]:
    with connect(address) as connection:
        return connection.execute(f"SELECT {columns} FROM {table} {order}").fetchall()  # noqa: S608 - our own names


def _eventually(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Rows are visible some milliseconds after the server has accepted them."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not true in time"
        time.sleep(0.02)


def _count(address: Address, table: str) -> int:
    return int(_stored(address, table, "count()")[0][0])


def _write(sink: QuestDBSink, group: str, *frames: Storable) -> None:
    part = sink.build_part("test", group, None)
    part.write_batch(list(frames))
    part.snapshot()
    part.close()


def _wanted(rows: TableRows) -> list[tuple[Any, ...]]:
    """What SQL must give back: naive UTC times, None for null."""
    values = []
    for name, kind in rows.table.columns:
        column = rows.columns[name]
        if isinstance(column, Labels):
            values.append(column.texts())
        elif kind.value == "TIMESTAMP":
            values.append(
                [
                    None if v == UNKNOWN else EPOCH.replace(tzinfo=None) + timedelta(microseconds=v)
                    for v in column.tolist()
                ]
            )
        else:
            values.append([None if v == UNKNOWN or v != v else v for v in column.tolist()])
    return sorted(zip(*values, strict=True), key=repr)


def _rejects(rows: int) -> Rejects:
    return replace(some_rejects().take(np.arange(rows) % 3), line=np.arange(rows))


def _events(rows: int, symbol: str | None = None) -> FeedEvents:
    made = replace(some_events().take(np.arange(rows) % 3), number=np.arange(rows))
    return made if symbol is None else replace(made, symbol=np.full(rows, symbol, object))


def _status(rows: int) -> FeedStatus:
    return replace(some_status().take(np.arange(rows) % 2), time=START + np.arange(rows))


def _latency(rows: int) -> FeedLatency:
    return replace(some_latency().take(np.arange(rows) % 2), time=START + np.arange(rows))


@pytest.mark.parametrize("rows", [30, 2 * ROW_BY_ROW], ids=["row by row", "as data frame"])
@pytest.mark.parametrize(
    ("group", "frames"),
    [
        ("trades", [some_ticks]),
        ("trades", [partial(some_ticks, received=False)]),
        ("bars", [some_bars]),
        ("bars", [partial(some_bars, interval=Interval.M5, complete=False)]),
        ("pair_stats", [partial(some_stats, model="ols"), partial(some_stats, model="slow")]),
        ("pair_tick_stats", [some_tick_stats]),
        ("pair_lead_lag", [some_looks]),
        ("pair_tests", [some_pair_looks]),
        ("pair_verdicts", [some_verdicts]),
        ("rejects", [_rejects]),
        ("feed_events", [_events]),
        ("feed_events", [partial(_events, symbol="")]),
        ("feed_status", [_status]),
        ("feed_latency", [_latency]),
    ],
)
def test_every_value_comes_back(
    questdb: ManagedServer, group: str, frames: list[Callable[[int], Storable]], rows: int
) -> None:
    made = [frame(rows) for frame in frames]
    dataset = f"back_{time.monotonic_ns()}"
    create_tables(questdb.address, dataset)
    _write(QuestDBSink(questdb.address, dataset), group, *made)
    parts = [table_rows(frame) for frame in made]
    table = f"{dataset}_{parts[0].table.name}"
    wanted = sorted((row for part in parts for row in _wanted(part)), key=repr)
    _eventually(lambda: _count(questdb.address, table) == len(wanted))
    assert sorted(_stored(questdb.address, table), key=repr) == wanted


def test_sending_again_changes_nothing(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "again")
    sink = QuestDBSink(questdb.address, "again")
    for _ in range(2):
        _write(sink, "trades", some_ticks(500))
        _write(sink, "bars", some_bars(200))
    _write(sink, "trades", some_ticks(1, first_id=9_000))  # accepted after all the others
    _eventually(lambda: _count(questdb.address, "again_trades") >= 501)
    assert _count(questdb.address, "again_trades") == 501
    _eventually(lambda: _count(questdb.address, "again_bars_1s") == 200)


def test_columns_that_do_not_lie_together_in_memory(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "strided")
    bars = some_bars(4 * ROW_BY_ROW).take(slice(None, None, 2))
    assert not bars.open_time.flags.c_contiguous
    _write(QuestDBSink(questdb.address, "strided", immediate=True), "bars", bars)
    _eventually(lambda: _count(questdb.address, "strided_bars_1s") == len(bars))
    stored = _stored(questdb.address, "strided_bars_1s")
    assert sorted(stored, key=repr) == _wanted(table_rows(bars))


def test_a_closed_bar_replaces_its_forming_one_and_stays(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "forming")
    sink = QuestDBSink(questdb.address, "forming", immediate=True)
    part = sink.build_part("test", "bars", None)
    for up in (10, 20):
        part.write_batch([some_bars(2, complete=False, close_up=up)])
    part.snapshot()
    part.write_batch([some_bars(2, complete=False, close_up=30), some_bars(2)])
    part.write_batch([some_bars(4, complete=False, close_up=40).take(slice(2, 4))])
    part.snapshot()
    part.close()
    _eventually(lambda: _count(questdb.address, "forming_bars_1s") == 4)
    rows = _stored(questdb.address, "forming_bars_1s", "close, complete", "ORDER BY open_time, symbol")
    assert rows[:2] == [(64_251.3, True), (3_425.02, True)]
    assert [complete for _, complete in rows[2:]] == [False, False]


def test_rows_are_held_until_the_batch_is_full_or_the_epoch_ends(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "sinkheld")
    part = QuestDBSink(questdb.address, "sinkheld", batch_rows=100).build_part("test", "trades", None)
    part.write_batch([some_ticks(60)])
    part.write_batch([some_ticks(40, first_id=160)])
    _eventually(lambda: _count(questdb.address, "sinkheld_trades") == 100)
    part.write_batch([some_ticks(10, first_id=200)])
    part.snapshot()
    _eventually(lambda: _count(questdb.address, "sinkheld_trades") == 110)
    part.close()
    held = QuestDBSink(questdb.address, "sinkheld", batch_rows=100).build_part("test", "trades", None)
    held.write_batch([some_ticks(10, first_id=300)])
    held.close()  # without a snapshot the rows belong to the next run
    _write(QuestDBSink(questdb.address, "sinkheld"), "trades", some_ticks(1, first_id=400))
    _eventually(lambda: _count(questdb.address, "sinkheld_trades") == 111)


def test_more_rows_than_one_request_takes(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "many")
    rows = 2 * MAX_FLUSH_ROWS + 17
    _write(QuestDBSink(questdb.address, "many", batch_rows=10 * rows), "trades", some_ticks(rows))
    _eventually(lambda: _count(questdb.address, "many_trades") == rows)


def test_a_missing_table_is_said_at_once(questdb: ManagedServer) -> None:
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"QuestDB refuses rows for trades: .*table: nowhere_trades.*does not exist"):
        _write(QuestDBSink(questdb.address, "nowhere", retry=Retry(10, 10, 60)), "trades", some_ticks())
    assert time.monotonic() - began < 5


def test_a_row_without_a_time_is_never_sent(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "notime")
    stats = some_stats(3)
    times = stats.open_time.copy()
    times[1] = UNKNOWN
    with pytest.raises(StorageError, match="pair_stats_1s row 2, column open_time"):
        _write(QuestDBSink(questdb.address, "notime"), "pair_stats", replace(stats, open_time=times))
    assert _count(questdb.address, "notime_pair_stats_1s") == 0


def test_a_server_that_stays_away_ends_the_flow_at_the_deadline(free_ports: Callable[[int], list[int]]) -> None:
    http, pg = free_ports(2)
    sink = QuestDBSink(address_of("127.0.0.1", http, pg, environment={}), retry=Retry(0.01, 0.05, 0.3))
    with pytest.raises(StorageError, match=rf"QuestDB at 127.0.0.1:{http} was away for \d s"):
        _write(sink, "trades", some_ticks())


def test_a_live_snapshot_waits_for_nobody_and_holds_what_has_not_arrived(
    tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    http, pg, health = free_ports(3)
    server = ManagedServer(tmp_path, http_port=http, pg_port=pg, health_port=health)
    stop = threading.Event()
    sink = QuestDBSink(server.address, "late", retry=NO_WAIT, immediate=True, stop=stop.is_set)
    killed = sink.build_part("test", "trades", None)
    killed.write_batch([some_ticks(30)])
    killed.write_batch([some_ticks(30, first_id=200)])
    state = pickle.loads(pickle.dumps(killed.snapshot()))  # the server has not even been started
    assert [len(frame) for frame in state] == [30, 30]
    stop.set()
    with pytest.raises(StorageError, match="stopped while QuestDB at"):
        killed.close()
    stop.clear()
    with server:
        create_tables(server.address, "late")
        resumed = sink.build_part("test", "trades", state)
        resumed.write_batch([some_ticks(5, first_id=300)])
        resumed.close()
        _eventually(lambda: _count(server.address, "late_trades") == 65)
        assert resumed.snapshot() == ()


def test_the_stop_flag_ends_the_wait(free_ports: Callable[[int], list[int]]) -> None:
    http, pg = free_ports(2)
    stop = threading.Event()
    sink = QuestDBSink(address_of("127.0.0.1", http, pg, environment={}), retry=Retry(30, 30, 600), stop=stop.is_set)
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with pytest.raises(StorageError, match="stopped while QuestDB at"):
        _write(sink, "trades", some_ticks())
    assert time.monotonic() - began < 10


def test_kill_minus_nine_in_mid_stream_loses_nothing(
    tmp_path: Path, free_ports: Callable[[int], list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    http, pg, health = free_ports(3)
    server = ManagedServer(tmp_path, http_port=http, pg_port=pg, health_port=health)
    size, kills = 400, 2
    sent, failure = [0], []
    enough = threading.Event()

    def stream() -> None:
        part = QuestDBSink(server.address, "killed", batch_rows=900, retry=NO_WAIT).build_part("test", "trades", None)
        try:
            while not enough.is_set():
                part.write_batch([some_ticks(size, first_id=sent[0] * size)])
                sent[0] += 1
            part.snapshot()
        except StorageError as error:
            failure.append(error)
        part.close()

    with caplog.at_level(logging.WARNING, logger="flows.sinks.delivery"), server:
        create_tables(server.address, "killed")
        writer = threading.Thread(target=stream)
        writer.start()
        for _ in range(kills):
            reached = sent[0]
            _eventually(lambda reached=reached: sent[0] > reached + 20)  # type: ignore[misc]
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            server.stop()
            server.start()
        reached = sent[0]
        _eventually(lambda: sent[0] > reached + 20)
        enough.set()
        writer.join(30)
        assert failure == []
        total = sent[0] * size
        _eventually(lambda: _count(server.address, "killed_trades") == total)
        ((lowest, highest, sum_of_ids),) = _stored(
            server.address, "killed_trades", "min(trade_id), max(trade_id), sum(trade_id)"
        )
        assert (lowest, highest, sum_of_ids) == (0, total - 1, total * (total - 1) // 2)
    said = [record.getMessage() for record in caplog.records]
    assert [("is away" in line, "is back" in line) for line in said] == [(True, False), (False, True)] * kills


def test_times_are_microseconds_utc(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "utc")
    _write(QuestDBSink(questdb.address, "utc"), "bars", some_bars(1))
    _eventually(lambda: _count(questdb.address, "utc_bars_1s") == 1)
    assert _stored(questdb.address, "utc_bars_1s", "open_time::long") == [(START,)]
    assert np.isclose(_stored(questdb.address, "utc_bars_1s", "quote_volume")[0][0], 96_376.5)

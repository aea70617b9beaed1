"""Storage figures and distributions beside what was written into a real QuestDB."""

import time

import numpy as np
import pandas as pd
import pytest

from dashboard.data import MissingTableError, Reader
from dashboard.poller import Status
from flows.domain.frames import LATENCY_STAGES
from flows.domain.interval import Interval
from flows.errors import StorageError
from flows.latency import Latency
from flows.storage.client import connect, create_tables, sender
from flows.storage.schema import FEED_LATENCY, TRADES, table_name
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb
START = pd.Timestamp("2024-03-01T12:00:00")


def reader(questdb: ManagedServer) -> Reader:
    return Reader(lambda: connect(questdb.read_address))


def send(questdb: ManagedServer, table: str, rows: pd.DataFrame, symbol: str) -> None:
    with sender(questdb.address) as out:
        out.dataframe(rows, table_name=table, symbols=[symbol], at="timestamp")
        out.flush()
    until = time.monotonic() + 10
    with connect(questdb.address) as connection:
        while connection.execute(f"SELECT count() FROM {table}").fetchone()[0] < len(rows):  # noqa: S608
            assert time.monotonic() < until, "the rows do not show"
            time.sleep(0.02)


def test_tables_and_trade_rates(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "healthrows", (Interval.S1,))
    at = [START + pd.Timedelta(seconds=k) for k in range(180)]
    trades = pd.DataFrame({
        "timestamp": at, "symbol": ["A", "B", "B"] * 60, "trade_id": range(180), "price": 1.0, "amount": 1.0,
        "trade_count": 1, "late": False,
    })  # fmt: skip
    table = table_name(TRADES.name, "healthrows")
    send(questdb, table, trades, "symbol")
    now_us, tables = reader(questdb).tables("healthrows", (Interval.S1,))
    assert abs(now_us / 1e6 - time.time()) < 60
    found = {each.name: each for each in tables}
    assert list(found)[:2] == ["trades", "bars_1s"]
    assert "bars_1m" not in found
    assert (found["trades"].rows, found["trades"].newest_us) == (180, int(at[-1].value / 1000))
    assert (found["trades"].suspended, found["trades"].pressure) == (False, 0)
    assert found["bars_1s"].rows in (None, 0)
    assert reader(questdb).trade_rates("healthrows") == {"A": 20 / 60, "B": 40 / 60}
    with pytest.raises(MissingTableError):
        reader(questdb).trade_rates("nowhere")
    assert reader(questdb).tables("nowhere", (Interval.S1,)) == (0, ())


def test_a_distribution_is_that_of_all_measurements_of_five_minutes(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "healthspread", (Interval.S1,))
    draw, latency, rows, kept = np.random.default_rng(3), Latency(), [], []
    for seconds in range(0, 600, 5):
        values = np.exp(draw.normal(9, 1, 20)).astype(np.int64)
        latency.add("bar_row", values)
        if seconds >= 300:
            kept.append(values)
        frame = latency.take(int(START.value / 1000) + seconds * 1_000_000)
        rows += [
            {"timestamp": pd.Timestamp(frame.time[k] * 1000), "stage": stage, "max_ms": frame.max_ms[k], "count": frame.count[k],
             "histogram": frame.histogram[k]}
            for k, stage in enumerate(LATENCY_STAGES)
        ]  # fmt: skip
    send(questdb, table_name(FEED_LATENCY.name, "healthspread"), pd.DataFrame(rows), "stage")
    (found,) = reader(questdb).distributions("healthspread")
    values = np.concatenate(kept)
    assert (found.stage, found.histogram.count) == ("bar_row", len(values))
    assert found.histogram.largest_us == pytest.approx(values.max())
    for share in (0.5, 0.95, 0.99):
        exact = float(np.quantile(values, share, method="inverted_cdf"))
        assert 1000 * found.quantile_ms(share) == pytest.approx(exact, rel=0.05)

    with connect(questdb.address) as connection:
        connection.execute("UPDATE healthspread_feed_latency SET histogram = '7:x' WHERE stage = 'bar_row'")
        broken = Status()
        until = time.monotonic() + 10
        while not broken.reason:
            assert time.monotonic() < until, "the update does not show"
            try:
                reader(questdb).distributions("healthspread")
            except StorageError as error:
                broken.reason = str(error)
    assert broken.reason.startswith("table feed_latency, stage bar_row: ")


def test_a_table_of_an_earlier_version_has_quantiles_only(questdb: ManagedServer) -> None:
    with connect(questdb.address) as connection:
        connection.execute(
            "CREATE TABLE olderfeed_feed_latency (timestamp TIMESTAMP, stage SYMBOL, p50_ms DOUBLE, p95_ms DOUBLE, p99_ms DOUBLE,"
            " max_ms DOUBLE, count LONG) TIMESTAMP(timestamp) PARTITION BY DAY WAL"
        )
    with pytest.raises(MissingTableError, match="histogram"):
        reader(questdb).distributions("olderfeed")

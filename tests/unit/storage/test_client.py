"""The client: which server it means, tables, rows in and out, and the user that may only read."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from stored_frames import some_bars, some_events, some_stats

from flows.domain.interval import Interval
from flows.errors import StorageError
from flows.sinks.questdb import QuestDBSink
from flows.storage.client import Address, address_of, connect, create_tables, reader_of, sender, wait_ready
from flows.storage.schema import BAR_COLUMNS, TRADES, bars_table, dataset_tables, pair_stats_table, table_name
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb


def test_the_managed_server_is_meant_when_no_other_is_named() -> None:
    address = address_of("127.0.0.1", 9000, 8812, environment={})

    assert (address.ilp_conf, address.pg_port, address.external) == ("http::addr=127.0.0.1:9000;", 8812, False)
    assert address.console_url == "http://127.0.0.1:9000/"


def test_a_named_server_replaces_the_managed_one() -> None:
    conf = "http::addr=db.example:9100;username=me;password=secret"
    address = address_of("127.0.0.1", 9000, 8812, "reader:word@pg.example:8900", {"QDB_CLIENT_CONF": conf})

    assert address.external
    assert address.ilp_conf == conf + ";"
    assert (address.host, address.http_port) == ("db.example", 9100)
    assert (address.pg_host, address.pg_port, address.user, address.password) == ("pg.example", 8900, "reader", "word")
    assert reader_of(address, Path("no/such/folder")) == address
    assert "secret" not in repr(address)
    assert "word" not in repr(address)


@pytest.mark.parametrize(
    ("conf", "pg", "message"),
    [
        ("http::addr=db:9000;", "", "storage.external_pg"),
        ("tcp::addr=db:9009;", "db:8812", 'must start with "http::"'),
        ("http::addr=db:many;", "db:8812", 'addr must be host:port, was "db:many"'),
        ("http::addr=db:9000;", "db:99999", 'storage.external_pg must be host:port, was "db:99999"'),
    ],
)
def test_a_server_named_by_half_or_wrongly_is_an_error(conf: str, pg: str, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        address_of("127.0.0.1", 9000, 8812, pg, {"QDB_CLIENT_CONF": conf})


def test_creating_tables_twice_gives_each_once(questdb: ManagedServer) -> None:
    for _ in range(2):
        create_tables(questdb.address, "twice", (Interval.S1, Interval.M1))

    wanted = {table_name(table.name, "twice") for table in dataset_tables((Interval.S1, Interval.M1))}
    with connect(questdb.read_address) as connection:
        stored = [name for (name,) in connection.execute("SELECT table_name FROM tables()").fetchall()]
    assert sorted(name for name in stored if name.startswith("twice_")) == sorted(wanted)
    assert stored.count("datasets") == 1


def _rows(server: ManagedServer, table: str) -> list[tuple[object, ...]]:
    with connect(server.read_address) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own names


def test_a_database_of_an_earlier_version_gets_the_columns_it_lacks(questdb: ManagedServer) -> None:
    """Tables without `gap`, with a row each: rows of before stay, rows of now are stored with every column, by the sink itself."""
    bars, stats = bars_table(Interval.S1), pair_stats_table(Interval.S1)
    with connect(questdb.address) as connection:
        for table in (bars, stats):
            before = replace(table, columns=tuple(column for column in table.columns if column[0] != "gap"))
            connection.execute(before.create_statement("old"))
            connection.execute(f"INSERT INTO old_{table.name} (open_time) VALUES ('2024-07-01T00:00:00Z')")  # noqa: S608
    create_tables(questdb.address, "old", (Interval.S1,))
    sink = QuestDBSink(questdb.address, "old")
    for group, frame in (("bars", some_bars(4)), ("pair_stats", some_stats(4)), ("feed_events", some_events())):
        part = sink.build_part("test", group, None)
        part.write_batch([frame])
        part.snapshot()
        part.close()
    with connect(questdb.address) as connection:
        for table in ("bars_1s", "pair_stats_1s", "feed_events"):
            connection.execute(f"SELECT wait_wal_table('old_{table}')")
    names = [name for name, _ in BAR_COLUMNS]
    assert sorted(row[names.index("gap")] for row in _rows(questdb, "old_bars_1s")) == [False] * 4 + [True]
    assert [row[-1] for row in _rows(questdb, "old_pair_stats_1s")] == [None, "y", "x", "both", None]
    assert len(_rows(questdb, "old_feed_events")) == len(some_events())


def test_a_column_of_another_type_is_named(questdb: ManagedServer) -> None:
    with connect(questdb.address) as connection:
        connection.execute("CREATE TABLE odd_feed_events (timestamp TIMESTAMP, count DOUBLE) TIMESTAMP(timestamp)")
    with pytest.raises(StorageError, match="table odd_feed_events, column count: expected LONG, found DOUBLE"):
        create_tables(questdb.address, "odd", (Interval.S1,))


def test_the_reader_reads_the_tables_of_the_feed(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "feed", (Interval.S1,))
    for table in ("feed_events", "feed_status", "feed_latency"):
        assert _rows(questdb, f"feed_{table}") == []


def test_a_dataset_name_that_is_no_part_of_a_table_name_is_refused(questdb: ManagedServer) -> None:
    with pytest.raises(StorageError, match="expected lower-case letters"):
        create_tables(questdb.address, 'x"; DROP TABLE trades; --')


def test_rows_written_are_read_back_and_written_again_replace_themselves(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "trip", (Interval.S1,))
    rows = pd.DataFrame(
        {
            "timestamp": pd.to_datetime([1_700_000_000_000_000, 1_700_000_000_000_001], unit="us", utc=True),
            "symbol": pd.Categorical(["ETHUSDT", "BTCUSDT"]),
            "trade_id": [1, 2],
            "price": [2_000.25, 37_000.5],
        }
    )
    for _ in range(2):
        with sender(questdb.address) as writer:
            writer.dataframe(rows, table_name=table_name(TRADES.name, "trip"), at="timestamp", symbols=["symbol"])
            writer.flush()
    query = "SELECT timestamp, symbol, trade_id, price, amount FROM trip_trades"
    with connect(questdb.read_address) as connection:
        applied = (
            "SELECT count() FROM wal_tables() WHERE name = 'trip_trades' AND writerTxn = sequencerTxn AND writerTxn > 1"
        )
        while connection.execute(applied).fetchone() != (1,):
            continue  # each turn waits for the server; the test's own time-out ends it
        stored = connection.execute(query).fetchall()

    assert [(row[0].microsecond, *row[1:]) for row in stored] == [
        (0, "ETHUSDT", 1, 2_000.25, None),
        (1, "BTCUSDT", 2, 37_000.5, None),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ro_trades (timestamp, symbol, trade_id) VALUES (0, 'X', 1)",
        "TRUNCATE TABLE ro_trades",
        "DROP TABLE ro_trades",
        "CREATE TABLE ro_other (a INT)",
    ],
)
def test_the_reader_cannot_write(questdb: ManagedServer, statement: str) -> None:
    create_tables(questdb.address, "ro", (Interval.S1,))

    with connect(questdb.read_address) as connection, pytest.raises(psycopg.Error, match="permission denied"):
        connection.execute(statement)


def test_a_bound_value_is_never_sql(questdb: ManagedServer) -> None:
    create_tables(questdb.address, "bound", (Interval.S1,))

    with connect(questdb.address) as connection:
        query = "SELECT count() FROM bound_trades WHERE symbol = %s"
        assert connection.execute(query, ("x' OR 'a' = 'a",)).fetchone() == (0,)


def test_a_server_that_is_not_there_is_named(free_ports) -> None:
    (port,) = free_ports(1)
    nobody = Address("127.0.0.1", 1, port, "http::addr=127.0.0.1:1;")

    with pytest.raises(StorageError, match=rf"127\.0\.0\.1:{port} \(PGwire\) cannot be used"):
        connect(nobody)
    with pytest.raises(StorageError, match=r"did not answer within 0\.2 s"):
        wait_ready(nobody, 0.2)

"""The row that says what a dataset is: written once however often it is registered, and read back as it was."""

from dataclasses import replace

import pytest

from flows.domain.interval import Interval
from flows.errors import StorageError
from flows.pairs import dataset_of
from flows.settings import load
from flows.storage.client import connect
from flows.storage.datasets import register, stored_datasets
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb


def test_a_dataset_is_registered_once(questdb: ManagedServer) -> None:
    made = dataset_of(load(None, {}), "registered", "replay")
    for intervals in ((Interval.S1,), (Interval.S1, Interval.M1)):
        register(questdb.address, replace(made, intervals=intervals))
    with connect(questdb.address) as connection:
        wanted = ("registered", "replay", '["1s", "1m"]', '["ETHUSDT/BTCUSDT"]')
        query = "SELECT dataset, origin, intervals, pairs FROM datasets WHERE dataset = 'registered'"
        connection.execute("SELECT wait_wal_table('datasets')")
        assert connection.execute(query).fetchall() == [wanted]
        for table in ("trades", "bars_1s", "bars_1m", "pair_stats_1m", "rejects"):
            answer = connection.execute(f"SELECT count() FROM registered_{table}").fetchone()  # noqa: S608 - our own names
            assert answer == (0,)


def test_what_is_registered_is_read_back(questdb: ManagedServer) -> None:
    settings = load(None, {})
    made = dataset_of(settings, "read_back", "replay")
    longer = dataset_of(replace(settings, join=replace(settings.join, stale_after_s=99.0)), "read_back_2", "replay")
    old = replace(made, name="read_back_3", settings={})
    for dataset in (made, longer, old):
        register(questdb.address, dataset)
    with connect(questdb.address) as connection:
        connection.execute("SELECT wait_wal_table('datasets')")
        found = stored_datasets(connection)
    assert [found[dataset.name] for dataset in (made, longer, old)] == [made, longer, old]
    assert made.settings["join.stale_after_s"] == str(settings.join.stale_after_s)
    assert len({made.settings_hash, longer.settings_hash}) == 2
    assert len(made.settings_hash) == 12
    assert made.settings_hash == replace(made, settings=dict(reversed(made.settings.items()))).settings_hash
    assert old.settings_hash == ""


def test_a_row_that_makes_no_sense_is_named(questdb: ManagedServer) -> None:
    made = dataset_of(load(None, {}), "senseless", "replay")
    register(questdb.address, made)
    with connect(questdb.address) as connection:
        broken = "INSERT INTO datasets (timestamp, dataset, origin, pairs, intervals, models, version, settings)"
        values = ("1970-01-02T00:00:00Z", "senseless", "replay", "[]", '["7s"]', "[]", "1", "{}")
        connection.execute(f"{broken} VALUES ({', '.join(['%s'] * len(values))})", values)
        connection.execute("SELECT wait_wal_table('datasets')")
        try:
            with pytest.raises(StorageError, match=r'dataset "senseless": cannot be read: .*7s'):
                stored_datasets(connection)
        finally:
            register(questdb.address, made)  # other tests read this table too
            connection.execute("SELECT wait_wal_table('datasets')")

"""The row that says what a dataset is: written once however often it is registered."""

from dataclasses import replace

import pytest

from flows.domain.interval import Interval
from flows.pairs import dataset_of
from flows.settings import load
from flows.storage.client import connect
from flows.storage.datasets import register
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

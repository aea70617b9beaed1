"""The newest rows of a pair as a page reads them out of a real QuestDB, beside what the flow has written there."""

import math
import time
from dataclasses import asdict, replace

import pytest
from stored_frames import TWO_PAIRS, some_looks, some_pair_looks, some_tick_stats, some_verdicts

from dashboard.data import Reader
from dashboard.quality import Quality
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.errors import StorageError
from flows.sinks.columns import Labels, TableRows
from flows.sinks.delivery import Delivery, Retry
from flows.sinks.tables import Storable, table_rows
from flows.storage.client import connect, create_tables
from flows.storage.schema import table_name
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb

FRAMES: dict[str, Storable] = {
    "ticks": some_tick_stats(), "tests": some_pair_looks(), "lead": some_looks(), "verdict": replace(some_verdicts(), interval=Interval.S1)
}  # fmt: skip


def write(questdb: ManagedServer, dataset: str, frames: dict[str, Storable]) -> None:
    create_tables(questdb.address, dataset, (Interval.S1,))
    delivery = Delivery(questdb.address, dataset, Retry(min_s=0.01, max_s=0.05, deadline_s=30), lambda: False)
    rows = [table_rows(frame) for frame in frames.values()]
    delivery.deliver(rows)
    delivery.close()
    until = time.monotonic() + 20
    with connect(questdb.address) as connection:
        for part in rows:
            count = f"SELECT count() FROM {table_name(part.table.name, dataset)}"  # noqa: S608
            while connection.execute(count).fetchone()[0] < len(part):
                assert time.monotonic() < until, f"rows of {part.table.name} are not visible"
                time.sleep(0.02)


def newest(rows: TableRows, pair: Pair) -> dict[str, object]:
    """The last row of the pair by its column names, as the frame has it."""
    columns = {
        name: column.texts() if isinstance(column, Labels) else column.tolist() for name, column in rows.columns.items()
    }
    at = max(
        (i for i, name in enumerate(columns["pair"]) if name == str(pair)),
        key=lambda i: columns[rows.table.timestamp][i],
    )
    return {name: values[at] for name, values in columns.items()}


@pytest.fixture(scope="module")
def written(questdb: ManagedServer) -> str:
    write(questdb, "quality", FRAMES)
    return "quality"


@pytest.mark.parametrize("pair", TWO_PAIRS, ids=str)
@pytest.mark.parametrize("name", FRAMES)
def test_every_field_is_that_of_the_newest_row(questdb: ManagedServer, written: str, name: str, pair: Pair) -> None:
    found = Reader(lambda: connect(questdb.read_address)).quality(written, pair, Interval.S1, None)
    assert found.asked
    assert found.no_table == frozenset()
    wanted = newest(table_rows(FRAMES[name]), pair)
    for field, value in asdict(getattr(found, name)).items():
        stored = wanted[field]
        if isinstance(value, float) and math.isnan(value):
            assert stored is None or stored == -(2**63) or math.isnan(stored), field  # type: ignore[arg-type]
        else:
            assert value == (stored or "" if isinstance(value, str) else stored), field
    again = Reader(lambda: connect(questdb.read_address)).quality(written, pair, Interval.S1, None)
    assert again == found, "the same rows are no news, NaN or not"


def test_only_what_changes_with_every_bar_is_read_anew(questdb: ManagedServer, written: str) -> None:
    reader = Reader(lambda: connect(questdb.read_address))
    whole = reader.quality(written, TWO_PAIRS[0], Interval.S1, None)
    blank = reader.quality(written, TWO_PAIRS[0], Interval.S1, Quality())
    assert blank.ticks == whole.ticks is not None
    assert (blank.verdict, blank.tests, blank.lead) == (None, None, None)
    assert reader.quality(written, TWO_PAIRS[0], Interval.S1, whole) == whole


def test_a_pair_without_rows_and_a_dataset_without_tables(questdb: ManagedServer, written: str) -> None:
    reader = Reader(lambda: connect(questdb.read_address))
    other = reader.quality(written, Pair("A", "B'; DROP TABLE x"), Interval.S1, None)
    assert other == Quality(asked=True)
    old = reader.quality("of_an_earlier_version", TWO_PAIRS[0], Interval.S1, None)
    assert old.no_table == {"ticks", "verdict", "tests", "lead"}
    write(questdb, "of_an_earlier_version", FRAMES)
    assert reader.quality("of_an_earlier_version", TWO_PAIRS[0], Interval.S1, None).no_table == frozenset()


def test_a_database_away_is_an_error_and_not_a_missing_table() -> None:
    def away() -> object:
        raise StorageError("connection refused")

    with pytest.raises(StorageError, match="connection refused"):
        Reader(away).quality("", TWO_PAIRS[0], Interval.S1, None)  # type: ignore[arg-type]

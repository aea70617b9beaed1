"""What a database root holds, told by itself: one row per dataset, read by the page and by people."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.storage.client import Address, connect, create_tables
from flows.storage.schema import DATASETS

_TIME = datetime(1970, 1, 2, tzinfo=UTC)
"""Of every row, so that writing a dataset again replaces it. QuestDB refuses times before 1970 in any zone's reading."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A set of tables of one origin.

    Attributes:
        name: prefix of the tables, '' for the main set. origin: `live`, `simulated` or `replay`: what every page must say.
    """

    name: str
    origin: str
    pairs: tuple[Pair, ...]
    intervals: tuple[Interval, ...]
    models: tuple[Model, ...]
    version: str


def register(address: Address, dataset: Dataset) -> None:
    """Make the dataset's tables where they are missing and write its row.

    Raises:
        StorageError: the server cannot be reached or refuses.
    """
    create_tables(address, dataset.name, dataset.intervals)
    columns = [name for name, _ in DATASETS.columns]
    values = (
        _TIME,
        dataset.name,
        dataset.origin,
        _json([str(pair) for pair in dataset.pairs]),
        _json([str(interval) for interval in dataset.intervals]),
        json.dumps([asdict(model) for model in dataset.models]),
        dataset.version,
    )
    with connect(address) as connection:
        connection.execute(
            f"INSERT INTO {DATASETS.name} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",  # noqa: S608
            values,
        )


def _json(names: Sequence[str]) -> str:
    return json.dumps(list(names))

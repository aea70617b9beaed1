"""What a database root holds, told by itself: one row per dataset, read by the page and by people."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import StorageError
from flows.storage.client import Address, connect, create_tables
from flows.storage.schema import DATASETS

_TIME = datetime(1970, 1, 2, tzinfo=UTC)
"""Of every row, so that writing a dataset again replaces it. QuestDB refuses times before 1970 in any zone's reading."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A set of tables of one origin.

    Attributes:
        name: prefix of the tables, '' for the main set. origin: `live`, `simulated`, `replay` or `upload`: what every page must say.
        settings: all that decides the values in the tables, by name; empty where an earlier version wrote the row.
    """

    name: str
    origin: str
    pairs: tuple[Pair, ...]
    intervals: tuple[Interval, ...]
    models: tuple[Model, ...]
    version: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings_hash(self) -> str:
        """Twelve hex digits that are the same for the same settings, '' where they are not known."""
        if not self.settings:
            return ""
        return hashlib.sha256(json.dumps(dict(self.settings), sort_keys=True).encode()).hexdigest()[:12]


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
        json.dumps(dict(dataset.settings)),
    )
    with connect(address) as connection:
        connection.execute(
            f"INSERT INTO {DATASETS.name} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",  # noqa: S608
            values,
        )


def stale_after_ms(settings: Mapping[str, str], otherwise: int) -> int:
    """After how long a leg was stale for the flow that had these settings; `otherwise` where they do not say."""
    stored = settings.get("join.stale_after_s")
    return otherwise if stored is None else int(float(stored) * 1_000)


def stored_datasets(connection: psycopg.Connection[Any]) -> dict[str, Dataset]:
    """What the root holds, by name.

    Raises:
        StorageError: a row is not what the flow writes.
    """
    columns = [name for name, _ in DATASETS.columns[1:]]
    # An older table may lack the newest columns: what is there is asked for by name.
    if not connection.execute("SELECT 1 FROM tables() WHERE table_name = %s", (DATASETS.name,)).fetchall():
        return {}  # nothing has ever been written
    known = connection.execute(f"SELECT \"column\" FROM table_columns('{DATASETS.name}')").fetchall()  # noqa: S608
    asked = [name for name in columns if (name,) in known]
    rows = connection.execute(f"SELECT {', '.join(asked)} FROM {DATASETS.name}").fetchall()  # noqa: S608 - our own names
    found = [parsed_dataset(dict(zip(asked, row, strict=True))) for row in rows]
    return {dataset.name: dataset for dataset in found}


def parsed_dataset(row: Mapping[str, Any]) -> Dataset:
    """A row of table `datasets`, by column. Models are JSON objects with all fields of `Model`: windows are never guessed.

    Raises:
        StorageError: the row is not what the flow writes.
    """
    try:
        return Dataset(
            row["dataset"] or "",
            row["origin"],
            tuple(Pair.parse(text) for text in json.loads(row["pairs"])),
            tuple(Interval(text) for text in json.loads(row["intervals"])),
            tuple(Model(**model) for model in json.loads(row["models"])),
            row.get("version") or "",
            json.loads(row.get("settings") or "{}"),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f'table datasets, dataset "{row.get("dataset")}": cannot be read: {error}') from error


def _json(names: Sequence[str]) -> str:
    return json.dumps(list(names))

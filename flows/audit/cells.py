"""The rows of a run as integers, table by table: what two runs are compared by, bit for bit.

Every value becomes one int64: floats by their bits, texts by a number that all runs of an audit share. The rows lie in files, one a
table, and are mapped into memory, so a long input needs disk and no memory.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from flows.domain.frames import I64
from flows.domain.scale import UNKNOWN
from flows.sinks.columns import Column, Labels, TableRows
from flows.storage.schema import ColumnType, Table

NULL_TEXT = -1
_NAN = int(np.array([np.nan]).view(np.int64)[0])


class Texts:
    """Numbers for texts, the same in all runs of an audit."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []

    def __len__(self) -> int:
        return len(self._texts)

    def number(self, text: str) -> int:
        """The number of a text; a new one gets the next."""
        found = self._numbers.setdefault(text, len(self._texts))
        if found == len(self._texts):
            self._texts.append(text)
        return found

    def text(self, number: int) -> str | None:
        """The text of a number, None for null."""
        return None if number == NULL_TEXT else self._texts[number]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a run sent to one table, in the order in which it came.

    Attributes:
        span_us: from a row's timestamp to the end of what it speaks of: the length of a bar, 0 where the timestamp is that end.
        cells: shape (rows, columns of the table).
    """

    table: Table
    span_us: int
    cells: I64

    def __len__(self) -> int:
        return len(self.cells)

    def column(self, name: str) -> int:
        """Where a column stands."""
        return [column for column, _ in self.table.columns].index(name)

    def none(self) -> "Rows":
        """No rows of the same table."""
        return Rows(self.table, self.span_us, self.cells[:0])

    @property
    def complete(self) -> int | None:
        """Where `complete` stands, None in a table without forming rows."""
        names = [column for column, _ in self.table.columns]
        return names.index("complete") if "complete" in names else None

    @property
    def entity_columns(self) -> list[int]:
        """The columns of the key that name whose row it is: symbol, pair, model …; rows of one entity have an order."""
        types = dict(self.table.columns)
        return [self.column(key) for key in self.table.keys if types[key] is ColumnType.SYMBOL]

    @property
    def key_columns(self) -> list[int]:
        """The columns of the whole key."""
        return [self.column(key) for key in self.table.keys]


class Recorder:
    """Takes the rows of a run; any thread may bring some.

    Args:
        folder: of this run alone, made here.
    """

    def __init__(self, folder: Path, texts: Texts) -> None:
        folder.mkdir(parents=True)
        self._folder, self._texts = folder, texts
        self._files: dict[str, BinaryIO] = {}
        self._tables: dict[str, tuple[Table, int]] = {}
        self._lock = threading.Lock()

    def add(self, rows: TableRows, span_us: int) -> None:
        """Append rows to their table."""
        name = rows.table.name
        with self._lock:
            if name not in self._files:
                self._files[name] = self._path(name).open("wb")
                self._tables[name] = rows.table, span_us
            columns = [_cells(rows.columns[column], self._texts) for column, _ in rows.table.columns]
            np.stack(columns, axis=1).tofile(self._files[name])

    def rows(self) -> dict[str, Rows]:
        """Everything that came, by the name of the table; nothing may come after it."""
        for file in self._files.values():
            file.close()
        return {name: Rows(table, span, self._mapped(table)) for name, (table, span) in sorted(self._tables.items())}

    def _path(self, table: str) -> Path:
        return self._folder / f"{table}.cells"

    def _mapped(self, table: Table) -> I64:
        path, width = self._path(table.name), len(table.columns)
        if path.stat().st_size == 0:
            return np.empty((0, width), np.int64)
        return np.memmap(path, np.int64, "r").reshape(-1, width)


def nulls(table: Table) -> I64:
    """The cell that stands for null in each column; for a column without a null the one that none of its values has."""
    null = {ColumnType.DOUBLE: _NAN, ColumnType.SYMBOL: NULL_TEXT, ColumnType.VARCHAR: NULL_TEXT}
    return np.array([null.get(kind, UNKNOWN) for _, kind in table.columns], np.int64)


def told(kind: ColumnType, cell: int, texts: Texts) -> str:
    """A cell for a person: floats with all their digits, times in UTC.

    >>> told(ColumnType.DOUBLE, int(np.array([0.1]).view(np.int64)[0]), Texts()), told(ColumnType.TIMESTAMP, 1_000_000, Texts())
    ('0.1', '1970-01-01T00:00:01Z')
    """
    if kind in (ColumnType.SYMBOL, ColumnType.VARCHAR):
        return texts.text(cell) or "null"
    if kind is ColumnType.BOOLEAN:
        return "true" if cell else "false"
    if cell == (_NAN if kind is ColumnType.DOUBLE else UNKNOWN):
        return "null"
    if kind is ColumnType.DOUBLE:
        return repr(float(np.array([cell], np.int64).view(np.float64)[0]))
    return utc(cell) if kind is ColumnType.TIMESTAMP else str(cell)


def utc(time_us: int) -> str:
    """A time with as many digits as it needs."""
    whole = datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{time_us % 1_000_000:06d}".rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"


def _cells(column: Column, texts: Texts) -> I64:
    if isinstance(column, Labels):
        numbers = np.array([*map(texts.number, column.names), NULL_TEXT], np.int64)
        return numbers[column.codes]  # a null's code -1 finds the one at the end
    if column.dtype == object:
        return np.array([_text_cell(text, texts) for text in column], np.int64)
    if column.dtype == np.float64:
        bits: Any = column.view(np.int64)
        return np.where(np.isnan(column), _NAN, bits)  # every NaN is the one null
    return column.astype(np.int64)


def _text_cell(text: Any, texts: Texts) -> int:
    return NULL_TEXT if text is None else texts.number(text)

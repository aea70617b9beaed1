"""Rows of a table as columns, between the frames and what a database or a file takes."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flows.domain.frames import I32, I64, Bools
from flows.domain.scale import UNKNOWN
from flows.errors import StorageError
from flows.storage.schema import ColumnType, Table


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts of a column with few different ones: `names[code]` for each row, null where the code is -1."""

    codes: I32
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def constant(cls, name: str, rows: int) -> "Labels":
        """The same text in every row."""
        return cls(np.zeros(rows, np.int32), (name,))

    def texts(self) -> list[str | None]:
        """The texts themselves."""
        return [None if code < 0 else self.names[code] for code in self.codes.tolist()]


Column: TypeAlias = NDArray[np.float64] | I64 | Bools | NDArray[np.object_] | Labels
"""TIMESTAMP and LONG: int64 with UNKNOWN for null; DOUBLE: float64 with NaN for null; SYMBOL: labels; VARCHAR: str objects."""


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows for one table, in the table's column order."""

    table: Table
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(self.columns[self.table.timestamp])

    def take(self, rows: slice | I64 | Bools) -> "TableRows":
        """Some of the rows."""
        return TableRows(self.table, {name: _taken(column, rows) for name, column in self.columns.items()})

    def checked(self) -> "TableRows":
        """The rows themselves.

        Raises:
            StorageError: a designated timestamp that is unknown or before 1970. The server would store the former as its own time.
        """
        times = self.columns[self.table.timestamp]
        assert isinstance(times, np.ndarray)
        bad = np.flatnonzero(times < 0)
        if len(bad):
            row = int(bad[0])
            found = "none" if times[row] == UNKNOWN else f"{times[row]} µs"
            raise StorageError(
                f"{self.table.name} row {row + 1:,}, column {self.table.timestamp}: expected a time since 1970, found {found}"
            )
        return self


def concatenated(parts: list[TableRows]) -> TableRows:
    """The rows of several parts of one table, in order."""
    if len(parts) == 1:
        return parts[0]
    table = parts[0].table
    return TableRows(table, {name: _joined([part.columns[name] for part in parts]) for name, _ in table.columns})


def newest_per_key(rows: TableRows) -> TableRows:
    """Without the forming rows that a later row of the same key replaces."""
    complete = rows.columns.get("complete")
    if complete is None or bool(np.all(complete)):  # type: ignore[arg-type]
        return rows
    keys = [rows.columns[name] for name in rows.table.keys]
    values = [key.codes.astype(np.int64) if isinstance(key, Labels) else key for key in keys]
    newest_first = np.stack(values)[:, ::-1]
    _, last = np.unique(newest_first, axis=1, return_index=True)
    return rows.take(np.sort(len(rows) - 1 - last))


def clean_text(text: str) -> str:
    """Text that can be encoded: half a surrogate pair, as broken input may hold, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def column_type(table: Table, name: str) -> ColumnType:
    """The declared type of a column."""
    return dict(table.columns)[name]


def _taken(column: Column, rows: slice | I64 | Bools) -> Column:
    return Labels(column.codes[rows], column.names) if isinstance(column, Labels) else column[rows]


def _joined(parts: list[Column]) -> Column:
    labels = [part for part in parts if isinstance(part, Labels)]
    if not labels:
        return np.concatenate(parts)  # type: ignore[arg-type]
    if all(part.names == labels[0].names for part in labels):
        return Labels(np.concatenate([part.codes for part in labels]), labels[0].names)
    code_of: dict[str, int] = {}
    codes = []
    for part in labels:
        new = np.array([code_of.setdefault(name, len(code_of)) for name in part.names] + [-1], np.int32)
        codes.append(new[part.codes])  # a null's code -1 finds the -1 at the end
    return Labels(np.concatenate(codes), tuple(code_of))

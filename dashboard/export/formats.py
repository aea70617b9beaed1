"""Pages of rows into a file. Numbers come back exactly, times are ISO 8601 in UTC with Z (Parquet: UTC microseconds), null is null.

CSV: a header; null is an empty field; `true` and `false`. NDJSON: one JSON object a line, so that a file of any size can be read and
written piece by piece, which an array cannot.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson

from dashboard.export.pages import Rows
from dashboard.export.wanted import Form
from flows.storage.schema import ColumnType, Table

ROW_GROUP_ROWS = 65_536


class Writer(Protocol):
    """Writes pages; the file is whole after `close`."""

    def write(self, rows: Rows) -> None: ...

    def close(self) -> None: ...


def writer(form: Form, path: Path, table: Table) -> Writer:
    """The writer of a format."""
    of: dict[Form, Callable[[Path, Table], Writer]] = {
        "csv": CsvWriter, "ndjson": NdjsonWriter, "parquet": ParquetWriter,
    }  # fmt: skip
    return of[form](path, table)


class CsvWriter:
    """UTF-8, commas, CRLF: RFC 4180."""

    def __init__(self, path: Path, table: Table) -> None:
        self._table = table
        self._file = path.open("w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._file)  # floats by their shortest text that reads back as the same float
        self._csv.writerow(name for name, _ in table.columns)

    def write(self, rows: Rows) -> None:
        self._csv.writerows(zip(*_texts(self._table, rows, booleans=True), strict=True))

    def close(self) -> None:
        self._file.close()


class NdjsonWriter:
    """One object a line."""

    def __init__(self, path: Path, table: Table) -> None:
        self._table = table
        self._names = [name for name, _ in table.columns]
        self._file = path.open("wb")

    def write(self, rows: Rows) -> None:
        names = self._names
        for row in zip(*_texts(self._table, rows, booleans=False), strict=True):
            self._file.write(orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        self._file.close()


class ParquetWriter:
    """Row groups of `ROW_GROUP_ROWS`, so that what is held does not grow with the file."""

    def __init__(self, path: Path, table: Table) -> None:
        import pyarrow as pa  # only once somebody wants it: it takes its time
        import pyarrow.parquet as pq

        from flows.storage.arrow import ARROW_TYPES

        self._pa = pa
        self._schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in table.columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="snappy")
        self._held: list[Any] = []

    def write(self, rows: Rows) -> None:
        pa = self._pa
        arrays = [pa.array(column, field.type) for column, field in zip(_columns(rows), self._schema, strict=True)]
        self._held.append(pa.Table.from_arrays(arrays, schema=self._schema))
        if sum(page.num_rows for page in self._held) >= ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(self._pa.concat_tables(self._held), row_group_size=2 * ROW_GROUP_ROWS)
            self._held = []


def _columns(rows: Rows) -> Iterator[tuple[Any, ...]]:
    return zip(*rows, strict=True)


def _texts(table: Table, rows: Rows, *, booleans: bool) -> Iterator[Iterable[Any]]:
    """The columns with times as text, and where asked for booleans."""
    for (_, kind), column in zip(table.columns, _columns(rows), strict=True):
        if kind is ColumnType.TIMESTAMP:
            yield _iso(column)
        elif kind is ColumnType.BOOLEAN and booleans:
            yield ["true" if value else "false" for value in column]
        else:
            yield column


def _iso(times: tuple[int | None, ...]) -> list[str | None]:
    known = np.array([0 if time is None else time for time in times], "datetime64[us]")
    return [
        None if time is None else f"{text}Z"
        for time, text in zip(times, np.datetime_as_string(known).tolist(), strict=True)
    ]

"""The Parquet sink: one file a table, with the tables' columns. Needs no database.

Rows go to files named `….parquet.part`. They get their names together when the whole run has succeeded, so neither a killed nor a
failed run leaves a file that looks complete. The sink is therefore a context manager around the run:

    with ParquetSink(out_dir) as sink:
        run_main(flow(sink))
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from flows.domain.frames import Bars, PairLooks, PairStats, PairTickStats, PairVerdicts
from flows.domain.interval import Interval
from flows.domain.scale import UNKNOWN
from flows.errors import StorageError
from flows.sinks.columns import Column, Labels, TableRows, concatenated, newest_per_key
from flows.sinks.tables import GROUPS, Storable, table_rows
from flows.storage.arrow import ARROW_TYPES
from flows.storage.schema import (
    FEED_EVENTS,
    PAIR_LEAD_LAG,
    REJECTS,
    TRADES,
    ColumnType,
    Table,
    bars_table,
    pair_stats_table,
    pair_tests_table,
    pair_tick_stats_table,
    pair_verdicts_table,
)

ROW_GROUP_ROWS = 131_072

FILES = (
    "bars", "feed_events", "pair_lead_lag", "pair_stats", "pair_tests", "pair_tick_stats", "pair_verdicts", "rejects", "trades",
)  # fmt: skip
"""Groups that have a file; how the feed stood from second to second is not kept in files."""
_INTERVAL_AT = 2  # bars of all intervals share a file: their interval stands after time and symbol or pair


def file_table(group: str) -> Table:
    """The columns of a group's file: those of its table, for bars and statistics with the interval."""
    table = _BY_INTERVAL.get(group)
    if table is None:
        return _FILE_TABLES[group]
    of = table(Interval.S1)
    columns = (*of.columns[:_INTERVAL_AT], ("interval", ColumnType.SYMBOL), *of.columns[_INTERVAL_AT:])
    return Table(group, columns, (*of.keys, "interval"), of.partition, None)


_BY_INTERVAL = {
    "bars": bars_table,
    "pair_stats": pair_stats_table,
    "pair_tick_stats": pair_tick_stats_table,
    "pair_tests": pair_tests_table,
    "pair_verdicts": pair_verdicts_table,
}
_FILE_TABLES = {table.name: table for table in (TRADES, REJECTS, FEED_EVENTS, PAIR_LEAD_LAG)}


def file_schema(group: str) -> pa.Schema:
    """The Arrow schema of a group's file."""
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in file_table(group).columns])


class ParquetSink(FixedPartitionedSink[Storable, None]):
    """Items `(group, frame)` into `<group>.parquet` files of a folder. A frame of forming rows is written with `complete = false`.

    Args:
        out_dir: made where missing; files in it are replaced when the run has succeeded.
        trades: write raw ticks too; without it they are ignored.
    """

    def __init__(self, out_dir: Path, trades: bool = False) -> None:
        self._out_dir = out_dir
        self._groups = tuple(group for group in FILES if trades or group != "trades")

    def __enter__(self) -> "ParquetSink":
        try:
            self._out_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self._out_dir}: cannot be made: {error.strerror}") from error
        self._discard()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._publish()
        else:
            self._discard()

    def list_parts(self) -> list[str]:
        return list(GROUPS)

    def part_fn(self, item_key: str) -> int:
        return GROUPS.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_ParquetPartition | _Ignoring":
        return _ParquetPartition(for_part, self._part(for_part)) if for_part in self._groups else _Ignoring()

    def _part(self, group: str) -> Path:
        return self._out_dir / f"{group}.parquet.part"

    def _publish(self) -> None:
        for group in self._groups:
            if not self._part(group).exists():  # no row came: an empty table rather than none
                _ParquetPartition(group, self._part(group)).close()
        for group in self._groups:
            self._part(group).replace(self._out_dir / f"{group}.parquet")

    def _discard(self) -> None:
        for group in self._groups:
            with suppress(FileNotFoundError):
                self._part(group).unlink()


class _Ignoring(StatefulSinkPartition[Storable, None]):
    """Of a group without a file."""

    def write_batch(self, values: list[Storable]) -> None:
        pass

    def snapshot(self) -> None:
        pass


class _ParquetPartition(StatefulSinkPartition[Storable, None]):
    def __init__(self, group: str, path: Path) -> None:
        self._table, self._schema = file_table(group), file_schema(group)
        self._held: list[TableRows] = []
        self._writer: pq.ParquetWriter | None = pq.ParquetWriter(path, self._schema, compression="snappy")

    def write_batch(self, values: list[Storable]) -> None:
        self._held += [self._rows(frame) for frame in values if len(frame)]
        if sum(map(len, self._held)) >= ROW_GROUP_ROWS:
            self._write_held()

    def snapshot(self) -> None:
        """Nothing: a run into files has no recovery, it is run again."""

    def close(self) -> None:
        if self._writer is not None:
            self._write_held()
            self._writer.close()
            self._writer = None

    def _rows(self, frame: Storable) -> TableRows:
        rows = table_rows(frame).checked()
        if not isinstance(frame, Bars | PairStats | PairTickStats | PairLooks | PairVerdicts):
            return rows
        interval = {"interval": Labels.constant(frame.interval.value, len(frame))}
        return TableRows(self._table, {name: (rows.columns | interval)[name] for name, _ in self._table.columns})

    def _write_held(self) -> None:
        if self._held:
            rows = newest_per_key(concatenated(self._held))
            self._held = []
            arrays = list(_arrays(rows))
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=ROW_GROUP_ROWS)  # type: ignore[union-attr]


def _arrays(rows: TableRows) -> Iterator[Any]:
    for name, kind in rows.table.columns:
        yield _array(rows.columns[name], kind)


def _array(column: Column, kind: ColumnType) -> Any:
    """An Arrow array: null for UNKNOWN, NaN and a label's -1."""
    if isinstance(column, Labels):
        codes = pa.array(column.codes, mask=column.codes < 0)
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.names, pa.string())).cast(pa.string())
    if kind is ColumnType.DOUBLE:
        return pa.array(column, from_pandas=True)
    if kind in (ColumnType.LONG, ColumnType.TIMESTAMP):
        unknown = np.asarray(column) == UNKNOWN
        return pa.array(column, pa.int64(), mask=unknown if unknown.any() else None).cast(ARROW_TYPES[kind])
    return pa.array(column, ARROW_TYPES[kind])

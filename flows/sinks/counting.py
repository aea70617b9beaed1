"""A sink that stores nothing and counts: for benchmarks, and to compare two runs by a checksum that knows no order."""

import threading
import zlib
from collections import Counter
from typing import Any

import numpy as np
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from numpy.typing import NDArray

from flows.sinks.columns import Labels, TableRows
from flows.sinks.tables import GROUPS, Storable, table_of, table_rows

U64 = NDArray[np.uint64]


class CountingSink(FixedPartitionedSink[Storable, None]):
    """Counts items `(group, frame)` by table.

    Args:
        checksum: also make the columns and sum a hash of every row: equal for equal rows in any order and in any pieces.

    Attributes:
        rows: rows by table name.
        checksums: sum of the rows' hashes modulo 2**64 by table name.
    """

    def __init__(self, checksum: bool = False) -> None:
        self.rows: Counter[str] = Counter()
        self.checksums: Counter[str] = Counter()
        self._checksum = checksum
        self._lock = threading.Lock()

    def list_parts(self) -> list[str]:
        return list(GROUPS)

    def part_fn(self, item_key: str) -> int:
        return GROUPS.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_CountingPartition":
        return _CountingPartition(self)

    def count(self, frame: Storable) -> None:
        """Add a frame's rows."""
        name = table_of(frame).name
        total = row_hashes(table_rows(frame)).sum(dtype=np.uint64) if self._checksum and len(frame) else 0
        with self._lock:
            self.rows[name] += len(frame)
            self.checksums[name] = (self.checksums[name] + int(total)) % (1 << 64)


class _CountingPartition(StatefulSinkPartition[Storable, None]):
    def __init__(self, sink: CountingSink) -> None:
        self._sink = sink

    def write_batch(self, values: list[Storable]) -> None:
        for frame in values:
            self._sink.count(frame)

    def snapshot(self) -> None:
        """Nothing is held."""


def row_hashes(rows: TableRows) -> U64:
    """A hash of every row over all columns, shape (rows,). Texts count by their value, every NaN as one value."""
    out: U64 = np.zeros(len(rows), np.uint64)
    for name, _ in rows.table.columns:
        salt = np.uint64(zlib.crc32(name.encode()) | 1 << 32)
        out = _mixed(out ^ (_bits(rows.columns[name]) * salt))
    return out


def _bits(column: Any) -> U64:
    if isinstance(column, Labels):
        names = np.array([zlib.crc32(name.encode()) for name in (*column.names, "")], np.uint64)
        return names[column.codes]  # a null's code -1 finds the hash at the end
    if column.dtype == np.float64:
        return np.where(np.isnan(column), np.nan, column + 0.0).view(np.uint64)
    if column.dtype == object:
        return np.array([zlib.crc32(text.encode()) for text in column], np.uint64)
    bits: U64 = column.astype(np.int64).view(np.uint64)
    return bits


def _mixed(h: U64) -> U64:
    """The finaliser of splitmix64."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))

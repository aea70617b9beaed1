"""Beginnings of an input, written as files of their own: what the flow would have been given, had it been asked earlier.

One file is cut behind a line (a row of a Parquet file), captures behind a line of all of them, several files of ticks at a time of the
input that they are together: each ends before its first row that comes later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.audit.cells import utc
from flows.domain.frames import I64
from flows.errors import InputError
from flows.sources.captures import in_recorded_order
from flows.sources.detect import PARQUET_ROW_BYTES, TickFile, recognise, without_prefixes
from flows.sources.order import find_jumps
from flows.sources.streams import ByteStream
from flows.sources.symbols import SymbolTable

_PIECE = 1 << 20
_LEAST, _MOST = 0.05, 0.98
"""Shares of the input between which it is cut: a handful of lines would close no bar."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A beginning of the input.

    Attributes:
        kept: lines (rows of a Parquet file) of each file, in the order of the files. told: where it ends, for a person.
    """

    kept: tuple[int, ...]
    told: str


class Prefixes:
    """Draws beginnings of some files and writes them.

    Args:
        jump_limit_us: a row further ahead of both its neighbours has a wrong time; it does not tell where a file stands.
        block_bytes: of the reader, where times have to be read.

    Attributes:
        size: of all files in bytes, decompressed, as the reader counts them in blocks.

    Raises:
        InputError: as `flows.sources.files.FileSource`.
    """

    def __init__(self, paths: Sequence[Path], jump_limit_us: int, block_bytes: int) -> None:
        files = [recognise(path) for path in paths]
        self._ticks = files[0].kind != "capture"
        if self._ticks:
            self._files, _ = without_prefixes(files)
        else:
            self._files = [recognise(path) for path in in_recorded_order(paths)]
        self._jump_limit, self._block_bytes = jump_limit_us, block_bytes
        measured = [_measured(file) for file in self._files]
        self._lengths = [lines for lines, _ in measured]
        self.size = sum(size for _, size in measured)
        self._times: list[tuple[I64, I64]] | None = None

    def draw(self, random: Random) -> Prefix:
        """A random one."""
        total = sum(self._lengths)
        at = random.randint(max(1, int(_LEAST * total)), max(1, int(_MOST * total)))
        if self._ticks and len(self._files) > 1:
            return self._until_time(random)
        kept, left = [], at
        for length in self._lengths:
            kept.append(min(length, left))
            left -= kept[-1]
        return Prefix(tuple(kept), f"up to line {at:,} of {total:,}")

    def write(self, prefix: Prefix, folder: Path) -> list[Path]:
        """The files of a prefix under their own names, as rows tell the name of their file; those without a line are left out."""
        parents = list(dict.fromkeys(file.path.resolve().parent for file in self._files))
        written = []
        for file, kept in zip(self._files, prefix.kept, strict=True):
            if not kept:
                continue
            path = folder / str(parents.index(file.path.resolve().parent)) / file.path.name
            path.parent.mkdir(parents=True, exist_ok=True)
            (_write_rows if file.kind == "parquet" else _write_lines)(file.path, kept, path)
            written.append(path)
        return written

    def _until_time(self, random: Random) -> Prefix:
        if self._times is None:
            self._times = [self._read_times(file) for file in self._files]
        every = [times for times, _ in self._times if len(times)]
        if not every:
            raise InputError("no row with a time in any of the files")
        first, last = min(int(times[0]) for times in every), max(int(times[-1]) for times in every)
        until = first + int((last - first) * random.uniform(_LEAST, _MOST))
        kept = []
        for (times, lines), length in zip(self._times, self._lengths, strict=True):
            k = int(np.searchsorted(times, until, "right"))
            kept.append(int(lines[k]) - 1 if k < len(times) else length)
            if k == 0:  # nothing but a header may stand before the first row: no row of this file belongs to it
                kept[-1] = 0
        return Prefix(tuple(kept), f"up to {utc(until)}")

    def _read_times(self, file: TickFile) -> tuple[I64, I64]:
        """The newest time up to each row whose time is believed, and its line."""
        reader = file.open(SymbolTable(), lambda _: True, self._block_bytes, 0, 1)
        times, lines = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        while (block := reader.read()) is not None:
            times.append(block.ticks.time)
            lines.append(block.lines)
            if block.last:
                break
        line = np.concatenate(lines)
        jumps, _, newest, _ = find_jumps(np.concatenate(times), 0, self._jump_limit, True)
        return newest[~jumps], line[~jumps]


def _measured(file: TickFile) -> tuple[int, int]:
    """Lines and bytes."""
    if file.kind == "parquet":
        with pq.ParquetFile(file.path) as parquet:
            rows = int(parquet.metadata.num_rows)
        return rows, rows * PARQUET_ROW_BYTES
    lines, size, last = 0, 0, b"\n"
    stream = ByteStream(file.path)
    while piece := stream.read(_PIECE):
        lines, size, last = lines + piece.count(b"\n"), size + len(piece), piece[-1:]
    stream.close()
    return lines + (last != b"\n"), size


def _write_lines(path: Path, kept: int, out: Path) -> None:
    stream = ByteStream(path)
    with out.open("wb") as file:
        while kept and (piece := stream.read(_PIECE)):
            if (count := piece.count(b"\n")) >= kept:
                end = -1
                for _ in range(kept):
                    end = piece.index(b"\n", end + 1)
                piece, count = piece[: end + 1], kept
            file.write(piece)
            kept -= count
    stream.close()


def _write_rows(path: Path, kept: int, out: Path) -> None:
    with pq.ParquetFile(path) as parquet, pq.ParquetWriter(out, parquet.schema_arrow) as writer:
        for batch in parquet.iter_batches():
            writer.write_table(pa.Table.from_batches([batch.slice(0, kept)]))
            kept -= min(kept, len(batch))
            if not kept:
                break

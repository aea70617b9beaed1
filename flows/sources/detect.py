"""What kind of tick file a path is, told by its content."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flows.errors import InputError
from flows.sources.binance.capture_lines import begins_session
from flows.sources.csv_ticks import CsvTicks, csv_dialect
from flows.sources.ndjson_ticks import NdjsonTicks
from flows.sources.parquet_ticks import ParquetReader
from flows.sources.streams import ByteStream
from flows.sources.symbols import SymbolTable
from flows.sources.text import TextReader

_HEAD = 65_536
_PIECE = 1 << 20
PARQUET_ROW_BYTES = 64
"""What a row of a Parquet file counts in a block."""

Kind = Literal["csv", "ndjson", "parquet", "capture"]
Reader = TextReader | ParquetReader


@dataclass(frozen=True, slots=True)
class TickFile:
    """A recognised file.

    Attributes:
        form: of a text file of ticks; None for Parquet and captures.
        has_ids: the rows carry ids of the exchange. has_aggregates: they are aggregates of trades.
        sorted_archive: the exchange's own archive, in order.
    """

    path: Path
    kind: Kind
    form: CsvTicks | NdjsonTicks | None
    has_ids: bool
    has_aggregates: bool
    sorted_archive: bool

    def open(
        self, table: SymbolTable, accepts: Callable[[str], bool], block_bytes: int, position: int, line: int
    ) -> Reader:
        """A reader from a position on, as an earlier reader told it."""
        if self.form is None:
            return ParquetReader(self.path, table, accepts, max(1, block_bytes // PARQUET_ROW_BYTES), position)
        stream = ByteStream(self.path, position)
        return TextReader(stream, self.form, table, accepts, block_bytes, position, line)


def recognise(path: Path) -> TickFile:
    """Tell the format of a file.

    Raises:
        InputError: it cannot be read, is empty, or holds no ticks.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the files in it")
    stream = ByteStream(path)
    head = stream.read(_HEAD)
    stream.close()
    if head[:4] == b"PAR1":
        probe = ParquetReader(path, SymbolTable(), lambda _: True, 1)
        return TickFile(path, "parquet", None, probe.has_ids, probe.has_aggregates, False)
    if not head.strip():
        raise InputError(f"{path}: {stream.truncated or 'the file is empty'}")
    if b"\0" in head:
        raise InputError(f"{path}: not a file of ticks: neither text nor Parquet")
    text = head.decode("utf-8-sig", "replace")
    if text.lstrip().startswith(("{", "[")):
        return _json_file(path, text)
    form = csv_dialect(path, text)
    return TickFile(path, "csv", form, form.has_ids, form.has_aggregates, form.sorted_archive)


def _json_file(path: Path, text: str) -> TickFile:
    """Collector lines or a capture, by the first line that is an object."""
    if begins_session(text.encode()):
        return TickFile(path, "capture", None, True, True, False)
    for line in text.splitlines()[:100]:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and "msg" in value:
            return TickFile(path, "capture", None, True, False, False)
        if isinstance(value, dict) and {"symbol", "ts"} <= value.keys():
            return TickFile(path, "ndjson", NdjsonTicks(), False, False, False)
        if isinstance(value, dict) and ("stream" in value or "e" in value):
            return TickFile(path, "capture", None, True, False, False)
    raise InputError(
        f"{path}: not a file of ticks: JSON lines, but neither collector rows (symbol, ts, price, size) nor a capture (recv_ns, msg)"
    )


def in_order(files: list[TickFile]) -> list[TickFile]:
    """Files of ticks by the time and id of their first trade: one that goes on in the millisecond where another ends comes after it."""
    return sorted(files, key=lambda file: (*_first_trade(file), file.path)) if len(files) > 1 else files


def _first_trade(file: TickFile) -> tuple[int, int]:
    reader = file.open(SymbolTable(), lambda _: True, _HEAD, 0, 1)
    while (block := reader.read()) and not block.last:
        if len(block.ticks):
            return int(block.ticks.time[0]), int(block.ticks.trade_id[0]) if file.has_ids else 0
    return 0, 0


def without_prefixes(files: list[TickFile]) -> tuple[list[TickFile], list[str]]:
    """Leave out collector files whose whole content is the beginning of another: its download button does not clear the buffer.

    Returns:
        the files to read, and a sentence for each that is left out.
    """
    kept, told = [], []
    for f, file in enumerate(files):
        longer = next((other for o, other in enumerate(files) if _is_repeated(file, other, o < f)), None)
        if longer is None:
            kept.append(file)
        else:
            told.append(f"{file.path.name} is the beginning of {longer.path.name}: its rows are counted once")
    return kept, told


def _is_repeated(file: TickFile, other: TickFile, other_first: bool) -> bool:
    """Whether `other` holds all lines of `file` at its beginning; of two equal files the first counts."""
    if file is other or not file.kind == other.kind == "ndjson":
        return False
    a, b = ByteStream(file.path), ByteStream(other.path)
    at_line_end = True
    try:
        while x := a.read(_PIECE):
            if b.read(len(x)) != x:
                return False
            at_line_end = x.endswith(b"\n")
        following = b.read(1)
        return (at_line_end or following in (b"", b"\n", b"\r")) and (bool(following) or other_first)
    finally:
        a.close()
        b.close()

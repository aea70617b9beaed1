"""Lines of text to ticks, a block at a time: a compiled parser takes the usual row, `flows.sources.rows` every other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flows.domain.frames import I8, I32, I64, Ticks
from flows.domain.instrument import Instrument
from flows.sources.rows import Field, Row, RowError, check_notional, decimals_of, read_row, scaled
from flows.sources.scan import Bytes
from flows.sources.streams import ByteStream
from flows.sources.symbols import SymbolTable, at_scale

TEXT_LIMIT = 200
"""Characters of a rejected row that are kept."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is no trade, with its 1-based line, the rows kept before it in its block, the reason and the row."""

    line: int
    after: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one stretch of a file: ticks without their late marks, the rows before which rejects stood, and the zero rows left out."""

    ticks: Ticks
    rejects: list[Reject]
    excluded: int
    rows: int


@dataclass(slots=True)
class Columns:
    """Room for the rows of a block; `ids` and `aggregates` say which columns the format has."""

    symbol: I32
    time: I64
    trade_id: I64
    price: I64
    size: I64
    side: I8
    first_id: I64
    last_id: I64

    @classmethod
    def room(cls, rows: int) -> "Columns":
        """Uninitialised columns of that many rows."""
        e = np.empty
        return cls(
            e(rows, np.int32), e(rows, np.int64), e(rows, np.int64), e(rows, np.int64), e(rows, np.int64),
            e(rows, np.int8), e(rows, np.int64), e(rows, np.int64),
        )  # fmt: skip


class TextFormat(Protocol):
    """What differs between text formats."""

    @property
    def unit(self) -> str | None: ...
    @property
    def symbol(self) -> str | None: ...
    @property
    def has_ids(self) -> bool: ...
    @property
    def has_aggregates(self) -> bool: ...

    def parse(
        self, buffer: Bytes, position: int, table: SymbolTable, columns: Columns, n: int
    ) -> tuple[int, int, int, int]:
        """Parse from `position` until a row it does not take: (rows kept so far, its position, lines passed, rows excluded)."""
        ...

    def fields(self, line: str) -> dict[str, Field] | None:
        """The fields of one line by role; None for a line that holds no row.

        Raises:
            RowError: not a row of this format.
        """
        ...


class TextReader:
    """Reads blocks of whole lines.

    Args:
        stream: positioned at `position`. line: number of the line there, 1-based.
        table: symbols of the run; grows as new ones appear.
        accepts: which symbols are wanted; others are rejected as unknown.
    """

    def __init__(
        self,
        stream: ByteStream,
        form: TextFormat,
        table: SymbolTable,
        accepts: Callable[[str], bool],
        block_bytes: int,
        position: int,
        line: int,
    ) -> None:
        self._stream, self._form, self._table, self._accepts = stream, form, table, accepts
        self._block_bytes = block_bytes
        self._rest = b""
        self._cut_said = False
        self.position, self.line = position, line

    @property
    def consumed(self) -> int:
        """Bytes of the file read so far, for progress."""
        return self._stream.consumed

    def no_rows(self) -> Ticks:
        """An empty frame of this file's kind."""
        return self._frame(Columns.room(0), 0, self._table.instruments)

    def read(self) -> Block | None:
        """The next block, or None at the end. `position` and `line` then point behind it."""
        data = self._whole_lines()
        if not data:
            return self._cut_block()
        block = self._parse(data)
        self.position += len(data)
        return block

    def _whole_lines(self) -> bytes:
        """Bytes up to a line end; at the end of the input also a last line without one."""
        data = self._rest
        while True:
            more = self._stream.read(self._block_bytes)
            data += more
            end = data.rfind(b"\n") + 1
            if end and more:
                self._rest = data[end:]
                return data[:end]
            if not more:
                self._rest = b""
                return data if not data or data.endswith(b"\n") else data + b"\n"

    def _cut_block(self) -> Block | None:
        """After a cut in compressed data: one reject that says so, once."""
        if self._stream.truncated is None or self._cut_said:
            return None
        self._cut_said = True
        return Block(self.no_rows(), [Reject(self.line, 0, self._stream.truncated, "")], 0, 1)

    def _parse(self, data: bytes) -> Block:
        buffer = np.frombuffer(data, np.uint8)
        columns = Columns.room(data.count(b"\n"))
        n = position = excluded = rows = 0
        rejects: list[Reject] = []
        scale = self._table.instruments
        while True:
            start = n
            n, position, lines, zeros = self._form.parse(buffer, position, self._table, columns, n)
            self.line += lines
            excluded += zeros
            rows += n - start + zeros
            if position >= len(data):
                break
            end = data.index(b"\n", position)
            text = data[position:end]
            try:
                row = self._careful(text)
                if row is None:
                    excluded += 1
                elif not isinstance(row, str):
                    scale = self._grown(row, columns, n, scale)
                    n = self._put(row, columns, n)
                rows += row != ""
            except RowError as error:
                shown = text[: 4 * TEXT_LIMIT].decode("utf-8", "backslashreplace")[:TEXT_LIMIT]
                rejects.append(Reject(self.line, n, str(error), shown))
                rows += 1
            position = end + 1
            self.line += 1
        return Block(self._frame(columns, n, self._table.instruments), rejects, excluded, rows)

    def _careful(self, text: bytes) -> Row | str | None:
        """The row, None for an excluded one, '' for a line without a row."""
        try:
            line = text.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError as error:
            raise RowError(f"not UTF-8: {error.reason} at byte {error.start + 1}") from None
        fields = self._form.fields(line)
        if fields is None:
            return ""
        row = read_row(fields, self._form.unit, self._form.symbol)
        if row is not None and not self._accepts(row.symbol):
            raise RowError(f'column symbol: unknown symbol "{row.symbol}"')
        return row

    def _grown(self, row: Row, columns: Columns, n: int, scale: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
        """Make the table fit the row; bring the rows already parsed to the new scale."""
        table = self._table
        k = table.index(row.symbol)
        price, size = decimals_of(row.price), decimals_of(row.size)
        if k is None:
            try:
                k = table.add(Instrument(row.symbol, price, size))
            except ValueError as error:
                raise RowError(str(error)) from None
            return table.instruments
        before = table.instruments[k]
        fine = (max(price, before.price_decimals), max(size, before.size_decimals))
        check_notional(scaled(row.price, fine[0], "price"), scaled(row.size, fine[1], "size"))
        if fine != (before.price_decimals, before.size_decimals):
            table.refine(k, *fine)
            held = at_scale(self._frame(columns, n, scale), table.instruments)
            columns.price[:n], columns.size[:n] = held.price, held.size
        return table.instruments

    def _put(self, row: Row, columns: Columns, n: int) -> int:
        k = self._table.index(row.symbol)
        assert k is not None
        instrument = self._table.instruments[k]
        price = scaled(row.price, instrument.price_decimals, "price")
        size = scaled(row.size, instrument.size_decimals, "size")
        check_notional(price, size)
        columns.symbol[n], columns.time[n], columns.trade_id[n] = k, row.time, row.trade_id
        columns.price[n], columns.size[n], columns.side[n] = price, size, row.side
        columns.first_id[n], columns.last_id[n] = row.first_id, row.last_id
        return n + 1

    def _frame(self, columns: Columns, n: int, instruments: tuple[Instrument, ...]) -> Ticks:
        aggregates = self._form.has_aggregates
        return Ticks(
            instruments,
            columns.symbol[:n],
            columns.time[:n],
            columns.trade_id[:n],
            columns.price[:n],
            columns.size[:n],
            columns.side[:n],
            np.zeros(n, np.bool_),
            columns.first_id[:n] if aggregates else None,
            columns.last_id[:n] if aggregates else None,
            ids_known=self._form.has_ids,
        )

"""Lines of text to ticks, a block at a time: a compiled parser takes the usual row, `flows.sources.rows` every other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flows.domain.frames import I64, Ticks
from flows.sources.gather import Columns, Gathered
from flows.sources.rows import Field, Row, RowError, read_row
from flows.sources.scan import Bytes, count_lines
from flows.sources.streams import ByteStream, whole_lines
from flows.sources.symbols import SymbolTable

TEXT_LIMIT = 200
"""Characters of a rejected row that are kept."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is no trade, with its 1-based line, the rows kept before it in its block, the reason and the row."""

    line: int
    after: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one stretch of a file.

    Attributes:
        ticks: without their late marks; lines: of each of them. excluded: rows left out because they say "no trade" by a zero.
        rows: all that were read. last: the file ends here before its time; there is nothing to read on.
    """

    ticks: Ticks
    lines: I64
    rejects: list[Reject]
    excluded: int
    rows: int
    last: bool = False


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
        self, buffer: Bytes, position: int, table: SymbolTable, columns: Columns, n: int, line: int
    ) -> tuple[int, int, int, int]:
        """Parse from `position`, which is line `line`, until a row it does not take.

        Returns:
            rows kept so far, that row's position, lines passed, rows excluded.
        """
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
        self.position, self.line = position, line

    @property
    def consumed(self) -> int:
        """Bytes of the file read so far, for progress."""
        return self._stream.consumed

    def no_rows(self) -> Ticks:
        """An empty frame of this file's kind."""
        return self._gathered(0).ticks()

    def read(self) -> Block | None:
        """The next block, or None at the end. `position` and `line` then point behind it.

        Raises:
            InputError: a line too long to be one.
        """
        data, self._rest = whole_lines(self._stream, self._rest, self._block_bytes, self.line)
        if not data.endswith(b"\n"):
            if self._stream.truncated is not None:
                return self._cut_block(data, self._stream.truncated)
            if not data:
                return None
            data += b"\n"
        block = self._parse(data)
        self.position += len(data)
        return block

    def _cut_block(self, rest: bytes, why: str) -> Block:
        """The end of cut compressed data: a reject that says so. The line it breaks off in may look whole and be another number."""
        reject = Reject(self.line, 0, why, _shown(rest))
        return Block(self.no_rows(), np.zeros(0, np.int64), [reject], 0, 1, last=True)

    def _gathered(self, rows: int) -> Gathered:
        form = self._form
        return Gathered(self._table, rows, has_ids=form.has_ids, has_aggregates=form.has_aggregates)

    def _parse(self, data: bytes) -> Block:
        buffer = np.frombuffer(data, np.uint8)
        gathered = self._gathered(count_lines(buffer))
        position = len(BYTE_ORDER_MARK) if self.position == 0 and data.startswith(BYTE_ORDER_MARK) else 0
        excluded = rows = 0
        rejects: list[Reject] = []
        while True:
            before = gathered.n
            gathered.n, position, lines, zeros = self._form.parse(
                buffer, position, self._table, gathered.columns, before, self.line
            )
            self.line += lines
            excluded += zeros
            rows += gathered.n - before + zeros
            if position >= len(data):
                break
            end = data.index(b"\n", position)
            text = data[position:end]
            try:
                row = self._careful(text)
                if row is None:
                    excluded += 1
                elif isinstance(row, Row):
                    gathered.put(row, self.line)
                rows += row != ""
            except RowError as error:
                rejects.append(Reject(self.line, gathered.n, str(error), _shown(text)))
                rows += 1
            position = end + 1
            self.line += 1
        return Block(gathered.ticks(), gathered.columns.line[: gathered.n], rejects, excluded, rows)

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


def _shown(text: bytes) -> str:
    return text[: 4 * TEXT_LIMIT].decode("utf-8", "backslashreplace")[:TEXT_LIMIT]

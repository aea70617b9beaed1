"""Files of candles, read whole: every row is checked before any is used, and every bad one is named by file and line."""

import csv
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np

from flows.domain.frames import I64
from flows.domain.interval import Interval
from flows.domain.scale import UNKNOWN
from flows.errors import InputError
from flows.sources.candles import values
from flows.sources.candles.dialect import Dialect, candle_dialect
from flows.sources.rows import RowError
from flows.sources.streams import ByteStream, whole_lines
from flows.sources.text import BYTE_ORDER_MARK

MOST_BYTES, MOST_ROWS = 100_000_000, 1_500_000
"""Of all files together, which are held in memory: two symbols of a year's minutes are 1,051,200 candles and some 64 MB."""
SHOWN = 20
_BLOCK = 1 << 20
PRICES = ("open", "high", "low", "close")
_AMOUNTS = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
COLUMNS = ("symbol", "file", "line", "open_time", "close_time", *PRICES, *_AMOUNTS, "trade_count")
_INTERVAL_IN_NAME = re.compile(r"(?<![0-9a-z])(1s|1m|5m)(?![0-9a-z])")


@dataclass(slots=True)
class Problems:
    """What is wrong with rows: all are counted, the first are kept as (file, line, reason)."""

    count: int = 0
    first: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, file: str, line: int, reason: str) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append((file, line, reason))


@dataclass(slots=True)
class Candles:
    """Rows of all files in time order, prices and amounts times 10**DECIMALS, UNKNOWN where the files do not say.

    Attributes:
        symbols: that the column `symbol` points into. preview: header and first rows as they stand in the first file.
        interval: None where there are problems. read: rows of the files, the bad ones too.
    """

    symbols: tuple[str, ...]
    columns: dict[str, I64]
    interval: Interval | None
    problems: Problems
    preview: list[list[str]]
    notes: list[str] = field(default_factory=list)
    read: int = 0

    @property
    def has_quote_volume(self) -> bool:
        """Every candle tells it, so that a mean price can be made."""
        return bool(np.all(self.columns["quote_volume"] != UNKNOWN))

    def __len__(self) -> int:
        return len(self.columns["open_time"])


def read_candles(
    files: Sequence[tuple[Path, str]], now_us: int, on_progress: Callable[[int], None] = lambda _: None
) -> Candles:
    """The candles of some files, which are one input.

    Args:
        files: where each is, and the name it goes by. now_us: candles that end after it are half finished.
        on_progress: told the bytes read.

    Raises:
        InputError: a file that cannot be used at all: its columns, its text, its size.
    """
    size = sum(path.stat().st_size for path, _ in files)
    if size > MOST_BYTES:
        raise InputError(
            f"{files[0][1]}: {size / 1e6:,.0f} MB of candles are more than the {MOST_BYTES / 1e6:,.0f} MB that are taken at a time:"
            " give a shorter span"
        )
    reading = _Reading(files, on_progress)
    for number in range(len(files)):
        reading.file(number)
    columns = {name: np.frombuffer(column, np.int64) for name, column in reading.columns.items()}
    symbols = tuple(reading.symbols)
    names = [name for _, name in files]
    _check_order(columns, symbols, names, reading.problems)
    order = np.lexsort((columns["symbol"], columns["open_time"]))
    for name in COLUMNS:  # one after another, so that only one is ever there twice
        columns[name] = columns[name][order]
        del reading.columns[name]
    found = Candles(symbols, columns, None, reading.problems, reading.preview)
    found.read = reading.read
    if not len(found) and not reading.problems.count:
        raise InputError(f"{names[0]}: no candle in it")
    if not reading.problems.count:
        found.interval = _interval(found, names)
        _check_times(found, names, now_us)
    found.problems.first.sort(key=lambda problem: (names.index(problem[0]), problem[1]))
    return found


class _Reading:
    """The columns as they grow, eight bytes a field."""

    def __init__(self, files: Sequence[tuple[Path, str]], on_progress: Callable[[int], None]) -> None:
        self._files, self._on_progress = files, on_progress
        self.columns = {name: array("q") for name in COLUMNS}
        self.symbols: dict[str, int] = {}
        self.problems = Problems()
        self.preview: list[list[str]] = []
        self._before = self.read = 0

    def file(self, number: int) -> None:
        """Add one file's rows."""
        path, name = self._files[number]
        stream = ByteStream(path)
        try:
            self._rows(number, name, stream)
        finally:
            stream.close()
        self._before += stream.size

    def _rows(self, number: int, name: str, stream: ByteStream) -> None:
        lines = self._lines(name, stream)
        first = next(lines, "")
        dialect = candle_dialect(name, first)
        parse = _Row(dialect)
        skipped = 1 if dialect.header else 0
        rows = csv.reader(_chained(first, lines), delimiter=dialect.delimiter)
        header = next(islice(rows, 0, 1), []) if skipped else [role or "–" for role in dialect.columns]
        if not self.preview:
            self.preview.append(header)
        for row in rows:
            if not row or not any(row):
                continue
            if len(self.preview) <= 5 and number == 0:
                self.preview.append(row)
            line = rows.line_num
            self.read += 1
            try:
                self._put(number, line, parse(row))
            except RowError as error:
                self.problems.add(name, line, str(error))
            if len(self.columns["line"]) > MOST_ROWS:
                raise InputError(
                    f"{name}: more than the {MOST_ROWS:,} candles that are taken at a time: give a shorter span"
                )
        if stream.truncated:
            self.problems.add(name, rows.line_num + 1, stream.truncated)

    def _put(self, number: int, line: int, row: dict[str, int | str]) -> None:
        symbol = str(row["symbol"])
        values_of = {**row, "symbol": self.symbols.setdefault(symbol, len(self.symbols)), "file": number, "line": line}
        for name, column in self.columns.items():
            column.append(int(values_of.get(name, UNKNOWN)))

    def _lines(self, name: str, stream: ByteStream) -> Iterator[str]:
        rest, line = b"", 1
        while True:
            data, rest = whole_lines(stream, rest, _BLOCK, line)
            if not data:
                return
            self._on_progress(self._before + stream.consumed)
            if line == 1:
                data = data.removeprefix(BYTE_ORDER_MARK)
                if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4096]:
                    raise InputError(f"{name}: expected text in UTF-8, found UTF-16 or no text at all")
            for text in data.split(b"\n")[: None if not data.endswith(b"\n") else -1]:
                yield text.decode("utf-8", "backslashreplace").rstrip("\r") + "\n"
                line += 1


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from lines


class _Row:
    """From a row's fields to its values."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._width = len(dialect.columns)
        self._fixed = dialect.symbol

    def __call__(self, row: list[str]) -> dict[str, int | str]:
        if len(row) != self._width:
            raise RowError(f"expected {self._width} columns, found {len(row)}")
        texts = {role: text.strip() for role, text in zip(self._dialect.columns, row, strict=True) if role}
        out: dict[str, int] = {}
        for role, text in texts.items():
            if role in PRICES:
                out[role] = values.price(text, role)
            elif role in ("open_time", "close_time"):
                out[role] = values.time(text, role)
            elif role == "trade_count":
                out[role] = values.count(text, role)
            elif role != "symbol":
                out[role] = values.number(text, role)
        values.check_range(out, texts)
        name = self._fixed if self._fixed is not None else values.symbol(texts["symbol"])
        return {**out, "symbol": name}


def _check_order(columns: dict[str, I64], symbols: tuple[str, ...], names: list[str], problems: Problems) -> None:
    """Each symbol's candles in time order, none twice, over all files as they were given."""
    for s, symbol in enumerate(symbols):
        rows = np.flatnonzero(columns["symbol"] == s)
        times = columns["open_time"][rows]
        newest = np.maximum.accumulate(times) if len(times) else times
        wrong = np.flatnonzero(times[1:] <= newest[:-1]) + 1
        for i in wrong[:SHOWN]:
            row, when = rows[i], _iso(int(times[i]))
            known = np.flatnonzero(times[:i] == times[i])
            if len(known):
                other = rows[known[0]]
                said = f"{symbol} at {when} is there already, on line {columns['line'][other]:,}"
                if columns["file"][other] != columns["file"][row]:
                    said += f" of {names[columns['file'][other]]}"
            else:
                said = f"expected {symbol} after {_iso(int(newest[i - 1]))}, found {when}: rows must be in time order"
            problems.add(names[columns["file"][row]], int(columns["line"][row]), f"column open_time: {said}")
        problems.count += max(0, len(wrong) - SHOWN)


def _interval(candles: Candles, names: list[str]) -> Interval:
    """By the closest two candles of a symbol; of single ones by their close or the file's name.

    Raises:
        InputError: it is not one that is kept, or cannot be told.
    """
    steps = [np.diff(candles.columns["open_time"][candles.columns["symbol"] == s]) for s in range(len(candles.symbols))]
    closest = min((int(step.min()) for step in steps if len(step)), default=0)
    if not closest:
        close, named = candles.columns["close_time"], _INTERVAL_IN_NAME.search(names[0])
        if close[0] != UNKNOWN:
            closest = int(-(-(close[0] - candles.columns["open_time"][0]) // 1_000_000)) * 1_000_000
        elif named:
            return Interval(named[1])
    for interval in Interval:
        if interval.us == closest:
            return interval
    kept = ", ".join(map(str, Interval))
    found = f"found candles each {closest / 1e6:,g} s" if closest else "one candle alone does not tell"
    raise InputError(f"{names[0]}: expected candles of {kept}: {found}")


def _check_times(candles: Candles, names: list[str], now_us: int) -> None:
    """Every candle opens at a multiple of its interval, and is over."""
    assert candles.interval is not None
    us, columns = candles.interval.us, candles.columns
    opens, closes = columns["open_time"], columns["close_time"]

    def said(rows: I64, what: Callable[[int], str]) -> None:
        for i in rows:
            candles.problems.add(names[columns["file"][i]], int(columns["line"][i]), what(int(i)))

    said(
        np.flatnonzero(opens % us),
        lambda i: f"column open_time: expected the open of a {candles.interval} candle, found {_iso(int(opens[i]))}",
    )
    over = np.where(closes == UNKNOWN, opens + us, np.maximum(closes, opens + us)) > now_us
    said(
        np.flatnonzero(over),
        lambda i: (
            f"column open_time: the candle of {_iso(int(opens[i]))} ends after now, {_iso(now_us)}: it is half finished, leave it out"
        ),
    )
    late = (closes != UNKNOWN) & ((closes > opens + us) | (closes < opens + us - 1_000)) & ~over
    said(
        np.flatnonzero(late),
        lambda i: (
            f"column close_time: expected the end of the candle, {_iso(int(opens[i] + us))}, found {_iso(int(closes[i]))}"
        ),
    )
    _note_holes(candles)


def _note_holes(candles: Candles) -> None:
    assert candles.interval is not None
    for s, symbol in enumerate(candles.symbols):
        steps = np.diff(candles.columns["open_time"][candles.columns["symbol"] == s]) // candles.interval.us
        if missing := int((steps - 1).sum()):
            candles.notes.append(
                f"{symbol}: {missing:,} candles are missing, the longest stretch {int(steps.max()) - 1:,}"
            )


def _iso(us: int) -> str:
    moment = datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)
    return moment.isoformat().replace("+00:00", "Z")

"""What files hold, and everything that is wrong with them, before anything is stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from flows.domain.frames import Rejects, Ticks
from flows.domain.scale import to_float_by_symbol
from flows.errors import InputError
from flows.explain.question import iso
from flows.replay import source_of
from flows.settings import Settings
from flows.sources.candles.dialect import is_candles
from flows.sources.candles.reading import SHOWN, Candles, read_candles
from flows.sources.detect import recognise
from flows.sources.files import PARTITION
from flows.sources.streams import ByteStream

_HEAD, _PREVIEW = 65_536, 5
Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1."""


@dataclass(slots=True)
class SymbolRows:
    """Good rows of one symbol, and their span in microseconds."""

    symbol: str
    rows: int
    first_us: int
    last_us: int


@dataclass(slots=True)
class Report:
    """What was found.

    Attributes:
        kind: `ticks` or `candles`. rows: read, good and bad ones. interval: of candles.
        problems: bad rows in all; first: the first of them as (file, line, reason). preview: a header and the first rows.
    """

    kind: str
    rows: int = 0
    symbols: list[SymbolRows] = field(default_factory=list)
    interval: str = ""
    problems: int = 0
    first: list[tuple[str, int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    preview: list[list[str]] = field(default_factory=list)


def kind_of(paths: Sequence[Path]) -> str:
    """`ticks` or `candles`.

    Raises:
        InputError: both in one upload, or a file that cannot be read.
    """
    kinds = {path: "candles" if is_candles(_head(path)) else "ticks" for path in paths}
    if len(set(kinds.values())) > 1:
        of = {kind: path.name for path, kind in kinds.items()}
        raise InputError(f"{of['candles']} has candles and {of['ticks']} has not: they cannot be one dataset")
    return next(iter(kinds.values()))


def check(paths: Sequence[Path], settings: Settings, now_us: int, progress: Progress) -> Report:
    """Read all of the files as storing them would.

    Raises:
        InputError: a file that cannot be used at all.
    """
    if kind_of(paths) == "candles":
        return report_of(read_candles_of(paths, now_us, progress))
    return _check_ticks(paths, settings, progress)


def read_candles_of(paths: Sequence[Path], now_us: int, progress: Progress) -> Candles:
    """The candles of files. Raises as `check`."""
    size = max(1, sum(path.stat().st_size for path in paths))
    return read_candles([(path, path.name) for path in paths], now_us, lambda done: progress(min(1.0, done / size)))


def report_of(candles: Candles) -> Report:
    """What is said of candles."""
    symbols = []
    for s, symbol in enumerate(candles.symbols):
        times = candles.columns["open_time"][candles.columns["symbol"] == s]
        if len(times):
            symbols.append(SymbolRows(symbol, len(times), int(times[0]), int(times[-1])))
    bad = candles.problems
    interval = str(candles.interval) if candles.interval is not None else ""
    return Report("candles", candles.read, symbols, interval, bad.count, bad.first, candles.notes, candles.preview)


def _check_ticks(paths: Sequence[Path], settings: Settings, progress: Progress) -> Report:
    for path in paths:
        if recognise(path).kind == "capture":
            raise InputError(f"{path.name}: a capture of raw messages: use pairs replay FILE --dataset NAME")
    lenient = replace(settings, files=replace(settings.files, reject_share=1.0))
    source = source_of(paths, lenient)
    source.on_progress = lambda done: progress(min(1.0, done / max(1, source.size)))
    part, report, seen = source.build_part("check", PARTITION, None), Report("ticks"), _Seen()
    while True:
        try:
            items = part.next_batch()
        except StopIteration:
            break
        for _, chunk in items:
            if isinstance(chunk.rows, Ticks):
                seen.add(chunk.rows, report.preview)
            elif isinstance(chunk.rows, Rejects):
                _add_rejects(report, chunk.rows)
    tally = source.tally
    report.rows, report.problems, report.symbols = tally.rows, tally.rejected, seen.symbols()
    report.notes += tally.notes
    for number, said in (
        (tally.late, "rows come too late for their bars: stored, marked, and in no bar"),
        (tally.excluded, "rows have price or size 0 and are no trades: left out"),
        (tally.repeated, "rows are in two of the files: stored once"),
    ):
        if number:
            report.notes.append(f"{number:,} {said}")
    return report


def _add_rejects(report: Report, rejects: Rejects) -> None:
    for source, line, reason in zip(rejects.source, rejects.line.tolist(), rejects.reason, strict=True):
        if len(report.first) < SHOWN:
            report.first.append((str(source), line, str(reason)))


class _Seen:
    """Rows and spans by symbol."""

    def __init__(self) -> None:
        self._of: dict[str, SymbolRows] = {}

    def add(self, ticks: Ticks, preview: list[list[str]]) -> None:
        for k in np.unique(ticks.symbol).tolist():
            times, name = ticks.time[ticks.symbol == k], ticks.instruments[k].symbol
            low, high = int(times.min()), int(times.max())
            of = self._of.setdefault(name, SymbolRows(name, 0, low, high))
            of.rows, of.first_us, of.last_us = of.rows + len(times), min(of.first_us, low), max(of.last_us, high)
        if not preview:
            preview.append(["symbol", "time", "price", "size"])
        few = ticks.take(slice(0, max(0, _PREVIEW + 1 - len(preview))))
        price = to_float_by_symbol(few.price, few.symbol, [i.price_decimals for i in few.instruments])
        size = to_float_by_symbol(few.size, few.symbol, [i.size_decimals for i in few.instruments])
        for i in range(len(few)):
            symbol = few.instruments[int(few.symbol[i])].symbol
            preview.append([symbol, iso(int(few.time[i])), repr(float(price[i])), repr(float(size[i]))])

    def symbols(self) -> list[SymbolRows]:
        return [self._of[name] for name in sorted(self._of)]


def _head(path: Path) -> str:
    stream = ByteStream(path)
    try:
        return stream.read(_HEAD).decode("utf-8-sig", "replace")
    finally:
        stream.close()

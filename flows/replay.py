"""`pairs replay`: files through the same dataflow as the live feed, into QuestDB or into Parquet files."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace as changed
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from flows.database import running_database
from flows.engine import run
from flows.errors import InputError
from flows.pairs import Sink, build, dataset_of, retry_of
from flows.settings import Settings
from flows.sinks.files import ParquetSink
from flows.sinks.gaps import GapCountingSink
from flows.sinks.questdb import QuestDBSink
from flows.sources.files import FileSource
from flows.sources.tally import Tally
from flows.storage.datasets import register
from flows.storage.schema import dataset_name, dataset_problem

ORIGIN = "replay"


def replay(paths: Sequence[Path], settings: Settings, out: Path | None, dataset: str | None) -> Tally:
    """Send files through the dataflow; what became of their rows.

    Args:
        out: folder for Parquet files, one a table; None: into QuestDB.
        dataset: its name there; None: made from the first file's name.

    Raises:
        InputError: files that cannot be used, or too many malformed rows. StorageError: the database.
    """
    source = source_of(paths, settings)
    began = time.monotonic()
    if out is not None:
        into_files(source, settings, out)
        where = f"{out}/"
    else:
        name = dataset if dataset is not None else dataset_name(paths[0].name)
        if problem := dataset_problem(name):
            raise InputError(f"--dataset: {problem}")
        if not name:
            raise InputError("--dataset: the name is empty; the tables without a name belong to the live flow")
        with running_database(settings, ORIGIN) as (address, own):
            look = f"start it with: pairs db --origin {ORIGIN}" if own else f"console: {address.console_url}"
            register(address, dataset_of(settings, name, ORIGIN))
            _run(settings, source, QuestDBSink(address, name, settings.sinks.batch_rows, retry_of(settings)))
        where = f"QuestDB, tables {name}_…; {look}; on the page: ?dataset={name}"
    source.tally.notes.extend(_missing_legs(settings, source.tally))
    _tell(source.tally, time.monotonic() - began, where)
    return source.tally


def into_files(source: FileSource, settings: Settings, out: Path) -> None:
    """The bars and statistics of a source as Parquet files, one a table. Raises as `replay`."""
    settings = changed(settings, sinks=changed(settings.sinks, store_trades=False))
    with ParquetSink(out) as files:
        _run(settings, source, files)


def source_of(paths: Sequence[Path], settings: Settings) -> FileSource:
    """The files as the flow's source."""
    files, binance = settings.files, settings.binance
    return FileSource(
        paths,
        symbols=None,
        lateness_us=files.allowed_lateness_ms * 1_000,
        archive_lateness_us=files.archive_lateness_ms * 1_000,
        jump_limit_us=int(files.max_forward_jump_s * 1_000_000),
        reject_share=files.reject_share,
        block_bytes=files.block_bytes,
        silence_grace_us=binance.silence_grace_ms * 1_000,
        max_ahead_us=int(binance.max_ahead_s * 1_000_000),
    )


def _run(settings: Settings, source: FileSource, sink: Sink) -> None:
    gaps = GapCountingSink(sink)
    with _progress(source):
        run(build(settings, source, gaps))
    source.tally.notes.extend(gaps.told())


@contextmanager
def _progress(source: FileSource) -> Iterator[None]:
    """A bar with rate and time left on a terminal; nothing where nobody looks."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=source.size)
        source.on_progress = lambda consumed: bar.update(task, completed=consumed)
        yield


def _missing_legs(settings: Settings, tally: Tally) -> list[str]:
    """A sentence for each pair that cannot have rows, as the input lacks a leg."""
    missing = {pair: [leg for leg in (pair.y, pair.x) if leg not in tally.symbols] for pair in settings.market.pairs}
    return [
        f"no statistics of {pair}: no trades of {' and '.join(legs)} in the input (--pair names other pairs)"
        for pair, legs in missing.items()
        if legs
    ]


def _tell(tally: Tally, seconds: float, where: str) -> None:
    out = sys.stdout
    out.write(f"{tally.rows:,} rows in {seconds:.1f} s: {tally.kept:,} trades ({tally.late:,} late), ")
    out.write(f"{tally.excluded:,} no trades, {tally.repeated:,} repeated, {tally.rejected:,} rejected → {where}\n")
    if tally.rejected:
        out.write(f"first rejected: {tally.first_reject}; all of them are in table rejects\n")
    for note in tally.notes:
        out.write(f"note: {note}\n")

"""`pairs audit`: the trials or the look at history, with progress on a terminal, and what they found."""

import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flows.audit.history import history
from flows.audit.history_report import kept, show_history
from flows.audit.report import passed, show
from flows.audit.trials import audit
from flows.settings import Settings
from flows.storage.schema import dataset_tables

_WIDTH_OF_A_FILE = 160


def run_audit(
    paths: Sequence[Path], settings: Settings, seed: int | None, rounds: int, window: int | None, warmup: bool
) -> bool:
    """Audit files and print what was found; whether it passed.

    Args:
        seed: None: a new one. rounds: of trials, or starts for each length of bars.

    Raises:
        PairdeskError: files or models that cannot be used.
    """
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
    console.print(f"{', '.join(map(str, paths))}: seed {seed}", highlight=False, soft_wrap=True)
    with _progress() as tell:
        if warmup:
            looked = history(paths, settings, seed, rounds, window, tell)
        else:
            found = audit(paths, settings, seed, rounds, window, tell)
    if warmup:
        show_history(looked, console)
        return kept(looked)
    show(found, [table.name for table in dataset_tables(settings.market.intervals)], console)
    return passed(found)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Runs done and left on a terminal; nothing where nobody looks."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("runs", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)

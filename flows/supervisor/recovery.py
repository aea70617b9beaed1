"""The folder of the flow's snapshots: made where missing, refused where it belongs to a flow of another shape."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from flows.differences import differences
from flows.errors import PairdeskError, StorageError
from flows.settings import Settings
from flows.shape import state_shape

_PAGE_BYTES = 16_384
"""Of the store: a snapshot of 2 MB is written in two thirds of the time that SQLite's pages of 4 KiB take."""


def prepare(
    directory: Path, settings: Settings, environment: Mapping[str, str], fresh: bool, say: Callable[[str], None]
) -> None:
    """Have a recovery store in `directory` that fits the settings; its shape is kept in a file beside it.

    Args:
        fresh: put a store that is there aside, once, and begin with empty windows.

    Raises:
        PairdeskError: the store that is there was written by a flow of another shape. StorageError: none can be made.
    """
    written_with = directory.with_name("recovery.settings")
    wanted = state_shape(settings)
    if directory.is_dir() and any(directory.iterdir()):
        if not fresh:
            if problem := _difference(written_with, wanted):
                raise PairdeskError(
                    f"{directory} holds the state of a flow that this one cannot go on with: {problem}. "
                    "Bring that back, or start with --fresh: windows begin empty, stored rows stay"
                )
            _write_shape(written_with, wanted)  # models may have come and gone
            return
        _put_aside(directory, say)
    _make(directory, environment, lambda: _write_shape(written_with, wanted))


def _write_shape(path: Path, shape: Mapping[str, str]) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(shape, indent=1) + "\n")
    new.replace(path)


def _difference(written_with: Path, wanted: dict[str, str]) -> str | None:
    """What differs between the shape a store was written with and the wanted one, in words; None if nothing does."""
    try:
        before = json.loads(written_with.read_text())
        assert isinstance(before, dict)
    except (OSError, ValueError, AssertionError):
        return f"{written_with.name} beside it cannot be read, so nobody knows what it means"
    return differences(before, wanted, comes_and_goes="models.") or None


def _put_aside(directory: Path, say: Callable[[str], None]) -> None:
    number = 1
    while (aside := directory.with_name(f"recovery.before-{number}")).exists():
        number += 1
    directory.rename(aside)
    say(f"the flow's state was put aside as {aside}: windows begin empty, stored rows stay")


def _make(directory: Path, environment: Mapping[str, str], describe: Callable[[], object]) -> None:
    """An empty store that gets its name last, so that a start that is killed leaves none that looks whole."""
    unfinished = directory.with_name("recovery.new")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        command = [sys.executable, "-m", "bytewax.recovery", str(unfinished), "1"]
        made = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
        if made.returncode:
            last = (made.stderr.strip().splitlines() or ["?"])[-1]
            raise StorageError(f"{directory}: no recovery store could be made: {last}")
        _enlarge_pages(unfinished / "part-0.sqlite3")
        describe()
        if directory.is_dir():
            directory.rmdir()
        unfinished.rename(directory)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StorageError(f"{directory}: cannot be made: {why}") from error


def _enlarge_pages(store: Path) -> None:
    """SQLite changes them while it writes a file anew, and not in the mode in which the engine leaves and uses it."""
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(f"PRAGMA journal_mode=DELETE; PRAGMA page_size={_PAGE_BYTES}; VACUUM")

"""Runs of the dataflow over files, each with its own cuts, workers and kills, and what each of them said."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flows.audit.cells import Recorder, Rows, Texts
from flows.audit.models import longest_runs, shorter, with_window
from flows.audit.sources import RecordingSink, TreatedSource, Treatment
from flows.engine import run
from flows.pairs import build
from flows.replay import source_of
from flows.settings import Settings

_UNTREATED = Treatment()


@dataclass(frozen=True, slots=True)
class Life:
    """Of a process: until its kill, or to the end of the input.

    Attributes:
        batches: read before it is killed; None: it comes to the end.
        snapshot_ms: how often its state is kept; 0: after every batch.
    """

    batches: int | None
    snapshot_ms: int
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Said:
    """What came out of a run, by table, and its source, which knows what it promised last."""

    tables: dict[str, Rows]
    source: TreatedSource


class Runner:
    """Runs the flow of some settings; the rows of each run lie in a folder that the caller gives and removes.

    Attributes:
        texts: of the rows of all runs.
    """

    def __init__(self, settings: Settings) -> None:
        files = replace(settings.files, reject_share=1.0)  # the beginning of a good file may be its bad part
        self.settings = replace(settings, files=files)
        self.texts = Texts()

    def run(
        self,
        paths: Sequence[Path],
        folder: Path,
        treatment: Treatment = _UNTREATED,
        block_bytes: int | None = None,
        workers: int = 1,
    ) -> Said:
        """One run from the beginning to the end.

        Raises:
            PairdeskError: of the source or a step.
        """
        return self._said(paths, folder / "rows", treatment, block_bytes, None, Life(None, 10_000, workers))

    def lives(self, paths: Sequence[Path], folder: Path, lives: Sequence[Life], block_bytes: int) -> list[Said]:
        """A run that is killed at the end of each life but the last and goes on from its newest snapshot."""
        return [
            self._said(paths, folder / f"rows{n}", Treatment(batches=life.batches), block_bytes, folder / "state", life)
            for n, life in enumerate(lives)
        ]

    def _said(
        self,
        paths: Sequence[Path],
        rows: Path,
        treatment: Treatment,
        block_bytes: int | None,
        state: Path | None,
        life: Life,
    ) -> Said:
        settings = self.settings
        if block_bytes is not None:
            settings = replace(settings, files=replace(settings.files, block_bytes=block_bytes))
        source = TreatedSource(source_of(paths, settings), treatment)
        recorder = Recorder(rows, self.texts)
        run(build(settings, source, RecordingSink(recorder)), state, life.snapshot_ms / 1_000, life.workers)
        return Said(recorder.rows(), source)


def fitted_runner(paths: Sequence[Path], settings: Settings, window: int | None) -> Runner:
    """A runner that also has a shorter form of each model, with the given window or with those that the input can fill."""
    if window is not None:
        added = tuple(with_window(model, window) for model in settings.models if model.window != window)
    else:
        with scratch() as folder:
            added = shorter(settings.models, longest_runs(Runner(settings).run(paths, folder).tables))
    return Runner(replace(settings, models=(*settings.models, *added)))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pairs-audit-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

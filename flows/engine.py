"""Running a dataflow to its end in this thread."""

import errno
import os
from datetime import timedelta
from pathlib import Path

from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main, run_main

from flows.errors import PairdeskError, StorageError


def run(flow: Dataflow, state: Path | None = None, snapshot_s: float = 10, workers: int = 1) -> None:
    """Run it; where it failed on purpose the error is the one that was raised, not what the engine wraps around it.

    Args:
        state: folder of its snapshots, made where missing; None: it is not gone on with after a kill.
        snapshot_s: seconds between snapshots, 0: one after every batch of the source.
        workers: threads that share the keys.

    Raises:
        PairdeskError: of a step, a source or a sink. StorageError: the folder cannot be used, or its device is full.
    """
    recovery = None
    if state is not None:
        try:
            if not state.is_dir() or not any(state.iterdir()):
                state.mkdir(parents=True, exist_ok=True)
                init_db_dir(state, 1)  # type: ignore[no-untyped-call]
        except OSError as error:
            raise StorageError(f"{state}: cannot be written: {error.strerror}") from error
        recovery = RecoveryConfig(str(state))  # type: ignore[no-untyped-call]
    every = timedelta(seconds=snapshot_s)
    try:
        if workers == 1:
            run_main(flow, epoch_interval=every, recovery_config=recovery)  # type: ignore[no-untyped-call]
        else:
            cluster_main(  # type: ignore[no-untyped-call]
                flow, [], 0, epoch_interval=every, recovery_config=recovery, worker_count_per_proc=workers
            )
    except RuntimeError as error:
        raise _cause(error, state) from error


def _cause(error: BaseException, state: Path | None) -> BaseException:
    """The engine wraps an error of a step; the one raised on purpose is for the person, anything else is a defect and stays whole.

    A full device under its own files of snapshots it tells by the words of SQLite alone.
    """
    if state is not None and "DiskFull" in str(error):
        full = os.strerror(errno.ENOSPC)
        return StorageError(f"{state}: cannot be written: {full}; make room: the flow goes on from its last snapshot")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PairdeskError):
            return cause
        cause = cause.__cause__
    return error

"""Lock files: one holder, named; free again when the holder's process is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.process.lock import FileLock, LockTakenError


def test_a_lock_is_held_once_and_says_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.lock"
    first = FileLock(path)
    with pytest.raises(LockTakenError, match=f"held by process {os.getpid()}"):
        FileLock(path)
    first.close()
    first.close()

    FileLock(path).close()


def test_a_lock_outlives_no_process(tmp_path: Path) -> None:
    path = tmp_path / "b.lock"
    code = f"import time; from pathlib import Path; from flows.process.lock import FileLock; l = FileLock(Path({str(path)!r}))"
    with subprocess.Popen(
        [sys.executable, "-c", code + "; print('held', flush=True); time.sleep(600)"], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LockTakenError, match=f"held by process {other.pid}"):
            FileLock(path)
        other.kill()
        FileLock(path, patience_s=10).close()

"""A lock file that says who holds it."""

import fcntl
import os
import time
from pathlib import Path


class LockTakenError(Exception):
    """Another process holds the lock; `holder` is what it wrote there, usually `process 123`."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is held by {holder}")
        self.holder = holder


class FileLock:
    """An exclusive lock on `path` from construction to `close()`. The kernel frees it when its holders end, however they end."""

    def __init__(self, path: Path, patience_s: float = 0.0) -> None:
        """Take the lock, waiting up to `patience_s` for its holder.

        Raises:
            LockTakenError: it is still held.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(self.descriptor, 100, 0).decode(errors="replace").strip() or "another process"
                    os.close(self.descriptor)
                    raise LockTakenError(path, holder) from None
            time.sleep(0.05)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"process {os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let go. A child that was handed the descriptor goes on holding the lock."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

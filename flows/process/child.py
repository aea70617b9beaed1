"""A child process with a bounded log."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_LAUNCH = Path(__file__).with_name("launch.py")
_KEPT_LINES = 20


class BoundedLog:
    """A text log of at most two files of `limit` bytes: `name.log` and, when that is full, the older `name.log.1`."""

    def __init__(self, path: Path, limit: int = 4 << 20) -> None:
        self._path, self._limit = path, limit
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        self.last_lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def write(self, line: bytes) -> None:
        """Append a line; start a new file when this one is full. On a full device the line is only remembered."""
        self.last_lines.append(line.decode(errors="replace").rstrip())
        try:
            if self._file.tell() + len(line) > self._limit:
                self._file.close()
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._file = self._path.open("ab")
            self._file.write(line)
            self._file.flush()
        except (
            OSError,
            ValueError,
        ):  # a full device: the child must not wait for its log, which goes on when there is room
            with contextlib.suppress(OSError):
                self._file.close()
            with contextlib.suppress(OSError):
                self._file = self._path.open("ab")

    def close(self) -> None:
        """No more lines."""
        self._file.close()


class ChildProcess:
    """A running program that the kernel kills when this process ends, however that ends (on Linux).

    Start it from the main thread: the kernel watches the thread that forked, not the process. It leads a session of its own, so
    that Ctrl-C in the terminal reaches only us, and we stop the children in our order.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        keep_open: Sequence[int] = (),
        nice: int = 0,
    ) -> None:
        """Start it.

        Args:
            argv: program and arguments.
            log: takes standard output and standard error.
            keep_open: file descriptors to hand on, such as a lock that must live as long as the program.
            nice: how far it steps back for others where processors are short, 0 to 19.
        """
        self._log, self._asked = BoundedLog(log), False
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *argv],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(keep_open),
            start_new_session=True,
        )
        if nice:
            with contextlib.suppress(ProcessLookupError):  # it has ended already: whoever waits for it is told
                # Before its threads are there: they inherit it. A process that steps back itself may not let its child step forward.
                os.setpriority(os.PRIO_PROCESS, self._process.pid, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
        assert self._process.stdout is not None
        self._pump = threading.Thread(target=self._copy, args=(self._process.stdout,), daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        """Its process id, which is also its session's."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs; minus the signal's number when a signal ended it."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int | None:
        """Wait for its end; None when it still runs afterwards."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def ask(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, without waiting; once is enough."""
        if not self._asked and self.poll() is None:
            self._asked = True
            self._process.send_signal(how)

    def stop(self, timeout_s: float, first: signal.Signals = signal.SIGTERM) -> bool:
        """Ask it to end, wait, then kill it and its session. True if it ended when asked."""
        asked = True
        if self.poll() is None:
            self.ask(first)
            asked = self.wait(timeout_s) is not None
        self._kill_session()
        self._process.wait()
        return asked

    def last_lines(self) -> list[str]:
        """The last lines of its log; complete once it has ended."""
        if self.poll() is not None:
            self._pump.join(timeout=1.0)
        return list(self._log.last_lines)

    def _kill_session(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _copy(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self._log.write(line)
        self._log.close()

"""Keeps a list of child processes running. Knows nothing of what they are."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.process.child import ChildProcess
from flows.process.signals import stop_requests

_TICK_S = 0.1
_SHOWN_LINES = 8


@dataclass(frozen=True)
class Child:
    """What to run.

    Attributes:
        name: for people, and of its log file.
        ready: asked again and again after a start until it says True; it must answer within a second. Children further down the
            list start only while all before them are ready.
        ready_line: said each time it gets ready.
        aside: it keeps nothing and nothing needs it, so at the end it is asked first and waited for last, while the others end.
        anew: asked all the time while it runs: why it is to be ended and started again, '' while it is not.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    ready: Callable[[], bool] = lambda: True
    ready_line: str = ""
    aside: bool = False
    anew: Callable[[], str] = lambda: ""


@dataclass(frozen=True)
class Pauses:
    """Seconds before a dead child is started again: from `first`, doubling up to `longest`, from `first` again once it ran for
    `longest` without a break. `stop_timeout` is what a child gets to end when asked, before it is killed."""

    first: float
    longest: float
    stop_timeout: float


class _Running:
    """A child and how it has been doing."""

    def __init__(self, child: Child, log: Path, pauses: Pauses, say: Callable[[str], None]) -> None:
        self.child, self.ready = child, False
        self._log, self._pauses, self._say = log, pauses, say
        self._process: ChildProcess | None = None
        self._pause, self._start_at, self._started_at = pauses.first, 0.0, 0.0
        self._kill_at: float | None = None  # of one that was asked to end so that it starts anew

    def look_after(self, now: float, may_start: bool) -> None:
        """Notice its end, start it when its time has come, notice that it is ready, end it where it is to start anew."""
        if self._process is not None and (code := self._process.poll()) is not None:
            if self._kill_at is None:
                self._ended(now, code)
            else:
                self._forget()
                self._start_at = now
        if self._process is None and may_start and now >= self._start_at:
            self._process = ChildProcess(self.child.argv, self.child.environment, self._log)
            self._started_at = now
        if self._process is not None and not self.ready and self.child.ready() and self._process.poll() is None:
            self.ready = True
            self._say(self.child.ready_line or f"{self.child.name}: started")
        if self._process is not None:
            self._renew(now, self._process)

    def _renew(self, now: float, process: ChildProcess) -> None:
        """The others are looked after meanwhile, so nobody waits here."""
        if self._kill_at is None and (why := self.child.anew()):
            self._say(f"{self.child.name}: starts anew: {why}")
            self._kill_at = now + self._pauses.stop_timeout
            process.ask()
        elif self._kill_at is not None and now >= self._kill_at and process.poll() is None:
            self._say(f"{self.child.name}: killed: it did not end within {self._pauses.stop_timeout:g} s")
            process.stop(0)

    def _forget(self) -> None:
        assert self._process is not None
        self._process.stop(0)  # whatever it left behind in its session
        self._process, self.ready, self._kill_at = None, False, None

    def _ended(self, now: float, code: int) -> None:
        assert self._process is not None
        if now - self._started_at >= self._pauses.longest:
            self._pause = self._pauses.first
        lines = self._process.last_lines()[-_SHOWN_LINES:]
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._say(
            f"{self.child.name}: ended by itself ({how}), starts again in {self._pause:g} s; its log: {self._log}"
        )
        for line in lines:
            self._say(f"    {line}")
        self._forget()
        self._start_at = now + self._pause
        self._pause = min(2 * self._pause, self._pauses.longest)

    def ask(self) -> None:
        """Ask it to end, without waiting."""
        if self._process is not None:
            self._process.ask()

    def stop(self) -> None:
        """Ask it to end; kill it if it does not."""
        if self._process is None:
            return
        asked = self._process.stop(self._pauses.stop_timeout)
        killed = "" if asked else f" (killed: it did not end within {self._pauses.stop_timeout:g} s)"
        self._say(f"{self.child.name}: stopped{killed}")
        self._process = None


def supervise(children: Sequence[Child], logs: Path, pauses: Pauses, say: Callable[[str], None]) -> None:
    """Run the children until SIGINT, SIGTERM or SIGHUP, then stop them in reverse order, those aside meanwhile, and return.

    Must be called in the main thread: signals arrive there, and a child is killed by the kernel when the thread that started it
    ends. The logs of the children are `<logs>/<name>.log`.
    """
    running = [_Running(child, logs / f"{child.name}.log", pauses, say) for child in children]
    with stop_requests() as stopping:
        try:
            while not stopping():
                all_ready = True
                for each in running:
                    each.look_after(time.monotonic(), may_start=all_ready)
                    all_ready = all_ready and each.ready
                    if stopping():
                        break
                else:
                    time.sleep(_TICK_S)
        finally:
            aside = [each for each in running if each.child.aside]
            for each in aside:
                each.ask()
            for each in [*(each for each in reversed(running) if not each.child.aside), *aside]:
                each.stop()

"""The whole stack as `pairs up` runs it, on free ports in a folder of its own, for tests that watch it and kill parts of it."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg

from flows.errors import StorageError
from flows.storage.client import Address, address_of

ROOT = Path(__file__).parent.parent
PORTS = (
    "STORAGE__HTTP_PORT",
    "STORAGE__PG_PORT",
    "STORAGE__HEALTH_PORT",
    "SIMULATOR__PORT",
    "DASHBOARD__PORT",
    "HEALTH__PORT",
)
_MARKS = {"flow": "bytewax.run", "questdb": "questdb", "exchange": "flows.simulator", "page": "panel"}
_DEADLINE_S = 240.0
"""A hang: the first start compiles kernels, which a busy machine takes minutes for."""
_LAUNCH = ROOT / "flows" / "process" / "launch.py"
UP = (sys.executable, "-m", "flows.cli", "up", "--source", "simulated")


class Stack:
    """`pairs up --source simulated`, started again when its supervisor is gone. A context manager.

    Args:
        ports: as many free ones as `PORTS` names.
        settings: environment variables on top of the ports, without the prefix `PAIRS_`.
        cwd: where it is started.
    """

    def __init__(self, folder: Path, ports: list[int], settings: dict[str, str], cwd: Path = ROOT) -> None:
        self.folder, self.cwd = folder, cwd
        self.ports = dict(zip(PORTS, ports, strict=True))
        values = (
            {name: str(port) for name, port in self.ports.items()}
            | {"STORAGE__DATA_DIR": f'"{folder / "var"}"'}
            | settings
        )
        self.environment = {**os.environ, **{f"PAIRS_{name}": value for name, value in values.items()}}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stack":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop it where it runs."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the supervisor; what it says is appended to the file `output`."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *UP],  # ends with this process, however that ends
                cwd=self.cwd, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip
        return self._process

    def stop(self) -> int:
        """Ask the supervisor to stop everything; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(60)

    def kill(self, names: tuple[str, ...]) -> None:
        """SIGKILL to parts of the stack, all at once; a killed supervisor is started again."""
        assert self._process is not None
        family, parts = psutil.Process(self._process.pid).children(recursive=True), self.processes()
        for name in names:
            for process in parts.get(name, []):
                process.kill()
            if name == "supervisor":
                self._process.kill()
        if "supervisor" in names:
            self._process.wait(30)
            psutil.wait_procs(family, 30)
            self.start()

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The running processes of each part; the database's Java is part of it."""
        assert self._process is not None
        family = psutil.Process(self._process.pid).children(recursive=True)
        return {name: [process for process in family if _is(process, mark)] for name, mark in _MARKS.items()}

    @contextmanager
    def asleep(self, name: str) -> Iterator[None]:
        """A part stands still, as on a machine that sleeps."""
        stopped = self.processes()[name]
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                process.resume()

    @property
    def output(self) -> str:
        """All that was said so far."""
        return (self.folder / "output").read_text()

    def said(self, pattern: str, count: int = 1) -> str:
        """The `count`th match in the output, waited for."""
        found: list[str] = self.until(
            lambda: re.findall(pattern, self.output)[count - 1 : count], f"{count} × {pattern}"
        )
        return found[0]

    @property
    def database(self) -> Address:
        """QuestDB, with the right to write."""
        return address_of("127.0.0.1", self.ports["STORAGE__HTTP_PORT"], self.ports["STORAGE__PG_PORT"], environment={})

    def exchange(self, path: str, **parameters: str) -> Any:
        """An answer of the simulated exchange, waiting while it is away."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        url = f"http://127.0.0.1:{self.ports['SIMULATOR__PORT']}{path}{query}"
        (answer,) = self.until(lambda: [found] if (found := _json(url)) is not None else [], f"an answer of {path}")
        return answer

    def feed(self) -> dict[str, Any] | None:
        """`/status` of the flow, or None while it does not answer."""
        found = _json(f"http://127.0.0.1:{self.ports['HEALTH__PORT']}/status")
        return found if isinstance(found, dict) else None

    def until(self, holds: Callable[[], Any], what: str, deadline_s: float = _DEADLINE_S) -> Any:
        """Wait until a condition holds while the supervisor runs; what it gave."""
        deadline = time.monotonic() + deadline_s
        while True:
            try:
                if found := holds():
                    return found
            except (OSError, psycopg.Error, StorageError):
                pass  # it was killed, or is not there yet
            assert self._process is not None
            assert self._process.poll() is None, (
                f"the supervisor ended while waiting for {what}:\n{self.output[-3000:]}"
            )
            assert time.monotonic() < deadline, f"not in time: {what}\n{self.output[-3000:]}"
            time.sleep(0.05)


def _is(process: psutil.Process, mark: str) -> bool:
    try:
        return any(mark in word for word in process.cmdline())
    except psutil.Error:
        return False


def _json(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.loads(answer.read())
    except (urllib.error.URLError, OSError, ValueError):
        return None

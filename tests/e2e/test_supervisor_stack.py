"""`pairs up` as a person runs it: QuestDB, the simulated exchange, the flow and the page, all real."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from flows.storage.client import Address, address_of, connect, reader_of

pytestmark = pytest.mark.questdb

_PORTS = ("STORAGE__HTTP_PORT", "STORAGE__PG_PORT", "STORAGE__HEALTH_PORT", "SIMULATOR__PORT", "DASHBOARD__PORT")
_UP = [sys.executable, "-m", "flows.cli", "up", "--source", "simulated"]


class Up:
    """`pairs up` in an empty folder, on free ports."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.folder, self.ports = folder, dict(zip(_PORTS, ports, strict=True))
        self.environment = {**os.environ, **{f"PAIRS_{name}": str(port) for name, port in self.ports.items()}}
        self.processes: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        """Start it; its output is in `output()`."""
        with (self.folder / "output").open("a") as output:
            self.processes.append(
                subprocess.Popen(_UP, cwd=self.folder, env=self.environment, stdout=output, stderr=output, text=True)
            )
        return self.processes[-1]

    def output(self) -> str:
        """All that was said so far."""
        return (self.folder / "output").read_text()

    def wait_for(self, pattern: str, count: int = 1) -> str:
        """The text of the `count`th match in the output."""
        while len(found := re.findall(pattern, self.output())) < count:
            assert self.processes[-1].poll() is None, self.output()
            time.sleep(0.05)
        return str(found[count - 1])

    @property
    def reader(self) -> Address:
        """QuestDB, as the page asks it."""
        managed = address_of(
            "127.0.0.1", self.ports["STORAGE__HTTP_PORT"], self.ports["STORAGE__PG_PORT"], environment={}
        )
        return reader_of(managed, self.folder / "var" / "simulated" / "questdb")

    def wait_for_bars(self, more_than: int) -> int:
        """Wait until more closed 1s bars are stored; how many."""
        with connect(self.reader) as connection:
            while True:
                row = connection.execute("SELECT count() FROM bars_1s WHERE complete").fetchone()
                if row is not None and row[0] > more_than:
                    return int(row[0])
                assert self.processes[-1].poll() is None, self.output()
                time.sleep(0.05)


@pytest.fixture
def stack(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Up]:
    """Not started yet; gone after the test."""
    up = Up(tmp_path, free_ports(len(_PORTS)))
    yield up
    for process in up.processes:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)


def _status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return int(answer.status)


def test_the_stack_runs_survives_deaths_and_stops_when_asked(stack: Up) -> None:
    supervisor = stack.start()
    console, page = stack.wait_for(r"QuestDB console: (\S+)"), stack.wait_for(r"page: (\S+)")
    assert _status(console + "index.html") == 200
    assert _status(page) == 200
    bars = stack.wait_for_bars(more_than=2)

    second = subprocess.run(_UP, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=60)
    assert (second.returncode, second.stdout) == (1, "")
    assert re.fullmatch(rf"pairs: pairdesk already runs on \S+ \(process {supervisor.pid}\): .*\n", second.stderr)

    family = psutil.Process(supervisor.pid).children(recursive=True)
    flow = next(process for process in family if "bytewax.run" in process.cmdline())
    flow.kill()
    stack.wait_for(r"flow: ended by itself \(signal SIGKILL\), starts again in 0\.5 s")
    stack.wait_for("flow: started", count=2)
    bars = stack.wait_for_bars(more_than=bars + 2)

    family = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(family) >= 5  # questdb and its Java, exchange, flow, page
    supervisor.kill()
    supervisor.wait()
    assert not psutil.wait_procs(family, timeout=15)[1]

    supervisor = stack.start()
    stack.wait_for(r"page: (\S+)", count=2)
    stack.wait_for_bars(more_than=bars)
    family = psutil.Process(supervisor.pid).children(recursive=True)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(timeout=60) == 0
    assert stack.output().splitlines()[-4:] == [f"{name}: stopped" for name in ("page", "flow", "exchange", "questdb")]
    assert not psutil.wait_procs(family, timeout=1)[1]
    assert sorted(path.name for path in stack.folder.iterdir()) == ["output", "var"]


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("STORAGE__HTTP_PORT", "storage.http_port"),
        ("SIMULATOR__PORT", "simulator.port"),
        ("DASHBOARD__PORT", "dashboard.port"),
    ],
)
def test_a_busy_port_is_one_line_with_the_setting(stack: Up, variable: str, key: str) -> None:
    port = stack.ports[variable]
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = subprocess.run(_UP, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"pairs: 127\.0\.0\.1:{port} cannot be used \(Address already in use\): .* set {key} \(PAIRS_{variable}\) .*\n",
        done.stderr,
    )
    assert not (stack.folder / "var" / "simulated").exists()

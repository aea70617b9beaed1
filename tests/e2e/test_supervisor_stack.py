"""`pairs up` as a person runs it: QuestDB, the simulated exchange, the flow and the page, all real."""

import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from flows.storage.client import connect, reader_of
from tests.running_stack import PORTS, UP, Stack

pytestmark = pytest.mark.questdb


def bars(stack: Stack, more_than: int) -> int:
    """Wait until more closed 1s bars are stored; how many."""
    reader = reader_of(stack.database, stack.folder / "var" / "simulated" / "questdb")

    def stored() -> int:
        with connect(reader) as connection:
            row = connection.execute("SELECT count() FROM bars_1s WHERE complete").fetchone()
        return int(row[0]) if row is not None and row[0] > more_than else 0

    return int(stack.until(stored, f"more than {more_than} bars"))


@pytest.fixture
def stack(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Stack]:
    """Not started yet, in an empty folder with the default settings; gone after the test."""
    made = Stack(tmp_path, free_ports(len(PORTS)), {"STORAGE__DATA_DIR": '"var"'}, cwd=tmp_path)
    yield made
    made.close()


def _status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return int(answer.status)


def test_the_stack_runs_survives_deaths_and_stops_when_asked(stack: Stack) -> None:
    supervisor = stack.start()
    console, page = stack.said(r"QuestDB console: (\S+)"), stack.said(r"page: (\S+)")
    assert _status(console + "index.html") == 200
    assert _status(page) == 200
    many = bars(stack, more_than=2)

    second = subprocess.run(UP, cwd=stack.cwd, env=stack.environment, capture_output=True, text=True, timeout=60)
    assert (second.returncode, second.stdout) == (1, "")
    assert re.fullmatch(rf"pairs: pairdesk already runs on \S+ \(process {supervisor.pid}\): .*\n", second.stderr)

    family = psutil.Process(supervisor.pid).children(recursive=True)
    flow = next(process for process in family if "bytewax.run" in process.cmdline())
    flow.kill()
    stack.said(r"flow: ended by itself \(signal SIGKILL\), starts again in 0\.5 s")
    stack.said("flow: started", count=2)
    many = bars(stack, more_than=many + 2)

    family = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(family) >= 5  # questdb and its Java, exchange, flow, page
    supervisor.kill()
    supervisor.wait()
    assert not psutil.wait_procs(family, timeout=15)[1]

    supervisor = stack.start()
    stack.said(r"page: (\S+)", count=2)
    bars(stack, more_than=many)
    family = psutil.Process(supervisor.pid).children(recursive=True)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(timeout=60) == 0
    assert stack.output.splitlines()[-4:] == [f"{name}: stopped" for name in ("flow", "exchange", "questdb", "page")]
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
def test_a_busy_port_is_one_line_with_the_setting(stack: Stack, variable: str, key: str) -> None:
    port = stack.ports[variable]
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = subprocess.run(UP, cwd=stack.cwd, env=stack.environment, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"pairs: 127\.0\.0\.1:{port} cannot be used \(Address already in use\): .* set {key} \(PAIRS_{variable}\) .*\n",
        done.stderr,
    )
    assert not (stack.folder / "var" / "simulated").exists()

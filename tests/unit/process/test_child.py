"""Child processes: bounded logs, polite and forced stops, and death with the parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flows.process.child import BoundedLog, ChildProcess

_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def _python(code: str, log: Path) -> ChildProcess:
    return ChildProcess([sys.executable, "-c", code], os.environ, log)


def _wait_for_line(child: ChildProcess, line: str) -> None:
    while line not in child.last_lines():
        assert child.wait(0.01) is None, child.last_lines()


def test_output_and_errors_go_to_the_log(tmp_path: Path) -> None:
    child = _python(
        "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)", tmp_path / "a.log"
    )

    assert child.wait(10) == 3
    assert child.last_lines() == ["out", "err"]
    assert (tmp_path / "a.log").read_text() == "out\nerr\n"


def test_a_log_keeps_the_newest_and_never_outgrows_its_limit(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "b.log", limit=1000)
    for number in range(1000):
        log.write(f"line {number:04d}\n".encode())
    log.close()

    newest, older = tmp_path / "b.log", tmp_path / "b.log.1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.log", "b.log.1"]
    assert newest.stat().st_size <= 1000
    assert older.stat().st_size <= 1000
    lines = (older.read_text() + newest.read_text()).splitlines()
    assert lines == [f"line {number:04d}" for number in range(1000 - len(lines), 1000)]
    assert log.last_lines[-1] == "line 0999"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_log_on_a_full_device_keeps_no_child_waiting() -> None:
    child = _python("for number in range(20_000): print('line', number)", Path("/dev/full"))

    assert child.wait(30) == 0, "more than a pipe holds"
    assert child.last_lines()[-1] == "line 19999"


def test_a_child_that_ends_when_asked_is_not_killed(tmp_path: Path) -> None:
    child = _python("import time; print('up', flush=True); time.sleep(600)", tmp_path / "c.log")
    _wait_for_line(child, "up")

    assert child.stop(10)
    assert child.poll() == -signal.SIGTERM


def test_a_deaf_child_is_killed_with_what_it_started(tmp_path: Path) -> None:
    grandchild = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {_DEAF!r}]); print(p.pid, flush=True);"
    )
    child = _python(grandchild + _DEAF, tmp_path / "d.log")
    _wait_for_line(child, "deaf")
    started = psutil.Process(next(int(line) for line in child.last_lines() if line.isdigit()))

    assert not child.stop(0.2)
    assert child.poll() == -signal.SIGKILL
    started.wait(timeout=10)


def test_a_program_that_does_not_exist_is_named_in_the_log(tmp_path: Path) -> None:
    child = ChildProcess(["no-such-program"], os.environ, tmp_path / "e.log")

    assert child.wait(10) == 1
    assert child.last_lines() == ["no-such-program: cannot be run: No such file or directory"]


def test_ctrl_c_in_the_terminal_does_not_reach_a_child(tmp_path: Path) -> None:
    child = _python("import time; print('up', flush=True); time.sleep(600)", tmp_path / "f.log")
    _wait_for_line(child, "up")

    assert os.getsid(child.pid) != os.getsid(0)
    child.stop(10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_its_parent_however_that_ends(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from flows.process.child import ChildProcess\n"
        f"c = ChildProcess([sys.executable, '-c', {_DEAF!r}], os.environ, Path({str(tmp_path / 'g.log')!r}))\n"
        "while 'deaf' not in c.last_lines(): c.wait(0.01)\n"
        "print(c.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(number)
        child.wait(timeout=10)

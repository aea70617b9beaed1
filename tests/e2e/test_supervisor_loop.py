"""The supervisor's promises about its children, kept with real small programs and real signals."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

# Runs children that write what happens to them into a journal. `PROGRAMS` is name -> code.
_DRIVER = """
import os, sys
from pathlib import Path
from flows.supervisor.loop import Child, Pauses, supervise
here = Path(sys.argv[1])
PRELUDE = '''
import os, signal, sys, time
from pathlib import Path
here, name = Path(sys.argv[1]), sys.argv[2]
def note(word):
    with (here / "journal").open("a") as journal: journal.write(f"{name} {word} {os.getpid()}\\\\n")
def starts(): return (here / "journal").read_text().count(f"{name} started")
def end(*_): note("stopped"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("started")
'''
def child(name, code):
    argv = [sys.executable, "-c", PRELUDE + code, str(here), name]
    def anew():
        asked = here / f"{name} anew"
        if not asked.exists(): return ""
        why = asked.read_text()
        asked.unlink()
        return why
    return Child(name, argv, dict(os.environ), (here / f"{name} is ready").exists, f"{name}: ready", name == "aside", anew)
def say(line): print(line, flush=True)
programs = PROGRAMS
supervise([child(*program) for program in programs.items()], here / "logs", Pauses(*PAUSES), say)
print("all stopped", flush=True)
"""
_RUNS = "(here / f'{name} is ready').touch(); time.sleep(600)"
_LONG = (0.25, 1.0, 5.0)
"""Pauses where the start of a program alone, on a busy machine, must not count as a good run, which is as long as the longest pause."""
_SLOW = "time.sleep(0.3); " + _RUNS


class Supervised:
    """A supervisor in a process of its own, and what it said."""

    def __init__(self, here: Path, programs: dict[str, str], pauses: tuple[float, float, float]) -> None:
        self.here = here
        code = _DRIVER.replace("PROGRAMS", repr(programs)).replace("PAUSES", repr(pauses))
        self.process = subprocess.Popen([sys.executable, "-c", code, str(here)], stdout=subprocess.PIPE, text=True)

    def read_until(self, pattern: str) -> list[str]:
        """Its lines up to the one that matches; the test's time-out ends a wait for one that never comes."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if re.search(pattern, line):
                return lines
        raise AssertionError(f"it ended without saying {pattern!r}: {lines}")

    def journal(self) -> list[tuple[str, str]]:
        """(name, what happened) in order."""
        return [(line.split()[0], line.split()[1]) for line in (self.here / "journal").read_text().splitlines()]

    def pids(self, name: str) -> list[int]:
        """Process ids of the starts of a child."""
        lines = [line.split() for line in (self.here / "journal").read_text().splitlines()]
        return [int(pid) for who, word, pid in lines if (who, word) == (name, "started")]

    def end(self, number: signal.Signals) -> tuple[int, list[str]]:
        """Send a signal, wait for the end; exit code and last lines."""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, out.splitlines()


Run = Callable[..., Supervised]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """`run({name: code, …})` starts a supervisor; it is gone after the test."""
    started = []

    def start(programs: dict[str, str], pauses: tuple[float, float, float] = (0.1, 0.4, 5.0)) -> Supervised:
        started.append(Supervised(tmp_path, programs, pauses))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_children_start_in_order_when_ready_and_stop_in_reverse(run: Run, number: signal.Signals) -> None:
    supervised = run({"first": _SLOW, "second": _SLOW, "third": _RUNS})
    assert supervised.read_until("third: ready") == ["first: ready", "second: ready", "third: ready"]

    code, said = supervised.end(number)

    assert code == 0
    assert said == ["third: stopped", "second: stopped", "first: stopped", "all stopped"]
    order = ["first", "second", "third"]
    assert supervised.journal() == [(n, "started") for n in order] + [(n, "stopped") for n in reversed(order)]


def test_the_next_child_waits_until_the_one_before_is_ready(run: Run) -> None:
    supervised = run({"never": "time.sleep(0.5); print('not yet'); sys.exit(1)", "waiting": _RUNS})
    supervised.read_until("never: ended by itself")
    supervised.read_until("never: ended by itself")

    assert supervised.end(signal.SIGTERM)[0] == 0
    assert not supervised.pids("waiting")


def test_a_child_that_dies_is_started_again_with_growing_pauses(run: Run) -> None:
    supervised = run({"weak": "print('boom', flush=True); sys.exit(7)"}, _LONG)
    said = [line for _ in range(5) for line in supervised.read_until("boom")]

    deaths = [line for line in said if "ended by itself" in line]
    assert [re.findall(r"exit code 7\), starts again in ([\d.]+) s", line) for line in deaths] == [
        [pause] for pause in ("0.25", "0.5", "1", "1", "1")
    ]
    assert all("logs/weak.log" in line for line in deaths)
    assert said.count("    boom") == 5
    assert supervised.end(signal.SIGTERM)[0] == 0


def test_the_pause_is_short_again_after_a_good_run(run: Run) -> None:
    supervised = run({"moody": "time.sleep(1.2 if starts() == 3 else 0); print('end', flush=True); sys.exit(1)"}, _LONG)
    said = [line for _ in range(4) for line in supervised.read_until("ended by itself")]

    pauses = [re.findall(r"again in ([\d.]+) s", line)[0] for line in said if "ended by itself" in line]
    assert pauses == ["0.25", "0.5", "0.25", "0.5"]


def test_a_killed_child_is_replaced_and_the_others_stay(run: Run) -> None:
    supervised = run({"first": _RUNS, "second": _RUNS})
    supervised.read_until("second: ready")
    psutil.Process(supervised.pids("first")[0]).kill()

    said = supervised.read_until("first: ready")

    assert "first: ended by itself (signal SIGKILL)" in said[0]
    while len(supervised.pids("first")) < 2:
        assert supervised.process.poll() is None
    assert len(supervised.pids("second")) == 1
    assert supervised.end(signal.SIGTERM)[0] == 0


def test_a_deaf_child_is_killed_after_the_time_out(run: Run) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _RUNS
    supervised = run({"deaf": deaf, "polite": _RUNS}, (0.1, 0.4, 0.5))
    supervised.read_until("polite: ready")

    code, said = supervised.end(signal.SIGTERM)

    assert code == 0
    assert said == ["polite: stopped", "deaf: stopped (killed: it did not end within 0.5 s)", "all stopped"]


def test_a_child_starts_anew_at_once_when_something_of_it_has_changed(run: Run) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _RUNS
    supervised = run({"first": _RUNS, "deaf": deaf, "last": _RUNS}, (60.0, 60.0, 0.5))
    supervised.read_until("last: ready")
    for name, says in (("first", []), ("deaf", ["deaf: killed: it did not end within 0.5 s"])):
        waiting = supervised.here / f"{name} new"
        waiting.write_text("a model came")
        waiting.rename(supervised.here / f"{name} anew")  # never seen half written
        assert supervised.read_until(f"{name}: ready") == [
            f"{name}: starts anew: a model came",
            *says,
            f"{name}: ready",
        ]
        while len(supervised.pids(name)) < 2:
            assert supervised.process.poll() is None
    assert [len(supervised.pids(name)) for name in ("first", "deaf", "last")] == [2, 2, 1]
    assert ("first", "stopped") in supervised.journal(), "it was asked, not killed"
    code, said = supervised.end(signal.SIGTERM)
    assert (code, said[0]) == (0, "last: stopped")


def test_a_child_aside_ends_while_the_others_do(run: Run) -> None:
    wait = "signal.signal(signal.SIGTERM, lambda *_: (note('asked'), time.sleep(0.5), end())); " + _RUNS
    supervised = run({"first": wait, "second": wait, "aside": wait})
    supervised.read_until("aside: ready")

    code, said = supervised.end(signal.SIGTERM)

    assert (code, said) == (0, ["second: stopped", "first: stopped", "aside: stopped", "all stopped"])
    ends = [line for line in supervised.journal() if line[1] != "started"]
    assert ends.index(("aside", "asked")) < ends.index(("second", "stopped")), "asked with the first of the others"
    assert ends.index(("aside", "stopped")) < ends.index(("first", "stopped")), "nobody waited for it"
    assert ends.index(("second", "stopped")) < ends.index(("first", "asked")), "the others end one after another"


def test_no_child_outlives_a_supervisor_that_is_killed(run: Run) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN); " + _RUNS
    supervised = run({"first": deaf, "second": deaf})
    supervised.read_until("second: ready")
    children = [psutil.Process(supervised.pids(name)[0]) for name in ("first", "second")]

    assert supervised.end(signal.SIGKILL)[0] == -signal.SIGKILL
    for child in children:
        child.wait(timeout=10)


def test_a_signal_during_the_start_stops_what_runs_already(run: Run) -> None:
    supervised = run({"first": _RUNS, "slow": "time.sleep(600)", "last": _RUNS})
    supervised.read_until("first: ready")
    while not supervised.pids("slow"):
        assert supervised.process.poll() is None

    code, said = supervised.end(signal.SIGINT)

    assert (code, said) == (0, ["slow: stopped", "first: stopped", "all stopped"])
    assert not supervised.pids("last")

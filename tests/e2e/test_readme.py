"""The README's commands do what it says, as they stand there."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.questdb

ROOT = Path(__file__).parent.parent.parent
SETTINGS = (
    "STORAGE__HTTP_PORT", "STORAGE__PG_PORT", "STORAGE__HEALTH_PORT", "SIMULATOR__PORT", "DASHBOARD__PORT", "HEALTH__PORT",
)  # fmt: skip
DEADLINE_S = 120


def commands() -> list[str]:
    """Every line of the README's shell blocks, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


class Shell:
    """Runs the README's lines from the root of the checkout, with its own ports and data folder."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.folder, self.ports = folder, dict(zip(SETTINGS, ports, strict=True))
        outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS")  # of the make that runs this suite
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in outer},
            **{f"PAIRS_{name}": str(port) for name, port in self.ports.items()},
            "PAIRS_STORAGE__DATA_DIR": str(folder / "var"),
            "PAIRS_BINANCE__STREAM_URL": f"ws://127.0.0.1:{self.ports['SIMULATOR__PORT']}",
            "PAIRS_BINANCE__REST_URL": f"http://127.0.0.1:{self.ports['SIMULATOR__PORT']}",
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def run(self, line: str) -> str:
        """Run to the end; what it printed. File names are taken from the test's folder."""
        line = self._here(line)
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _here(self, line: str) -> str:
        """The line with its files in the test's folder."""
        for name in ("ticks.csv", "captures/"):
            line = line.replace(name, f"{self.folder}/{name}")
        return line.replace("--out ", f"--out {self.folder}/")

    def start(self, line: str) -> subprocess.Popen[bytes]:
        """Start what runs until it is told to stop."""
        line = self._here(line)
        with (self.folder / f"output{len(self.running)}").open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {line}"], cwd=ROOT, env=self.environment, stdout=output, stderr=output
            )
        self.running.append(process)
        return process

    def output(self) -> str:
        """All that the started ones have said."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("output*")))

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a condition while everything that was started runs."""
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            assert all(process.poll() is None for process in self.running), self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.1)

    def answers(self, setting: str, path: str) -> bool:
        """Whether the server at a setting's port answers a request."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[setting]}{path}", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def has_rows(self, table: str) -> bool:
        """Whether QuestDB's REST counts rows in a table."""
        query = f"/exec?query=select%20count()%20from%20{table}"
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.ports['STORAGE__HTTP_PORT']}{query}", timeout=5
            ) as answer:
                return '"dataset":[[0]]' not in answer.read().decode()
        except OSError:
            return False

    def stop(self) -> list[int]:
        """End what was started, the last first, by SIGTERM; the exit codes."""
        codes = []
        for process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            codes.append(process.wait(timeout=60))
        self.running.clear()
        return codes


@pytest.fixture
def shell(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Shell]:
    made = Shell(tmp_path, free_ports(len(SETTINGS)))
    (tmp_path / "ticks.csv").write_text(
        "symbol,time,price,size\n"
        + "".join(
            f"{leg},{1721347200000 + 100 * i},{100 + i % 7}.5,0.{1 + i % 9}\n"
            for i in range(3000)
            for leg in ("ETHUSDT", "BTCUSDT")
        )
    )
    yield made
    made.stop()


def test_every_command_of_the_readme_is_known_here() -> None:
    assert commands() == [
        "make run",
        "make test",
        ".venv/bin/pairs replay ticks.csv --out out",
        ".venv/bin/pairs replay ticks.csv --dataset day1",
        ".venv/bin/pairs capture --out captures --config config/simulated.toml",
        ".venv/bin/pairs replay captures/capture-*.zst --out out",
        ".venv/bin/pairs db --origin simulated",
        ".venv/bin/pairs simulate",
        ".venv/bin/python -m bytewax.run \"flows.pairs:flow('config/simulated.toml')\"",
        ".venv/bin/panel serve dashboard/app.py --plugins dashboard.routes",
    ]


def test_make_run_shows_a_page_and_stops_on_a_signal(shell: Shell) -> None:
    process = shell.start(commands()[0])
    shell.until(lambda: "page: http" in shell.output())
    assert "SIMULATED" in shell.output()
    shell.until(lambda: shell.answers("DASHBOARD__PORT", "/app"))
    shell.until(lambda: shell.has_rows("bars_1s"))
    # As a terminal does it on Ctrl-C: the group gets the signal, so make's child does.
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    )
    os.kill(int(children.stdout.split()[0]), signal.SIGTERM)
    assert process.wait(timeout=60) == 0, shell.output()
    shell.running.clear()


def test_make_test_runs_this_suite() -> None:
    told = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m pytest" in told


def test_replay_into_files_and_into_questdb(shell: Shell) -> None:
    told = shell.run(commands()[2])
    assert "6,000 trades" in told
    bars = pl.read_parquet(shell.folder / "out" / "bars.parquet")
    assert bars.filter(pl.col("interval") == "1s")["trade_count"].sum() == 6000
    assert "6,000 trades" in shell.run(commands()[3])


def test_a_capture_and_its_replay(shell: Shell) -> None:
    capture, replay, _, exchange = commands()[4:8]
    shell.start(exchange)
    shell.until(lambda: shell.answers("SIMULATOR__PORT", "/fapi/v1/ping"))
    shell.start(capture)
    shell.until(lambda: shell.answers("HEALTH__PORT", "/readyz"))
    assert shell.stop() == [0, 0], shell.output()
    told = re.search(r"([\d,]+) trades; 1 files", shell.output())
    assert told is not None, shell.output()
    assert f"{told[1]} trades (0 late)" in shell.run(replay)


def test_the_stack_in_pieces(shell: Shell) -> None:
    database, exchange, flow, page = commands()[6:]
    shell.start(database)
    shell.until(lambda: shell.answers("STORAGE__HTTP_PORT", "/exec?query=select%201"))
    shell.start(exchange)
    shell.until(lambda: shell.answers("SIMULATOR__PORT", "/fapi/v1/ping"))
    shell.start(flow)
    shell.until(lambda: shell.has_rows("bars_1s"))
    shell.start(f"{page} --port {shell.ports['DASHBOARD__PORT']}")
    shell.until(lambda: shell.answers("DASHBOARD__PORT", "/app"))
    page_code, flow_code, exchange_code, database_code = shell.stop()
    assert (flow_code, exchange_code, database_code) == (0, 0, 0)
    assert page_code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)

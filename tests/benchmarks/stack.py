"""The real programs of a live run, each as documented: QuestDB, the simulated exchange, the flow, the page."""

import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from flows.errors import StorageError
from flows.storage.client import Address
from flows.storage.server import ManagedServer
from tests.benchmarks.measure import ROOT, clean_environment
from tests.ports import take_free_ports

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the running parts are; `page_pid` is the page's process."""

    address: Address
    page_url: str
    page_pid: int


@contextmanager
def live_stack(trades_per_s: float) -> Iterator[Stack]:
    """Everything up, with first trades in the database, while the block lasts."""
    exchange, http_port, pg_port, health_port, page, flow_health = take_free_ports(6)
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = data_dir / "simulated" / "questdb"
        server = ManagedServer(root, http_port=http_port, pg_port=pg_port, health_port=health_port)
        stack.enter_context(server)
        environment = clean_environment(
            PAIRS_BINANCE__STREAM_URL=f"ws://127.0.0.1:{exchange}",
            PAIRS_BINANCE__REST_URL=f"http://127.0.0.1:{exchange}",
            PAIRS_STORAGE__DATA_DIR=str(data_dir),
            PAIRS_STORAGE__HTTP_PORT=str(http_port),
            PAIRS_STORAGE__PG_PORT=str(pg_port),
            PAIRS_HEALTH__PORT=str(flow_health),
        )

        def started(*arguments: str) -> int:
            return stack.enter_context(_program(arguments, environment, data_dir / f"{arguments[0]}.log"))

        started("flows.simulator", "--port", str(exchange), "--trades-per-s", str(trades_per_s))
        _wait("the simulated exchange", lambda: _answers(f"http://127.0.0.1:{exchange}/fapi/v1/ping"))
        started("bytewax.run", "flows.pairs")
        serving = ("--address", "127.0.0.1", "--port", str(page), "--liveness")
        page_pid = started("panel", "serve", "dashboard/app.py", *serving)
        _wait("the page", lambda: _answers(f"http://127.0.0.1:{page}/liveness"))
        _wait("the first trade in QuestDB", lambda: _has_trades(server.address))
        yield Stack(server.address, f"http://127.0.0.1:{page}/app", page_pid)


@contextmanager
def _program(arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> Iterator[int]:
    """`python -m …` until the block ends; gives its process id."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield process.pid
            if process.poll() is not None:
                raise RuntimeError(f"{arguments[0]} ended by itself: {log.read_text()[-2000:]}")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_S
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not there within {_START_S:g} s")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _has_trades(address: Address) -> bool:
    from flows.storage.client import connect

    try:
        with connect(address) as sql:
            return sql.execute("SELECT trade_id FROM trades LIMIT 1").fetchone() is not None
    except (StorageError, psycopg.Error):
        return False

"""What the whole stack consists of: QuestDB, the simulated exchange where it is needed, the flow, the page."""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import psycopg

from flows.applied import SUPERVISED, AppliedWatch
from flows.errors import PairdeskError, StorageError
from flows.settings import Settings, config_dir, load
from flows.storage.client import Address, address_of, connect, reader_of
from flows.storage.jar import cache_dir
from flows.supervisor.login import cookie_secret, login_options, page_file, wants_login
from flows.supervisor.loop import Child

_PING_TIMEOUT_S = 3.0
_PROBE_TIMEOUT_S = 0.5
LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Stack:
    """Everything that is decided before the first process starts.

    Attributes:
        config: the settings file that the flow reads; its other settings come by environment.
        simulated: the exchange is the simulated one, which the stack runs itself.
    """

    settings: Settings
    config: Path
    simulated: bool

    @property
    def origin(self) -> str:
        """Label of the data, and the folder it is kept in."""
        return self.settings.binance.origin

    @property
    def home(self) -> Path:
        """The folder of this origin."""
        return Path(self.settings.storage.data_dir) / self.origin

    @property
    def address(self) -> Address:
        """The QuestDB server that the stack uses."""
        storage = self.settings.storage
        return address_of(storage.host, storage.http_port, storage.pg_port, storage.external_pg)


def plan(source: str, config: str | None, say: Callable[[str], None], capture: str | None = None) -> Stack:
    """Decide between Binance and the simulated exchange, and read the settings.

    Args:
        source: `binance`, `simulated`, or `auto`: Binance if it answers a ping.
        config: a settings file; None takes the shipped one of the source.
        capture: folder for the raw messages; None: as the settings say.
    """
    if source == "auto":
        rest_url = load(config).binance.rest_url
        reason = unreachable(f"{rest_url}/fapi/v1/ping")
        source = "simulated" if reason else "binance"
        if reason:
            say(
                f"{rest_url} cannot be reached ({reason}): running the simulated exchange, labelled SIMULATED everywhere"
            )
    simulated = source == "simulated"
    path = Path(config) if config else config_dir() / f"{source}.toml"
    settings = load(path)
    binance = settings.binance
    if simulated:
        where = f"{settings.simulator.host}:{settings.simulator.port}"
        binance = replace(binance, stream_url=f"ws://{where}", rest_url=f"http://{where}")
    storage = replace(settings.storage, data_dir=str(Path(settings.storage.data_dir).absolute()))
    folder = settings.capture.dir if capture is None else capture
    kept = replace(settings.capture, dir=str(Path(folder).absolute()) if folder else "")
    return Stack(replace(settings, binance=binance, storage=storage, capture=kept), path.absolute(), simulated)


def unreachable(url: str) -> str | None:
    """Why `url` cannot be fetched within a short time; None if it can."""
    try:
        with urllib.request.urlopen(url, timeout=_PING_TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__


def environment(stack: Stack) -> dict[str, str]:
    """The environment of every child: all scalar settings as variables, so that each sees what was decided here."""
    variables = {
        f"PAIRS_{section.name}__{key.name}".upper(): json.dumps(value)
        for section in fields(stack.settings)
        for values in [getattr(stack.settings, section.name)]
        if section.name not in ("market", "models")
        for key in fields(values)
        for value in [getattr(values, key.name)]
    }
    market = {
        "PAIRS_MARKET__PAIRS": json.dumps([str(pair) for pair in stack.settings.market.pairs]),
        "PAIRS_MARKET__INTERVALS": json.dumps([str(interval) for interval in stack.settings.market.intervals]),
    }
    return {
        "NUMBA_CACHE_DIR": str(cache_dir() / "numba"),
        **os.environ,
        **variables,
        **market,
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def children(stack: Stack, say: Callable[[str], None] = lambda _line: None) -> list[Child]:
    """The processes in the order of their start."""
    env = environment(stack)
    exchange = [_exchange(stack, env)] if stack.simulated else []
    database = [] if stack.address.external else [_questdb(stack, env)]
    return [*database, *exchange, _flow(stack, env, say), _page(stack, env)]


def _questdb(stack: Stack, env: dict[str, str]) -> Child:
    root = stack.settings.storage.database_root(stack.origin)

    def ready() -> bool:
        try:
            with connect(reader_of(stack.address, root)) as connection:
                return connection.execute("SELECT 1").fetchone() is not None
        except (StorageError, psycopg.Error):
            return False

    argv = [sys.executable, "-m", "flows.cli", "db", "--origin", stack.origin]
    return Child("questdb", argv, env, ready, f"QuestDB console: {stack.address.console_url}")


def _exchange(stack: Stack, env: dict[str, str]) -> Child:
    ping = f"{stack.settings.binance.rest_url}/fapi/v1/ping"
    # The market goes on from where it was, so that a restart of the exchange loses no trade.
    state, speed = stack.home / "exchange.json", stack.settings.binance.speed
    argv = [sys.executable, "-m", "flows.simulator", "--state", str(state), "--speed", str(speed)]
    return Child(
        "exchange", argv, env, lambda: _answers(ping), f"simulated exchange: {stack.settings.binance.stream_url}"
    )


def _flow(stack: Stack, env: dict[str, str], say: Callable[[str], None]) -> Child:
    flow = stack.settings.flow
    recovery: list[Any] = []
    if flow.recovery:
        recovery = ["-r", stack.settings.storage.recovery_dir(stack.origin), "-s", flow.snapshot_s, "-b", 0]
    argv = [sys.executable, "-m", "bytewax.run", f"flows.pairs:flow({str(stack.config)!r})", *map(str, recovery)]
    return Child("flow", argv, env, anew=AppliedWatch(stack.settings, say))


def _page(stack: Stack, env: dict[str, str]) -> Child:
    page = stack.settings.dashboard
    app = page_file("app.py")
    if app is None:
        raise PairdeskError("the package dashboard is not installed")
    hosts = dict.fromkeys((page.host, *(LOOPBACK if page.host in (*LOOPBACK, "0.0.0.0") else ())))
    origins = [word for host in hosts for word in ("--allow-websocket-origin", f"{host}:{page.port}")]
    argv = [
        *(sys.executable, "-m", "panel", "serve", str(app)),
        *("--address", page.host, "--port", str(page.port), "--liveness", *origins),
        *login_options(page.users_file, app.parent / "assets"),
        *("--plugins", "dashboard.routes"),  # downloads and uploads
    ]
    if wants_login(page.users_file, env):
        env = {**env, **cookie_secret(env, stack.home)}
    url = f"http://{page.host}:{page.port}"
    return Child(
        "page", argv, {**env, SUPERVISED: "1"}, lambda: _answers(f"{url}/liveness"), f"page: {url}/app", aside=True
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False

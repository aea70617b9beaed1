"""What several test folders need: the recorded data, a running QuestDB, free ports, a browser."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numba
import pytest
from chromium import system_chromium
from lanes import Lanes, machine
from ports import take_free_ports

from flows.storage.server import ManagedServer

ROOT = Path(__file__).parent.parent

# A developer's own settings must not change what is tested.
for _name in [name for name in os.environ if (name.startswith("PAIRS_") and "__" in name) or name == "QDB_CLIENT_CONF"]:
    del os.environ[_name]

# Servers of tests live for seconds: without Java's optimizing compiler their start and their life cost a third less.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

# Numba keeps compiled code for programs that run one after another; two that keep theirs at the same time may mix them up.
if _worker := os.environ.get("PYTEST_XDIST_WORKER"):
    _kept = os.environ.get("NUMBA_CACHE_DIR", ROOT / ".cache" / "numba")
    os.environ["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR = str(Path(_kept) / _worker)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    """Of tests that two processes share, those of a file stay together, and those with a whole stack."""
    return Lanes(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Beside others, but for tests that measure."""
    with _machine(alone=False) if item.get_closest_marker("alone") is None else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Alone where it measures; what it needs was started beside others."""
    with _machine(alone=True) if item.get_closest_marker("alone") is not None else nullcontext():
        return (yield)


def _machine(alone: bool) -> AbstractContextManager[None]:
    return machine(ROOT / ".cache" / "machine", alone) if _worker else nullcontext()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded data and its oracles. Without it the tests that need it are skipped, but never on CI."""
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        reason = f"no recorded data at {data}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return data


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """`free_ports(n)`: n different ports that nobody listens on now."""
    return take_free_ports


@pytest.fixture(scope="session")
def questdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedServer]:
    """A real server on free ports with a root of its own. Each test takes a dataset of its own in it."""
    http_port, pg_port, health_port = take_free_ports(3)
    with ManagedServer(
        tmp_path_factory.mktemp("questdb"), http_port=http_port, pg_port=pg_port, health_port=health_port
    ) as server:
        yield server


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Chromium without a window, and without the requests it makes for itself in the background."""
    args = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-domain-reliability",
        "--disable-sync",
        "--no-first-run",
        "--no-pings",
        "--metrics-recording-only",
        "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
    ]
    if os.geteuid() == 0:
        args.append("--no-sandbox")  # Chromium refuses to start as root with it
    found = system_chromium()
    return {**browser_type_launch_args, **({"executable_path": found} if found else {}), "headless": True, "args": args}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A desktop window in a time zone that is not UTC, so that a page that confuses the two shows it."""
    return {**browser_context_args, "viewport": {"width": 1600, "height": 900}, "timezone_id": "America/New_York"}

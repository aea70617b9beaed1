"""What `pairs up` does before the stack runs: look for what stands in the way, and prepare what the processes expect to find."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from flows.errors import PairdeskError, StorageError
from flows.process.child import ChildProcess
from flows.process.lock import FileLock, LockTakenError
from flows.process.signals import stop_requests
from flows.storage.jar import questdb_jar
from flows.supervisor.loop import Pauses, supervise
from flows.supervisor.stack import Stack, children, environment, plan

_TICK_S = 0.1


def up(source: str, config: str | None, say: Callable[[str], None]) -> None:
    """Run the whole stack until it is told to stop.

    Raises:
        PairdeskError: something stands in the way of the start: settings, a busy port, another start, no jar.
    """
    stack = plan(source, config, say)
    data_dir = Path(stack.settings.storage.data_dir)
    try:
        lock = FileLock(data_dir / "pairs.lock")
    except LockTakenError as error:
        raise PairdeskError(
            f"pairdesk already runs on {data_dir} ({error.holder}): stop it, or set storage.data_dir"
        ) from error
    try:
        check_ports(stack)
        if not stack.address.external:
            questdb_jar(say)
        prepare_recovery(stack, say)
        if not compile_kernels(stack, say):
            return
        say(f"pairdesk: {stack.origin.upper()} data in {stack.home}; Ctrl-C stops everything")
        limits = stack.settings.supervisor
        pauses = Pauses(limits.restart_min_s, limits.restart_max_s, limits.stop_timeout_s)
        supervise(children(stack), stack.home / "logs", pauses, say)
    finally:
        lock.close()


def check_ports(stack: Stack) -> None:
    """Raise for the first port that another program listens on, with the setting that changes it."""
    settings = stack.settings
    wanted = [("dashboard.port", settings.dashboard.host, settings.dashboard.port)]
    if not stack.address.external:
        storage = settings.storage
        for key in ("http_port", "pg_port", "health_port"):
            wanted.append((f"storage.{key}", storage.host, getattr(storage, key)))
    if stack.simulated:
        wanted.append(("simulator.port", settings.simulator.host, settings.simulator.port))
    for key, host, port in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                variable = f"PAIRS_{key.upper().replace('.', '__')}"
                raise PairdeskError(
                    f"{host}:{port} cannot be used ({error.strerror}): stop what uses it, or set {key} ({variable}) to a free port"
                ) from error


def prepare_recovery(stack: Stack, say: Callable[[str], None]) -> None:
    """Make the empty recovery store that Bytewax wants to find.

    A store that was written with other settings or by another version holds state of another shape: it makes way for a new one.
    """
    if not stack.settings.flow.recovery:
        return
    directory = stack.settings.storage.recovery_dir(stack.origin)
    settings = stack.settings
    shaping = (
        settings.market,
        settings.models,
        settings.bars,
        settings.join,
        settings.binance.stream,
        version("pairdesk"),
    )
    written_with = directory.with_name("recovery.settings")
    if directory.is_dir() and any(directory.iterdir()):
        if written_with.is_file() and written_with.read_text() == repr(shaping):
            return
        say("the settings of the flow have changed: its windows start anew, stored rows stay")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bytewax.recovery", str(directory), "1"]
    made = subprocess.run(command, env=environment(stack), capture_output=True, text=True, check=False)
    if made.returncode:
        raise StorageError(
            f"{directory}: no recovery store could be made: {(made.stderr.strip().splitlines() or ['?'])[-1]}"
        )
    written_with.write_text(repr(shaping))


def compile_kernels(stack: Stack, say: Callable[[str], None]) -> bool:
    """Compile the flow's kernels where that has not been done since the code changed; False when told to stop meanwhile."""
    env = environment(stack)
    sources = Path(__file__).parent.parent.rglob("*.py")
    stamp = Path(env["NUMBA_CACHE_DIR"]) / f"compiled-{max(source.stat().st_mtime_ns for source in sources)}"
    if stamp.exists():
        return True
    say("compiling the flow's kernels (once; about half a minute)")
    child = ChildProcess([sys.executable, "-m", "flows.warm_up"], env, stack.home / "logs" / "warm_up.log")
    with stop_requests() as stopping:
        while (code := child.wait(_TICK_S)) is None:
            if stopping():
                child.stop(0)
                return False
    if code == 0:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    else:  # the flow itself will say why it cannot run
        say(f"compiling ahead failed: {' '.join(child.last_lines()[-1:])}")
    return True

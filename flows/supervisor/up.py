"""What `pairs up` does before the stack runs: look for what stands in the way, and prepare what the processes expect to find."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from flows.applied import with_applied
from flows.compiled import mark_of
from flows.errors import PairdeskError
from flows.process.child import ChildProcess
from flows.process.lock import FileLock, LockTakenError
from flows.process.signals import stop_requests
from flows.storage.jar import questdb_jar
from flows.supervisor import recovery
from flows.supervisor.login import wants_login
from flows.supervisor.loop import Pauses, supervise
from flows.supervisor.stack import LOOPBACK, Stack, children, environment, plan

_TICK_S = 0.1


def up(source: str, config: str | None, fresh: bool, capture: str | None, say: Callable[[str], None]) -> None:
    """Run the whole stack until it is told to stop.

    Args:
        fresh: begin with empty windows, whatever state an earlier flow left. capture: folder for the raw messages; None: as set.

    Raises:
        PairdeskError: something stands in the way of the start: settings, a busy port, another start, no jar.
    """
    stack = plan(source, config, say, capture)
    data_dir = Path(stack.settings.storage.data_dir)
    try:
        lock = FileLock(data_dir / "pairs.lock")
    except LockTakenError as error:
        raise PairdeskError(
            f"pairdesk already runs on {data_dir} ({error.holder}): stop it, or set storage.data_dir"
        ) from error
    except OSError as error:
        raise PairdeskError(
            f"{data_dir}: cannot be written ({error.strerror}): set storage.data_dir (PAIRS_STORAGE__DATA_DIR) to a folder that can"
        ) from error
    try:
        check_ports(stack)
        if not stack.address.external:
            questdb_jar(say)
        if stack.settings.flow.recovery:
            directory = stack.settings.storage.recovery_dir(stack.origin)
            recovery.prepare(directory, with_applied(stack.settings), environment(stack), fresh, say)
        if not compile_kernels(stack, say):
            return
        say(f"pairdesk: {stack.origin.upper()} data in {stack.home}; Ctrl-C stops everything")
        page = stack.settings.dashboard
        if page.host not in LOOPBACK and not wants_login(page.users_file, dict(os.environ)):
            say(f"the page listens on {page.host} and asks nobody who they are: dashboard.users_file makes it ask")
        limits = stack.settings.supervisor
        pauses = Pauses(limits.restart_min_s, limits.restart_max_s, limits.stop_timeout_s)
        supervise(children(stack, say), stack.home / "logs", pauses, say)
    finally:
        lock.close()


def check_ports(stack: Stack) -> None:
    """Raise for the first port that another program listens on, with the setting that changes it."""
    settings = stack.settings
    wanted = [
        ("dashboard.port", settings.dashboard.host, settings.dashboard.port),
        ("health.port", settings.health.host, settings.health.port),
    ]
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


def compile_kernels(stack: Stack, say: Callable[[str], None]) -> bool:
    """Compile the flow's kernels where that has not been done since the code changed; False when told to stop meanwhile."""
    env = environment(stack)
    stamp = mark_of(Path(env["NUMBA_CACHE_DIR"]))
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

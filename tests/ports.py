"""Ports for servers that tests start: no other process of tests takes them, nor does an outgoing connection."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_FIRST, _LAST, _BLOCK = 20_000, 32_000, 100
"""Linux gives ports from 32768 on to outgoing connections: one of those may be gone before the server takes it."""


def take_free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now, none of them given before.

    Raises:
        RuntimeError: none are left.
    """
    if len(ports := list(islice(_PORTS, count))) < count:
        raise RuntimeError(f"wanted {count} free ports from {_FIRST} to {_LAST - 1}, found {len(ports)}")
    return ports


def unlocked_ports(folder: Path) -> Iterator[int]:
    """Free ports of blocks for which this process holds a lock in a folder, to its end, so that no other one gives the same."""
    folder.mkdir(exist_ok=True)
    for block in range(_FIRST, _LAST, _BLOCK):
        lock = (folder / f"{block}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _LOCKS.append(lock)
        yield from filter(_is_free, range(block, block + _BLOCK))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_LOCKS: list[object] = []
_PORTS = unlocked_ports(Path(tempfile.gettempdir()) / f"pairdesk-ports-{os.getuid()}")

"""Which tests run one after another where two processes share them (`pytest -n 2`)."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadScopeScheduling

_LANES = ("tests/browser/", "tests/e2e/")
_ONE_PROGRAM = ("tests/e2e/test_recovery.py", "tests/e2e/test_supervisor_loop.py")


class Lanes(LoadScopeScheduling):
    """Files go to whichever process is free; the tests of a file stay together, as they share servers.

    What runs a browser is one lane, what runs the whole stack another, so two of a kind never run at the same time. The browser's is the
    first, because it is the longest, and it waits more than it computes, so that the other process has the machine meanwhile.
    """

    def __init__(self, config: Any, log: Any = None) -> None:
        config.option.loadscopereorder = False  # else the files with the most tests would go first
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        lane = next((folder for folder in _LANES if file.startswith(folder)), file)
        return file if file in _ONE_PROGRAM else lane


@contextmanager
def machine(locks: Path, alone: bool) -> Iterator[None]:
    """Share the machine with the other process of tests while the block lasts, or have it alone.

    Who wants it alone waits for the tests that run now, and no other one begins before it has ended.

    Args:
        locks: a folder that the processes have in common.
    """
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / "door").open("w") as door, (locks / "room").open("w") as room:
        fcntl.flock(door, kind)  # else tests that follow one another at once would keep the room for ever
        fcntl.flock(room, kind)
        if not alone:
            fcntl.flock(door, fcntl.LOCK_UN)
        yield

"""Which tests run one after another where two processes share them (`pytest -n 2`)."""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

_STACKS = ("tests/browser/", "tests/e2e/")
_ONE_PROGRAM = ("tests/e2e/test_recovery.py", "tests/e2e/test_supervisor_loop.py")


class Lanes(LoadScopeScheduling):
    """Files go to whichever process is free; the tests of a file stay together, as they share servers.

    What runs a browser or the whole stack is one lane, so two of them never run at the same time. It is the first, because it is the
    longest, and it waits more than it computes, so that the other process has the machine meanwhile.
    """

    def __init__(self, config: Any, log: Any = None) -> None:
        config.option.loadscopereorder = False  # else the files with the most tests would go first
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "stacks" if file.startswith(_STACKS) and file not in _ONE_PROGRAM else file

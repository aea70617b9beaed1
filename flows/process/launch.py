"""Runs a program that must not outlive its parent: `python -I -S launch.py PARENT_PID PROGRAM ARGUMENT…`.

A process of its own, because code between fork and exec is unsafe in a parent with threads. Imports as little as it can: it is
on the way of every start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for SIGKILL when the parent thread ends, then become the program. Elsewhere than on Linux: just become it."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would hand that on
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(1)
    try:
        os.execvp(program[0], program)
    except OSError as error:
        sys.exit(f"{program[0]}: cannot be run: {error.strerror}")


main()

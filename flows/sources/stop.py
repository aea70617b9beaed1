"""The wish to stop: a flag that a signal handler may set and every source looks at.

    signal.signal(signal.SIGTERM, stop.request)

A source answers it with its end of input, so the dataflow takes its last snapshot and exits as after a finished file. It is a plain
flag, as a handler that interrupts a lock's owner must not wait for that lock.
"""

_requested = False


def request(*_signal: object) -> None:
    """Ask every source of this process to end."""
    global _requested
    _requested = True


def requested() -> bool:
    """Whether somebody asked."""
    return _requested


def forget() -> None:
    """Take the wish back: for a process that runs one flow after another."""
    global _requested
    _requested = False

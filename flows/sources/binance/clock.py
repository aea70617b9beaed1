"""The receive clock."""

import time


class ReceiveClock:
    """Microseconds UTC that never step: the wall clock of the start plus the time since, also that of a suspended machine.

    A wall clock that is set while the feed runs would look like silence or like the past.

    Args:
        speed: seconds of this clock per second: 1 but for a simulated exchange that runs faster.
        start_us: what it shows first; None: the wall clock.
    """

    def __init__(self, speed: float = 1.0, start_us: int | None = None) -> None:
        self._source = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        self._speed = speed
        self._began_ns = time.clock_gettime_ns(self._source)
        self._start_ns = time.time_ns() if start_us is None else start_us * 1000

    def __call__(self) -> int:
        passed = time.clock_gettime_ns(self._source) - self._began_ns
        return (self._start_ns + (passed if self._speed == 1.0 else int(passed * self._speed))) // 1000

"""The exchange's clock: the one place of the simulator where time is read."""

import time
from collections.abc import Callable


def real_ms() -> int:
    """Unix milliseconds here."""
    return time.time_ns() // 1_000_000


class Clock:
    """Runs `speed` times as fast as the clock here, from an instant at which both are known.

    Args:
        anchor_real_ms, anchor_ms: that instant, here and at the exchange.
        real: the clock here.
    """

    def __init__(
        self, anchor_real_ms: int, anchor_ms: int, speed: float = 1.0, real: Callable[[], int] = real_ms
    ) -> None:
        self.anchor_real_ms, self.anchor_ms, self.speed = anchor_real_ms, anchor_ms, speed
        self._real = real
        self.offset_ms = 0
        """How wrong the clock is at present. Trades follow the wrong clock, as its own."""

    def now_ms(self) -> int:
        """What the exchange says the time is, and goes by."""
        return self.steady_ms() + self.offset_ms

    def steady_ms(self) -> int:
        """The time if the clock were never wrong: for the length of faults, bans and connections."""
        return self.anchor_ms + int((self._real() - self.anchor_real_ms) * self.speed)

"""The moment a page looks back to, and how it moves on while it plays. Reads a clock that never steps, and no other."""

import time
from collections.abc import Callable

SPEEDS = (1.0, 10.0, 60.0, 600.0)


class Playhead:
    """A moment in microseconds UTC that stands still, or moves `speed` times as fast as time.

    Attributes:
        speed: of play. playing: whether it moves.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock_s
        self._at_us, self._since_s = 0, 0.0
        self.speed = SPEEDS[0]
        self.playing = False

    @property
    def at_us(self) -> int:
        """The moment now."""
        if not self.playing:
            return self._at_us
        return self._at_us + int((self._clock() - self._since_s) * self.speed * 1e6)

    def seek(self, at_us: int) -> None:
        """Go to a moment; plays on from there if it plays."""
        self._at_us, self._since_s = at_us, self._clock()

    def set_speed(self, speed: float) -> None:
        """Play that fast from here on."""
        self.seek(self.at_us)
        self.speed = speed

    def play(self) -> None:
        """Move on from here."""
        self.seek(self.at_us)
        self.playing = True

    def pause(self) -> None:
        """Stand still here."""
        self.seek(self.at_us)
        self.playing = False


def stepped(at_us: int, bar_us: int, bars: int) -> int:
    """The moment so many bar ends after the one at or before `at_us`; back from between two ends is to the earlier one.

    >>> stepped(12_500_000, 1_000_000, 1), stepped(12_500_000, 1_000_000, -1), stepped(12_000_000, 1_000_000, -1)
    (13000000, 12000000, 11000000)
    """
    end = at_us // bar_us * bar_us
    return end + (bars + (bars < 0 and at_us > end)) * bar_us

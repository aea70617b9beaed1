"""Bar intervals: `1s`, `1m`, `5m`."""

from enum import Enum


class Interval(Enum):
    """A tumbling bar length, aligned to the UTC epoch. The value is its name in tables, settings and on the page."""

    S1 = "1s"
    M1 = "1m"
    M5 = "5m"

    @property
    def us(self) -> int:
        """Length in microseconds."""
        return _LENGTH_US[self]

    def __str__(self) -> str:
        return self.value


_LENGTH_US = {Interval.S1: 1_000_000, Interval.M1: 60_000_000, Interval.M5: 300_000_000}

"""What a calibration finds, beside what is claimed."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """A measured rate with the limits that it is claimed to keep: 0 and 1 where nothing is claimed."""

    what: str
    measured: float
    runs: int
    low: float = 0.0
    high: float = 1.0

    @property
    def met(self) -> bool:
        """Within the limits, but for three standard errors of so many runs."""
        below, above = (3.0 * math.sqrt(limit * (1.0 - limit) / self.runs) for limit in (self.low, self.high))
        return self.low - below <= self.measured <= self.high + above


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure that is no rate, with the limits that it is claimed to keep: none where nothing is claimed."""

    what: str
    measured: float
    runs: int
    low: float = -math.inf
    high: float = math.inf

    @property
    def met(self) -> bool:
        """Within the limits."""
        return self.low <= self.measured <= self.high

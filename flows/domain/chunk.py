"""The item that flows: rows with the promise that nothing older follows."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", covariant=True)

BEGINNING = np.int64(0)
"""The watermark that promises nothing: times are positive."""


@dataclass(frozen=True, slots=True)
class Chunk(Generic[F]):
    """Rows of one source partition and the watermark after them.

    Attributes:
        watermark: int64 microseconds, shape (instruments of `rows`,) for ticks and bars, (pairs of `rows`,) for what is made of pairs.
            No row with an event time below it follows for that instrument or pair. It never goes back. A chunk without rows is a
            heartbeat.
        rows: a frame of `flows.domain.frames`, possibly empty.
    """

    watermark: NDArray[np.int64]
    rows: F

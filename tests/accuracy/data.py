"""What the report is made of: a month of recorded minutes, and seconds with everything that hurts."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tests.pair_series import hard_closes, logs, recorded_closes

ROOT = Path(__file__).parents[2]
PIECE = 50_000
"""Windows that are compared at once: integers of arbitrary size take memory."""


@dataclass(frozen=True)
class Series:
    """Closes of two legs, shape (bars,) each; about so many seconds may a slow library take for one column and window."""

    name: str
    y: np.ndarray
    x: np.ndarray
    seconds: float

    @cached_property
    def log_y(self) -> np.ndarray:
        """By the standard library."""
        return logs(self.y)

    @cached_property
    def log_x(self) -> np.ndarray:
        """By the standard library."""
        return logs(self.x)

    def pieces(self, before: int) -> Iterator[tuple[slice, slice]]:
        """Bars in pieces: those wanted, and those with up to `before` bars that came before them."""
        for start in range(0, len(self.y), PIECE):
            end = min(start + PIECE, len(self.y))
            yield slice(start, end), slice(max(start - before, 0), end)


@dataclass(frozen=True, slots=True)
class Data:
    """Attributes:
    recorded: at most `bars` real minutes. synthetic: `bars` seconds; short: far fewer, with the same accidents in them.
    folder: of the recorded data.
    """

    recorded: Series
    synthetic: Series
    short: Series
    folder: Path

    @property
    def both(self) -> tuple[Series, Series]:
        """The real and the made ones."""
        return self.recorded, self.synthetic


def data_of(bars: int, seconds: float, folder: Path = ROOT.parent / "shared" / "data") -> Data:
    """All series. Four times the seconds for the real ones.

    Raises:
        FileNotFoundError: no recorded data.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"the report compares real prices too, but there is no recorded data at {folder}")
    recorded = Series("recorded 1m", *(closes[:bars] for closes in recorded_closes(folder)), 4 * seconds)
    short = min(bars, 20_000)
    return Data(
        recorded,
        Series("synthetic", *hard_closes(bars), seconds),
        Series(f"synthetic {short:,}", *hard_closes(short), seconds),
        folder,
    )

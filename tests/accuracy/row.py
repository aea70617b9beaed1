"""One line of the report: how far a column is from its oracle at the window where it is farthest."""

from dataclasses import dataclass
from typing import Any

import numpy as np

EQUAL = "equality"
RELATIVE = "relative"
ABSOLUTE = "absolute"
ROUNDING = 4 * np.finfo(float).eps
"""Of a level: a spread cannot be known better than the prices that it is a difference of."""


@dataclass(frozen=True, slots=True)
class Row:
    """Attributes:
    column: statistic and output column. oracle: what it is compared with.
    compared: windows where both know a value. unknown: those where only one of them does, which no tolerance allows.
    error: the largest, in `unit`. control: a wrong method that must miss the same tolerance.
    """

    column: str
    method: str
    data: str
    window: int
    oracle: str
    compared: int
    error: float
    unit: str
    tolerance: float
    unknown: int = 0
    control: bool = False

    @property
    def within(self) -> bool:
        """All windows keep to the tolerance. Nothing compared keeps to nothing."""
        return self.compared > 0 and self.unknown == 0 and self.error <= self.tolerance

    @property
    def met(self) -> bool:
        """What is demanded of the line: a control has to be seen to fail, and needs windows for that too."""
        return self.compared > 0 and self.within is not self.control


class Tally:
    """Collects the largest error of each column while windows come piece by piece."""

    def __init__(self, method: str, data: str, window: int, oracle: str, control: bool = False) -> None:
        self._of = {"method": method, "data": data, "window": window, "oracle": oracle, "control": control}
        self._found: dict[str, dict[str, Any]] = {}

    def add(
        self, column: str, got: Any, wanted: Any, unit: str, tolerance: float, scale: Any = 1.0, among: Any = True
    ) -> None:
        """Compare values, shape (windows,), in units of `scale`; NaN is unknown on both sides. `among`: which of them count."""
        got, wanted, scale, among = np.broadcast_arrays(*(np.atleast_1d(a) for a in (got, wanted, scale, among)))
        known = ~np.isnan(wanted)
        differs = (np.isnan(got) == known) & among
        both = known & ~np.isnan(got) & among
        with np.errstate(all="ignore"):
            away = np.where(got == wanted, 0.0, np.abs(got - wanted) / scale)[both].astype(float)
        error = float(np.max(np.where(np.isnan(away), np.inf, away), initial=0.0))
        row = self._found.setdefault(
            column, {"compared": 0, "error": 0.0, "unknown": 0, "unit": unit, "tolerance": tolerance}
        )
        row["compared"] += int(both.sum())
        row["unknown"] += int(differs.sum())
        row["error"] = max(row["error"], error)

    def rows(self) -> list[Row]:
        """One per column, in the order in which they came."""
        return [Row(column, **self._of, **found) for column, found in self._found.items()]

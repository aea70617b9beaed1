"""An oracle without rounding: least squares over every window in Python integers, divided once at the end.

A float64 is an integer times a power of two, so series of floats become integers exactly.
"""

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np

FIELDS = ("var_x", "var_y", "beta", "intercept", "r_squared", "se", "spread", "spread_std", "zscore", "corr")


def integers(series: np.ndarray) -> tuple[list[int], int]:
    """The series as integers and the power of two that they were multiplied with."""
    power = 0
    for value in series.tolist():
        power = max(power, value.as_integer_ratio()[1].bit_length() - 1)
    return [int(Fraction(value) * (1 << power)) for value in series.tolist()], power


class Exact:
    """Centred sums of every window of n bars, multiplied by n to stay integers: `A = n·Sxx`, `B = n·Sxy`, `C = n·Syy`."""

    def __init__(self, x: np.ndarray, y: np.ndarray, n: int) -> None:
        (self.x, px), (self.y, py) = integers(x), integers(y)
        self.n, self.x_unit, self.y_unit = n, 2.0**-px, 2.0**-py
        self._sums = [
            [0, *accumulate(terms)]
            for terms in (
                self.x,
                self.y,
                (a * a for a in self.x),
                (a * b for a, b in zip(self.x, self.y, strict=True)),
                (b * b for b in self.y),
            )
        ]

    def window(self, i: int) -> tuple[int, int, int, int, int]:
        """A, B, C, Σx, Σy of the window that ends at bar i."""
        sx, sy, sxx, sxy, syy = (s[i + 1] - s[i + 1 - self.n] for s in self._sums)
        return self.n * sxx - sx * sx, self.n * sxy - sx * sy, self.n * syy - sy * sy, sx, sy

    def row(self, i: int) -> dict[str, float]:
        """Every output of the fit at bar i, NaN where x is flat (and, but for the line itself, where y is)."""
        a, b, c, sx, sy = self.window(i)
        n = self.n
        out = dict.fromkeys(FIELDS, math.nan)
        out["var_x"], out["var_y"] = a / n * self.x_unit**2, c / n * self.y_unit**2
        if a == 0:
            return out
        unit = self.y_unit
        out["beta"] = b / a * (unit / self.x_unit)
        out["intercept"] = (sy * a - b * sx) / (n * a) * unit
        residual = a * c - b * b  # n²·Sxx·Syy·(1 - R²)
        if c == 0:
            return out | {"se": 0.0, "spread": 0.0, "spread_std": 0.0}
        out["r_squared"] = b * b / (a * c)
        out["corr"] = math.copysign(math.sqrt(out["r_squared"]), b)
        if residual / (a * c) < 1e-12:
            return out | {"r_squared": 1.0, "corr": math.copysign(1.0, b), "se": 0.0, "spread": 0.0, "spread_std": 0.0}
        rss = residual / (a * n) * unit**2
        out["se"] = math.sqrt(rss / (a / n * self.x_unit**2 * (n - 2)))
        out["spread"] = ((n * self.y[i] - sy) * a - b * (n * self.x[i] - sx)) / (n * a) * unit
        out["spread_std"] = math.sqrt(rss / (n - 2))
        out["zscore"] = out["spread"] / out["spread_std"]
        return out

    def rows(self) -> dict[str, np.ndarray]:
        """Every output at every bar; the bars before the first full window are NaN."""
        missing = dict.fromkeys(FIELDS, math.nan)
        rows = [missing if i < self.n - 1 else self.row(i) for i in range(len(self.x))]
        return {name: np.array([row[name] for row in rows]) for name in FIELDS}

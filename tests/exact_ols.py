"""An oracle without rounding: lines over every window in Python integers, divided once at the end.

A float64 is an integer times a power of two, so series of floats become integers exactly. Sums of all windows are differences of
running sums, which integers allow; arrays of integers of any size are numpy's of dtype object.
"""

import math
from functools import cached_property
from typing import TypeAlias

import numpy as np

Integers: TypeAlias = np.ndarray
PERFECT = 1e-12
ROOT_BITS = 64
_isqrt = np.frompyfunc(math.isqrt, 1, 1)


def integers(*series: np.ndarray) -> tuple[list[Integers], float]:
    """The series as integers, and the unit that all of them are counted in: a power of two."""
    mantissas, exponents = zip(*(np.frexp(values) for values in series), strict=True)
    whole = [np.ldexp(mantissa, 53).astype(np.int64) for mantissa in mantissas]
    spare = [np.frexp((m & -m).astype(float))[1] - 1 for m in whole]
    least = min(
        int((e - 53 + s)[m != 0].min(initial=0)) for m, e, s in zip(whole, exponents, spare, strict=True)
    )  # so that the integers are as small as can be
    up = [np.where(m != 0, e - 53 - least, 0) for m, e in zip(whole, exponents, strict=True)]
    shifted = [
        (m >> np.maximum(-u, 0)).astype(object) << np.maximum(u, 0).astype(object)
        for m, u in zip(whole, up, strict=True)
    ]
    return shifted, math.ldexp(1.0, least)


def quotient(top: Integers, bottom: Integers) -> np.ndarray:
    """Floats within two roundings of the true ones; NaN over 0."""
    with np.errstate(all="ignore"):
        divided = top.astype(float) / bottom.astype(float)
    return np.where(bottom == 0, np.nan, divided)


def fractions(values: np.ndarray) -> tuple[Integers, Integers]:
    """Numerators and denominators of floats, 0 and 1 of what is not finite."""
    mantissa, exponent = np.frexp(np.where(np.isfinite(values), values, 0.0))
    top, one = np.ldexp(mantissa, 53).astype(np.int64).astype(object), np.full(len(values), 1, object)
    up = (exponent - 53).astype(object)
    return top << np.maximum(up, 0), one << np.maximum(-up, 0)


class Windows:
    """Centred sums of every window of n bars, multiplied by n to stay integers: `a = n·Sxx`, `b = n·Sxy`, `c = n·Syy`, and `sx`, `sy`.

    Args:
        x, y: integers, shape (bars,). unit: what they are counted in. The arrays have one entry per full window, in the order of the
            bars that end them.
    """

    def __init__(self, x: Integers, y: Integers, n: int, unit: float) -> None:
        self.n, self.unit = n, unit
        self.x, self.y = x - x[0], y - y[0]  # small ones are fast ones
        self.x0, self.y0 = x[0], y[0]
        self.sx, self.sy, sxx, sxy, syy = (
            self._sums(terms) for terms in (self.x, self.y, self.x * self.x, self.x * self.y, self.y * self.y)
        )
        self.a, self.b, self.c = (
            n * sxx - self.sx * self.sx, n * sxy - self.sx * self.sy, n * syy - self.sy * self.sy
        )  # fmt: skip

    def _sums(self, terms: Integers) -> Integers:
        running = np.concatenate((np.zeros(1, object), np.cumsum(terms)))
        return running[self.n :] - running[: -self.n]

    def away(self, p: Integers, q: Integers, ahead: int = 0) -> Integers:
        """n·q times how far the newest bar, or the one after it, is above the line of slope p/q through the means of each window."""
        newest = slice(self.n - 1 + ahead, None)
        x, y = self.x[newest], self.y[newest]
        windows = slice(None, len(x))
        sx, sy, p, q = self.sx[windows], self.sy[windows], p[windows], q[windows]
        return (self.n * y - sy) * q - p * (self.n * x - sx)

    def squares(self, p: Integers, q: Integers) -> Integers:
        """n·q² times the squared distances of all bars from that line, summed."""
        return self.c * q * q - 2 * p * q * self.b + p * p * self.a

    @cached_property
    def unexplained(self) -> np.ndarray:
        """1 - R², NaN with a flat leg."""
        whole = self.a * self.c
        return quotient(whole - self.b * self.b, whole)

    def moments(self) -> dict[str, np.ndarray]:
        """Means and centred sums."""
        n, unit = self.n, self.unit
        return {
            "mean_x": (self.sx + n * self.x0).astype(float) / n * unit,
            "mean_y": (self.sy + n * self.y0).astype(float) / n * unit,
            "sxx": self.a.astype(float) / n * unit**2,
            "syy": self.c.astype(float) / n * unit**2,
            "sxy": self.b.astype(float) / n * unit**2,
        }

    def correlation(self) -> np.ndarray:
        """Exactly ±1 where next to nothing is left; NaN with a flat leg."""
        size = np.sqrt(quotient(self.b * self.b, self.a * self.c))
        size = np.where(self.unexplained < PERFECT, 1.0, size)
        return np.where(self.b < 0, -size, size)


class Exact:
    """Every output of a line at every bar, `w` bars in the z-score."""

    def __init__(self, x: np.ndarray, y: np.ndarray, n: int, w: int | None = None) -> None:
        (ix, iy), unit = integers(x, y)
        self.n, self.w, self.bars = n, w or n, len(x)
        self.fit = Windows(ix, iy, n, unit)
        self._own = Windows(ix, iy, self.w, unit) if self.w != n else self.fit

    def moments(self) -> dict[str, np.ndarray]:
        """Means and centred sums at every bar, and the correlation."""
        return self._padded(self.fit.moments() | {"correlation": self.fit.correlation()})

    def ols(self) -> dict[str, np.ndarray]:
        """Least squares; all NaN where x is flat, and R² and z where y is."""
        f = self.fit
        flat_y = f.c == 0
        p, q = f.b, np.where(f.a == 0, 1, f.a)
        perfect = (f.unexplained < PERFECT) | flat_y
        rss = np.where(perfect, 0.0, quotient(f.squares(p, q), f.n * q * q) * f.unit**2)
        sxx = f.a.astype(float) / f.n * f.unit**2
        with np.errstate(all="ignore"):
            se = np.sqrt(rss / (sxx * (f.n - 2)))
        r_squared = np.where(flat_y, np.nan, np.where(perfect, 1.0, quotient(p * p, q * f.c)))
        return self._line(p, q, f.a > 0, np.sqrt(rss / (f.n - 2)), perfect, se, r_squared)

    def tls(self) -> dict[str, np.ndarray]:
        """The first principal axis; all NaN where the legs have nothing in common."""
        f = self.fit
        across = 2 * f.b << ROOT_BITS
        root = _isqrt((f.c - f.a) ** 2 + 4 * f.b * f.b << 2 * ROOT_BITS)
        steep = f.c >= f.a
        p = np.where(steep, (f.c - f.a << ROOT_BITS) + root, across)
        q = np.where(steep, across, (f.a - f.c << ROOT_BITS) + root)
        known = f.b != 0
        q = np.where(known, q, 1)
        perfect = f.unexplained < PERFECT
        rss = np.where(perfect, 0.0, quotient(f.squares(p, q), f.n * q * q) * f.unit**2)
        r_squared = np.where(perfect, 1.0, quotient(f.b * f.b, f.a * f.c))
        with np.errstate(all="ignore"):
            se = np.abs(quotient(p, q)) * np.sqrt(f.unexplained / (r_squared * (f.n - 2)))
        return self._line(p, q, known, np.sqrt(rss / (f.n - 2)), perfect, np.where(perfect, 0.0, se), r_squared)

    def deviations(self, slope: np.ndarray) -> dict[str, np.ndarray]:
        """Of lines that are given, by their slopes at every bar: deviation of the newest bar from the mean of the last w, sd and z."""
        p, q = fractions(slope[self.n - 1 :])
        away, std, z = self._in_own_window(p, q)
        known = np.isfinite(slope[self.n - 1 :])
        found = {"deviation": away, "spread_std": std, "zscore": z}
        return self._padded({name: np.where(known, values, np.nan) for name, values in found.items()})

    def _line(
        self,
        p: Integers,
        q: Integers,
        known: np.ndarray,
        std: np.ndarray,
        perfect: np.ndarray,
        se: np.ndarray,
        r2: np.ndarray,
    ) -> dict[str, np.ndarray]:
        f = self.fit
        away = f.away(p, q)
        spread = np.where(perfect, 0.0, quotient(away, f.n * q) * f.unit)
        intercept = quotient((f.sy + f.n * f.y0) * q - p * (f.sx + f.n * f.x0), f.n * q) * f.unit
        mean, deviation, own_std = np.zeros(len(spread)), spread, std
        if self._own is not f:
            in_own, own_std, _ = self._in_own_window(p, q)
            newest = self._own.away(*self._tail(p, q))[f.n - self.w :]
            mean = np.where(perfect, 0.0, quotient(away * self.w - newest * f.n, f.n * self.w * q) * f.unit)
            deviation, own_std = np.where(perfect, 0.0, in_own), np.where(perfect, 0.0, own_std)
        after = quotient(f.away(p, q, ahead=1), (f.n * q)[:-1]) * f.unit
        with np.errstate(all="ignore"):
            one_step = np.append(np.nan, np.where(std[:-1] > 0, after / std[:-1], np.nan))
            zscore = np.where(own_std > 0, deviation / own_std, np.nan)
        columns = {
            "hedge_ratio": quotient(p, q), "hedge_ratio_se": se, "intercept": intercept, "r_squared": r2,
            "spread": spread, "spread_mean": mean, "spread_std": own_std, "zscore": zscore, "residual_std": std,
        }  # fmt: skip
        columns = {name: np.where(known, values, np.nan) for name, values in columns.items()}
        columns["zscore_one_step"] = np.where(np.append(False, known[:-1]), one_step, np.nan)
        return self._padded(columns)

    def _tail(self, p: Integers, q: Integers) -> tuple[Integers, Integers]:
        """Slopes for the windows of the z-score: they begin earlier, so the first ones have none."""
        early = np.zeros(self.n - self.w, object)
        return np.concatenate((early, p)), np.concatenate((early + 1, q))

    def _in_own_window(self, p: Integers, q: Integers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        own = self._own
        p, q = self._tail(p, q)
        deviation = quotient(own.away(p, q), own.n * q) * own.unit
        squares, size = own.squares(p, q), own.c * q * q + p * p * own.a
        with np.errstate(all="ignore"):
            share = np.where(size == 0, 0.0, quotient(squares, size))
            std = np.where(share > PERFECT, np.sqrt(quotient(squares, own.n * q * q) * own.unit**2 / (own.n - 1)), 0.0)
            z = np.where(std > 0, deviation / std, np.nan)
        skip = self.n - self.w
        return deviation[skip:], std[skip:], z[skip:]

    def _padded(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The bars before the first full window are NaN."""
        before = np.full(self.n - 1, np.nan)
        return {name: np.concatenate((before, values)) for name, values in columns.items()}

"""Kalman's filter of the hedge ratio as a textbook has it: full matrices, no trick for the rounding, decimals of 50 digits instead.

    P = P + Q     S = H·P·H' + R     K = P·H'/S     state = state + K·e     P = (1 - K·H)·P          H = [u, 1], u = x - x0

Start, noise and restarts are those that `flows.stats.kalman` states: OLS over a full window of n bars, R = RSS/(n-2), Q = R/var(x)/m² for
the slope, m the bars over which it forgets, and delta·R for the level; anew where (index + phase) is a multiple of the life, as soon as
the window has noise. Its innovations' figures are sums over the block of n bars before, by absolute index, and the one that has begun.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from flows.explain.oracle.series import DIGITS, decimal, window

_PERFECT = Fraction(1, 10**12)


@dataclass(frozen=True, slots=True)
class Filtered:
    """The filter at its last bar.

    Attributes:
        started: row of the bar it started at.
        slope, error, intercept, spread: after the bar. noise: sqrt(R). innovation: e/sqrt(S) before the bar, None at the first.
        innovation_sd, innovation_autocorrelation: None until there are n innovations.
    """

    started: int
    slope: Fraction
    error: Fraction
    intercept: Fraction
    spread: Fraction | None
    noise: Fraction
    innovation: Fraction | None
    innovation_sd: Fraction | None
    innovation_autocorrelation: Fraction | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Window of the start, the pair's phase in the life between two starts, and how the line may move."""

    n: int
    phase: int
    life: int
    forget_bars: int
    delta_alpha: float


class _Filter:
    """State and covariance of (slope, level)."""

    def __init__(self, x: Sequence[float], y: Sequence[float], row: int, settings: Settings) -> None:
        m = window(x, y)
        assert m is not None
        self.row = row
        self.x0, self.slope, self.level = decimal(m.mx), decimal(m.sxy / m.sxx), decimal(m.my)
        self.r = decimal(m.unexplained * m.syy / (m.n - 2))
        self.q = self.r / decimal(m.sxx / m.n) / settings.forget_bars**2
        self.level_q = self.r * Decimal(settings.delta_alpha)
        self.pss, self.psl, self.pll = self.r / decimal(m.sxx), Decimal(0), self.r / m.n

    def step(self, x: float, y: float) -> Decimal | None:
        """Predict and learn; the innovation in units of its deviation."""
        self.pss += self.q
        self.pll += self.level_q
        if not (math.isfinite(x) and math.isfinite(y)):
            return None
        u = Decimal(x) - self.x0
        e = Decimal(y) - (self.slope * u + self.level)
        hs, hl = self.pss * u + self.psl, self.psl * u + self.pll
        s = u * hs + hl + self.r
        ks, kl = hs / s, hl / s
        self.slope += ks * e
        self.level += kl * e
        self.pss, self.psl, self.pll = self.pss - ks * hs, self.psl - ks * hl, self.pll - kl * hl
        return e / s.sqrt()


def filtered(x: Sequence[float], y: Sequence[float], index: Sequence[int], settings: Settings) -> Filtered | None:
    """The filter at the last of consecutive bars that begin with the run or before all it depends on; None before its start."""
    with localcontext(prec=DIGITS):
        held: _Filter | None = None
        innovations: list[Decimal | None] = []
        n = settings.n
        for row, (a, b, i) in enumerate(zip(x, y, index, strict=True)):
            innovations.append(held.step(a, b) if held else None)
            if (i + settings.phase) % settings.life == 0:
                held = None
            if held is None and row + 1 >= n and _has_noise(x[row + 1 - n : row + 1], y[row + 1 - n : row + 1]):
                held = _Filter(x[row + 1 - n : row + 1], y[row + 1 - n : row + 1], row, settings)
        if held is None:
            return None
        level = held.level - held.slope * held.x0
        known = math.isfinite(x[-1]) and math.isfinite(y[-1])
        spread = Decimal(y[-1]) - level - held.slope * Decimal(x[-1]) if known else None
        slope, error, intercept = (Fraction(v) for v in (held.slope, held.pss.sqrt(), level))
        return Filtered(
            held.row, slope, error, intercept, None if spread is None else Fraction(spread), Fraction(held.r.sqrt()),
            *map(_fraction, (innovations[-1], *_likeness(innovations, index, n))),
        )  # fmt: skip


def _likeness(
    innovations: Sequence[Decimal | None], index: Sequence[int], n: int
) -> tuple[Decimal | None, Decimal | None]:
    """sqrt(mean of z²), and Σ z·z_before / Σ z², over the two newest blocks."""
    begin = (index[-1] // n - 1) * n
    rows = [row for row, i in enumerate(index) if i >= begin and innovations[row] is not None]
    squares = sum((z * z for row in rows if (z := innovations[row]) is not None), Decimal(0))
    if len(rows) < n or not squares:
        return None, None
    products = Decimal(0)
    for row in rows:
        z, before = innovations[row], innovations[row - 1] if row else None
        if z is not None and before is not None:
            products += z * before
    return (squares / len(rows)).sqrt(), products / squares


def _fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def _has_noise(x: Sequence[float], y: Sequence[float]) -> bool:
    if min(x) == max(x) or min(y) == max(y):
        return False  # seen at once: in a long flat stretch this is asked at every bar
    m = window(x, y)
    return m is not None and m.sxx > 0 and m.syy > 0 and m.unexplained >= _PERFECT

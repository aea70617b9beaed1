"""Windows of two series without rounding: a float is a fraction, so sums of them are too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

DIGITS = 50
"""Of every root and of the filter: far more than a float can show."""


@dataclass(frozen=True, slots=True)
class Window:
    """Second moments of a stretch of x and y, exact. `mx`, `my` means; `sxx`, `syy`, `sxy` centred sums."""

    n: int
    mx: Fraction
    my: Fraction
    sxx: Fraction
    syy: Fraction
    sxy: Fraction

    @property
    def unexplained(self) -> Fraction:
        """1 - R². Neither leg may be flat."""
        return 1 - self.sxy * self.sxy / (self.sxx * self.syy)


def window(x: Sequence[float], y: Sequence[float]) -> Window | None:
    """Moments of the values given, None where one is not a finite number.

    All floats are brought to one power of two, so that the sums are of integers.
    """
    if not all(map(math.isfinite, (*x, *y))):
        return None
    ratios = [[value.as_integer_ratio() for value in series] for series in (x, y)]
    power = max(bottom.bit_length() - 1 for series in ratios for _, bottom in series)
    a, b = ([top << power - bottom.bit_length() + 1 for top, bottom in series] for series in ratios)
    n, sa, sb = len(a), sum(a), sum(b)
    one, two = Fraction(1, n << power), Fraction(1, n << 2 * power)

    def centred(p: list[int], q: list[int], sp: int, sq: int) -> Fraction:
        return (n * sum(i * j for i, j in zip(p, q, strict=True)) - sp * sq) * two

    return Window(n, sa * one, sb * one, centred(a, a, sa, sa), centred(b, b, sb, sb), centred(a, b, sa, sb))


def root(value: Fraction) -> Fraction:
    """Square root to `DIGITS` digits."""
    with localcontext(prec=DIGITS):
        return Fraction(decimal(value).sqrt())


def decimal(value: Fraction) -> Decimal:
    """The fraction in the digits of the context."""
    return Decimal(value.numerator) / Decimal(value.denominator)

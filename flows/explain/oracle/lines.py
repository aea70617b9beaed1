"""The line of a window by each method, and what a bar is beside it."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import statsmodels.api as sm
from scipy.stats import theilslopes

from flows.explain.oracle.series import root, window

PERFECT = Fraction(1, 10**12)
_NORMAL_MEDIAN = 0.6744897501960817
_NORMAL_975 = 1.959963984540054
_MOST_STEPS, _NO_SCALE = 200, 1e-7
_ROUNDING = 4 * 2.220446049250313e-16


class NoOracleError(Exception):
    """The other library has no answer here, though ours may have one; the text says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """y = y0 + slope·(x - x0), None where not known.

    Attributes:
        x0, y0: a point of the line near the bars.
        se: error of the slope. r_squared: where the method has one.
        scale: what the next bar's deviation is measured in (one-step z).
        residual_std: deviation of the window's residuals; 0 is a perfect fit.
    """

    slope: Fraction
    x0: Fraction
    y0: Fraction
    se: Fraction | None
    r_squared: Fraction | None
    scale: Fraction | None
    residual_std: Fraction

    @property
    def intercept(self) -> Fraction:
        return self.y0 - self.slope * self.x0

    def residual(self, x: float, y: float) -> Fraction:
        """How far a bar is above the line, along y."""
        return (Fraction(y) - self.y0) - self.slope * (Fraction(x) - self.x0)


Fit = Callable[[Sequence[float], Sequence[float]], Line | None]


def ols(x: Sequence[float], y: Sequence[float]) -> Line | None:
    """Least squares in fractions."""
    m = window(x, y)
    if m is None or m.sxx == 0:
        return None
    if m.syy == 0:
        return Line(Fraction(0), m.mx, m.my, Fraction(0), None, Fraction(0), Fraction(0))
    slope = m.sxy / m.sxx
    if m.unexplained < PERFECT:
        return Line(slope, m.mx, m.my, Fraction(0), Fraction(1), Fraction(0), Fraction(0))
    rss = m.unexplained * m.syy
    deviation = root(rss / (m.n - 2))
    return Line(slope, m.mx, m.my, root(rss / (m.sxx * (m.n - 2))), 1 - m.unexplained, deviation, deviation)


def tls(x: Sequence[float], y: Sequence[float]) -> Line | None:
    """The first principal axis by numpy's singular value decomposition of the centred columns; the rest in fractions."""
    m = window(x, y)
    if m is None or m.sxx == 0 or m.syy == 0 or m.sxy == 0:
        return None
    centred = np.array([[float(Fraction(a) - m.mx), float(Fraction(b) - m.my)] for a, b in zip(x, y, strict=True)])
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    slope = Fraction(float(axis[1] / axis[0]))
    if m.unexplained < PERFECT:
        return Line(slope, m.mx, m.my, Fraction(0), Fraction(1), Fraction(0), Fraction(0))
    explained = 1 - m.unexplained
    rss = m.syy - 2 * slope * m.sxy + slope * slope * m.sxx  # the squared residuals themselves, summed
    deviation = root(rss / (m.n - 2))
    se = abs(slope) * root(m.unexplained / (explained * (m.n - 2)))
    return Line(slope, m.mx, m.my, se, explained, deviation, deviation)


def huber(x: Sequence[float], y: Sequence[float]) -> Line | None:
    """`statsmodels.RLM` with Huber's norm, on the standardised window.

    Raises:
        NoOracleError: the scale goes to 0, where RLM divides by it, or it takes more steps than the method makes.
    """
    m = window(x, y)
    if m is None or m.sxx == 0:
        return None
    if m.syy == 0 or m.unexplained < PERFECT:
        return Line(m.sxy / m.sxx, m.mx, m.my, Fraction(0), None, Fraction(0), Fraction(0))
    sx, sy = (math.sqrt(s / m.n) for s in (m.sxx, m.syy))
    u = np.array([float(Fraction(value) - m.mx) / sx for value in x])
    v = np.array([float(Fraction(value) - m.my) / sy for value in y])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            model = sm.RLM(v, sm.add_constant(u, has_constant="add"), M=sm.robust.norms.HuberT(1.345))
            fit = model.fit(tol=1e-12, conv="coefs", maxiter=2 * _MOST_STEPS)
        except (RuntimeWarning, UserWarning, ValueError, ZeroDivisionError) as error:
            raise NoOracleError(f"statsmodels.RLM: {error}") from error
    if fit.fit_history["iteration"] > _MOST_STEPS:
        raise NoOracleError(f"statsmodels.RLM needs more than the {_MOST_STEPS} steps after which the method gives up")
    if fit.scale <= _NO_SCALE * math.sqrt(m.unexplained):
        raise NoOracleError("more than half of the bars lie on one line, where statsmodels.RLM has no scale")
    level, slope = map(float, fit.params)
    residual = v - level - slope * u
    scale = float(np.median(np.abs(residual))) / _NORMAL_MEDIAN * sy
    return Line(
        Fraction(slope * sy / sx), m.mx, m.my + Fraction(level * sy), Fraction(float(fit.bse[1]) * sy / sx), None,
        Fraction(scale), Fraction(math.sqrt(float(residual @ residual) / (m.n - 2)) * sy),
    )  # fmt: skip


def theil_sen(x: Sequence[float], y: Sequence[float]) -> Line | None:
    """`scipy.stats.theilslopes`."""
    m = window(x, y)
    if m is None or m.sxx == 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a negative variance where most bars are equal
        found = theilslopes(np.array(y), np.array(x))
    slope = Fraction(float(found.slope))
    mx, my = Fraction(float(np.median(x))), Fraction(float(np.median(y)))
    residuals = [(Fraction(b) - my) - slope * (Fraction(a) - mx) for a, b in zip(x, y, strict=True)]
    rss, total = sum(r * r for r in residuals), sum((Fraction(b) - my) ** 2 for b in y)
    if rss <= PERFECT * total:
        return Line(slope, mx, my, Fraction(0), None, Fraction(0), Fraction(0))
    se = (float(found.high_slope) - float(found.low_slope)) / (2 * _NORMAL_975)
    scale = Fraction(float(np.median([abs(float(r)) for r in residuals])) / _NORMAL_MEDIAN)
    if scale <= _ROUNDING * max(map(abs, y)):  # prices are known no better
        scale = Fraction(0)
    return Line(
        slope, mx, my, Fraction(se) if math.isfinite(se) else None, None, scale, root(Fraction(rss) / (m.n - 2))
    )


LIBRARIES: Mapping[str, str] = {
    "ols": "exact fractions",
    "tls": "numpy.linalg.svd, exact fractions",
    "huber": "statsmodels.RLM(HuberT(1.345))",
    "theil_sen": "scipy.stats.theilslopes",
    "kalman": "textbook filter in decimals of 50 digits",
}
FITS: Mapping[str, Fit] = {"ols": ols, "tls": tls, "huber": huber, "theil_sen": theil_sen}

"""The error of a least squares slope that allows for autocorrelation, by `statsmodels`."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import statsmodels.api as sm

from flows.explain.oracle.lines import PERFECT
from flows.explain.oracle.series import window


def hac_error(x: Sequence[float], y: Sequence[float]) -> Fraction | None:
    """`OLS(...).fit(cov_type="HAC")` on the standardised window, ceil(1.3·sqrt(n)) lags, no small-sample factor."""
    m = window(x, y)
    if m is None or m.sxx == 0:
        return None
    if m.syy == 0 or m.unexplained < PERFECT:
        return Fraction(0)
    sx, sy = (math.sqrt(s / m.n) for s in (m.sxx, m.syy))
    u = np.array([float(Fraction(value) - m.mx) / sx for value in x])
    v = np.array([float(Fraction(value) - m.my) / sy for value in y])
    lags = min(math.ceil(1.3 * math.sqrt(m.n)), m.n - 1)
    fit = sm.OLS(v, sm.add_constant(u)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    return Fraction(float(fit.bse[1]) * sy / sx)

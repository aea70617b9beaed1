"""Total least squares over the last n bars: the line whose squared distances to the points, at right angles to it, are smallest.

    root = sqrt((Syy - Sxx)² + 4·Sxy²)
    β = (Syy - Sxx + root) / (2·Sxy)   where Syy ≥ Sxx,   2·Sxy / (Sxx - Syy + root)   otherwise: the same number without cancellation
    α = my - β·mx     SE(β) = |β|·sqrt((1 - R²) / (R²·(n-2)))     spread = y - α - β·x
    RSS = (1 - R²)·Sxx·Syy·(1 + β²) / λ,  λ = (Sxx + Syy + root) / 2: the squared spreads of the window, measured along y as in OLS

R² is the squared correlation of the legs; λ the larger eigenvalue of their scatter matrix. The error is the asymptotic one of a principal
axis (Anderson 1963; Gillard 2010 for errors of equal size in both legs), too small for autocorrelated residuals as in OLS.

Symmetric: β(y|x) = 1/β(x|y). It depends on the units of the prices, so it means little on raw ones. Computed at every bar from the
same block moments as `ols`; warm-up n + 1 bars. A spread along y is the distance to the line times sqrt(1 + β²), so z is the same
whichever is meant:

    zscore           spread / sqrt(RSS/(n-2)), or from the last w bars under the current line (`zscore.in_sample_own_window`)
    zscore_one_step  the new bar against the line and sqrt(RSS/(n-2)) of the bar before

Where the legs do not move together at all (Sxy = 0, so with a flat leg) no direction is better than another: NaN.
"""

import math

from numba import njit

from flows.domain.frames import F64
from flows.stats.rolling_line import RollingLine

_PERFECT = 1e-12


class Tls(RollingLine):
    """The method `tls`."""

    def _fit(self, x: F64, y: F64, window: F64, out: F64, residual_std: F64) -> None:
        _tls(x, y, window, self._n, out, residual_std)


@njit(cache=True)
def _tls(x: F64, y: F64, window: F64, n: int, out: F64, residual_std: F64) -> None:
    """Rows 0 to 4 of `out` and the residuals' standard deviation. The order of operations is part of the definition."""
    for j in range(len(x)):
        ax, ay, mx, my = window[0, j], window[1, j], window[2, j], window[3, j]
        sxx, syy, sxy, unexplained = window[4, j], window[5, j], window[6, j], window[7, j]
        if not (sxx > 0.0 and syy > 0.0 and sxy * sxy > 0.0):  # nothing in common, or not a number
            out[:5, j] = math.nan
            residual_std[j] = math.nan
            continue
        root = math.sqrt((syy - sxx) * (syy - sxx) + 4.0 * (sxy * sxy))
        beta = ((syy - sxx) + root) / (2.0 * sxy) if syy >= sxx else 2.0 * sxy / ((sxx - syy) + root)
        explained = sxy * sxy / (sxx * syy)
        if unexplained < _PERFECT:
            se = spread = deviation = 0.0
            r_squared = 1.0
        else:
            rss = unexplained * sxx * syy * (1.0 + beta * beta) / ((sxx + syy + root) / 2.0)
            se = abs(beta) * math.sqrt(unexplained / (explained * (n - 2)))
            r_squared = explained
            spread = ((y[j] - ay) - my) - beta * ((x[j] - ax) - mx)
            deviation = math.sqrt(rss / (n - 2))
        out[0, j] = beta
        out[1, j] = se
        out[2, j] = (ay + my) - beta * (ax + mx)
        out[3, j] = r_squared
        out[4, j] = spread
        residual_std[j] = deviation

"""All tests of a pair on one window."""

from dataclasses import dataclass

import numpy as np

from flows.domain.frames import F64
from flows.stats.battery.adf import Adf, adf
from flows.stats.battery.cusum import Cusum, cusum
from flows.stats.battery.dickey_fuller import Lag
from flows.stats.battery.engle_granger import EngleGranger, engle_granger
from flows.stats.battery.half_life import HalfLife, half_life
from flows.stats.battery.hedge_error import HedgeError, hedge_error
from flows.stats.battery.hurst import LEAST_HURST_BARS, Hurst, hurst
from flows.stats.battery.johansen import Johansen, johansen
from flows.stats.battery.kpss import Kpss, kpss
from flows.stats.battery.regression import regression
from flows.stats.battery.variance_ratio import VarianceRatio, variance_ratio

LEVEL = 0.05
"""Of a single test; what many of them say is for `verdict`."""


@dataclass(frozen=True, slots=True)
class PairTests:
    """Results on a window of n bars; each says by itself why it cannot be said.

    Attributes:
        y_on_x, x_on_y: Engle-Granger in both directions.
        johansen: the test without a direction.
        half_life, variance_ratio, hurst: of the spread y - α - β·x of the window's own line. Fitting makes a spread revert a little: on
            unrelated legs the variance ratio rejects in 2 to 4 % instead of 5 %.
        cusum, hedge_error: of the same line.
        adf, kpss: of y - `fixed_hedge`·x, whose hedge ratio was not fitted, as their tables want it.
    """

    n: int
    y_on_x: EngleGranger
    x_on_y: EngleGranger
    johansen: Johansen
    half_life: HalfLife
    variance_ratio: VarianceRatio
    hurst: Hurst
    cusum: Cusum
    hedge_error: HedgeError
    fixed_hedge: float
    adf: Adf
    kpss: Kpss

    @property
    def reason(self) -> str:
        """Why the window says nothing about the pair, empty where it does."""
        return self.y_on_x.reason or self.x_on_y.reason

    @property
    def p_value(self) -> float:
        """Of both directions together: the larger one, NaN where either is unknown."""
        y_on_x, x_on_y = self.y_on_x.p_value, self.x_on_y.p_value
        return y_on_x if y_on_x != y_on_x or y_on_x > x_on_y else x_on_y

    @property
    def passes(self) -> bool:
        """Both directions reject "not cointegrated" at 5 %."""
        return self.p_value < LEVEL


def battery(y: F64, x: F64, *, lag: Lag = 1, fixed_hedge: float = 1.0) -> PairTests:
    """Every test of two legs over one window, a pure function of it.

    Args:
        y, x: prices in the model's form (log or raw), shape (n,), oldest first.
        lag: lagged differences of the Engle-Granger and ADF regressions, or `aic`.
        fixed_hedge: the hedge ratio of the plain ADF and KPSS tests; must come from before the window. 1 makes it the log ratio.

    Raises:
        ValueError: the legs differ in length.
    """
    line, turned = regression(y, x), regression(x, y, ("x", "y"))
    spread, why = line.residual, line.reason
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number is told by the tests
        fixed = y - fixed_hedge * x
    return PairTests(
        n=len(y),
        y_on_x=engle_granger(line, lag),
        x_on_y=engle_granger(turned, lag),
        johansen=johansen(y, x),
        half_life=HalfLife(reason=why) if why else half_life(spread),
        variance_ratio=VarianceRatio(reason=why) if why else variance_ratio(spread),
        hurst=Hurst(reason=why) if why else hurst(spread),
        cusum=cusum(line),
        hedge_error=hedge_error(line),
        fixed_hedge=fixed_hedge,
        adf=adf(fixed, lag),
        kpss=kpss(fixed),
    )


def nothing_said(n: int, reason: str, fixed_hedge: float = 1.0) -> PairTests:
    """The result on n bars where no test can be made."""
    return PairTests(
        n=n,
        y_on_x=EngleGranger(reason=reason),
        x_on_y=EngleGranger(reason=reason),
        johansen=Johansen(reason=reason),
        half_life=HalfLife(reason=reason),
        variance_ratio=VarianceRatio(reason=reason),
        hurst=Hurst(reason=reason),
        cusum=Cusum(reason=reason),
        hedge_error=HedgeError(reason=reason),
        fixed_hedge=fixed_hedge,
        adf=Adf(reason=reason),
        kpss=Kpss(reason=reason),
    )


def warm_up() -> None:
    """Compile, or load from the cache, every kernel of the battery, so that the first look of a run does not wait for it."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(0.0, 1.0, LEAST_HURST_BARS))
    y = x + rng.normal(0.0, 1.0, len(x))
    lags: tuple[Lag, Lag] = (1, "aic")
    for lag in lags:
        battery(y, x, lag=lag)

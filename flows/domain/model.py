"""What is to be computed for a pair: a hedge-ratio method with its windows."""

from dataclasses import dataclass
from typing import Literal

PriceForm = Literal["log", "raw"]
PriceSource = Literal["close", "vwap"]

FITS_PER_WINDOW = 5


@dataclass(frozen=True, slots=True)
class Model:
    """A named set of parameters of the pair statistics. Windows count bars.

    Attributes:
        method: name of an estimator registered in `flows.stats.methods`.
        price: `log` makes the hedge ratio an elasticity, `raw` a number of units.
        source: the price of a bar: its last trade, or the mean of its trades weighted by size (the last trade's where it has none).
        window: bars of the fit. z_window: bars of the z-score's mean and deviation, at most `window`.
        correlation_window: returns in the correlation.
        refit_every: bars between two fits of what is too dear for every bar; 0: a fifth of the window.
        forget_bars: over how many bars a Kalman filter forgets its hedge ratio; 0: the window.
        delta_alpha: how far a Kalman filter's intercept may move in a bar, as a share of the noise's variance.
        restart_windows: after how many windows a Kalman filter starts anew from the last window.
    """

    name: str
    method: str = "ols"
    price: PriceForm = "log"
    source: PriceSource = "close"
    window: int = 600
    z_window: int = 600
    correlation_window: int = 300
    refit_every: int = 0
    forget_bars: int = 0
    delta_alpha: float = 0.0
    restart_windows: int = 8

    @property
    def bars_between_fits(self) -> int:
        """Cadence of dear fits: by default no line is older than a fifth of what it was made of."""
        return self.refit_every or max(1, self.window // FITS_PER_WINDOW)

"""What is to be computed for a pair: a hedge-ratio method with its windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

PriceForm = Literal["log", "raw"]
PriceSource = Literal["close", "vwap"]
CHOICES: Mapping[str, tuple[str, ...]] = {"price": get_args(PriceForm), "source": get_args(PriceSource)}
"""What the texts of a model may be, beside its method."""
LIMITS: Mapping[str, tuple[float, float]] = {
    "window": (3, 1_000_000),
    "z_window": (3, 1_000_000),
    "correlation_window": (3, 1_000_000),
    "refit_every": (0, 1_000_000),
    "forget_bars": (0, 1_000_000_000),
    "delta_alpha": (0, 1),
    "restart_windows": (1, 1_000_000),
}
"""Least and most of the numbers of a model."""

FITS_PER_WINDOW = 5
USUAL_CORRELATION_WINDOW = 300


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
    correlation_window: int = USUAL_CORRELATION_WINDOW
    refit_every: int = 0
    forget_bars: int = 0
    delta_alpha: float = 0.0
    restart_windows: int = 8

    @property
    def bars_between_fits(self) -> int:
        """Cadence of dear fits: by default no line is older than a fifth of what it was made of."""
        return self.refit_every or max(1, self.window // FITS_PER_WINDOW)


def z_window_problem(window: int, z_window: int) -> str | None:
    """Why the two do not go together, or None."""
    return f"must be at most window = {window}, was {z_window}" if z_window > window else None


def name_of(model: Model) -> str:
    """The name that tells what the model is: parameters that are usual are left out, so that two models of one name are the same.

    >>> name_of(Model("", "huber", window=900, z_window=900)), name_of(Model("", source="vwap", correlation_window=60))
    ('huber_log_900', 'ols_log_vwap_600_c60')
    """
    words = [model.method, model.price, *(["vwap"] if model.source == "vwap" else []), str(model.window)]
    words += [f"z{model.z_window}"] if model.z_window != model.window else []
    words += [f"c{model.correlation_window}"] if model.correlation_window != USUAL_CORRELATION_WINDOW else []
    return "_".join(words)

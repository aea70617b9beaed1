"""Looks at pairs, and what is said of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.frames.columns import F64, I8, I32, I64, Bools, Columns
from flows.domain.interval import Interval
from flows.domain.pair import Pair

LOOK_VALUES = (
    "p_value", "y_on_x_statistic", "y_on_x_p_value", "x_on_y_statistic", "x_on_y_p_value",
    "coint_critical_1", "coint_critical_5", "coint_critical_10",
    "johansen_trace_0", "johansen_trace_1", "johansen_largest_0", "johansen_largest_1", "johansen_p_above", "johansen_p_below",
    "johansen_hedge_ratio",
    "half_life", "half_life_low", "half_life_high", "half_lives", "phi", "phi_se",
    "variance_ratio_2", "variance_ratio_4", "variance_ratio_8", "variance_ratio_16", "variance_ratio_statistic",
    "variance_ratio_p_value", "hurst",
    "cusum_level", "cusum_hedge_ratio", "break_p_value", "cusum_plain", "cusum_plain_p_value",
    "hedge_ratio", "hedge_ratio_low", "hedge_ratio_high", "hedge_ratio_se", "hedge_ratio_se_hac", "hedge_ratio_se_long_run",
    "fixed_hedge_ratio", "adf_statistic", "adf_p_value", "adf_critical_1", "adf_critical_5", "adf_critical_10",
    "kpss_statistic", "kpss_p_value",
)  # fmt: skip
LOOK_COUNTS = (
    "n",
    "warmup_left",
    "y_on_x_lag",
    "x_on_y_lag",
    "johansen_rank",
    "johansen_lag",
    "hac_lag",
    "adf_lag",
    "kpss_lag",
)
"""What one look at a pair gives, in the order of the columns of `PairLooks`."""
HALF_LIFE_SAYS: tuple[str | None, ...] = (None, "reverts", "not distinguishable from a random walk")
WINDOW_SAYS: tuple[str | None, ...] = (None, "fewer than 5 half-lives")
KPSS_BOUNDS: tuple[str | None, ...] = (None, "at most", "at least")
"""What the codes of `half_life_says`, `window_says` and `kpss_bound` mean."""


@dataclass(frozen=True, slots=True)
class PairLooks(Columns):
    """Looks at pairs: every test over the window that ends at a bar. See `flows.stats.battery` for the formulas.

    Attributes:
        pair: position in `pairs`. open_time: of the window's newest bar.
        values: shape (rows, LOOK_VALUES); NaN where not known, ±inf where a half-life has no end.
        counts: shape (rows, LOOK_COUNTS); UNKNOWN where not known.
        half_life_says, window_says, kpss_bound: codes of the texts above; 0 where nothing is to be said.
        reason: str, why the look says nothing of the pair, '' where it does.
        missing: str, the single tests of a look that do say nothing, each with its reason.
    """

    pairs: tuple[Pair, ...]
    pair: I32
    interval: Interval
    open_time: I64
    values: F64
    counts: I64
    half_life_says: I8
    window_says: I8
    kpss_bound: I8
    reason: NDArray[np.object_]
    missing: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class PairVerdicts(Columns):
    """What is said of each pair after a round of looks, with the inputs of the rule. See `flows.stats.battery.verdict`.

    Attributes:
        pair: position in `pairs`. open_time: of the last bar of the round.
        word, sentence: str.
        look_time: open time of the newest look's bar, UNKNOWN where the round has none of the pair.
        y_on_x_p_value, x_on_y_p_value, half_lives, break_p_value: of that look.
        looks, looks_known, looks_passed, windows: of the last 24 hours, or another period; share, p_value: what they give together.
        q_value, pairs_watched, survives, fdr_rate: that p-value beside those of the other pairs.
    """

    pairs: tuple[Pair, ...]
    pair: I32
    interval: Interval
    open_time: I64
    word: NDArray[np.object_]
    sentence: NDArray[np.object_]
    look_time: I64
    y_on_x_p_value: F64
    x_on_y_p_value: F64
    half_lives: F64
    break_p_value: F64
    looks: I64
    looks_known: I64
    looks_passed: I64
    windows: I64
    share: F64
    p_value: F64
    q_value: F64
    pairs_watched: I64
    survives: Bools
    fdr_rate: F64

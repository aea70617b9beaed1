"""What looks at a pair say over time: the share that passes, and the half-life."""

from dataclasses import dataclass

import numpy as np

from dashboard.analysis.rows import F64, HISTORY_FIELDS, I64, LookRows


@dataclass(frozen=True, slots=True)
class LookHistory:
    """One row a look of the newest period, shape (looks,) each; NaN where not known.

    Attributes:
        both: share of the looks of the period before and with each that pass in both directions; of those that could be said.
        y_on_x, x_on_y: the same of one direction. known: how many could be said in both.
        half_life, low, high: bars, where the half-life is distinguishable from a random walk's.
        walk: it was not. full_from: the share is of a whole period from this time on, None if it never is.
    """

    times: I64
    both: F64
    y_on_x: F64
    x_on_y: F64
    known: I64
    half_life: F64
    low: F64
    high: F64
    walk: np.ndarray[tuple[int], np.dtype[np.bool_]]
    level: float
    period_us: int
    full_from: int | None


def look_history(looks: LookRows) -> LookHistory:
    """Of looks of at least two periods where they are stored: the share at the period's beginning is of the one before."""
    times, rule = looks.times, looks.rule
    newest = int(times[-1]) if len(times) else 0
    shown = slice(int(np.searchsorted(times, newest - rule.period_us, side="right")), None)
    first = np.searchsorted(times, times - rule.period_us, side="right")
    shares, known = {}, np.empty(0, np.int64)
    for name in ("y_on_x_p_value", "x_on_y_p_value", "p_value"):
        shares[name], known = _share(looks[name], first, rule.level)
    half_life, low, high = (np.where(looks.reverts, looks[name], np.nan) for name in HISTORY_FIELDS[3:])
    whole = int(times[0]) + rule.period_us if len(times) else 0
    return LookHistory(
        times=times[shown],
        both=shares["p_value"][shown],
        y_on_x=shares["y_on_x_p_value"][shown],
        x_on_y=shares["x_on_y_p_value"][shown],
        known=known[shown],
        half_life=half_life[shown],
        low=low[shown],
        high=high[shown],
        walk=(~looks.reverts & np.isfinite(looks["p_value"]))[shown],
        level=rule.level,
        period_us=rule.period_us,
        full_from=whole if newest >= whole > 0 else None,
    )


def _share(p_value: F64, first: I64, level: float) -> tuple[F64, I64]:
    """At each look, of those from row `first` to itself that are known: the share below `level`, and how many."""
    known = np.concatenate(([0], np.cumsum(~np.isnan(p_value))))
    passed = np.concatenate(([0], np.cumsum(p_value < level)))
    after = np.arange(1, len(p_value) + 1)
    count = known[after] - known[first]
    return np.divide(passed[after] - passed[first], count, out=np.full(len(count), np.nan), where=count > 0), count

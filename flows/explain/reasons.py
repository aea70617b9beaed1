"""Why a number is null, in a sentence: never a number that looks like one."""

from collections.abc import Mapping

import numpy as np

from flows.explain.history import History
from flows.explain.question import Question, iso
from flows.explain.stored import LegBars, StoredRow
from flows.stats.methods import estimator

_LEGS = {"y": ("y",), "x": ("x",), "both": ("y", "x")}
_ONLY_OF = {
    "r_squared": ("ols", "tls"),
    "hedge_ratio_se_hac": ("ols",),
    "innovation_sd": ("kalman",),
    "innovation_autocorrelation": ("kalman",),
    "fit_age": ("ols", "huber", "theil_sen"),
}
"""Methods that have a column which others lack."""


def notes(question: Question, row: StoredRow, past: History, stale_after_ms: int) -> tuple[str, ...]:
    """What is to be known about the row as a whole."""
    found = []
    symbols = {"y": question.pair.y, "x": question.pair.x}
    if not row["complete"]:
        found.append("forming: the bar was still open; the row of its close replaces this one")
    for leg in _LEGS.get(str(row["stale"]), ()):
        age = row[f"{leg}_age_ms"]
        found.append(
            f"stale: {symbols[leg]}'s last trade was {_seconds(age)} old, limit {_seconds(stale_after_ms)}: no statistics"
        )
    for leg in _LEGS.get(str(row["gap"]), ()):
        found.append(
            f"gap: the bar of {symbols[leg]} lacks trades that nobody could give; its close is a real trade's or the one before"
        )
    left = row["warmup_left"]
    if isinstance(left, int) and left > 0:
        warmup = max(estimator(question.model, (question.pair,)).warmup, question.model.correlation_window + 1)
        found.append(f"warm-up: {left:,} of {warmup:,} bars still to come until every figure is there")
    return (*found, *_history(question, row, past))


def _history(question: Question, row: StoredRow, past: History) -> list[str]:
    us, found = question.interval.us, []
    run = len(past) - past.run
    if past.run:
        missing = int(past.index[past.run] - past.index[past.run - 1]) - 1
        began = iso(int(past.index[past.run]) * us)
        found.append(f"hole: {missing:,} bars are missing before {began}, where every window began anew")
    elif past.began is not None:
        found.append(f"the flow counted its first bar at {iso(past.began)}: windows begin there")
    elif run < past.wanted:
        found.append(f"{past.wanted - run:,} of the {past.wanted:,} bars that the row can depend on are not stored")
    n = row["n"]
    if isinstance(n, int) and run < n:
        found.append(f"bars are missing: the row was made of {n:,} in its fit, {run:,} are stored up to it")
    return found


def null_reasons(question: Question, row: StoredRow, past: History, fit_ends: int | None) -> Mapping[str, str]:
    """By column: why it is null."""
    nulls = [name for name, value in row.items() if value is None and name not in ("stale", "gap")]
    return {name: _why(name, question, row, past, fit_ends) for name in nulls}


def _why(name: str, question: Question, row: StoredRow, past: History, fit_ends: int | None) -> str:
    model, run = question.model, len(past) - past.run
    if name in ("y_age_ms", "x_age_ms"):
        return "no trade of the leg is known"
    if row["stale"]:
        return "stale"
    if name == "correlation":
        if run < model.correlation_window + 1:
            return "warm-up"
        return _unusable(past, slice(-model.correlation_window - 1, None)) or "not defined for these returns"
    if model.method not in _ONLY_OF.get(name, (model.method,)):
        return f"{model.method} has none"
    if row["hedge_ratio"] is None:
        return _no_line(question, past, fit_ends)
    if name in ("hedge_ratio_se_hac", "fit_age"):
        return "none has been due since the window is full, or x is flat in its window"
    if name.startswith("innovation"):
        return f"fewer than {model.window:,} innovations yet"
    if name == "zscore_one_step":
        if run <= model.window:
            return "warm-up: no line before the bar"
        return "the bar before had no line yet, or one without a scale: a perfect fit"
    if name == "r_squared":
        return "y is flat in the window"
    return "the residuals of the window do not differ: a perfect fit or flat legs"


def _no_line(question: Question, past: History, fit_ends: int | None) -> str:
    model, run = question.model, len(past) - past.run
    if run < model.window:
        return "warm-up"
    if fit_ends is None and model.method != "kalman":
        return "warm-up: no fit has been due since the window is full"
    end = past.run + fit_ends + 1 if fit_ends is not None else len(past)
    return _unusable(past, slice(end - model.window, end)) or "no line in this window"


def _unusable(past: History, rows: slice) -> str | None:
    for name, leg in (("y", past.y), ("x", past.x)):
        close = _closes(leg, rows)
        if not np.all(np.isfinite(close)) or np.any(close <= 0):
            return f"a price of {name} is not a positive number"
    flat = [name for name, leg in (("y", past.y), ("x", past.x)) if np.ptp(_closes(leg, rows)) == 0]
    return f"{' and '.join(flat)} {'are' if len(flat) > 1 else 'is'} flat in the window" if flat else None


def _closes(leg: LegBars, rows: slice) -> np.ndarray:
    return leg.close[rows]


def _seconds(milliseconds: object) -> str:
    return f"{milliseconds / 1_000:g} s" if isinstance(milliseconds, int) else "an unknown time"

"""Which bars each number of a row was made of, and what those bars were like."""

from dataclasses import dataclass

import numpy as np

from flows.domain.model import Model
from flows.explain.history import History
from flows.explain.oracle.row import ON_CADENCE
from flows.explain.question import Question


@dataclass(frozen=True, slots=True)
class WindowUse:
    """A window of the row. Times in microseconds.

    Attributes:
        name: what it is for. wanted: bars it has when it is full; there: those of the run that lie in it.
        first_open_time, last_open_time: of those; None where there is none.
        y_silent, x_silent: bars of the leg without a trade, whose close is the one before.
        y_gap, x_gap: bars of the leg that lack trades which nobody could give.
    """

    name: str
    wanted: int
    there: int
    first_open_time: int | None
    last_open_time: int | None
    y_silent: int
    x_silent: int
    y_gap: int
    x_gap: int


def windows(question: Question, past: History, fit_ends: int | None) -> tuple[WindowUse, ...]:
    """The windows of the row; rows of the run count from its first bar.

    Args:
        fit_ends: row of the run that ends the window which the line was fitted to, or which the filter started from; None before the first.
    """
    model, last = question.model, len(past) - past.run - 1
    found = []
    if model.method == "kalman":
        found.append(_use("start of the filter", model.window, fit_ends, question, past))
        steps = last - fit_ends if fit_ends is not None else 0
        found.append(_use("bars the filter has learnt from since", steps, last if steps else None, question, past))
    else:
        found.append(
            _use(_fit_name(model), model.window, last if model.method not in ON_CADENCE else fit_ends, question, past)
        )
    return (
        *found,
        _use("z-score", model.z_window, last, question, past),
        _use(f"correlation, {model.correlation_window} returns", model.correlation_window + 1, last, question, past),
    )


def _fit_name(model: Model) -> str:
    return "fit that holds at the bar" if model.method in ON_CADENCE else "fit"


def _use(name: str, wanted: int, ends: int | None, question: Question, past: History) -> WindowUse:
    if ends is None:
        return WindowUse(name, wanted, 0, None, None, 0, 0, 0, 0)
    rows = slice(past.run + max(ends - wanted + 1, 0), past.run + ends + 1)
    index = past.index[rows]
    silent = [int(np.sum(leg.trade_count[rows] == 0)) for leg in (past.y, past.x)]
    gaps = [int(np.sum(leg.gap[rows])) for leg in (past.y, past.x)]
    us = question.interval.us
    return WindowUse(name, wanted, len(index), int(index[0]) * us, int(index[-1]) * us, *silent, *gaps)

"""Shorter forms of the models, so that a short file has values to compare, not only nulls of windows that never fill."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.audit.cells import Rows
from flows.audit.compare import Sequences
from flows.domain.model import Model

_LEAST_WINDOW, _LEAST_BARS = 3, 8
_SHARE = 3
"""A third of the bars fills the window, two thirds have values."""


def longest_runs(tables: Mapping[str, Rows]) -> dict[int, int]:
    """The most closed bars that a model saw, by the length of the bars in microseconds."""
    bars: dict[int, int] = {}
    for rows in tables.values():
        if rows.span_us and "model" in rows.table.keys:
            counts = [count for _, count in Sequences(rows, True).entities.values()]
            bars[rows.span_us] = max([bars.get(rows.span_us, 0), *counts])
    return bars


def shorter(models: Sequence[Model], bars: Mapping[int, int]) -> tuple[Model, ...]:
    """Forms of the models with windows of a third of the bars of each interval, where their own would leave less than half of them.

    >>> [model.name for model in shorter([Model("ols", window=600)], {1_000_000: 480, 60_000_000: 9})]
    ['ols~160', 'ols~3']
    """
    made: dict[str, Model] = {}
    for count in bars.values():
        window = max(_LEAST_WINDOW, count // _SHARE)
        for model in models:
            if count >= _LEAST_BARS and model.window > count // 2:
                made[f"{model.name}~{window}"] = with_window(model, window)
    return tuple(made.values())


def with_window(model: Model, window: int) -> Model:
    """The model with another window; the others are cut to it, and the name says it."""
    return replace(
        model,
        name=f"{model.name}~{window}",
        window=window,
        z_window=min(model.z_window, window),
        correlation_window=min(model.correlation_window, window),
    )

"""Legs for the tests of the join."""

from dataclasses import replace
from typing import Any

import numpy as np

from flows.join.legs import LegBars, no_bars

S = 1_000_000


def leg(seconds: list[int], until: int = 0, complete: bool = True, factor: float = 1.0) -> LegBars:
    """Bars of one symbol, still without a name, at these seconds, whose close is the second times a factor."""
    times = np.array(seconds, np.int64) * S
    return LegBars(
        symbols=("",),
        start=np.array([0, len(seconds)]),
        open_time=times,
        close=times / S * factor,
        vwap=times / S * factor + 0.5,
        age_ms=times // 1_000,
        trade_count=np.ones(len(seconds), np.int64),
        gap=np.zeros(len(seconds), np.bool_),
        closed_until=np.array([until * S]),
        complete=complete,
    )


def legs(**of_symbol: LegBars | None) -> LegBars:
    """The legs of these symbols together; None: nothing is said of it."""
    found = {symbol.upper(): one for symbol, one in of_symbol.items() if one is not None}
    if not found:
        return no_bars(())
    parts = list(found.values())
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("open_time", "close", "vwap", "age_ms", "trade_count", "gap", "closed_until")
    }
    start = np.append(0, np.cumsum([len(part) for part in parts]))
    return replace(parts[0], symbols=tuple(found), start=start, **columns)

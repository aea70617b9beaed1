"""Correlation of the ticks at every shift of one leg's times, of the window of the newest look at which leg leads."""

import math
from dataclasses import dataclass, field

import numpy as np

from dashboard.analysis.data import MOST_TRADES
from dashboard.analysis.rows import F64, LeadRows, LegTrades
from flows.asynchrony.lead_lag import FINEST_US, LAGS_US, Series, look, thinned
from flows.domain.frames import LEAD_REASONS
from flows.stats.prices import log_prices

T95 = 2.093
"""Of Student's t with 19 degrees of freedom: the curve's error is of 20 stretches."""


@dataclass(frozen=True, slots=True)
class LeadCurve:
    """The look made again, so that there is its curve.

    Attributes:
        end_us: the look's time, None without one. seconds: of its window. ticks: of y and x, thinned to one in 10 ms.
        lags_ms: shifts, shape (55,): positive, x moves first. rho, reach: correlation and half of its 95 % interval at each, empty
            where the look has none.
        lead_ms, low_ms, high_ms: the best shift and its interval; NaN where there is none, an end that nothing bounds is infinite.
        leader: 'y', 'x' or ''. reason: of `LEAD_REASONS`, '' where a lead was found. why: why there is no curve at all.
    """

    end_us: int | None = None
    seconds: float = math.nan
    ticks: tuple[int, int] = (0, 0)
    lags_ms: F64 = field(default_factory=lambda: np.empty(0))
    rho: F64 = field(default_factory=lambda: np.empty(0))
    reach: F64 = field(default_factory=lambda: np.empty(0))
    lead_ms: float = math.nan
    low_ms: float = math.nan
    high_ms: float = math.nan
    leader: str = ""
    reason: str = ""
    why: str = ""


def lead_curve(rows: LeadRows) -> LeadCurve:
    """The curve of a look's window from the stored trades; the same bits as the flow's where all of them are stored."""
    if not rows.table:
        return LeadCurve(why="not in this dataset: an earlier version wrote it")
    if rows.end_us is None:
        return LeadCurve(why="no look at the ticks yet")
    if rows.y is None or rows.x is None:
        return LeadCurve(rows.end_us, why=f"more than {MOST_TRADES:,} trades in the window of the look")
    y, x = (_series(leg) for leg in (rows.y, rows.x))
    ticks, seconds = (len(y), len(x)), (rows.end_us - rows.start_us) / 1e6
    if not min(ticks):
        return LeadCurve(rows.end_us, seconds, ticks, why="the trades of its window are not stored any more")
    found = look(y, x, rows.start_us, rows.end_us)
    if np.isnan(found.curve).any():
        return LeadCurve(rows.end_us, seconds, ticks, reason=LEAD_REASONS[found.reason] or "")
    return LeadCurve(
        rows.end_us, seconds, ticks, LAGS_US / 1_000, found.curve, T95 * found.error,
        found.lead_us / 1_000, found.low_us / 1_000, found.high_us / 1_000, ("", "y", "x")[found.leader],
        LEAD_REASONS[found.reason] or "",
    )  # fmt: skip


def _series(trades: LegTrades) -> Series:
    """In time order, of trades of one time the one of the highest id, thinned as the flow does it."""
    order = np.lexsort((trades.trade_id, trades.time))
    logs = np.empty(len(order))
    log_prices(trades.price[order], logs)
    return thinned(Series(trades.time[order], logs), FINEST_US)

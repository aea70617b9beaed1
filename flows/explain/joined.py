"""Stored bars of two legs as the bars of their pair, with the bits that the join of the flow gave them."""

import numpy as np

from flows.domain.frames import F64, I64, PairBars
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.domain.scale import UNKNOWN
from flows.explain.stored import LegBars


def joined(pair: Pair, interval: Interval, y: LegBars, x: LegBars) -> PairBars:
    """The bars of a pair whose legs stand at the same open times. Ages are those at the end of the bar."""
    ends = y.open_time + interval.us
    return PairBars(
        pairs=(pair,),
        pair=np.zeros(len(ends), np.int32),
        interval=interval,
        open_time=y.open_time,
        y_close=y.close,
        x_close=x.close,
        y_vwap=vwap(y),
        x_vwap=vwap(x),
        y_age_ms=_ages_ms(y, ends),
        x_age_ms=_ages_ms(x, ends),
        y_trade_count=y.trade_count,
        x_trade_count=x.trade_count,
        complete=y.complete & x.complete,
        gap=(y.gap + 2 * x.gap).astype(np.int8),
    )


def at_both(y: LegBars, x: LegBars) -> tuple[LegBars, LegBars]:
    """The bars of the legs at the times that both have."""
    both = np.intersect1d(y.open_time, x.open_time)
    return y.at(both), x.at(both)


def vwap(leg: LegBars) -> F64:
    """Mean prices weighted by size; the close of a bar without trades."""
    traded = leg.volume > 0
    return np.where(traded, leg.quote_volume / np.where(traded, leg.volume, 1.0), leg.close)


def _ages_ms(leg: LegBars, ends: I64) -> I64:
    """From the last trade to the end of the bar, as the join has it."""
    return np.where(leg.last_trade_time == UNKNOWN, UNKNOWN, (ends - leg.last_trade_time) // 1_000)

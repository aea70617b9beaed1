"""How much can be traded of each leg, from its bars, and in which sizes the two legs belong together.

Of a leg over b bars of s seconds each:

    trades_per_s = Σ trade_count / (b·s)            quote_volume_per_s = Σ quote_volume / (b·s)
    mean_trade_size = Σ volume / Σ trade_count       taker_buy_share = Σ taker_buy_volume / Σ volume
    silent_share = bars without a trade / b

A time for which there is no bar (a hole) is in neither count nor seconds; `missing_bars` says how many there are between first and last.

Of a pair whose hedge ratio β says how y goes with x, at the prices Py, Px of one bar:

    prices in logs   a move of x by 1 % goes with one of y by β %: one quote unit of y is hedged by β quote units of x
    raw prices       a move of x by 1 goes with one of y by β: one unit (coin) of y is hedged by β units of x

The same hedge in three measures is `SizeRatio`. It is a ratio of sizes, not an advice: neither costs nor the smallest lot are in it, and
β has an error. Positive: the legs are held on opposite sides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flows.domain.frames import F64, I64
from flows.domain.interval import Interval
from flows.domain.model import PriceForm


@dataclass(frozen=True, slots=True)
class LegBars:
    """Columns of a leg's stored bars in time order, shape (rows,). A volume that is not known is NaN.

    Attributes:
        open_time: microseconds. volume, taker_buy_volume: base units. quote_volume: quote units.
    """

    open_time: I64
    volume: F64
    quote_volume: F64
    trade_count: I64
    taker_buy_volume: F64


@dataclass(frozen=True, slots=True)
class Liquidity:
    """Of one leg; NaN where not known, `reasons` says why.

    Attributes:
        bars: bars there are; missing_bars: those that lack between the first and the last.
        seconds: that the bars cover.
        trades: as the exchange counts them: those inside an aggregate each for itself.
        quote_volume: quote units; quote_volume_per_s per second.
        mean_trade_size: base units; mean_trade_quote: quote units.
        taker_buy_share: share of the volume that takers bought, 0 to 1.
        silent_share: share of the bars without a trade, 0 to 1.
    """

    symbol: str
    interval: Interval
    bars: int
    missing_bars: int
    seconds: float
    trades: int
    quote_volume: float
    trades_per_s: float
    quote_volume_per_s: float
    mean_trade_size: float
    mean_trade_quote: float
    taker_buy_share: float
    silent_share: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SizeRatio:
    """How much of x belongs to how much of y, in three measures of the same hedge; NaN where not known, `reason` says why.

    Attributes:
        x_quote_per_y_quote: quote units of x per quote unit of y.
        x_quote_per_y_base: quote units of x per unit of y.
        x_base_per_y_base: units of x per unit of y.
        thin_leg: the leg that limits a position of the pair: the one of which less is traded compared with what the hedge needs of it.
        needed_share: volume that the hedge of all of y's traded volume would need of x, as a share of x's: above 1 x is the thin leg.
    """

    x_quote_per_y_quote: float
    x_quote_per_y_base: float
    x_base_per_y_base: float
    thin_leg: str | None
    needed_share: float
    reason: str | None


def liquidity(symbol: str, interval: Interval, bars: LegBars) -> Liquidity:
    """Liquidity of a leg over the bars given."""
    n = len(bars.open_time)
    seconds = n * interval.us / 1e6
    trades = int(sum(bars.trade_count.tolist()))
    volume, quote, bought = (_sum(c) for c in (bars.volume, bars.quote_volume, bars.taker_buy_volume))
    reasons = []
    if not n:
        reasons.append("no bars")
    elif not trades:
        reasons.append("no trades")
    elif math.isnan(bought):
        reasons.append("the input does not say which side took")
    span = int((bars.open_time[-1] - bars.open_time[0]) // interval.us) + 1 if n else 0
    return Liquidity(
        symbol=symbol,
        interval=interval,
        bars=n,
        missing_bars=span - n,
        seconds=seconds,
        trades=trades,
        quote_volume=quote if n else math.nan,
        trades_per_s=_ratio(trades, seconds),
        quote_volume_per_s=_ratio(quote, seconds),
        mean_trade_size=_ratio(volume, trades),
        mean_trade_quote=_ratio(quote, trades),
        taker_buy_share=_ratio(bought, volume),
        silent_share=_ratio(int(np.sum(bars.trade_count == 0)), n),
        reasons=tuple(reasons),
    )


def size_ratio(
    hedge_ratio: float, price: PriceForm, y_price: float, x_price: float, y: Liquidity, x: Liquidity
) -> SizeRatio:
    """Sizes of the legs at a hedge ratio and the closes of its bar.

    Args:
        price: the model's form of the prices, which decides what the hedge ratio counts.
        y, x: liquidity of the legs over the same time, for the thin leg.
    """
    if reason := _no_ratio_reason(hedge_ratio, y_price, x_price):
        return SizeRatio(math.nan, math.nan, math.nan, None, math.nan, reason)
    # Quote units of x for one unit (coin) of y: from a share of y's value, or from a number of units of x.
    per_unit = hedge_ratio * (y_price if price == "log" else x_price)
    per_quote = hedge_ratio if price == "log" else per_unit / y_price
    needed = _ratio(abs(per_quote) * y.quote_volume, x.quote_volume)
    thin = None if math.isnan(needed) else y.symbol if needed < 1.0 else x.symbol
    return SizeRatio(per_quote, per_unit, per_unit / x_price, thin, needed, None)


def _no_ratio_reason(hedge_ratio: float, y_price: float, x_price: float) -> str | None:
    if not math.isfinite(hedge_ratio):
        return "the hedge ratio is not known"
    if not all(0.0 < price < math.inf for price in (y_price, x_price)):
        return "a price is not a positive number"
    return None


def _sum(values: F64) -> float:
    column: Sequence[float] = values.tolist()
    return math.fsum(column)


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan

"""Candles as frames of closed bars, the longer intervals folded from them."""

from collections.abc import Iterator

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import I64, Bars
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.domain.scale import UNKNOWN, rescaled
from flows.sources.candles.reading import PRICES, Candles
from flows.sources.candles.values import DECIMALS

CHUNK_TIMES = 4_096
"""Open times in one chunk."""
_SUMS = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume", "trade_count")
_QUOTES = ("quote_volume", "taker_buy_quote_volume")
_SIZES = ("volume", "taker_buy_volume")


def instruments_of(candles: Candles) -> tuple[Instrument, ...]:
    """Each symbol at the coarsest scale that holds all its numbers."""
    return tuple(_instrument(candles, s) for s in range(len(candles.symbols)))


def _instrument(candles: Candles, s: int) -> Instrument:
    mine = candles.columns["symbol"] == s
    price = max(_decimals(candles.columns[name][mine]) for name in PRICES)
    size = max(_decimals(candles.columns[name][mine]) for name in _SIZES)
    quote = max(_decimals(candles.columns[name][mine]) for name in _QUOTES)
    return Instrument(candles.symbols[s], price, max(size, quote - price))


def _decimals(scaled: I64) -> int:
    """Decimals that integers of DECIMALS decimals need."""
    known = scaled[scaled != UNKNOWN]
    decimals = DECIMALS
    while decimals and not np.any(known % 10 ** (DECIMALS - decimals + 1)):
        decimals -= 1
    return decimals


def chunks(candles: Candles, wanted: tuple[Interval, ...], first: int = 0) -> Iterator[list[Chunk[Bars]]]:
    """The bars of all intervals from the candles' own on, each time together: a symbol's longer bar comes with the last candle in it.

    Args:
        first: chunks to leave out, which a run before has had.

    Raises:
        InputError: numbers too large for their decimals.
    """
    interval = candles.interval
    assert interval is not None
    instruments = instruments_of(candles)
    whole = _bars(candles, instruments, interval)
    longer = [_folded(whole, other) for other in wanted if other.us > interval.us]
    times = np.unique(whole.open_time)
    for start in range(first * CHUNK_TIMES, len(times), CHUNK_TIMES):
        some = times[start : start + CHUNK_TIMES]
        watermark = np.full(len(instruments), some[-1] + interval.us, np.int64)
        since = int(times[start - 1]) + interval.us if start else 0
        out = [Chunk(watermark, _between(whole, since, int(watermark[0])))] if interval in wanted else []
        yield out + [Chunk(watermark, _between(bars, since, int(watermark[0]))) for bars in longer]


def _between(bars: Bars, since: int, until: int) -> Bars:
    """Bars that end after `since` and not after `until`; they are in time order."""
    ends = bars.open_time + bars.interval.us
    return bars.take(slice(int(np.searchsorted(ends, since, "right")), int(np.searchsorted(ends, until, "right"))))


def _bars(candles: Candles, instruments: tuple[Instrument, ...], interval: Interval) -> Bars:
    columns = candles.columns
    scales = {name: [i.price_decimals for i in instruments] for name in PRICES}
    scales |= {name: [i.size_decimals for i in instruments] for name in _SIZES}
    scales |= {name: [i.quote_decimals for i in instruments] for name in _QUOTES}
    out = {name: _at_scale(columns[name], columns["symbol"], scale) for name, scale in scales.items()}
    unknown = np.full(len(candles), UNKNOWN)
    return Bars(
        instruments=instruments, interval=interval, symbol=columns["symbol"].astype(np.int32), open_time=columns["open_time"],
        trade_count=columns["trade_count"], first_trade_id=unknown, last_trade_id=unknown, last_trade_time=unknown,
        late_count=np.zeros(len(candles), np.int64), complete=np.ones(len(candles), np.bool_),
        gap=np.zeros(len(candles), np.bool_), **out,
    )  # fmt: skip


def _at_scale(scaled: I64, symbol: I64, decimals: list[int]) -> I64:
    out = np.empty_like(scaled)
    for s, to in enumerate(decimals):
        mine = symbol == s
        part = scaled[mine]
        if to >= DECIMALS:
            out[mine] = rescaled(part, to - DECIMALS)
        else:
            out[mine] = np.where(part == UNKNOWN, UNKNOWN, part // 10 ** (DECIMALS - to))
    return out


def _folded(bars: Bars, interval: Interval) -> Bars:
    """Bars of a longer interval, of those whose every shorter one is there; a sum is not known where a part of it is not."""
    order = np.lexsort((bars.open_time, bars.symbol))
    ordered = bars.take(order)
    group = ordered.open_time // interval.us
    starts = np.flatnonzero(
        np.r_[True, (np.diff(group) != 0) | (np.diff(ordered.symbol) != 0)] if len(group) else np.empty(0, np.bool_)
    )
    counts = np.diff(np.r_[starts, len(group)])
    full = counts == interval.us // bars.interval.us
    ends = starts + counts - 1
    columns = {name: _summed(getattr(ordered, name), starts) for name in _SUMS}
    columns["open"], columns["close"] = ordered.open[starts], ordered.close[ends]
    columns["high"] = np.maximum.reduceat(ordered.high, starts) if len(starts) else ordered.high
    columns["low"] = np.minimum.reduceat(ordered.low, starts) if len(starts) else ordered.low
    unknown = np.full(len(starts), UNKNOWN)
    folded = Bars(
        instruments=bars.instruments, interval=interval, symbol=ordered.symbol[starts], open_time=group[starts] * interval.us,
        first_trade_id=unknown, last_trade_id=unknown, last_trade_time=unknown, late_count=np.zeros(len(starts), np.int64),
        complete=np.ones(len(starts), np.bool_), gap=np.zeros(len(starts), np.bool_), **columns,
    ).take(full)  # fmt: skip
    return folded.take(np.lexsort((folded.symbol, folded.open_time)))


def _summed(values: I64, starts: I64) -> I64:
    if not len(starts):
        return values
    unknown = np.logical_or.reduceat(values == UNKNOWN, starts)
    return np.where(unknown, UNKNOWN, np.add.reduceat(np.where(values == UNKNOWN, 0, values), starts))

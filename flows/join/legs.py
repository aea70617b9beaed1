"""Bars of all symbols as the legs of pairs need them."""

from dataclasses import dataclass

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import F64, I64, Bars, Bools
from flows.domain.scale import UNKNOWN, to_float_by_symbol


@dataclass(frozen=True, slots=True)
class LegBars:
    """Bars of several symbols of one interval, one symbol after the other.

    Attributes:
        start: rows of symbol s are `start[s]` to `start[s + 1]`, shape (symbols + 1,).
        open_time: increasing within a symbol, shape (rows,).
        close: as correctly rounded float. vwap: mean price of the bar's trades weighted by size; the close where it has none.
        age_ms: from the last trade to the end of the bar; of a forming bar, to the newest watermark where that is before its end.
        gap: trades are missing from the bar.
        closed_until: microseconds, shape (symbols,); no bar of the symbol that ends at or before it follows.
        complete: False for forming bars, which say nothing about what is closed.
    """

    symbols: tuple[str, ...]
    start: I64
    open_time: I64
    close: F64
    vwap: F64
    age_ms: I64
    trade_count: I64
    gap: Bools
    closed_until: I64
    complete: bool = True

    def __len__(self) -> int:
        return len(self.open_time)


def no_bars(symbols: tuple[str, ...]) -> LegBars:
    """Nothing of these symbols, and nothing closed."""
    count, none = len(symbols), np.empty(0, np.int64)
    return LegBars(
        symbols, np.zeros(count + 1, np.int64), none, np.empty(0), np.empty(0), none, none, np.empty(0, np.bool_),
        np.zeros(count, np.int64),
    )  # fmt: skip


def legs_of(chunk: Chunk[Bars]) -> LegBars:
    """The bars of a chunk by symbol.

    Raises:
        ValueError: closed and forming bars in one chunk.
    """
    bars = chunk.rows
    complete = not len(bars) or bool(bars.complete[0])
    if len(bars) and np.any(bars.complete != complete):
        raise ValueError(f"{bars.interval} bars: closed and forming bars in one chunk")
    if np.any(bars.symbol[1:] < bars.symbol[:-1]):
        bars = bars.take(np.argsort(bars.symbol, kind="stable"))
    decimals = [instrument.price_decimals for instrument in bars.instruments]
    close = to_float_by_symbol(bars.close, bars.symbol, decimals)
    return LegBars(
        symbols=tuple(instrument.symbol for instrument in bars.instruments),
        start=np.searchsorted(bars.symbol, np.arange(len(bars.instruments) + 1)),
        open_time=bars.open_time,
        close=close,
        vwap=_vwap(bars, close),
        age_ms=_ages_ms(bars, chunk.watermark, complete),
        trade_count=bars.trade_count,
        gap=bars.gap,
        closed_until=chunk.watermark - chunk.watermark % bars.interval.us,
        complete=complete,
    )


def _vwap(bars: Bars, close: F64) -> F64:
    """Of the volumes as the tables have them, so that it can be made again from these to the last bit."""
    quote, base = (
        to_float_by_symbol(column, bars.symbol, [getattr(instrument, decimals) for instrument in bars.instruments])
        for column, decimals in ((bars.quote_volume, "quote_decimals"), (bars.volume, "size_decimals"))
    )
    return np.where(bars.volume > 0, quote / np.where(bars.volume > 0, base, 1.0), close)


def _ages_ms(bars: Bars, watermark: I64, complete: bool) -> I64:
    as_of = bars.open_time + bars.interval.us
    if not complete:
        # A forming 5m bar ends minutes from now: its last trade is as old as the time that has come, for a leg that is held back too.
        as_of = np.maximum(np.minimum(as_of, watermark.max(initial=0)), bars.last_trade_time)
    return np.where(bars.last_trade_time == UNKNOWN, UNKNOWN, (as_of - bars.last_trade_time) // 1_000)

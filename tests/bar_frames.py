"""Bars for tests, from open second and close of each symbol."""

import numpy as np

from flows.domain.chunk import Chunk
from flows.domain.frames import Bars
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval

Points = list[tuple[int, int]]


def bars_of(
    closes: dict[str, Points], decimals: dict[str, int] | None = None, interval: Interval = Interval.S1
) -> Bars:
    """Closed bars, symbol after symbol, each with one trade a second before its end; volumes are 0.

    Args:
        closes: (open time in seconds, close in ticks) of each symbol.
        decimals: of the price, by symbol; 0 where not named.
    """
    instruments = tuple(Instrument(symbol, (decimals or {}).get(symbol, 0)) for symbol in closes)
    rows = [(s, second * 1_000_000, close) for s, points in enumerate(closes.values()) for second, close in points]
    symbol, open_time, close = np.array(rows, np.int64).reshape(-1, 3).T
    none, one = np.zeros(len(rows), np.int64), np.ones(len(rows), np.int64)
    return Bars(
        instruments=instruments,
        interval=interval,
        symbol=symbol.astype(np.int32),
        open_time=open_time,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=none,
        quote_volume=none,
        trade_count=one,
        taker_buy_volume=none,
        taker_buy_quote_volume=none,
        first_trade_id=none,
        last_trade_id=none,
        last_trade_time=open_time + interval.us - 1_000_000,
        late_count=none,
        complete=np.ones(len(rows), np.bool_),
        gap=np.zeros(len(rows), np.bool_),
    )


def chunk_of(bars: Bars, watermark: int) -> Chunk[Bars]:
    """A chunk whose symbols all have the same watermark in microseconds."""
    return Chunk(np.full(len(bars.instruments), watermark, np.int64), bars)

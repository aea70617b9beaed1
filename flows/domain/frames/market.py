"""Trades, their bars, and rows that could not be read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.frames.columns import I8, I32, I64, Bools, Columns
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval

BUY, SELL, NO_SIDE = np.int8(1), np.int8(-1), np.int8(0)
"""Side of the taker."""


@dataclass(frozen=True, slots=True)
class Ticks(Columns):
    """Trades in arrival order; per symbol in id order.

    Attributes:
        instruments: the table that `symbol` points into; its order never changes within a run, new ones are added at its end.
        trade_id: identity within the symbol: trade id, aggregate id, or position in the input where the input has none.
        side: BUY, SELL or NO_SIDE of the taker.
        late: the event time was below the watermark at arrival: kept, but in no bar.
        first_id, last_id: raw trades inside an aggregate; None where each row is one trade.
        event_time: when the exchange sent it; None where not recorded.
        received: when it was received here; None where not recorded.
        ids_known: False where `trade_id` is a position made up by the reader.
        gap: trades are missing between the symbol's row before and this one, or a live input begins here; None: nowhere.
    """

    instruments: tuple[Instrument, ...]
    symbol: I32
    time: I64
    trade_id: I64
    price: I64
    size: I64
    side: I8
    late: Bools
    first_id: I64 | None = None
    last_id: I64 | None = None
    event_time: I64 | None = None
    received: I64 | None = None
    ids_known: bool = True
    gap: Bools | None = None


@dataclass(frozen=True, slots=True)
class Bars(Columns):
    """OHLCV bars of one interval, in time order per symbol.

    Attributes:
        open, high, low, close: in price units (`price_decimals`).
        volume, taker_buy_volume: in size units; quote_volume, taker_buy_quote_volume in `quote_decimals`. The taker columns are
            UNKNOWN when the input has no side.
        first_trade_id, last_trade_id: UNKNOWN when the bar has no trade or the input has no ids.
        last_trade_time: time of the newest trade at or before the bar, so a bar without trades tells how old its close is.
        late_count: trades that came too late for this symbol since the bar before.
        complete: False for a forming bar, which a later one of the same open time replaces.
        gap: trades are missing from this bar: nobody could give them, or a live input begins in it.
    """

    instruments: tuple[Instrument, ...]
    interval: Interval
    symbol: I32
    open_time: I64
    open: I64
    high: I64
    low: I64
    close: I64
    volume: I64
    quote_volume: I64
    trade_count: I64
    taker_buy_volume: I64
    taker_buy_quote_volume: I64
    first_trade_id: I64
    last_trade_id: I64
    last_trade_time: I64
    late_count: I64
    complete: Bools
    gap: Bools


@dataclass(frozen=True, slots=True)
class Rejects(Columns):
    """Rows that are no trades because they could not be read, with where and why. Object columns of str but for `line`.

    Attributes:
        source: file or stream name.
        line: 1-based line, row or message number in that source.
        time: microseconds at which it is filed: the newest event time before it, as the row's own time is not trusted.
        reason: what was wanted and what was found.
        text: the row itself, cut to 200 characters.
    """

    source: NDArray[np.object_]
    line: I64
    time: I64
    reason: NDArray[np.object_]
    text: NDArray[np.object_]

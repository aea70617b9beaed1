"""The bars that are still open, and the fold that closes them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from flows.bars.kernels import (
    BAR_WIDTH,
    GAP,
    LAST_CLOSE,
    NONE,
    OPEN_TIME,
    PRICE_COLUMNS,
    QUOTE_COLUMNS,
    QUOTE_VOLUME,
    ROW_WIDTH,
    SECOND,
    SIZE_COLUMNS,
    SYMBOL,
    SYMBOL_WIDTH,
    VOLUME,
    collect,
    compact,
    count_bars,
    emit,
)
from flows.domain.chunk import Chunk
from flows.domain.frames import I64, Bars, Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.domain.scale import rescaled
from flows.errors import InputError

HELD_AHEAD_US = 30 * SECOND
"""How far the forming bars of a symbol go on behind which the others run ahead: long enough to see it pass any sensible limit of
staleness, short enough that a leg held for hours costs a few rows at each emission."""

_FIELDS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trade_count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "first_trade_id",
    "last_trade_id",
    "last_trade_time",
    "late_count",
)
"""Columns of `Bars` in the order of the kernels' rows."""


@dataclass(slots=True)
class BarsState:
    """What a fold remembers: small, picklable, and all that a resume needs.

    Attributes:
        cells: open one-second bars, shape (open, ROW_WIDTH); heads, tails: their chains, one per symbol.
        symbols: per symbol the next second, last close, last trade time …, shape (symbols, SYMBOL_WIDTH).
        longer: the open bar of each longer interval, shape (symbols, longer intervals, BAR_WIDTH).
        watermark: per symbol, of the newest chunk. formed: watermark at the last forming emission.
    """

    instruments: tuple[Instrument, ...] = ()
    cells: I64 = field(default_factory=lambda: np.empty((0, ROW_WIDTH), np.int64))
    heads: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    tails: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    symbols: I64 = field(default_factory=lambda: np.empty((0, SYMBOL_WIDTH), np.int64))
    longer: I64 = field(default_factory=lambda: np.empty((0, 0, BAR_WIDTH), np.int64))
    watermark: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    formed: int = 0


class OpenBars:
    """Folds chunks of ticks into chunks of bars, one per interval, all closed by the watermark alone.

    Args:
        intervals: wanted bar lengths. One-second bars are always the base of the longer ones.
        fill_limit_us: how long after its last trade a symbol gets zero-trade bars; a longer silence leaves a hole.
        gap_limit_us: trades missing for longer than this leave a hole, whatever the fill limit says.
        forming_every_us: how far the watermark moves between two emissions of the open bars; 0: never.
        state: of an earlier fold, to go on with.
    """

    def __init__(
        self,
        intervals: tuple[Interval, ...],
        fill_limit_us: int,
        gap_limit_us: int,
        forming_every_us: int = 0,
        state: BarsState | None = None,
    ) -> None:
        self._intervals = intervals
        self._longer = tuple(interval for interval in Interval if interval is not Interval.S1)
        self._lengths = np.array([interval.us for interval in self._longer], np.int64)
        self._fill_limit, self._gap_limit = fill_limit_us, gap_limit_us
        self._forming_every = forming_every_us
        self._state = BarsState() if state is None else state

    def state(self) -> BarsState:
        """A copy of the state, safe to pickle while folding goes on."""
        state = self._state
        held: dict[str, Any] = {of.name: getattr(state, of.name) for of in fields(state)}
        copied: dict[str, Any] = {name: of.copy() for name, of in held.items() if isinstance(of, np.ndarray)}
        return BarsState(**(held | copied))

    def fold(self, chunk: Chunk[Ticks]) -> list[Chunk[Bars]]:
        """The bars that this chunk closes, and now and then the forming ones.

        Raises:
            InputError: sums of a bar beyond the range of int64.
        """
        state = self._state
        self._adopt(chunk.rows.instruments)
        before = state.watermark
        state.watermark = np.maximum(before, chunk.watermark)
        if len(chunk.rows):
            self._collect(chunk.rows, before)
        closed = list(self._emitted(state, state.watermark, flush=False, before=before))
        state.cells = compact(state.cells, state.heads, state.tails)
        return closed + self._forming_due()

    def provisional(self, *, held_ahead_us: int = 0) -> list[Chunk[Bars]]:
        """The open bars as they stand, `complete = False`; the state does not change.

        Args:
            held_ahead_us: a symbol whose watermark is behind the newest gets silent bars up to that one, at most this far ahead.
        """
        state = self.state()
        until = np.minimum(state.watermark + held_ahead_us, state.watermark.max(initial=0))
        until -= until % SECOND
        waiting = state.tails != NONE
        until[waiting] = np.maximum(until[waiting], state.cells[state.tails[waiting], OPEN_TIME] + SECOND)
        return list(self._emitted(state, until, flush=True, before=None))

    def _forming_due(self) -> list[Chunk[Bars]]:
        newest = int(self._state.watermark.max(initial=0))
        if not self._forming_every or newest // self._forming_every == self._state.formed // self._forming_every:
            return []
        self._state.formed = newest
        return self.provisional(held_ahead_us=HELD_AHEAD_US)

    def _adopt(self, instruments: tuple[Instrument, ...]) -> None:
        """Take in new symbols and finer scales."""
        state = self._state
        if instruments == state.instruments:
            return
        for s, (old, new) in enumerate(zip(state.instruments, instruments, strict=False)):
            self._rescale(s, old, new)
        added = len(instruments) - len(state.instruments)
        nothing = np.full(added, NONE, np.int64)
        state.heads = np.concatenate([state.heads, nothing])
        state.tails = np.concatenate([state.tails, nothing])
        fresh = np.zeros((added, SYMBOL_WIDTH), np.int64)
        fresh[:, 0] = NONE
        state.symbols = np.concatenate([state.symbols, fresh])
        empty = np.zeros((added, len(self._longer), BAR_WIDTH), np.int64)
        empty[:, :, OPEN_TIME] = NONE
        state.longer = np.concatenate([state.longer.reshape(-1, len(self._longer), BAR_WIDTH), empty])
        state.watermark = np.concatenate([state.watermark, np.zeros(added, np.int64)])
        state.instruments = instruments

    def _rescale(self, s: int, old: Instrument, new: Instrument) -> None:
        state = self._state
        price, size = new.price_decimals - old.price_decimals, new.size_decimals - old.size_decimals
        if price == 0 and size == 0:
            return
        mine = state.cells[:, SYMBOL] == s
        for columns, by in ((PRICE_COLUMNS, price), (SIZE_COLUMNS, size), (QUOTE_COLUMNS, price + size)):
            for column in columns:
                state.cells[mine, column] = rescaled(state.cells[mine, column], by)
                state.longer[s, :, column] = rescaled(state.longer[s, :, column], by)
        state.symbols[s : s + 1, LAST_CLOSE] = rescaled(state.symbols[s : s + 1, LAST_CLOSE], price)

    def _collect(self, ticks: Ticks, proven: I64) -> None:
        state = self._state
        used = len(state.cells)
        cells = np.empty((used + len(ticks), ROW_WIDTH), np.int64)
        cells[:used] = state.cells
        first = ticks.trade_id if ticks.first_id is None else ticks.first_id
        last = ticks.trade_id if ticks.last_id is None else ticks.last_id
        gap = np.zeros(len(ticks), np.bool_) if ticks.gap is None else ticks.gap
        end = collect(
            cells, used, state.heads, state.tails, state.symbols, ticks.symbol, ticks.time, ticks.price, ticks.size,
            ticks.side, ticks.late, first, last, ticks.ids_known, gap, proven, self._gap_limit,
        )  # fmt: skip
        if end < 0:
            i = -1 - end
            symbol = ticks.instruments[ticks.symbol[i]].symbol
            raise InputError(
                f"{symbol}: the volume of one bar exceeds what can be summed exactly, at trade {ticks.trade_id[i]}"
            )
        state.cells = cells

    def _emitted(self, state: BarsState, until: I64, *, flush: bool, before: I64 | None) -> Iterator[Chunk[Bars]]:
        n_bars, holes = count_bars(state.cells, state.heads, state.symbols, until, self._fill_limit)
        bars = np.empty((n_bars, ROW_WIDTH), np.int64)
        # A run of n bars without a hole touches at most n // length + 2 longer ones.
        room = sum(n_bars // int(length // SECOND) + 2 * (len(until) + holes) for length in self._lengths)
        longer = np.empty((room, ROW_WIDTH), np.int64)
        kinds = np.empty(room, np.int8)
        used = emit(
            state.cells, state.heads, state.tails, state.symbols, state.longer, self._lengths, until, self._fill_limit,
            flush, bars, longer, kinds,
        )  # fmt: skip
        kinds = kinds[:used]
        _check_sums(longer[:used], state.instruments)
        for interval in self._intervals:
            rows = bars if interval is Interval.S1 else longer[:used][kinds == self._longer.index(interval)]
            moved = before is not None and bool(np.any(state.watermark // interval.us > before // interval.us))
            if len(rows) or moved:
                yield Chunk(state.watermark, self._frame(rows, interval, complete=before is not None))

    def _frame(self, rows: I64, interval: Interval, *, complete: bool) -> Bars:
        return Bars(
            instruments=self._state.instruments,
            interval=interval,
            symbol=rows[:, SYMBOL].astype(np.int32),
            complete=np.full(len(rows), complete),
            gap=rows[:, GAP] != 0,
            **{name: rows[:, i] for i, name in enumerate(_FIELDS)},
        )


def _check_sums(longer: I64, instruments: tuple[Instrument, ...]) -> None:
    wrong = np.flatnonzero((longer[:, VOLUME] < 0) | (longer[:, QUOTE_VOLUME] < 0))
    if len(wrong):
        symbol = instruments[longer[wrong[0], SYMBOL]].symbol
        when = np.datetime64(int(longer[wrong[0], OPEN_TIME]), "us")
        raise InputError(f"{symbol}: the volume of the bar at {when}Z exceeds what can be summed exactly")

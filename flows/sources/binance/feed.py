"""The feed as a pure state machine: messages with their receive times in, chunks of trades out. It reads no clock and no socket.

Watermark of a symbol = the newest trade time seen of it, or what silence proves: while any message comes, the newest sent time `E` of the
connection less the grace; when nothing comes at all for as long as the grace, the local clock less its lead and the grace. The lead of the
receive clock over the exchange's is the least `received − E` of the last one to two minutes, so a clock that is seconds off, as in recorded
captures, neither makes trades late nor holds bars back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.chunk import BEGINNING, Chunk
from flows.domain.frames import BUY, SELL, FeedEvents, Rejects, Ticks
from flows.domain.instrument import Instrument
from flows.errors import FeedError
from flows.sources.binance import clockwork as step
from flows.sources.binance.columns import (
    AGGREGATE,
    EVENT,
    FIRST,
    ID,
    LAST,
    MAKER,
    PRICE,
    PRICE_DECIMALS,
    RECEIVED,
    SIZE,
    SIZE_DECIMALS,
    SYMBOL,
    TIME,
)
from flows.sources.binance.messages import KINDS, Parsed, parse_lines
from flows.sources.binance.records import Record
from flows.sources.scan import POW10
from flows.sources.symbols import SymbolTable

I64 = NDArray[np.int64]
FeedChunk = Chunk[Ticks] | Chunk[Rejects] | Chunk[FeedEvents]

COUNTED = (
    "trades", "late", "skipped", "duplicates", "zero", "insurance_fund", "na", "other_execution",
    "malformed", "ahead", "wrong_kind", "too_large",
)  # fmt: skip
"""What `Feed.counts` tells, in the order of the verdicts of `clockwork`; `trades` does not hold the late ones."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """Everything a feed needs to go on after a restart; plain values, a few dozen bytes per symbol."""

    instruments: tuple[Instrument, ...]
    messages: int
    counts: tuple[int, ...]
    clock: tuple[int, ...]
    legs: tuple[tuple[int, ...], ...]
    watermark: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Legs:
    """How each symbol stands, for the I/O to decide what to ask: int64, shape (instruments,); UNKNOWN where there is none.

    Attributes:
        last_id: newest id applied, −1 before the first. last_trade_time: newest trade time applied.
        received: receive time of the symbol's newest message from the stream, also one that was known already.
        held: rows that wait for missing ids. first_held: the lowest id of them. held_since: receive time of the first of them.
        filled: rows that REST gave so far. missing: ids that nobody could give so far.
        proven: until when silence is proven, exchange clock. watermark: as in the chunks.
    """

    last_id: I64
    last_trade_time: I64
    received: I64
    held: I64
    held_since: I64
    first_held: I64
    filled: I64
    missing: I64
    proven: I64
    watermark: I64


class Feed:
    """Trades of one stream kind, in order and once.

    Args:
        instruments: the symbols in the order of the table, with the scale the exchange states; None: symbols are accepted as they come.
        stream: `aggTrade` or `trade`; None: what the first trade is. The ids of the two cannot be mixed.
        silence_grace_us: how far behind the exchange's clock the watermark of a silent symbol follows.
        max_ahead_us: how far ahead of the (lead-corrected) receive time a time may be.
        state: of a feed to go on with. Instruments that it lacks are added; scales become the finer of both.
        lead_us: receive clock − exchange clock where measured (`GET /fapi/v1/time`), for use until messages tell.

    Raises:
        FeedError: the state is of the other kind of stream.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument] | None,
        stream: str | None,
        silence_grace_us: int,
        max_ahead_us: int,
        state: FeedState | None = None,
        lead_us: int | None = None,
        verified: bool = False,
        proof_margin_us: int = 0,
        hold_limit: int = 500_000,
    ) -> None:
        self._accept_new = instruments is None
        self._grace, self._most_ahead = silence_grace_us, max_ahead_us
        self._symbols = SymbolTable(state.instruments if state else ())
        self._messages = state.messages if state else 0
        self._counts = np.array(state.counts if state else (0,) * step.VERDICTS, np.int64)
        self._clock = np.array(state.clock if state else _NEW_CLOCK, np.int64)
        self._legs = np.array(state.legs if state else (), np.int64).reshape(-1, step.LEG)
        self._sent_watermark = np.array(state.watermark if state else (), np.int64)
        for instrument in instruments or ():
            if self._symbols.index(instrument.symbol) is None:
                self._symbols.add(instrument)
        self._grow_legs()
        for instrument in instruments or ():
            leg = self._legs[self._index(instrument.symbol)]
            leg[step.LEG_PRICE_DECIMALS] = max(leg[step.LEG_PRICE_DECIMALS], instrument.price_decimals)
            leg[step.LEG_SIZE_DECIMALS] = max(leg[step.LEG_SIZE_DECIMALS], instrument.size_decimals)
        self._refine()
        if stream is not None:
            if self._clock[step.STREAM_KIND] not in (0, KINDS[stream]):
                raise FeedError(
                    f'the saved state is of another kind of stream than "{stream}": their ids cannot be continued'
                )
            self._clock[step.STREAM_KIND] = KINDS[stream]
        if lead_us is not None:
            self._clock[[step.LEAD, step.LEAD_NOW, step.LEAD_BEFORE]] = lead_us, step.UNSET, step.UNSET

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The table that ticks point into: a symbol never changes its place, new ones come at the end, scales only grow."""
        return self._symbols.instruments

    @property
    def counts(self) -> dict[str, int]:
        """How many messages came to what; with `missing` ids of the sequence and `missing_trades` between aggregates."""
        told = dict(zip(COUNTED, self._counts.tolist(), strict=True))
        missing, missing_trades = self._legs[:, [step.MISSING, step.MISSING_TRADES]].sum(axis=0).tolist()
        return {"messages": self._messages, **told, "missing": missing, "missing_trades": missing_trades}

    @property
    def watermark(self) -> I64:
        """Per instrument: no trade before this follows that is not late."""
        watermark: I64 = np.maximum(self._legs[:, step.LEG_TIME], self._clock[step.SILENCE])
        return watermark

    def state(self) -> FeedState:
        """A picklable snapshot: a feed made of it goes on as this one would."""
        return FeedState(
            self.instruments,
            self._messages,
            tuple(self._counts.tolist()),
            tuple(self._clock.tolist()),
            tuple(map(tuple, self._legs.tolist())),
            tuple(self._sent_watermark.tolist()),
        )

    def on_messages(self, received_us: I64, messages: Sequence[bytes], source: str = "binance") -> list[FeedChunk]:
        """Apply messages in the order in which they were received.

        Args:
            received_us: receive time of each, microseconds, shape (messages,).
            source: what rejects name as their source; their line is the message's number since the feed began.
        """
        lines = b"\n".join(messages)
        if lines.count(b"\n") != len(messages) - 1:
            # White space in JSON; a raw line feed inside a text is malformed either way.
            lines = b"\n".join([message.replace(b"\n", b" ") for message in messages])
        # The line feed at the end keeps an empty last message a message.
        parsed = parse_lines(lines + b"\n" if messages else b"", self._symbols, self._accept_new)
        parsed.rows[:, RECEIVED] = received_us
        return self._applied(parsed, source)

    def on_lines(self, lines: bytes, source: str, first_line: int | None = None) -> list[FeedChunk]:
        """Apply lines of a raw capture, with the receive times that stand in them; without one, `E` is taken for it.

        Args:
            lines: whole lines; only the last of a file may lack its newline.
            first_line: number of the first one in its file; None: goes on from the last call.
        """
        return self._applied(parse_lines(lines, self._symbols, self._accept_new), source, first_line)

    def on_timer(self, now_us: int) -> list[FeedChunk]:
        """Let the local clock act: a heartbeat if it moves a watermark. Messages received before `now_us` must have been applied."""
        step.tick(self._clock, now_us, self._grace)
        return self._out(None)

    def on_resume(self, at_us: int) -> None:
        """The socket was not read until `at_us` (not connected, or held back by a full queue): silence till then proves nothing."""
        self._clock[step.GRID] = max(self._clock[step.GRID], at_us - at_us % step.GRID_STEP)
        self._clock[step.LAST_RECEIVED] = max(self._clock[step.LAST_RECEIVED], at_us)

    def on_record(self, record: Record) -> list[FeedChunk]:
        """Apply what is no message: the beginning of a session, an answer of REST, ids given up, an event to be told.

        A `Session` is applied to a new feed too (it says what the arguments say); it forgets the rows that wait.
        """
        raise NotImplementedError

    @property
    def legs(self) -> Legs:
        """How each symbol stands now."""
        raise NotImplementedError

    @property
    def lead_us(self) -> int | None:
        """Receive clock − exchange clock: the least delay seen lately; None where nothing told it yet."""
        raise NotImplementedError

    def _applied(self, parsed: Parsed, source: str, first_line: int | None = None) -> list[FeedChunk]:
        rows = parsed.rows
        first = self._messages + 1 if first_line is None else first_line
        self._messages += len(rows)
        self._grow_legs()
        verdicts, filed = np.zeros(len(rows), np.int8), np.zeros(len(rows), np.int64)
        step.apply(rows, verdicts, filed, self._clock, self._legs, self._grace, self._most_ahead)
        self._counts += np.bincount(verdicts, minlength=step.VERDICTS)
        self._refine()
        chunks = self._out(self._ticks(rows, verdicts))
        bad = np.flatnonzero(verdicts >= step.FIRST_REJECT)
        if len(bad):
            chunks.append(_rejects(parsed, verdicts, filed, bad, source, first))
        return chunks

    def _ticks(self, rows: I64, verdicts: NDArray[np.int8]) -> Ticks | None:
        kept = verdicts <= step.LATE
        if not kept.any():
            return None
        verdicts, rows = verdicts[kept], rows[kept]
        symbol = rows[:, SYMBOL]
        price_decimals, size_decimals = self._symbols.price_decimals[symbol], self._symbols.size_decimals[symbol]
        aggregates = self._clock[step.STREAM_KIND] == AGGREGATE
        return Ticks(
            instruments=self.instruments,
            symbol=symbol.astype(np.int32),
            time=rows[:, TIME] * 1000,
            trade_id=rows[:, ID].copy(),
            price=rows[:, PRICE] * POW10[price_decimals - rows[:, PRICE_DECIMALS]],
            size=rows[:, SIZE] * POW10[size_decimals - rows[:, SIZE_DECIMALS]],
            side=np.where(rows[:, MAKER] == 1, SELL, BUY),
            late=verdicts == step.LATE,
            first_id=rows[:, FIRST].copy() if aggregates else None,
            last_id=rows[:, LAST].copy() if aggregates else None,
            event_time=rows[:, EVENT] * 1000,
            received=rows[:, RECEIVED].copy(),
        )

    def _out(self, ticks: Ticks | None) -> list[FeedChunk]:
        """The ticks with the watermark after them; without ticks a heartbeat, if there is anything new to say."""
        watermark = self.watermark
        if ticks is None:
            if np.array_equal(watermark, self._sent_watermark):
                return []
            ticks = _no_ticks(self.instruments, aggregates=self._clock[step.STREAM_KIND] == AGGREGATE)
        self._sent_watermark = watermark
        return [Chunk(watermark, ticks)]

    def _index(self, symbol: str) -> int:
        index = self._symbols.index(symbol)
        assert index is not None
        return index

    def _grow_legs(self) -> None:
        """One row of state for each symbol of the table."""
        new = len(self._symbols) - len(self._legs)
        if new:
            self._legs = np.concatenate([self._legs, np.tile(np.array(_NEW_LEG, np.int64), (new, 1))])
            self._sent_watermark = np.concatenate([self._sent_watermark, np.full(new, BEGINNING)])

    def _refine(self) -> None:
        """Bring the table to the scales the rows needed."""
        price, size = self._legs[:, step.LEG_PRICE_DECIMALS], self._legs[:, step.LEG_SIZE_DECIMALS]
        finer = (price > self._symbols.price_decimals) | (size > self._symbols.size_decimals)
        for k in np.flatnonzero(finer).tolist():
            self._symbols.refine(k, int(price[k]), int(size[k]))


_NEW_CLOCK = (0, step.UNSET, step.UNSET, step.UNSET, step.UNSET, 0, int(BEGINNING), int(BEGINNING), 0)
_NEW_LEG = (-1, -1, int(BEGINNING), 0, 0, 0, 0)

_REASONS = {
    step.AHEAD: "a time too far ahead of the receive time; is the clock of this machine right?",
    step.WRONG_KIND: "expected one kind of stream only: aggregate trades and trades have different ids",
    step.TOO_LARGE: "price or size, or their product, is too large to be summed exactly",
}


def _rejects(
    parsed: Parsed, verdicts: NDArray[np.int8], filed: I64, bad: NDArray[np.intp], source: str, first: int
) -> Chunk[Rejects]:
    rows = bad.tolist()
    frame = Rejects(
        source=np.array([source] * len(rows), np.object_),
        line=bad.astype(np.int64) + first,
        time=filed[bad],
        reason=np.array([_REASONS.get(int(verdicts[i])) or parsed.reasons[i] for i in rows], np.object_),
        text=np.array([parsed.line(i)[:200] for i in rows], np.object_),
    )
    return Chunk(np.array([BEGINNING]), frame)


def _no_ticks(instruments: tuple[Instrument, ...], aggregates: bool) -> Ticks:
    none = np.zeros(0, np.int64)
    ids = none if aggregates else None
    return Ticks(
        instruments, none.astype(np.int32), none, none, none, none, none.astype(np.int8), none.astype(np.bool_),
        ids, ids, none, none,
    )  # fmt: skip

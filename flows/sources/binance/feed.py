"""The feed as a pure state machine: messages with their receive times in, chunks of trades out. It reads no clock and no socket.

**Verified** (aggregate trades, live or in our own captures): ids rise by 1, so a row behind a missing one waits until REST gives what is
missing, or nobody can. Watermark of a symbol = the newest trade time applied, or until when an answer of REST proves its silence. Only what
enters as a message or a record moves anything, so the same input gives the same bits.

**Unverified**: watermark of a symbol = the newest trade time seen of it, or what silence proves: while any message comes, the newest sent
time `E` of the connection less the grace; when nothing comes at all for as long as the grace, the local clock less its lead and the grace.

The lead of the receive clock over the exchange's is the least `received − E` of the last one to two minutes, so a clock that is seconds
off, as in recorded captures, neither makes trades late nor holds bars back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.chunk import BEGINNING, Chunk
from flows.domain.frames import FeedEvents, Rejects, Ticks
from flows.domain.instrument import Instrument
from flows.domain.scale import UNKNOWN
from flows.errors import FeedError
from flows.sources.binance import clockwork as step
from flows.sources.binance.columns import AGGREGATE, ID, RECEIVED, START, SYMBOL, WIDTH
from flows.sources.binance.fills import read_answer
from flows.sources.binance.holds import Holds
from flows.sources.binance.judged import REST, STREAM, Judged
from flows.sources.binance.messages import KINDS, Malformed, Parsed, parse_lines
from flows.sources.binance.records import Event, Fill, Lost, Record, Resumed, Session
from flows.sources.symbols import SymbolTable

I64 = NDArray[np.int64]
FeedChunk = Chunk[Ticks] | Chunk[Rejects] | Chunk[FeedEvents]

COUNTED = (
    "trades", "late", "skipped", "duplicates", "zero", "insurance_fund", "na", "other_execution", "waited",
    "malformed", "ahead", "wrong_kind", "too_large",
)  # fmt: skip
"""What `Feed.counts` tells, in the order of the verdicts of `clockwork`; `trades` does not hold the late ones. A row that waited is
counted once more by what became of it."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """Everything a feed needs to go on after a restart; plain values, a few dozen bytes per symbol. Rows that wait are no part of it."""

    instruments: tuple[Instrument, ...]
    messages: int
    answers: int
    events: int
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
        silence_grace_us: how far behind the exchange's clock the watermark of a silent symbol follows, unverified.
        max_ahead_us: how far ahead of the (lead-corrected) receive time a time may be.
        state: of a feed to go on with. Instruments that it lacks are added; scales become the finer of both.
        lead_us: receive clock − exchange clock where measured (`GET /fapi/v1/time`), for use until messages tell.
        verified: nothing is believed without proof; the stream must be `aggTrade`.
        proof_margin_us: an answer without trades proves silence up to this long before it was asked for.
        hold_limit: rows that may wait for missing ids, of all symbols.

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
        assert not verified or stream == "aggTrade", "only ids of aggregate trades can be verified"
        self._symbols = SymbolTable(state.instruments if state else ())
        self._messages, self._answers, self._events = (
            (state.messages, state.answers, state.events) if state else (0, 0, 0)
        )
        self._counts = np.array(state.counts if state else (0,) * step.VERDICTS, np.int64)
        self._clock = np.array(state.clock if state else _NEW_CLOCK, np.int64)
        self._legs = np.array(state.legs if state else (), np.int64).reshape(-1, step.LEG)
        self._sent_watermark = np.array(state.watermark if state else (), np.int64)
        self._holds = Holds()
        self._verified, self._accept_new = verified, instruments is None
        self._grace, self._most_ahead = silence_grace_us, max_ahead_us
        self._proof_margin, self._hold_limit = proof_margin_us, hold_limit
        self._begin(instruments or (), stream, lead_us)

    def _begin(self, instruments: Sequence[Instrument], stream: str | None, lead_us: int | None) -> None:
        """Take up symbols, the kind of stream and the measured lead."""
        for instrument in instruments:
            if self._symbols.index(instrument.symbol) is None:
                self._symbols.add(instrument)
        self._grow()
        for instrument in instruments:
            leg = self._legs[self._symbols.index(instrument.symbol)]
            leg[step.LEG_PRICE_DECIMALS] = max(leg[step.LEG_PRICE_DECIMALS], instrument.price_decimals)
            leg[step.LEG_SIZE_DECIMALS] = max(leg[step.LEG_SIZE_DECIMALS], instrument.size_decimals)
        self._refine()
        if stream is not None:
            if self._clock[step.STREAM_KIND] not in (0, KINDS[stream]):
                raise FeedError(
                    f'what came before is of another kind of stream than "{stream}": their ids cannot be continued'
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
        """How many messages came to what; `missing` ids (verified: that nobody could give), `missing_trades` between aggregates, `answers`
        of REST and rows `filled` by them."""
        told = dict(zip(COUNTED, self._counts.tolist(), strict=True))
        of_legs = self._legs[:, [step.MISSING, step.MISSING_TRADES, step.FILLED]].sum(axis=0).tolist()
        told |= zip(("missing", "missing_trades", "filled"), of_legs, strict=True)
        return {"messages": self._messages, "answers": self._answers, **told}

    @property
    def watermark(self) -> I64:
        """Per instrument: no trade before this follows that is not late."""
        proven = self._legs[:, step.PROVEN] if self._verified else self._clock[step.SILENCE]
        watermark: I64 = np.maximum(self._legs[:, step.LEG_TIME], proven)
        return watermark

    @property
    def lead_us(self) -> int | None:
        """Receive clock − exchange clock: the least delay seen lately; None where nothing told it yet."""
        lead = int(self._clock[step.LEAD])
        return None if lead == step.UNSET else lead

    @property
    def legs(self) -> Legs:
        """How each symbol stands now."""
        legs, holds = self._legs, self._holds.table
        waiting = holds[:, step.HELD] > 0
        return Legs(
            last_id=legs[:, step.LAST_ID].copy(),
            last_trade_time=_known(legs[:, step.LEG_TIME], legs[:, step.LEG_TIME] > BEGINNING),
            received=_known(legs[:, step.LEG_RECEIVED], legs[:, step.LEG_RECEIVED] > 0),
            held=holds[:, step.HELD].copy(),
            held_since=_known(holds[:, step.HELD_SINCE], waiting),
            first_held=_known(holds[:, step.FIRST_HELD], waiting),
            filled=legs[:, step.FILLED].copy(),
            missing=legs[:, step.MISSING].copy(),
            proven=_known(legs[:, step.PROVEN], legs[:, step.PROVEN] > BEGINNING),
            watermark=self.watermark,
        )

    def state(self) -> FeedState:
        """A picklable snapshot: a feed made of it goes on as this one would, but for the rows that wait."""
        return FeedState(
            self.instruments,
            self._messages,
            self._answers,
            self._events,
            tuple(self._counts.tolist()),
            tuple(self._clock.tolist()),
            tuple(map(tuple, self._legs.tolist())),
            tuple(self._sent_watermark.tolist()),
        )

    @property
    def held_rows(self) -> I64:
        """The rows that wait, for a snapshot of an input that cannot be asked for them again."""
        return self._holds.all_rows()

    def hold_again(self, rows: I64) -> None:
        """Take up the `held_rows` of the feed that this one goes on for."""
        self._holds.restore(rows)

    def on_messages(self, received_us: I64, messages: Sequence[bytes], source: str = STREAM) -> list[FeedChunk]:
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
        return self.on_block(received_us, lines + b"\n" if messages else b"", source)

    def on_block(self, received_us: I64, lines: bytes, source: str = STREAM) -> list[FeedChunk]:
        """As `on_messages`, of messages that stand one on each line."""
        parsed = parse_lines(lines, self._symbols, self._accept_new)
        parsed.rows[:, RECEIVED] = received_us
        return self._applied(parsed, source)

    def on_lines(self, lines: bytes, source: str, first_line: int | None = None) -> list[FeedChunk]:
        """Apply lines of a foreign capture, with the receive times that stand in them; without one, `E` is taken for it. Unverified only.

        Args:
            lines: whole lines; only the last of a file may lack its newline.
            first_line: number of the first one in its file; None: goes on from the last call.
        """
        assert not self._verified
        return self._applied(parse_lines(lines, self._symbols, self._accept_new), source, first_line)

    def on_timer(self, now_us: int) -> list[FeedChunk]:
        """Let the local clock act: a heartbeat if it moves a watermark. Messages received before `now_us` must have been applied.

        A verified feed does not go by it.
        """
        if self._verified:
            return []
        step.tick(self._clock, now_us, self._grace)
        return self._out(Judged(False))

    def on_resume(self, at_us: int) -> None:
        """The socket was not read until `at_us` (not connected, or held back by a full queue): silence till then proves nothing."""
        self._clock[step.GRID] = max(self._clock[step.GRID], at_us - at_us % step.GRID_STEP)
        self._clock[step.LAST_RECEIVED] = max(self._clock[step.LAST_RECEIVED], at_us)

    def on_record(self, record: Record) -> list[FeedChunk]:
        """Apply what is no message: the beginning of a session, an answer of REST, ids given up, an event to be told.

        A `Session` is applied to a new feed too (it says what the arguments say); it forgets the rows that wait. An answer that is not
        wholly what was asked for is a reject of source `REST`.

        Raises:
            FeedError: a session of the other kind of stream.
        """
        if isinstance(record, Session):
            self._on_session(record)
        out = Judged(self._verified)
        match record:
            case Resumed():
                self.on_resume(record.received_us)
            case Fill():
                self._on_fill(record, out)
            case Lost():
                self._on_lost(record, out)
            case Event():
                out.events.append(record)
        return self._out(out)

    def _on_session(self, session: Session) -> None:
        self._verified, self._accept_new = session.stream == "aggTrade", False
        self._grace, self._most_ahead = session.silence_grace_us, session.max_ahead_us
        self._proof_margin, self._hold_limit = session.proof_margin_us, session.hold_limit
        self._begin(session.instruments, session.stream, session.lead_us)
        self._holds.clear()
        if not session.goes_on:
            self._legs[:, [step.LAST_ID, step.LAST_TRADE]] = -1
            self._legs[:, step.GAP_NEXT] = 1

    def _on_fill(self, fill: Fill, out: Judged) -> None:
        """Believe an answer if all of it is right: its rows, the holes in it, and the silence that it proves."""
        self._answers += 1
        symbol = self._symbols.index(fill.symbol)
        lead = self.lead_us
        try:
            if symbol is None:
                raise Malformed(f"expected an answer for a subscribed symbol, found {fill.symbol}")
            rows = read_answer(fill, symbol, fill.received_us - (lead or 0) + self._most_ahead)
        except Malformed as error:
            text = fill.body[:1_000].decode("utf-8", "replace")
            reason = f"{fill.symbol} from id {fill.from_id}: {error}"
            out.reject(REST, self._answers, max(int(self._clock[step.NEWEST]), 0), reason, text)
            return
        rows[:, START] = self._answers
        leg, newest_only = self._legs[symbol], fill.from_id < 0
        last = int(leg[step.LAST_ID])
        begins = int(rows[0, ID]) if newest_only and len(rows) else fill.from_id
        if not self._verified or (last >= 0 and begins > last + 1):
            return  # of the ids between nothing is known
        complete = newest_only or len(rows) < fill.limit
        self._filled(fill, symbol, rows[rows[:, ID] > last], complete, out)
        if complete and lead is not None and not self._holds.table[symbol, step.HELD]:
            leg[step.PROVEN] = max(leg[step.PROVEN], fill.asked_us - lead - self._proof_margin)

    def _filled(self, fill: Fill, symbol: int, rows: I64, complete: bool, out: Judged) -> None:
        """Let rows of an answer in, and tell when the last of a gap has come."""
        leg, waited = self._legs[symbol], self._holds.table[symbol, step.HELD] > 0
        leg[step.FILLED] += len(rows)
        if len(rows):
            self._let_in(fill.received_us, symbol, rows, int(rows[-1, ID]), "the exchange does not serve them", out)
        if fill.from_id >= 0 and len(rows):
            leg[step.FILLING_FROM] = leg[step.FILLING_FROM] if leg[step.FILLING] else rows[0, ID]
            leg[step.FILLING] += len(rows)
            leg[step.FILLING_TO] = rows[-1, ID]
        closed = complete or (waited and not self._holds.table[symbol, step.HELD])
        if closed and leg[step.FILLING]:
            first, to, count = leg[[step.FILLING_FROM, step.FILLING_TO, step.FILLING]].tolist()
            detail = f"{count:,} trades that the stream did not bring came from REST"
            out.events.append(Event(fill.received_us, "filled", fill.symbol, detail, first, to, count))
            leg[step.FILLING] = 0

    def _on_lost(self, lost: Lost, out: Judged) -> None:
        """Give up ids: what waits among and behind them goes on."""
        symbol = self._symbols.index(lost.symbol)
        if symbol is None or not self._verified or self._legs[symbol, step.LAST_ID] < 0:
            return
        self._let_in(lost.received_us, symbol, _NO_ROWS, lost.to_id + 1, lost.reason, out)
        leg = self._legs[symbol]
        missing = lost.to_id - int(leg[step.LAST_ID])
        if missing > 0:
            out.events.append(_lost(lost, int(leg[step.LAST_ID]) + 1, lost.to_id))
            leg[step.LAST_ID], leg[step.GAP_NEXT] = lost.to_id, 1
            leg[step.MISSING] += missing

    def _let_in(self, now_us: int, symbol: int, rows: I64, limit: int, reason: str, out: Judged) -> None:
        """Apply rows of a symbol, and those waiting whose turn it is, jumping over ids missing before `limit`.

        Args:
            rows: sorted by id; where one waits with the same id, this one counts. reason: why ids are missing.
        """
        hold = self._holds.table[symbol]
        near = max(limit, int(self._legs[symbol, step.LAST_ID]) + 1, int(rows[-1, ID]) + 1 if len(rows) else 0)
        if hold[step.HELD] and hold[step.FIRST_HELD] <= near:
            rows = np.concatenate([rows, self._holds.take(symbol)])
            rows = rows[np.argsort(rows[:, ID], kind="stable")]
        verdicts, filed, gaps = _blank(len(rows))
        jumps = np.zeros((len(rows), 3), np.int64)
        used, jumped = step.enter(rows, limit, verdicts, filed, gaps, jumps, self._clock, self._legs)
        self._holds.put_back(symbol, rows[used:])
        out.add(rows[:used], verdicts[:used], gaps[:used])
        out.reject_rows(rows[:used], verdicts[:used], filed[:used])
        name = self.instruments[symbol].symbol
        for first, to, unused in jumps[:jumped].tolist():
            kind, why = ("skipped", "the exchange never used them: no trade is missing") if unused else ("lost", reason)
            out.events.append(Event(now_us, kind, name, why, first, to, to - first + 1))

    def _applied(self, parsed: Parsed, source: str, first_line: int | None = None) -> list[FeedChunk]:
        rows = parsed.rows
        first = self._messages + 1 if first_line is None else first_line
        self._messages += len(rows)
        self._grow()
        out = Judged(self._verified)
        verdicts, filed, gaps = _blank(len(rows))
        start = 0
        while start < len(rows):
            if self._verified:
                stop = step.admit(
                    rows, start, verdicts, filed, gaps, self._clock, self._legs, self._holds.table,
                    self._grace, self._most_ahead, self._hold_limit,
                )  # fmt: skip
            else:
                step.apply(rows, verdicts, filed, self._clock, self._legs, self._grace, self._most_ahead)
                stop = len(rows)
            judged = verdicts[start:stop]
            out.add(rows[start:stop], judged, gaps[start:stop])
            out.reject_lines(parsed, start, judged, filed[start:stop], source, first)
            if self._verified:
                self._look_after(rows[start:stop], judged, first + start, out)
            start = stop
        return self._out(out)

    def _look_after(self, rows: I64, verdicts: NDArray[np.int8], first: int, out: Judged) -> None:
        """Keep the rows that wait, let in those whose turn the last of these rows made it, and hold no more than may wait."""
        waiting = np.flatnonzero(verdicts == step.WAITS)
        if len(waiting):
            kept = rows[waiting]
            kept[:, START] = first + waiting
            self._holds.add(kept)
        last, table = rows[-1], self._holds.table
        symbol, now = int(last[SYMBOL]), int(last[RECEIVED])
        if symbol >= 0 and table[symbol, step.HELD]:
            following = self._legs[symbol, step.LAST_ID] + 1
            if table[symbol, step.FIRST_HELD] <= following:
                self._let_in(now, symbol, _NO_ROWS, -1, "", out)
        if self._holds.count > self._hold_limit:
            most = int(np.argmax(table[:, step.HELD]))
            dropped = self._holds.take(most)
            name, detail = (
                self.instruments[most].symbol,
                "too many trades wait for missing ones: these will be asked for again",
            )
            ids = int(dropped[0, ID]), int(dropped[-1, ID])
            out.events.append(Event(now, "hold_dropped", name, detail, *ids, len(dropped)))

    def _out(self, out: Judged) -> list[FeedChunk]:
        """The ticks with the watermark after them (without ticks a heartbeat, if there is anything new to say), rejects and events."""
        self._counts += out.counts
        self._refine()
        aggregates = bool(self._clock[step.STREAM_KIND] == AGGREGATE)
        watermark, ticks = self.watermark, out.ticks(self._symbols, aggregates)
        chunks: list[FeedChunk] = []
        if ticks is not None or not np.array_equal(watermark, self._sent_watermark):
            chunks.append(Chunk(watermark, ticks or out.no_ticks(self.instruments, aggregates)))
            self._sent_watermark = watermark
        chunks += out.rejects()
        chunks += out.feed_events(self._events + 1)
        self._events += len(out.events)
        return chunks

    def _grow(self) -> None:
        """One row of state for each symbol of the table."""
        new = len(self._symbols) - len(self._legs)
        if new:
            self._legs = np.concatenate([self._legs, np.tile(np.array(_NEW_LEG, np.int64), (new, 1))])
            self._sent_watermark = np.concatenate([self._sent_watermark, np.full(new, BEGINNING)])
        self._holds.grow(len(self._symbols))

    def _refine(self) -> None:
        """Bring the table to the scales the rows needed."""
        price, size = self._legs[:, step.LEG_PRICE_DECIMALS], self._legs[:, step.LEG_SIZE_DECIMALS]
        finer = (price > self._symbols.price_decimals) | (size > self._symbols.size_decimals)
        for k in np.flatnonzero(finer).tolist():
            self._symbols.refine(k, int(price[k]), int(size[k]))


_NEW_CLOCK = (0, step.UNSET, step.UNSET, step.UNSET, step.UNSET, 0, int(BEGINNING), int(BEGINNING), 0)
_NEW_LEG = (-1, -1, int(BEGINNING), 0, 0, 0, 0, int(BEGINNING), 0, 1, 0, 0, 0, 0)
_NO_ROWS = np.zeros((0, WIDTH), np.int64)


def _blank(count: int) -> tuple[NDArray[np.int8], I64, NDArray[np.bool_]]:
    """Verdicts, filing times and gap flags to be filled."""
    return np.zeros(count, np.int8), np.zeros(count, np.int64), np.zeros(count, np.bool_)


def _known(column: I64, known: NDArray[np.bool_]) -> I64:
    return np.where(known, column, UNKNOWN)


def _lost(lost: Lost, first: int, to: int) -> Event:
    return Event(lost.received_us, "lost", lost.symbol, lost.reason, first, to, to - first + 1)

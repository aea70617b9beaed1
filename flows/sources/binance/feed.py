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

import numpy as np
from numpy.typing import NDArray

from flows.domain.chunk import Chunk
from flows.domain.frames import FeedEvents, Rejects, Ticks
from flows.domain.instrument import Instrument
from flows.sources.binance import clockwork as step
from flows.sources.binance.book import COUNTED, Book, FeedState, Legs, Rules
from flows.sources.binance.columns import AGGREGATE, RECEIVED
from flows.sources.binance.judged import STREAM, Judged, blank
from flows.sources.binance.messages import Parsed, parse_lines
from flows.sources.binance.proof import believe_newest, fill_in, give_up, look_after, tell_filled
from flows.sources.binance.records import Event, Fill, Lost, Newest, Record, Resumed, Session

__all__ = ["Feed", "FeedChunk", "FeedState", "Legs"]

I64 = NDArray[np.int64]
FeedChunk = Chunk[Ticks] | Chunk[Rejects] | Chunk[FeedEvents]


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
        self._messages, self._answers, self._events = (
            (state.messages, state.answers, state.events) if state else (0, 0, 0)
        )
        self._counts = np.array(state.counts if state else (0,) * step.VERDICTS, np.int64)
        self._accept_new = instruments is None
        self._book = Book(Rules(verified, silence_grace_us, max_ahead_us, proof_margin_us, hold_limit), state)
        self._book.begin(instruments or (), stream, lead_us)

    @classmethod
    def of_session(cls, session: Session, state: FeedState | None, lead_us: int | None) -> "Feed":
        """The feed that a session describes; `state` and `lead_us` as in the constructor."""
        return cls(
            session.instruments, session.stream, session.silence_grace_us, session.max_ahead_us, state, lead_us,
            session.stream == "aggTrade", session.proof_margin_us, session.hold_limit,
        )  # fmt: skip

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The table that ticks point into: a symbol never changes its place, new ones come at the end, scales only grow."""
        return self._book.symbols.instruments

    @property
    def counts(self) -> dict[str, int]:
        """How many messages came to what; `missing` ids (verified: that nobody could give), `missing_trades` between aggregates, `answers`
        of REST and rows `filled` by them."""
        told = dict(zip(COUNTED, self._counts.tolist(), strict=True))
        of_legs = self._book.legs[:, [step.MISSING, step.MISSING_TRADES, step.FILLED]].sum(axis=0).tolist()
        told |= zip(("missing", "missing_trades", "filled"), of_legs, strict=True)
        return {"messages": self._messages, "answers": self._answers, **told}

    @property
    def watermark(self) -> I64:
        """Per instrument: no trade before this follows that is not late."""
        return self._book.watermark

    @property
    def lead_us(self) -> int | None:
        """Receive clock − exchange clock: the least delay seen lately; None where nothing told it yet."""
        return self._book.lead_us

    @property
    def legs(self) -> Legs:
        """How each symbol stands now."""
        return self._book.standing()

    def state(self) -> FeedState:
        """A picklable snapshot: a feed made of it goes on as this one would, but for the rows that wait."""
        return FeedState(
            self.instruments,
            self._messages,
            self._answers,
            self._events,
            tuple(self._counts.tolist()),
            tuple(self._book.clock.tolist()),
            tuple(map(tuple, self._book.legs.tolist())),
            tuple(self._book.sent_watermark.tolist()),
        )

    @property
    def held_rows(self) -> I64:
        """The rows that wait, for a snapshot of an input that cannot be asked for them again."""
        return self._book.holds.all_rows()

    def hold_again(self, rows: I64) -> None:
        """Take up the `held_rows` of the feed that this one goes on for."""
        self._book.holds.restore(rows)

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
        parsed = parse_lines(lines, self._book.symbols, self._accept_new)
        parsed.rows[:, RECEIVED] = received_us
        return self._applied(parsed, source)

    def on_lines(self, lines: bytes, source: str, first_line: int | None = None) -> list[FeedChunk]:
        """Apply lines of a foreign capture, with the receive times that stand in them; without one, `E` is taken for it. Unverified only.

        Args:
            lines: whole lines; only the last of a file may lack its newline.
            first_line: number of the first one in its file; None: goes on from the last call.
        """
        assert not self._book.rules.verified
        return self._applied(parse_lines(lines, self._book.symbols, self._accept_new), source, first_line)

    def on_timer(self, now_us: int) -> list[FeedChunk]:
        """Let the local clock act: a heartbeat if it moves a watermark. Messages received before `now_us` must have been applied.

        A verified feed does not go by it.
        """
        if self._book.rules.verified:
            return []
        step.tick(self._book.clock, now_us, self._book.rules.grace_us)
        return self._out(Judged(False))

    def on_resume(self, at_us: int) -> None:
        """The socket was not read until `at_us` (not connected, or held back by a full queue): silence till then proves nothing."""
        self._book.clock[step.GRID] = max(self._book.clock[step.GRID], at_us - at_us % step.GRID_STEP)
        self._book.clock[step.LAST_RECEIVED] = max(self._book.clock[step.LAST_RECEIVED], at_us)

    def on_record(self, record: Record) -> list[FeedChunk]:
        """Apply what is no message: the beginning of a session, an answer of REST, ids given up, an event to be told.

        A `Session` is applied to a new feed too (it says what the arguments say); it forgets the rows that wait. An answer that is not
        wholly what was asked for is a reject of source `REST`.

        Raises:
            FeedError: a session of the other kind of stream.
        """
        verified = record.stream == "aggTrade" if isinstance(record, Session) else self._book.rules.verified
        out = Judged(verified)
        match record:
            case Session():
                self._on_session(record, out)
            case Resumed():
                self.on_resume(record.received_us)
            case Fill():
                self._answers += 1
                fill_in(self._book, record, self._answers, out)
            case Newest():
                self._answers += 1
                believe_newest(self._book, record, self._answers, out)
            case Lost():
                give_up(self._book, record, out)
            case Event():
                symbol = self._book.symbols.index(record.symbol)
                if record.kind == "flowing" and symbol is not None:
                    tell_filled(self._book, symbol, record.received_us, out)
                out.events.append(record)
        return self._out(out)

    def _on_session(self, session: Session, out: Judged) -> None:
        self._accept_new = False
        self._book.rules = Rules(
            session.stream == "aggTrade", session.silence_grace_us, session.max_ahead_us, session.proof_margin_us, session.hold_limit
        )  # fmt: skip
        self._book.begin(session.instruments, session.stream, session.lead_us)
        self._book.holds.clear()
        if not session.goes_on:
            for symbol in range(len(self._book.legs)):
                tell_filled(self._book, symbol, session.received_us, out)
            self._book.begin_anew()

    def _applied(self, parsed: Parsed, source: str, first_line: int | None = None) -> list[FeedChunk]:
        rows, book, rules = parsed.rows, self._book, self._book.rules
        first = self._messages + 1 if first_line is None else first_line
        self._messages += len(rows)
        book.grow()
        out = Judged(rules.verified)
        verdicts, filed, gaps = blank(len(rows))
        start = 0
        while start < len(rows):
            if rules.verified:
                stop = step.admit(
                    rows, start, verdicts, filed, gaps, book.clock, book.legs, book.holds.table,
                    rules.grace_us, rules.most_ahead_us, rules.hold_limit,
                )  # fmt: skip
            else:
                step.apply(rows, verdicts, filed, book.clock, book.legs, rules.grace_us, rules.most_ahead_us)
                stop = len(rows)
            judged = verdicts[start:stop]
            out.add(rows[start:stop], judged, gaps[start:stop])
            out.reject_lines(parsed, start, judged, filed[start:stop], source, first)
            if rules.verified:
                look_after(book, rows[start:stop], judged, first + start, out)
            start = stop
        return self._out(out)

    def _out(self, out: Judged) -> list[FeedChunk]:
        """The ticks with the watermark after them (without ticks a heartbeat, if there is anything new to say), rejects and events."""
        self._counts += out.counts
        self._book.refine()
        aggregates = bool(self._book.clock[step.STREAM_KIND] == AGGREGATE)
        watermark, ticks = self.watermark, out.ticks(self._book.symbols, aggregates)
        chunks: list[FeedChunk] = []
        if ticks is not None or not np.array_equal(watermark, self._book.sent_watermark):
            chunks.append(Chunk(watermark, ticks or out.no_ticks(self.instruments, aggregates)))
            self._book.sent_watermark = watermark
        chunks += out.rejects()
        chunks += out.feed_events(self._events + 1)
        self._events += len(out.events)
        return chunks

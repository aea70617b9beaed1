"""What turns while the feed is live: it moves what was read through the feed, watches over it and tells how it stands."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from bytewax.inputs import StatefulSourcePartition

from flows.domain.chunk import BEGINNING, Chunk
from flows.domain.frames import FeedEvents, FeedLatency, FeedStatus, Ticks
from flows.latency import Latency
from flows.sources import stop
from flows.sources.binance.board import Board, View
from flows.sources.binance.client import Client
from flows.sources.binance.clock import ReceiveClock
from flows.sources.binance.feed import Feed, FeedChunk, FeedState
from flows.sources.binance.queue import Drained, Gulp
from flows.sources.binance.recorder import CapturePosition, Recorder
from flows.sources.binance.records import Event, Fill, Record, Session
from flows.sources.binance.rest import Answered, Rest
from flows.sources.binance.venue import stream_name
from flows.sources.binance.watch import Watch

PARTITION = "binance"
"""Name of the only partition and key of its chunks."""
POLL = timedelta(milliseconds=10)
BATCH = 20_000
"""Messages taken at a time: enough to catch up, few enough for a snapshot in between."""
_LOOK_S = 0.05
_STATUS_S, _NEWS_S, _LATENCY_S = 1.0, 0.1, 5.0

LiveChunk = FeedChunk | Chunk[FeedStatus] | Chunk[FeedLatency]
Item = tuple[str, LiveChunk]


@dataclass(frozen=True, slots=True)
class LiveState:
    """A snapshot.

    Attributes:
        shape: the settings that decide what it means, by name. capture: where the capture ended, None without one.
    """

    shape: Mapping[str, str]
    feed: FeedState
    capture: CapturePosition | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a partition moves, made by `flows.sources.binance.source`.

    Attributes:
        session: what begins. recorder: of the capture, None without one.
        symbols, rows: what is subscribed, and where each is in the feed's table. speed: of the clock.
    """

    feed: Feed
    client: Client
    rest: Rest
    watch: Watch
    clock: ReceiveClock
    session: Session
    recorder: Recorder | None
    symbols: tuple[str, ...]
    rows: tuple[int, ...]
    speed: float
    shape: Mapping[str, str]
    board: Board
    latency: Latency


class BinancePartition(StatefulSourcePartition[Item, LiveState]):
    """Everything that enters is written to the capture, then applied, in one order: so a capture replays to the same bits."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._feed, self._client, self._rest = parts, parts.feed, parts.client, parts.rest
        self._ending = self._behind = False
        self._look_due_s = 0.0
        began_s = time.monotonic()
        self._status_due_s, self._latency_due_s = began_s, began_s + _LATENCY_S
        self._view: View | None = None
        self._told_states: list[str] = []
        self._begun: list[LiveChunk] = [*self._recorded(parts.session)]
        parts.client.start()
        parts.rest.start()

    def next_batch(self) -> Iterable[Item]:
        """What has come since; when asked to stop, first all that was read."""
        self._parts.board.polled()
        if self._ending:
            raise StopIteration
        if stop.requested():
            return self._rest_of_it()
        drained = self._client.drain(BATCH)
        self._behind = not drained.empty
        chunks = self._begun + self._applied(drained)
        self._begun = []
        answers = self._rest.take()
        for answer in answers:
            chunks += self._answered(answer)
        now_s = time.monotonic()
        if answers or now_s >= self._look_due_s:
            self._look_due_s = now_s + _LOOK_S / max(self._parts.speed, 1.0)
            chunks += self._looked(drained.empty)
        return self._handed_out(chunks + self._told(now_s))

    def next_awake(self) -> datetime | None:
        """At once while behind, else after a pause that costs little and delays little."""
        return None if self._behind else datetime.now(UTC) + POLL

    @property
    def queued(self) -> int:
        """Messages that were read and wait."""
        return self._client.queued

    def snapshot(self) -> LiveState:
        """The state after the chunks handed out so far."""
        recorder = self._parts.recorder
        return LiveState(dict(self._parts.shape), self._feed.state(), recorder.position() if recorder else None)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()
        self._rest.close()
        if self._parts.recorder is not None:
            self._parts.recorder.close()

    def _rest_of_it(self) -> list[Item]:
        self._ending = True
        self._client.close()
        self._rest.close()
        chunks = self._begun + self._applied(self._client.drain(2**62))
        for answer in self._rest.take():
            chunks += self._recorded(answer)
        return self._handed_out(chunks)

    def _applied(self, drained: Drained) -> list[LiveChunk]:
        chunks: list[LiveChunk] = []
        gulps: list[Gulp] = []
        for item in drained.items:
            if isinstance(item, Gulp):
                gulps.append(item)
            else:
                chunks += self._read(gulps)
                gulps = []
                chunks += self._recorded(item)
        chunks += self._read(gulps)
        if drained.now_us is not None:
            chunks += self._feed.on_timer(drained.now_us)
        return chunks

    def _read(self, gulps: list[Gulp]) -> list[FeedChunk]:
        if not gulps:
            return []
        messages = [message for gulp in gulps for message in gulp.messages]
        times = np.array([gulp.received_us for gulp in gulps], np.int64)
        received = np.repeat(times, [len(gulp.messages) for gulp in gulps])
        if self._parts.recorder is not None:
            self._parts.recorder.messages(received.tolist(), messages)
        return self._feed.on_messages(received, messages)

    def _recorded(self, record: Record) -> list[FeedChunk]:
        if self._parts.recorder is not None:
            self._parts.recorder.record(record)
        return self._feed.on_record(record)

    def _answered(self, answer: Answered) -> list[FeedChunk]:
        if isinstance(answer, Event):
            return self._recorded(answer)
        before, watch = self._feed.legs, self._parts.watch
        chunks = self._recorded(answer)
        if isinstance(answer, Fill):
            watch.answered(answer, before, self._feed.legs, self._feed.lead_us or 0)
        else:
            watch.answered_newest(answer, before, self._feed.legs)
        return chunks

    def _looked(self, settled: bool) -> list[FeedChunk]:
        """Let the watchdog decide, and do as it says."""
        parts, now_us = self._parts, self._parts.clock()
        links, rest = self._client.standings, self._rest.standing
        seen = parts.watch.look(now_us, settled, self._feed.legs, links, rest.problem)
        chunks = [chunk for record in seen.records for chunk in self._recorded(record)]
        self._rest.want(seen.asks)
        if seen.renew:
            self._client.renew([stream_name(symbol, parts.session.stream) for symbol in seen.renew])
        self._view = View(
            now_us, self._feed.lead_us or 0, parts.symbols, parts.rows, seen.standings, self._feed.legs, links, rest,
            self._client.queued, self._feed.counts,
        )  # fmt: skip
        parts.board.show(self._view)
        return chunks

    def _told(self, now_s: float) -> list[LiveChunk]:
        """Status and latency, when they are due; a status at once where a leg's state has changed."""
        chunks: list[LiveChunk] = []
        states = [standing.state for standing in self._view.standings] if self._view is not None else []
        due_s = self._status_due_s - (_STATUS_S - _NEWS_S if states != self._told_states else 0.0)
        if self._view is not None and now_s >= due_s:
            self._status_due_s, self._told_states = now_s + _STATUS_S, states
            chunks.append(Chunk(np.array([BEGINNING]), self._view.frame()))
        if now_s >= self._latency_due_s:
            self._latency_due_s = now_s + _LATENCY_S
            latency = self._parts.latency.take(self._parts.clock())
            self._parts.board.measure(latency)
            chunks.append(Chunk(np.array([BEGINNING]), latency))
        return chunks

    def _handed_out(self, chunks: list[LiveChunk]) -> list[Item]:
        now_us: int | None = None
        for chunk in chunks:
            if isinstance(chunk.rows, FeedEvents):
                self._parts.board.tell(chunk.rows)
            elif isinstance(chunk.rows, Ticks) and len(chunk.rows):
                now_us = now_us or self._parts.clock()
                self._measure(chunk.rows, now_us)
        if now_us is not None:
            self._parts.latency.hands_out()
        return [(PARTITION, chunk) for chunk in chunks]

    def _measure(self, ticks: Ticks, now_us: int) -> None:
        """The stages up to here, of what came by the stream; seconds of this machine where the clock is faster."""
        sent, received = ticks.event_time, ticks.received
        if sent is None or received is None:
            return
        streamed = sent > 0
        sent, received, traded = sent[streamed], received[streamed], ticks.time[streamed]
        lead, speed = self._feed.lead_us or 0, self._parts.speed
        latency = self._parts.latency
        latency.add("traded_sent", sent - traded)
        latency.add("sent_received", ((received - lead - sent) / speed).astype(np.int64))
        latency.add("received_chunk", ((now_us - received) / speed).astype(np.int64))

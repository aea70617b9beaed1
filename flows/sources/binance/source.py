"""The live feed as a Bytewax source: one partition, keyed by its name."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from flows.sources import stop
from flows.sources.binance.client import Client, Drained, Limits, ReceiveClock
from flows.sources.binance.feed import Feed, FeedChunk, FeedState
from flows.sources.binance.venue import stream_address, survey

PARTITION = "binance"
"""Name of the only partition and key of its chunks."""
POLL = timedelta(milliseconds=10)
BATCH = 20_000
"""Messages taken at a time: enough to catch up, few enough for a snapshot in between."""

Item = tuple[str, FeedChunk]


class Connection(Protocol):
    """The settings of section [binance], where their units and reasons stand."""

    @property
    def stream_url(self) -> str: ...
    @property
    def rest_url(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def silence_grace_ms(self) -> int: ...
    @property
    def max_ahead_s(self) -> float: ...
    @property
    def connect_timeout_s(self) -> float: ...
    @property
    def silent_after_s(self) -> float: ...
    @property
    def reconnect_min_s(self) -> float: ...
    @property
    def reconnect_max_s(self) -> float: ...
    @property
    def queue_limit(self) -> int: ...
    @property
    def max_message_bytes(self) -> int: ...


class BinanceSource(FixedPartitionedSource[Item, FeedState]):
    """Trades of some symbols from the exchange, `(PARTITION, chunk)` each; rejects come as chunks of their own between them.

    Raises:
        FeedError: while the partition is built, an exchange that cannot be used as configured.
    """

    def __init__(self, symbols: Sequence[str], settings: Connection) -> None:
        self._symbols = tuple(dict.fromkeys(symbols))
        self._settings = settings
        self._url = stream_address(settings.stream_url, settings.route, settings.stream, self._symbols)

    def list_parts(self) -> list[str]:
        """The one partition."""
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: FeedState | None) -> "BinancePartition":
        """Ask the exchange whether it serves this, then connect."""
        settings, clock = self._settings, ReceiveClock()
        venue = survey(settings.rest_url, self._symbols, settings.connect_timeout_s, clock)
        feed = Feed(
            venue.instruments,
            settings.stream,
            settings.silence_grace_ms * 1000,
            int(settings.max_ahead_s * 1_000_000),
            resume_state,
            venue.lead_us,
        )
        limits = Limits(
            settings.connect_timeout_s,
            settings.silent_after_s,
            settings.reconnect_min_s,
            settings.reconnect_max_s,
            settings.queue_limit,
            settings.max_message_bytes,
        )
        return BinancePartition(feed, Client(self._url, limits, clock))


class BinancePartition(StatefulSourcePartition[Item, FeedState]):
    """Moves what the client read through the feed."""

    def __init__(self, feed: Feed, client: Client) -> None:
        self._feed, self._client = feed, client
        self._ending = False
        self._behind = False
        _compile()
        client.start()

    def next_batch(self) -> Iterable[Item]:
        """What has come since; when asked to stop, first all that was read."""
        if self._ending:
            raise StopIteration
        if stop.requested():
            self._ending = True
            self._client.close()
            return self._applied(self._client.drain(2**62))
        drained = self._client.drain(BATCH)
        self._behind = len(drained.messages) == BATCH
        return self._applied(drained)

    def next_awake(self) -> datetime | None:
        """At once while behind, else after a pause that costs little and delays little."""
        return None if self._behind else datetime.now(UTC) + POLL

    def snapshot(self) -> FeedState:
        """The state after the chunks handed out so far."""
        return self._feed.state()

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def _applied(self, drained: Drained) -> list[Item]:
        chunks: list[FeedChunk] = []
        received, messages = drained.received_us, drained.messages
        start = 0
        for resumed in [*(i for i, message in enumerate(messages) if message is None), len(messages)]:
            run = [message for message in messages[start:resumed] if message is not None]
            if run:
                chunks += self._feed.on_messages(np.array(received[start:resumed], np.int64), run)
            if resumed < len(messages):
                self._feed.on_resume(received[resumed])
            start = resumed + 1
        if drained.now_us is not None:
            chunks += self._feed.on_timer(drained.now_us)
        return [(PARTITION, chunk) for chunk in chunks]


def _compile() -> None:
    """Have the kernels ready before the first message: compiling them takes seconds on a machine's first run."""
    feed = Feed(None, None, 1, 1)
    feed.on_messages(
        np.zeros(1, np.int64),
        [b'{"e":"trade","E":1721347022708,"T":1721347022707,"s":"A","t":1,"p":"1","q":"1","m":true}'],
    )
    feed.on_timer(0)

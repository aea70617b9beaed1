"""The live feed as a Bytewax source: one partition, keyed by its name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from bytewax.inputs import FixedPartitionedSource

from flows.differences import differences
from flows.errors import FeedError
from flows.latency import Latency
from flows.sources.binance.board import Board
from flows.sources.binance.client import Client
from flows.sources.binance.clock import ReceiveClock
from flows.sources.binance.feed import Feed
from flows.sources.binance.link import Group, Limits
from flows.sources.binance.partition import PARTITION, BinancePartition, Item, LiveState, Parts
from flows.sources.binance.recorder import CapturePosition, Recorder
from flows.sources.binance.records import Lost, Session
from flows.sources.binance.rest import Rest
from flows.sources.binance.venue import Venue, stream_address, stream_name, survey
from flows.sources.binance.watch import Patience, Watch

_FORMAT = "2"
"""Of the saved state; another one cannot be gone on with."""


class Connection(Protocol):
    """The settings of section [binance], where their units and reasons stand; `origin` is `live` or `simulated`."""

    @property
    def stream_url(self) -> str: ...
    @property
    def rest_url(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def silence_grace_ms(self) -> int: ...
    @property
    def max_ahead_s(self) -> float: ...
    @property
    def connect_timeout_s(self) -> float: ...
    @property
    def streams_per_connection(self) -> int: ...
    @property
    def silent_after_s(self) -> float: ...
    @property
    def reconnect_min_s(self) -> float: ...
    @property
    def reconnect_max_s(self) -> float: ...
    @property
    def connection_life_s(self) -> float: ...
    @property
    def handover_s(self) -> float: ...
    @property
    def leg_silent_after_s(self) -> float: ...
    @property
    def proof_margin_ms(self) -> int: ...
    @property
    def reorder_ms(self) -> int: ...
    @property
    def hold_limit(self) -> int: ...
    @property
    def gap_patience_s(self) -> float: ...
    @property
    def weight_limit(self) -> int: ...
    @property
    def clock_limit_ms(self) -> int: ...
    @property
    def queue_limit(self) -> int: ...
    @property
    def max_message_bytes(self) -> int: ...
    @property
    def speed(self) -> float: ...


class Keeping(Protocol):
    """The settings of section [capture]."""

    @property
    def dir(self) -> str: ...
    @property
    def rotate_mb(self) -> int: ...


class BinanceSource(FixedPartitionedSource[Item, LiveState]):
    """Trades of some symbols from the exchange, `(PARTITION, chunk)` each; between them chunks of rejects, events, status and latency.

    Args:
        capture: where everything that enters is kept; None or an empty folder: nowhere.
        shape: the settings beside those of [binance] that decide what the saved state of the flow means, by their names.

    Raises:
        FeedError: while the partition is built, an exchange that cannot be used as configured, or a saved state that does not fit.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        settings: Connection,
        capture: Keeping | None = None,
        shape: Mapping[str, str] | None = None,
        board: Board | None = None,
        latency: Latency | None = None,
    ) -> None:
        self._symbols = tuple(dict.fromkeys(symbols))
        self._settings, self._capture = settings, capture
        self._board, self._latency = board or Board(), latency or Latency()
        self._shape = {
            "form of the saved state": _FORMAT,
            "binance.stream": settings.stream,
            "origin of the data": settings.origin,
            **(shape or {}),
        }
        if settings.speed != 1.0 and settings.origin == "live":
            raise FeedError(f"binance.speed must be 1 with the real exchange, was {settings.speed:g}")
        self._groups = _groups(settings, self._symbols)

    def list_parts(self) -> list[str]:
        """The one partition."""
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: LiveState | None) -> BinancePartition:
        """Ask the exchange whether it serves this, then connect."""
        settings = self._settings
        if resume_state is not None:
            _check_shape(resume_state, self._shape)
        wall = ReceiveClock()
        venue = survey(settings.rest_url, self._symbols, settings.connect_timeout_s, wall)
        clock, lead_us = _clock(settings.speed, venue, wall)
        session = self._session(venue, clock(), lead_us, goes_on=resume_state is not None)
        feed = Feed.of_session(session, resume_state.feed if resume_state else None, lead_us)
        _compile()
        position = resume_state.capture if resume_state else None
        rows = tuple([each.symbol for each in feed.instruments].index(symbol) for symbol in self._symbols)
        return BinancePartition(
            Parts(
                feed=feed,
                client=Client(self._groups, _limits(settings), clock),
                rest=Rest(
                    settings.rest_url,
                    settings.connect_timeout_s,
                    settings.weight_limit,
                    settings.clock_limit_ms * 1000,
                    clock,
                    lead_us,
                    settings.speed,
                ),
                watch=self._watch(rows, clock()),
                clock=clock,
                session=session,
                recorder=self._recorder(position),
                symbols=self._symbols,
                rows=rows,
                speed=settings.speed,
                shape=self._shape,
                board=self._board,
                latency=self._latency,
            )
        )

    def _session(self, venue: Venue, now_us: int, lead_us: int, goes_on: bool) -> Session:
        settings = self._settings
        return Session(
            now_us, settings.stream, settings.origin, venue.instruments, lead_us, settings.silence_grace_ms * 1000,
            int(settings.max_ahead_s * 1_000_000), settings.proof_margin_ms * 1000, settings.hold_limit, goes_on,
        )  # fmt: skip

    def _watch(self, rows: Sequence[int], now_us: int) -> Watch:
        settings, per = self._settings, self._settings.streams_per_connection
        patience = Patience(
            leg_silent_after_us=int(settings.leg_silent_after_s * 1_000_000),
            reorder_us=settings.reorder_ms * 1000,
            proof_margin_us=settings.proof_margin_ms * 1000,
            gap_patience_us=int(settings.gap_patience_s * 1_000_000),
            renew_us=int(2 * settings.handover_s * settings.speed * 1_000_000),
        )
        links = [k // per for k in range(len(self._symbols))]
        return Watch(self._symbols, rows, links, patience, settings.stream == "aggTrade", now_us)

    def _recorder(self, position: CapturePosition | None) -> Recorder | None:
        capture = self._capture
        return Recorder(Path(capture.dir), capture.rotate_mb, position) if capture is not None and capture.dir else None


def _groups(settings: Connection, symbols: Sequence[str]) -> list[Group]:
    """The connections: so many symbols each."""
    per = settings.streams_per_connection
    parts = [symbols[start : start + per] for start in range(0, len(symbols), per)] or [symbols]
    return [
        Group(
            stream_address(settings.stream_url, settings.route, settings.stream, part),
            tuple(stream_name(symbol, settings.stream) for symbol in part),
        )
        for part in parts
    ]


def _limits(settings: Connection) -> Limits:
    return Limits(
        settings.connect_timeout_s, settings.silent_after_s, settings.reconnect_min_s, settings.reconnect_max_s,
        settings.connection_life_s, settings.handover_s, settings.queue_limit, settings.max_message_bytes,
    )  # fmt: skip


def _clock(speed: float, venue: Venue, wall: ReceiveClock) -> tuple[ReceiveClock, int]:
    """The receive clock and its lead over the exchange's: the wall clock, or one that runs with an exchange that is faster."""
    if speed == 1.0:
        return wall, venue.lead_us
    served_us = venue.measured_us - venue.lead_us
    return ReceiveClock(speed, served_us + int((wall() - venue.measured_us) * speed)), 0


def _check_shape(state: LiveState, shape: Mapping[str, str]) -> None:
    """Refuse a state that means something else than these settings. A model more or less is taken up by the step of the statistics."""
    advice = (
        "bring that back, or start the flow with an empty recovery folder: its windows begin anew, stored rows stay"
    )
    if not isinstance(state, LiveState):
        raise FeedError(f"the saved state of the flow was written by another version: {advice}")
    if told := differences(state.shape, shape, comes_and_goes="models."):
        raise FeedError(f"the saved state of the flow does not fit: {told}: {advice}")


def _compile() -> None:
    """Have the kernels ready before the first message: compiling them takes seconds on a machine's first run."""
    message = b'{"e":"aggTrade","E":1721347022708,"T":1721347022707,"s":"A","a":1,"p":"1","q":"1","f":1,"l":1,"m":true}'
    for verified in (False, True):
        feed = Feed(None, "aggTrade", 1, 1, verified=verified)
        feed.on_messages(np.array([1721347022708000]), [message])
        feed.on_record(Lost(0, "A", 2, ""))
        feed.on_timer(0)

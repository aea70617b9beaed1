"""What enters the feed, in the order in which it is applied: the same whether it comes from sockets or from a capture.

A message is plain bytes with its receive time. Everything else that changes what the feed says is one of the records below, so a
capture that holds them all replays to the same bits.
"""

from dataclasses import dataclass

from flows.domain.instrument import Instrument


@dataclass(frozen=True, slots=True)
class Session:
    """A feed begins, or goes on after a restart: rows that waited for missing ids are forgotten, as REST has them.

    Attributes:
        received_us: when. stream: `aggTrade` or `trade`. origin: `live` or `simulated`.
        instruments: what was subscribed, with the scale the exchange states. lead_us: receive clock − exchange clock, as measured.
        silence_grace_us, max_ahead_us, proof_margin_us, hold_limit: of the feed.
        goes_on: the ids before it count; False: they are not known here, so the next row of each symbol begins anew.
    """

    received_us: int
    stream: str
    origin: str
    instruments: tuple[Instrument, ...]
    lead_us: int
    silence_grace_us: int
    max_ahead_us: int
    proof_margin_us: int
    hold_limit: int
    goes_on: bool = True


@dataclass(frozen=True, slots=True)
class Resumed:
    """The socket was not read until now (not connected, or held back by a full queue): silence till then proves nothing."""

    received_us: int


@dataclass(frozen=True, slots=True)
class Fill:
    """One answer of `GET /fapi/v1/aggTrades`.

    Attributes:
        received_us, asked_us: receive clock at the answer and when the request was sent.
        from_id: asked for, inclusive; −1: only the newest trade was asked for. limit: rows asked for at most.
        body: the answer as it came, a JSON array.
    """

    received_us: int
    symbol: str
    from_id: int
    asked_us: int
    limit: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Newest:
    """One answer of `GET /fapi/v1/trades?limit=1`: the newest single trade of a symbol, whose id says whether an aggregate is missing.

    Attributes:
        received_us, asked_us: as of `Fill`. body: the answer as it came, a JSON array.
    """

    received_us: int
    symbol: str
    asked_us: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """Ids up to `to_id` of a symbol that nobody can give: what waits behind them is let go."""

    received_us: int
    symbol: str
    to_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened around the feed, to be told as a row of `feed_events`; ids and count are −1 where there are none."""

    received_us: int
    kind: str
    symbol: str = ""
    detail: str = ""
    from_id: int = -1
    to_id: int = -1
    count: int = -1


Record = Session | Resumed | Fill | Newest | Lost | Event


@dataclass(frozen=True, slots=True)
class Continued:
    """Head of a capture file that goes on where another ended; it enters no feed, but a reader without that other file begins here.

    Attributes:
        session: the one that goes on. after: name of the file before.
    """

    received_us: int
    session: Session
    after: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the exchange as it came."""

    received_us: int
    message: bytes

"""Aggregate trades made up for tests: as the stream sends them, as REST serves them, and what a feed made of them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from flows.domain.frames import FeedEvents, Frame, Rejects, Ticks, concatenated
from flows.domain.instrument import Instrument
from flows.sources.binance.feed import Feed, FeedChunk
from flows.sources.binance.records import Fill, Session

BTC, ETH = Instrument("BTCUSDT", 2, 3), Instrument("ETHUSDT", 2, 3)
START = 1_721_347_020_000_000
SECOND = 1_000_000
LEAD = 250_000
"""Receive clock − exchange clock in these tests."""
MARGIN = 1_500_000


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate of the trades `first` to `last`, at an exchange time."""

    symbol: str
    identity: int
    time_us: int
    first: int
    last: int

    def row(self) -> dict[str, Any]:
        """As REST serves it; price and size are of its id, so that a mix-up shows."""
        return {
            "a": self.identity, "p": f"{1_000 + self.identity}.25", "q": f"1.{self.identity % 1_000:03}", "f": self.first, "l": self.last,
            "T": self.time_us // 1000, "m": self.identity % 2 == 0,
        }  # fmt: skip

    def message(self, sent_us: int | None = None, **changed: Any) -> bytes:
        """As the stream sends it."""
        sent = (self.time_us if sent_us is None else sent_us) // 1000
        data = {"e": "aggTrade", "E": sent, "s": self.symbol} | self.row() | changed
        name = f"{self.symbol.lower()}@aggTrade"
        return json.dumps({"stream": name, "data": data}, separators=(",", ":")).encode()


def aggregate(identity: int, at_us: int | None = None, symbol: str = "BTCUSDT") -> Aggregate:
    """Id `identity` of two trades; ids of trades go on without a hole. Without a time, a millisecond per id."""
    time = START + identity * 1_000 if at_us is None else at_us
    return Aggregate(symbol, identity, time, 2 * identity, 2 * identity + 1)


def large(number: int) -> bytes:
    """A message that does not compress."""
    return aggregate(number).message(n=f"{(number + 1) * 0x9E3779B97F4A7C15 % 2**64:x}")


def served(rows: Iterable[Aggregate]) -> bytes:
    """The body of an answer."""
    return json.dumps([each.row() for each in rows]).encode()


def answer(
    rows: Iterable[Aggregate] | bytes,
    from_id: int,
    received_us: int,
    symbol: str = "BTCUSDT",
    limit: int = 1_000,
    asked_us: int | None = None,
) -> Fill:
    """An answer of REST, asked for 50 ms before it came."""
    body = rows if isinstance(rows, bytes) else served(rows)
    return Fill(received_us, symbol, from_id, received_us - 50_000 if asked_us is None else asked_us, limit, body)


def session(received_us: int = START, hold_limit: int = 1_000, **changed: Any) -> Session:
    """Of the symbols BTCUSDT and ETHUSDT."""
    arguments: dict[str, Any] = {
        "stream": "aggTrade", "origin": "live", "instruments": (BTC, ETH), "lead_us": LEAD, "silence_grace_us": 3 * SECOND,
        "max_ahead_us": 60 * SECOND, "proof_margin_us": MARGIN, "hold_limit": hold_limit,
    }  # fmt: skip
    return Session(received_us, **(arguments | changed))


def verified_feed(**changed: Any) -> Feed:
    """A new feed in its first session."""
    feed = Feed((), None, 0, 0)
    assert feed.on_record(session(**changed)) == []
    return feed


def frames(chunks: Iterable[FeedChunk], kind: type[Frame]) -> Frame | None:
    """The rows of one kind together."""
    found = [chunk.rows for chunk in chunks if isinstance(chunk.rows, kind)]
    return concatenated(found) if found else None


def told(chunks: Iterable[FeedChunk]) -> list[tuple[Any, ...]]:
    """Kind, symbol, first and last id and count of each event."""
    events = frames(chunks, FeedEvents)
    if events is None:
        return []
    columns = (events.kind, events.symbol, events.from_id.tolist(), events.to_id.tolist(), events.count.tolist())
    return list(zip(*columns, strict=True))


def ids(chunks: Iterable[FeedChunk], symbol: str = "BTCUSDT") -> list[int]:
    """Ids of a symbol's trades in the order in which they came out."""
    ticks = frames(chunks, Ticks)
    if ticks is None:
        return []
    k = [each.symbol for each in ticks.instruments].index(symbol)
    found: list[int] = ticks.trade_id[ticks.symbol == k].tolist()
    return found


def everything(chunks: Iterable[FeedChunk]) -> list[Any]:
    """All that came out, without how it was cut into chunks: ticks, rejects and events in order, and the last watermark."""
    chunks = list(chunks)
    out: list[Any] = []
    for kind in (Ticks, Rejects, FeedEvents):
        frame = frames(chunks, kind)  # type: ignore[type-var]
        names = [] if frame is None else [n for n in kind.__slots__ if isinstance(getattr(frame, n), np.ndarray)]
        rows = [getattr(frame, name).tolist() for name in names]
        out.append([names, list(zip(*rows, strict=True))])
    marks = [chunk.watermark.tolist() for chunk in chunks if isinstance(chunk.rows, Ticks)]
    return [*out, marks[-1] if marks else None]

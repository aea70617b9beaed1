"""A group of streams, one connection of it, and how patient a client is."""

import asyncio
from dataclasses import dataclass, field

from flows.sources.binance.wire import Wire


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient and how large the client may be; units in the names."""

    connect_timeout_s: float
    silent_after_s: float
    reconnect_min_s: float
    reconnect_max_s: float
    connection_life_s: float
    handover_s: float
    queue_limit: int
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class Group:
    """The streams of one connection.

    Attributes:
        url: of the combined streams. streams: lower-case names as in the messages.
    """

    url: str
    streams: tuple[str, ...]


@dataclass(eq=False)
class Link:
    """One connection of a group, from its dialling to its end."""

    part: int
    number: int
    life_s: float
    missing: set[str]
    """Streams that have brought nothing on this connection yet."""
    task: "asyncio.Task[str]" = field(init=False)
    wire: Wire | None = None
    opened_s: float = 0.0
    heard_s: float = 0.0
    flowed: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)


async def ended(task: "asyncio.Task[str]") -> None:
    """End a connection's task and wait for it."""
    task.cancel()
    await asyncio.wait({task})


def reason_of(link: Link) -> str:
    """Why a link that ended did so."""
    if link.task.cancelled():
        return "it could not be opened in time"
    return link.task.result()

"""What was read and not yet applied, between the thread of the sockets and that of the flow: in order, bounded, said when full."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flows.sources.binance.records import Event, Resumed


@dataclass(frozen=True, slots=True)
class Gulp:
    """Messages that were read together.

    Attributes:
        received_us: when; never before the gulp or record before it.
    """

    received_us: int
    messages: list[bytes]


Item = Gulp | Event | Resumed


@dataclass(frozen=True, slots=True)
class Drained:
    """What was read since the last look.

    Attributes:
        items: in order.
        count: messages in them. empty: nothing waits behind them.
        now_us: the clock, if everything received before it is here and every connection is being read; otherwise silence proves
            nothing.
    """

    items: list[Item]
    count: int
    empty: bool
    now_us: int | None


class ReadQueue:
    """Items in the order of their times.

    Args:
        clock: the receive clock. limit: messages that are held; one more gulp may come above it.
        parts: connections that have to be read for silence to mean something.
    """

    def __init__(self, clock: Callable[[], int], limit: int, parts: int) -> None:
        self._clock, self._limit, self._parts = clock, limit, parts
        self._lock = threading.Lock()
        self._items: deque[Item] = deque()
        self._held = 0
        self._read: set[int] = set()

    def __len__(self) -> int:
        return self._held

    @property
    def full(self) -> bool:
        """Whether reading has to pause."""
        return self._held >= self._limit

    @property
    def roomy(self) -> bool:
        """Whether a pause may end."""
        return self._held <= self._limit // 2

    def put(self, part: int, messages: list[bytes]) -> None:
        """Messages of a part, read now."""
        # Time and place in the queue are taken together, so that the queue is in the order of its times.
        with self._lock:
            received = self._clock()
            if part not in self._read:
                self._read.add(part)
                self._items.append(Resumed(received))
            self._items.append(Gulp(received, messages))
            self._held += len(messages)

    def tell(self, kind: str, detail: str, count: int = -1) -> None:
        """Something that happened to the connections now."""
        with self._lock:
            self._items.append(Event(self._clock(), kind, detail=detail, count=count))

    def unread(self, part: int | None = None) -> None:
        """A part, or every one, is not being read from now on until `put` is called for it again."""
        with self._lock:
            if part is None:
                self._read.clear()
            else:
                self._read.discard(part)

    def drain(self, most: int) -> Drained:
        """Take items with about `most` messages in all."""
        taken: list[Item] = []
        count = 0
        with self._lock:
            while self._items and count < most:
                item = self._items.popleft()
                taken.append(item)
                count += len(item.messages) if isinstance(item, Gulp) else 0
            self._held -= count
            empty = not self._items
            return Drained(taken, count, empty, self._clock() if empty and len(self._read) == self._parts else None)

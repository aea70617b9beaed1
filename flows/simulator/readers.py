"""Connections: each takes its messages as fast as it reads them, and is cut when it is too slow, too old or too loud."""

import asyncio
from collections import deque
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from flows.simulator.printing import frame
from flows.simulator.streams import Subscription

OUTBOX = 500_000
"""Messages that wait for one reader; one that is slower is cut off."""
REQUESTS_PER_S = 10
_BUFFER_BYTES = 1 << 20
"""As much is handed to the operating system's side; the rest waits in the outbox, where it is counted."""
_GOING_AWAY, _POLICY = 1001, 1008


class Reader:
    """One connection.

    Args:
        opened_ms: the exchange's time.
    """

    def __init__(self, connection: ServerConnection, subscription: Subscription, opened_ms: int) -> None:
        self._connection, self.subscription, self.opened_ms = connection, subscription, opened_ms
        self._outbox: deque[tuple[bytes, int]] = deque()
        self._waiting = 0
        self._asked: deque[int] = deque(maxlen=REQUESTS_PER_S)
        self._dead = False
        self._ending: asyncio.Task[None] | None = None

    async def serve(self, clock_ms: Callable[[], int]) -> None:
        """Answer requests until the connection ends."""
        try:
            async for text in self._connection:
                now = clock_ms()
                if len(self._asked) == REQUESTS_PER_S and now - self._asked[0] < 1_000:
                    self.close(_POLICY, f"more than {REQUESTS_PER_S} messages a second")
                    return
                self._asked.append(now)
                self.put(frame(self.subscription.answer(text)), 1)
                self.flush(OUTBOX)
        except ConnectionClosed:
            pass
        finally:
            if self._ending is not None:
                await self._ending

    def put(self, frames: bytes, count: int) -> None:
        """Queue so many frames."""
        if not self._dead and self._ending is None:
            self._outbox.append((frames, count))
            self._waiting += count

    def flush(self, limit: int) -> None:
        """Send what the other side takes; cut it off if more than `limit` messages are left."""
        transport = self._connection.transport
        while self._outbox and self._connection.state is State.OPEN and not self._dead:
            if transport.get_write_buffer_size() > _BUFFER_BYTES:
                break
            frames, count = self._outbox.popleft()
            self._waiting -= count
            # Whole frames, made without the library's own writer, which would take a call for each.
            transport.write(frames)
        if self._waiting > limit:
            self.close(_POLICY, "reads too slowly")

    def retire(self) -> None:
        """End a connection whose life is over."""
        self.close(_GOING_AWAY, "the connection's life is over")

    def close(self, code: int, reason: str) -> None:
        """Say goodbye and end it."""
        if self._ending is None and not self._dead:
            self._outbox.clear()
            self._waiting = 0
            self._ending = asyncio.create_task(self._connection.close(code, reason))

    def cut(self) -> None:
        """End it without a goodbye."""
        self._connection.transport.abort()

    def die(self) -> None:
        """From now on nothing is sent and nothing read, and the other side is not told."""
        self._dead = True
        self._outbox.clear()
        self._waiting = 0
        self._connection.transport.pause_reading()
        if self._connection.keepalive_task is not None:
            self._connection.keepalive_task.cancel()

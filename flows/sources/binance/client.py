"""The socket: a thread with an event loop of its own that stays connected and queues what it reads. It understands nothing of it."""

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from flows.errors import FeedError
from flows.sources.binance.venue import on_this_machine

_log = logging.getLogger(__name__)
_ROOM_PAUSE_S = 0.002
_CLOSE_TIMEOUT_S = 1.0
_REFUSED = range(400, 500)


class ReceiveClock:
    """Microseconds UTC that never step: the wall clock of the start plus the time since, also that of a suspended machine.

    A wall clock that is set while the feed runs would look like silence or like the past.
    """

    def __init__(self) -> None:
        self._source = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        self._origin = time.time_ns() - time.clock_gettime_ns(self._source)

    def __call__(self) -> int:
        return (self._origin + time.clock_gettime_ns(self._source)) // 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient and how large the client may be; units in the names."""

    connect_timeout_s: float
    silent_after_s: float
    reconnect_min_s: float
    reconnect_max_s: float
    queue_limit: int
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class Drained:
    """What was read since the last look.

    Attributes:
        received_us, messages: in order. A message of None says: before this moment the socket was not read for a while.
        now_us: the clock, if everything received before it is here and the socket is being read; otherwise silence proves nothing.
    """

    received_us: list[int]
    messages: list[bytes | None]
    now_us: int | None


class Client:
    """Stays connected to `url` until closed, without a limit of tries.

    A connection that brings nothing for `silent_after_s` is given up. The pause before the next try doubles up to its limit, with
    jitter, and starts again once data has flowed. While the queue is full nothing is read, so that TCP holds the exchange back.
    """

    def __init__(self, url: str, limits: Limits, clock: Callable[[], int]) -> None:
        self._url, self._limits, self._clock = url, limits, clock
        self._queue: deque[tuple[int, bytes | None]] = deque()
        self._lock = threading.Lock()
        self._reading = False
        self._flowed = False
        self._ever_flowed = False
        self._error: Exception | None = None
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="binance", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def drain(self, most: int) -> Drained:
        """Take up to `most` messages off the queue.

        Raises:
            FeedError: the exchange refuses what it is asked for. Any other error of the thread is raised here too, after what was read.
        """
        with self._lock:
            if not self._queue and self._error is not None:
                raise self._error
            taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
            now = self._clock() if self._reading and not self._queue else None
        return Drained([received for received, _ in taken], [message for _, message in taken], now)

    def close(self) -> None:
        """Close the connection and end the thread; what was queued stays there."""
        if self._thread.is_alive() and not self._closing:
            self._closing = True
            with contextlib.suppress(RuntimeError):  # the thread ended by itself just now
                self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join(self._limits.connect_timeout_s)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        try:
            self._task = self._loop.create_task(self._stay_connected())
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - raised again by drain
            self._error = error
        finally:
            self._reading = False
            self._loop.close()

    async def _stay_connected(self) -> None:
        pause = self._limits.reconnect_min_s
        while True:
            self._flowed = False
            reason = await self._connection()
            with self._lock:
                self._reading = False
            if self._flowed:
                pause = self._limits.reconnect_min_s
            wait = pause * random.uniform(0.5, 1.0)
            _log.warning("%s: %s; next try in %.2f s", self._url, reason, wait)
            await asyncio.sleep(wait)
            pause = min(2 * pause, self._limits.reconnect_max_s)

    async def _connection(self) -> str:
        """One connection from its opening to its end; why it ended."""
        limits = self._limits
        proxy: Literal[True] | None = None if on_this_machine(self._url) else True
        try:
            async with connect(
                self._url, proxy=proxy, open_timeout=limits.connect_timeout_s, close_timeout=_CLOSE_TIMEOUT_S, ping_interval=None,
                compression=None, max_size=limits.max_message_bytes,
            ) as socket:  # fmt: skip
                return await self._read(socket)
        except InvalidURI as error:
            raise FeedError(str(error)) from None
        except InvalidStatus as error:
            status = error.response.status_code
            # Refused from the start is a matter of settings; refused later is maintenance.
            if status in _REFUSED and not self._ever_flowed:
                raise FeedError(f"{self._url}: the exchange refuses this stream with status {status}") from None
            return f"refused with status {status}"
        except InvalidHandshake as error:
            return f"no WebSocket: {error}"
        except (OSError, TimeoutError, WebSocketException) as error:
            return f"connection lost: {error or type(error).__name__}"

    async def _read(self, socket: ClientConnection) -> str:
        """Queue messages until the socket falls silent."""
        loop, silent_after = asyncio.get_running_loop(), self._limits.silent_after_s
        try:
            async with asyncio.timeout(silent_after) as patience:
                while True:
                    message = await socket.recv(decode=False)
                    self._put(message)
                    if len(self._queue) >= self._limits.queue_limit:
                        patience.reschedule(None)
                        await self._wait_for_room()
                    patience.reschedule(loop.time() + silent_after)
        except TimeoutError:
            heard = "no message" if self._flowed else "connected, but no data at all: is the route right? Nothing"
            return f"{heard} for {silent_after:g} s"

    def _put(self, message: bytes) -> None:
        # Time and place in the queue are taken together, so that the queue is in the order of its times.
        with self._lock:
            received = self._clock()
            if not self._reading:
                self._reading = self._flowed = self._ever_flowed = True
                self._queue.append((received, None))
            self._queue.append((received, message))

    async def _wait_for_room(self) -> None:
        with self._lock:
            self._reading = False
        _log.warning("the flow is slower than the feed: reading pauses at %d messages", self._limits.queue_limit)
        while len(self._queue) > self._limits.queue_limit // 2:
            await asyncio.sleep(_ROOM_PAUSE_S)

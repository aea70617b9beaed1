"""The sockets: a thread with an event loop of its own that stays connected and queues what it reads. It understands nothing of it.

To the exchange it sends nothing but the answers to its pings, and while reading pauses a pong a minute.
"""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable, Sequence

from websockets.asyncio.client import ClientConnection, connect

from flows.sources.binance.link import Group, Limits, Link, ended, reason_of
from flows.sources.binance.queue import Drained, ReadQueue
from flows.sources.binance.reach import on_this_machine
from flows.sources.binance.standing import LinkStanding
from flows.sources.binance.wire import CONNECTION_ERRORS, Wire, failure, hopeless, stream_of

_log = logging.getLogger(__name__)
_ROOM_PAUSE_S = 0.002
_PONG_EVERY_S = 60.0
_CLOSE_TIMEOUT_S = 0.3
_JOIN_TIMEOUT_S = 2.0
_LOOK_S = 0.1
_OVERLAP_S = 0.5
"""The old connection is read on for this long after the new one has spoken on every stream: what is on its way still comes."""
_LIFE_SPREAD = 0.05
"""Connections made together do not end together."""


class Client:
    """Stays connected to every group until closed, without a limit of tries.

    A connection that brings nothing for `silent_after_s` is given up. The pause before the next try doubles up to its limit, with
    jitter, and starts again once data has flowed. A connection hands over to a new one before the end of its life and when asked to.
    While the queue is full nothing is read, so that TCP holds the exchange back.
    """

    def __init__(self, groups: Sequence[Group], limits: Limits, clock: Callable[[], int]) -> None:
        self._groups, self._limits, self._clock = tuple(groups), limits, clock
        self._queue = ReadQueue(clock, limits.queue_limit, len(self._groups))
        self._links: set[Link] = set()
        self._renewals: list[asyncio.Event] = []
        self._opened = [0] * len(self._groups)
        self._standings = [LinkStanding(False, clock(), "not connected yet", 0) for _ in self._groups]
        self._ever_flowed = False
        self._pausing: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="binance", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def drain(self, most: int) -> Drained:
        """Take about `most` messages off the queue.

        Raises:
            FeedError: the exchange refuses what it is asked for. Any other error of the thread is raised here too, after what was read.
        """
        drained = self._queue.drain(most)
        if not drained.items and self._error is not None:
            raise self._error
        return drained

    def renew(self, streams: Sequence[str]) -> None:
        """Hand over to new connections where these streams are."""
        asked = [k for k, group in enumerate(self._groups) if not set(streams).isdisjoint(group.streams)]
        with contextlib.suppress(RuntimeError):  # closed just now
            self._loop.call_soon_threadsafe(self._wish, asked)

    def _wish(self, parts: list[int]) -> None:
        for part in parts if self._renewals else ():
            self._renewals[part].set()

    @property
    def standings(self) -> tuple[LinkStanding, ...]:
        """How each group is connected now."""
        return tuple(self._standings)

    @property
    def queued(self) -> int:
        """Messages that wait."""
        return len(self._queue)

    def close(self) -> None:
        """Close the connections and end the thread; what was queued stays there."""
        if self._thread.is_alive() and not self._closing:
            self._closing = True
            with contextlib.suppress(RuntimeError):  # the thread ended by itself just now
                self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join(_JOIN_TIMEOUT_S)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        try:
            self._task = self._loop.create_task(self._stay_connected())
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseExceptionGroup as errors:
            self._error = _first(errors)
        finally:
            self._queue.unread()
            self._loop.close()

    async def _stay_connected(self) -> None:
        self._renewals = [asyncio.Event() for _ in self._groups]
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in range(len(self._groups)):
                    tasks.create_task(self._keep(part, tasks))
        finally:
            if self._pausing is not None:
                self._pausing.cancel()

    async def _keep(self, part: int, tasks: asyncio.TaskGroup) -> None:
        """Keep one group connected."""
        limits = self._limits
        pause, renewal = limits.reconnect_min_s, self._renewals[part]
        renewal_pause, not_before_s = pause, 0.0
        link = self._dial(part, tasks)
        while True:
            why = await self._wish_or_end(link, renewal, not_before_s)
            if link.flowed:
                pause = limits.reconnect_min_s
            if why is None:
                self._lost(link)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, limits.reconnect_max_s)
                link = self._dial(part, tasks)
            else:
                before, link = link, await self._hand_over(part, link, why, tasks)
                # A new connection that fails while the old one goes on is tried again later, not at once.
                renewal_pause = (
                    min(2 * renewal_pause, limits.reconnect_max_s) if link is before else limits.reconnect_min_s
                )
                renewal.clear()
                not_before_s = self._loop.time() + renewal_pause

    async def _wish_or_end(self, link: Link, renewal: asyncio.Event, not_before_s: float) -> str | None:
        """Why a new connection is wanted beside this one; None when this one has ended."""
        while not link.task.done():
            now_s = self._loop.time()
            if link.opened_s and now_s >= not_before_s:
                if renewal.is_set():
                    return "a stream of it is silent"
                if now_s - link.opened_s >= link.life_s:
                    return "it comes to the end of its life"
            await asyncio.wait({link.task}, timeout=_LOOK_S)
        return None

    async def _hand_over(self, part: int, old: Link, why: str, tasks: asyncio.TaskGroup) -> Link:
        """A new connection beside the old one, until it carries what the old one carried; the one that is kept."""
        new = self._dial(part, tasks)
        carried = set(self._groups[part].streams) - old.missing
        end_s = self._loop.time() + self._limits.connect_timeout_s
        while not (new.task.done() or old.task.done()):
            if new.opened_s:
                end_s = new.opened_s + self._limits.handover_s
            left_s = end_s - self._loop.time()
            silent = carried & new.missing
            if new.opened_s and not silent and new.flowed:
                await asyncio.wait({new.task, old.task}, timeout=min(_OVERLAP_S, max(left_s, 0)), return_when=_FIRST)
                break
            if left_s <= 0:
                break
            new.changed.clear()
            waiting = asyncio.ensure_future(new.changed.wait())
            await asyncio.wait({new.task, old.task, waiting}, timeout=left_s, return_when=_FIRST)
            waiting.cancel()
        if new.task.done() or not (new.opened_s or old.task.done()):
            await ended(new.task)
            self._links.discard(new)
            self._queue.tell("disconnected", f"{self._name(new)}: {reason_of(new)}; the one before it is read on")
            return old
        if old.task.done():
            self._lost(old)
            if new.flowed:
                self._stand(part, True, f"connection {new.number}")
            return new
        await ended(old.task)
        self._links.discard(old)
        left = len(carried & new.missing)
        silent_yet = f"; {left} of its {len(carried)} streams have not spoken on the new one yet" if left else ""
        self._queue.tell("handover", f"{self._name(new)} follows connection {old.number}: {why}{silent_yet}")
        return new

    def _dial(self, part: int, tasks: asyncio.TaskGroup) -> Link:
        self._opened[part] += 1
        life_s = self._limits.connection_life_s * random.uniform(1 - _LIFE_SPREAD, 1.0)
        link = Link(part, self._opened[part], life_s, set(self._groups[part].streams))
        link.task = tasks.create_task(self._connection(link))
        self._links.add(link)
        return link

    def _lost(self, link: Link) -> None:
        self._links.discard(link)
        if not any(other.flowed and other.part == link.part for other in self._links):
            self._queue.unread(link.part)
        reason = reason_of(link)
        _log.warning("%s: %s", self._name(link), reason)
        self._queue.tell("disconnected", f"{self._name(link)}: {reason}")
        self._stand(link.part, False, reason)

    def _stand(self, part: int, flowing: bool, detail: str) -> None:
        before = self._standings[part]
        since = before.since_us if before.flowing == flowing else self._clock()
        self._standings[part] = LinkStanding(flowing, since, detail, self._opened[part])

    def _name(self, link: Link) -> str:
        host = self._groups[link.part].url.partition("?")[0]
        group = f"group {link.part + 1} of {len(self._groups)}, " if len(self._groups) > 1 else ""
        return f"{host} ({group}connection {link.number})"

    async def _connection(self, link: Link) -> str:
        """One connection from its opening to its end; why it ended."""
        limits, url = self._limits, self._groups[link.part].url
        try:
            wire = await connect(
                url, proxy=None if on_this_machine(url) else True, open_timeout=limits.connect_timeout_s,
                close_timeout=_CLOSE_TIMEOUT_S, ping_interval=None, compression=None, max_size=limits.max_message_bytes,
                create_connection=self._wiring(link),  # type: ignore[arg-type]  # any factory will do
            )  # fmt: skip
        except ValueError as error:
            raise hopeless(url, error) or error from None
        except CONNECTION_ERRORS as error:
            if not self._ever_flowed and (end := hopeless(url, error)):
                raise end from None
            return failure(error)
        try:
            return await self._read(link, wire)
        finally:
            await wire.close()

    def _wiring(self, link: Link) -> Callable[..., ClientConnection]:
        def wiring(*args: object, **options: object) -> Wire:
            link.wire = Wire(lambda messages: self._take(link, messages), *args, **options)
            return link.wire

        return wiring

    async def _read(self, link: Link, wire: ClientConnection) -> str:
        """Watch over an open connection until it ends or falls silent."""
        loop, silent_after = self._loop, self._limits.silent_after_s
        link.opened_s = link.heard_s = loop.time()
        link.changed.set()
        if self._pausing is not None:
            wire.transport.pause_reading()
        many = len(self._groups[link.part].streams)
        self._queue.tell("connected", f"{self._name(link)}: {many} streams", many)
        closed = asyncio.ensure_future(wire.wait_closed())
        try:
            while True:
                if self._pausing is not None:
                    link.heard_s = loop.time()
                left_s = link.heard_s + silent_after - loop.time()
                if left_s <= 0:
                    wire.transport.abort()
                    heard = (
                        "no message" if link.flowed else "connected, but no data at all: is the route right? Nothing"
                    )
                    return f"{heard} for {silent_after:g} s"
                await asyncio.wait({closed}, timeout=left_s)
                if closed.done():
                    return f"connection lost: {wire.protocol.close_exc}"
        finally:
            closed.cancel()

    def _take(self, link: Link, messages: list[bytes]) -> None:
        """What one connection read just now."""
        if self._closing:
            return
        self._queue.put(link.part, messages)
        link.heard_s = self._loop.time()
        if not link.flowed:
            link.flowed = self._ever_flowed = True
            self._stand(link.part, True, f"connection {link.number}")
            link.changed.set()
        if link.missing:
            before = len(link.missing)
            for message in messages:
                link.missing.discard(stream_of(message))
            if len(link.missing) < before:
                link.changed.set()
        if self._queue.full and self._pausing is None:
            self._pause()

    def _pause(self) -> None:
        limit = self._limits.queue_limit
        self._each_transport(lambda transport: transport.pause_reading())
        self._queue.unread()
        _log.warning("the flow is slower than the feed: reading pauses at %d messages", limit)
        detail = f"the flow is slower than the feed: reading pauses at {limit:,} messages"
        self._queue.tell("queue_full", detail, len(self._queue))
        self._pausing = self._loop.create_task(self._read_on_with_room())

    async def _read_on_with_room(self) -> None:
        began_s = pong_s = self._loop.time()
        while not self._queue.roomy:
            await asyncio.sleep(_ROOM_PAUSE_S)
            if self._loop.time() - pong_s >= _PONG_EVERY_S:  # its pings are not read either
                pong_s = self._loop.time()
                await asyncio.gather(*(link.wire.pong() for link in self._links if link.wire), return_exceptions=True)
        now_s = self._loop.time()
        for link in self._links:
            link.heard_s = now_s
        self._pausing = None
        self._queue.tell("queue_free", f"reading goes on after {now_s - began_s:.1f} s", len(self._queue))
        self._each_transport(lambda transport: transport.resume_reading())

    def _each_transport(self, do: Callable[[asyncio.Transport], None]) -> None:
        for link in self._links:
            if link.wire is not None and link.opened_s and not link.wire.transport.is_closing():
                do(link.wire.transport)


_FIRST = asyncio.FIRST_COMPLETED


def _first(errors: BaseExceptionGroup[BaseException]) -> Exception:
    """The first error in a group of groups."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error

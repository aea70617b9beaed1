"""Pages without a browser: each opens a session over Bokeh's protocol as a browser does and holds what it is sent, but draws nothing.

What many browsers draw takes far more than what the server sends them, and they would run on the same processors as the server that is
measured. Such a page takes a few milliseconds a second.
"""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Coroutine
from html import unescape
from types import TracebackType
from typing import Any, TypeVar

import panel.models  # noqa: F401 - whose models a document may hold
from bokeh.client.websocket import WebSocketClientConnectionWrapper
from bokeh.document import Document
from bokeh.document.events import MessageSentEvent
from bokeh.events import DocumentReady
from bokeh.protocol import Protocol
from bokeh.protocol.receiver import Receiver
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

T = TypeVar("T")
_LONGEST_S = 120.0
_LARGEST_BYTES = 20 << 20
_TOKEN = re.compile(r'"token":\s*"([^"]+)"')


class WirePage:
    """One page.

    Attributes:
        document: as the browser would hold it. arrived: open time in ms → wall clock in ms at which the closed row was in it.
    """

    def __init__(self, url: str) -> None:
        self._url, self._protocol = url, Protocol()
        self._receiver = Receiver(self._protocol)
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.document = Document()
        self.arrived: dict[int, float] = {}

    @property
    def times(self) -> list[float]:
        """Open times of the rows, in ms; none before the source is there."""
        return list(self._rows["time"])

    def text(self, region: str) -> str:
        """The HTML of a region; '' where there is none."""
        model: Any = self.document.get_model_by_name(region)
        return model.text if model is not None else ""

    async def open(self) -> None:
        """Fetch the page, take its document and say that it stands."""
        waiting = {"connect_timeout": _LONGEST_S, "request_timeout": _LONGEST_S}
        answer = await AsyncHTTPClient().fetch(self._url, **waiting)
        token = _TOKEN.search(unescape(answer.body.decode()))
        assert token is not None, f"no session in the page of {self._url}"
        address = "ws" + self._url.partition("?")[0].removeprefix("http") + "/ws"
        request = HTTPRequest(address, **waiting)
        self._socket = await websocket_connect(
            request, subprotocols=["bokeh", token[1]], max_message_size=_LARGEST_BYTES
        )
        first = await self._message()
        assert first is not None, "the server closed the connection at once"
        assert first.msgtype == "ACK", first
        await self._send(self._protocol.create("PULL-DOC-REQ"))
        while (reply := await self._message()) is not None and reply.msgtype != "PULL-DOC-REPLY":
            pass
        assert reply is not None, "the server closed the connection before it sent the document"
        reply.push_to_document(self.document)
        self._reading = asyncio.create_task(self._read())
        ready = MessageSentEvent(self.document, "bokeh_event", DocumentReady())
        await self._send(self._protocol.create("PATCH-DOC", [ready]))

    async def until(self, wanted: Callable[["WirePage"], bool], deadline_s: float = _LONGEST_S) -> None:
        """Return when that is so; it is looked at after each message."""
        assert self._reading is not None, "not open"
        async with asyncio.timeout(deadline_s):
            while not wanted(self):
                assert not self._reading.done(), self._reading.exception() or "the server closed the connection"
                self._changed.clear()
                await self._changed.wait()

    async def close(self) -> None:
        """Leave, as a closed tab does."""
        self._socket.close()
        if self._reading is not None:
            await self._reading

    @property
    def _rows(self) -> Any:
        rows: Any = self.document.get_model_by_name("rows")
        return rows.data if rows is not None else {"time": [], "y_closed": []}

    async def _read(self) -> None:
        try:
            while (message := await self._message()) is not None:
                if message.msgtype == "PATCH-DOC":
                    message.apply_to_document(self.document)
                    self._note()
                self._changed.set()
        finally:
            self._changed.set()

    def _note(self) -> None:
        now, rows = time.time() * 1000, self._rows
        for at, closed in zip(reversed(rows["time"]), reversed(rows["y_closed"]), strict=True):
            if int(at) in self.arrived:
                return
            if closed == 1:
                self.arrived[int(at)] = now

    async def _message(self) -> Any:
        """The next message; None at the end of the connection."""
        message = None
        while message is None:
            if (fragment := await self._socket.read_message()) is None:
                return None
            message = await self._receiver.consume(fragment)
        return message

    async def _send(self, message: Any) -> None:
        await message.send(WebSocketClientConnectionWrapper(self._socket))


class WirePages:
    """A thread in which such pages live, so that a browser's driver can have the caller's."""

    def __enter__(self) -> "WirePages":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for that."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def open(self, url: str, count: int) -> list[WirePage]:
        """So many pages at once; each has rows."""

        async def opened() -> list[WirePage]:
            pages = [WirePage(url) for _ in range(count)]

            async def one(page: WirePage) -> None:
                await page.open()
                await page.until(lambda page: bool(page.times))

            await asyncio.gather(*(one(page) for page in pages))
            return pages

        return self.run(opened())

    def close(self, pages: list[WirePage]) -> None:
        """All of them."""

        async def closed() -> None:
            await asyncio.gather(*(page.close() for page in pages))

        self.run(closed())

    def until(self, pages: list[WirePage], wanted: Callable[[WirePage], bool], deadline_s: float = _LONGEST_S) -> None:
        """Return when that is so of all pages."""

        async def waited() -> None:
            await asyncio.gather(*(page.until(wanted, deadline_s) for page in pages))

        self.run(waited())

"""Downloads and uploads of the Data view: `panel serve dashboard/app.py --plugins dashboard.routes`.

Every address holds the secret of a page (`dashboard.transfers`); without it there is nothing here.
"""

import os
import re
from collections.abc import Awaitable
from contextlib import suppress
from typing import IO, Any
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from dashboard import transfers
from dashboard.transfers import UPLOAD_LIMIT_BYTES, Offer, TooManyFilesError, Transfers, too_large

_PIECE = 256 << 10
_NAME_LENGTH = 120


class _Handler(RequestHandler):
    """Answers only those who know a page's secret."""

    def set_default_headers(self) -> None:
        for name, value in (
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.set_header(name, value)

    def check_xsrf_cookie(self) -> None:
        """The secret in the address is what a cookie could only imitate."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish(self._reason)

    def page(self, token: str) -> Transfers:
        """The page of that secret."""
        page = transfers.OPEN.get(token)
        if page is None:
            raise HTTPError(404, reason="no such page: it was closed or loaded anew")
        return page


class Download(_Handler):
    """A file, piece by piece."""

    async def get(self, token: str, key: str) -> None:
        offer = self.page(token).offers.get(key)
        if offer is None:
            raise HTTPError(404, reason="no such file: a newer export took its place")
        with offer.path.open("rb") as file:
            self.set_header("Content-Type", "application/octet-stream")
            self.set_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(offer.name)}")
            with suppress(StreamClosedError):  # the browser wants no more
                while piece := file.read(_PIECE):
                    self.write(piece)
                    await self.flush()


@stream_request_body
class Upload(_Handler):
    """Writes what comes to a file at once; never holds more than a piece."""

    def initialize(self) -> None:
        self._file: IO[bytes] | None = None
        self._page: Transfers | None = None
        self._key, self._whole = "", False

    def prepare(self) -> Awaitable[None] | None:
        page = self.page(self.path_args[0])
        length = int(self.request.headers.get("Content-Length", "0"))
        if length > UPLOAD_LIMIT_BYTES:
            raise HTTPError(413, reason=too_large(f"{length / 1e6:,.0f}"))
        self.request.connection.set_max_body_size(UPLOAD_LIMIT_BYTES)  # type: ignore[union-attr]
        try:
            name = _plain(self.get_query_argument("name", "file"))
            self._key, path = page.place_for_upload(name)
            self._file = path.open("wb")
        except TooManyFilesError as error:
            raise HTTPError(409, reason=str(error)) from error
        except OSError as error:
            raise HTTPError(507, reason=f"the server cannot keep the file: {error.strerror}") from error
        self._page = page
        page.inbox[self._key] = Offer(path, name)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        assert self._file is not None
        try:
            self._file.write(chunk)
        except OSError as error:
            raise HTTPError(507, reason=f"the server cannot keep the file: {error.strerror}") from error
        return None

    def put(self, token: str) -> None:
        assert self._file is not None
        self._file.close()
        self._whole = True
        self.write({"key": self._key})

    def on_finish(self) -> None:
        self._end()

    def on_connection_close(self) -> None:
        self._end()

    def _end(self) -> None:
        """A file that did not come whole is deleted."""
        if self._file is not None:
            self._file.close()
        if self._page is not None and not self._whole and (offer := self._page.inbox.pop(self._key, None)):
            with suppress(OSError):
                offer.path.unlink(missing_ok=True)


def _plain(name: str) -> str:
    """A file's name without anything that could be a path or break a line."""
    plain = re.sub(r"[\x00-\x1f/\\]+", "_", name).lstrip(".-")[-_NAME_LENGTH:]
    return plain or "file"


transfers.served = True
ROUTES = [
    (r"/transfer/([\w-]+)/file/(\d+)", Download),
    (r"/transfer/([\w-]+)/upload", Upload),
]

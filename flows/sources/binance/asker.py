"""GET requests to one host over a connection that is kept, and what their failures mean."""

import contextlib
import http.client
import socket
import urllib.parse
import urllib.request
from dataclasses import dataclass

from flows.sources.binance.reach import on_this_machine, unreachable

_MAX_BODY = 16 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: the status, the headers that matter, the body.

    Attributes:
        used_weight: X-MBX-USED-WEIGHT-1M. retry_after_s: Retry-After in seconds; None where they are not given.
    """

    status: int
    used_weight: int | None
    retry_after_s: float | None
    body: bytes


class NoAnswerError(Exception):
    """Nothing came, with why for a person."""


class Asker:
    """One host. `get` belongs to one thread, `interrupt` to any.

    Args:
        base_url: http or https, without a path. timeout_s: of connecting and of each wait for data.
    """

    def __init__(self, base_url: str, timeout_s: float) -> None:
        url = urllib.parse.urlsplit(base_url)
        self._url, self._timeout = url, timeout_s
        self._connection = self._fresh()
        self._used = False
        self._interrupted = False

    def _fresh(self) -> http.client.HTTPConnection:
        secure, host = self._url.scheme == "https", self._url.hostname or ""
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        proxy = (
            None
            if on_this_machine(self._url.geturl()) or urllib.request.proxy_bypass(host)
            else _proxy(self._url.scheme)
        )
        if proxy is None:
            return kind(host, self._url.port, timeout=self._timeout)
        through = kind(proxy.hostname or "", proxy.port, timeout=self._timeout)
        through.set_tunnel(host, self._url.port)
        return through

    def get(self, path: str) -> Answer:
        """Ask once; a kept connection that the host has closed meanwhile is replaced.

        Raises:
            NoAnswerError: it cannot be reached, is too slow, or was interrupted.
        """
        again = self._used
        while True:
            try:
                self._connection.request("GET", path, headers={"Accept": "application/json"})
                response = self._connection.getresponse()
                self._used = True
                body = response.read(_MAX_BODY)
                return Answer(
                    response.status,
                    _number(response.getheader("X-MBX-USED-WEIGHT-1M")),
                    _number(response.getheader("Retry-After")),
                    body,
                )
            except (OSError, http.client.HTTPException) as error:
                self.close()
                stale = isinstance(error, http.client.RemoteDisconnected | BrokenPipeError | ConnectionResetError)
                if not (again and stale) or self._interrupted:
                    raise NoAnswerError(unreachable(error)) from None
                again = False

    def interrupt(self) -> None:
        """Let a `get` that waits in another thread fail at once."""
        self._interrupted = True
        waiting = self._connection.sock
        if waiting is not None:
            with contextlib.suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; the next request makes a new one."""
        self._connection.close()
        self._connection = self._fresh()
        self._used = False


def _proxy(scheme: str) -> urllib.parse.SplitResult | None:
    found = urllib.request.getproxies().get(scheme)
    return urllib.parse.urlsplit(found) if found else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None

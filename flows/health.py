"""How the flow answers those who watch over it: `/healthz` whether it turns, `/readyz` whether data flows, `/status` figures, all JSON."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from flows.errors import SettingsError

_REQUEST_TIMEOUT_S = 5.0


class Reporter(Protocol):
    """Who knows. Every method is called from threads of the server."""

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether the flow turns, and what is known of it."""

    def readiness(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether data flows on every leg; if not, which leg and why."""

    def status(self) -> Mapping[str, Any]:
        """Everything there is to say."""


class HealthServer:
    """Serves from a daemon thread until closed.

    Args:
        port: 0 lets the system choose one, which `port` then tells.

    Raises:
        SettingsError: the port is taken, or the address is none of this machine.
    """

    def __init__(self, host: str, port: int, reporter: Reporter) -> None:
        try:
            self._server = _Server((host, port), reporter)
        except OSError as error:
            raise SettingsError(
                f"health.host and health.port: cannot listen on {host}:{port}: {error.strerror}"
            ) from None
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], reporter: Reporter) -> None:
        self.reporter = reporter
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_TIMEOUT_S
    server: _Server

    def do_GET(self) -> None:
        reporter, path = self.server.reporter, self.path.partition("?")[0]
        if path == "/healthz":
            good, body = reporter.health()
        elif path == "/readyz":
            good, body = reporter.readiness()
        elif path == "/status":
            good, body = True, reporter.status()
        else:
            self._answer(404, {"error": f"no such path: {path}", "paths": ["/healthz", "/readyz", "/status"]})
            return
        self._answer(200 if good else 503, body)

    do_HEAD = do_GET

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        text = json.dumps(body, allow_nan=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: probes come every second."""

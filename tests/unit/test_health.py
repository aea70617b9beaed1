"""The health server, asked over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from flows.errors import SettingsError
from flows.health import HealthServer

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Flow:
    """A reporter that says what it is told to."""

    alive, ready = True, False

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        return self.alive, {"alive": self.alive}

    def readiness(self) -> tuple[bool, Mapping[str, Any]]:
        return self.ready, {"reason": "BTCUSDT silent"}

    def status(self) -> Mapping[str, Any]:
        return {"legs": [{"symbol": "币安USDT"}]}


def get(port: int, path: str, method: str = "GET") -> tuple[int, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with _OPENER.open(request, timeout=5) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, json.loads(body) if body else None


def test_what_it_answers() -> None:
    flow = Flow()
    server = HealthServer("127.0.0.1", 0, flow)
    try:
        assert get(server.port, "/healthz") == (200, {"alive": True})
        assert get(server.port, "/readyz?x=1") == (503, {"reason": "BTCUSDT silent"})
        assert get(server.port, "/status") == (200, {"legs": [{"symbol": "币安USDT"}]})
        flow.alive, flow.ready = False, True
        assert get(server.port, "/healthz")[0] == 503
        assert get(server.port, "/readyz")[0] == 200
        assert get(server.port, "/healthz", "HEAD") == (503, None)
        status, body = get(server.port, "/")
        assert status == 404
        assert body["paths"] == ["/healthz", "/readyz", "/status"]
    finally:
        server.close()
    with pytest.raises(urllib.error.URLError):
        get(server.port, "/healthz")


def test_a_port_that_is_taken_is_named() -> None:
    server = HealthServer("127.0.0.1", 0, Flow())
    try:
        with pytest.raises(
            SettingsError, match=rf"health\.port: cannot listen on 127\.0\.0\.1:{server.port}: Address already"
        ):
            HealthServer("127.0.0.1", server.port, Flow())
    finally:
        server.close()

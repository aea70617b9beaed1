"""`pairs status` against the real health server and what the flow tells it."""

import http.server
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from flows.cli import main
from flows.domain.frames import LATENCY_STAGES, FeedEvents, FeedLatency
from flows.domain.scale import UNKNOWN
from flows.health import HealthServer
from flows.sources.binance.board import Board, View
from flows.sources.binance.feed import Legs
from flows.sources.binance.standing import LegStanding, LinkStanding, RestStanding
from flows.status import show

NOW = 1_700_000_100_000_000
S = 1_000_000


def board(state: str = "live", detail: str = "") -> Board:
    """Of a flow with two legs, of which BTCUSDT stands as said and ETHUSDT has never traded."""
    some = {name: np.zeros(2, np.int64) for name in ("held_since", "first_held", "proven", "watermark")}
    legs = Legs(
        last_id=np.array([7_654_321, -1]), last_trade_time=np.array([NOW - S // 2, UNKNOWN]), received=np.array([NOW, UNKNOWN]),
        held=np.array([330, 0]), filled=np.array([1_200, 0]), missing=np.array([12, 0]), **some,
    )  # fmt: skip
    made = Board()
    made.show(
        View(
            NOW, 12_000, ("BTCUSDT", "ETHUSDT"), (0, 1), [LegStanding(state, NOW - 95 * S, detail), LegStanding("quiet", NOW, "")],
            legs, [LinkStanding(True, NOW - 60 * S, "connected to [market] as 1 of 1", 3)], RestStanding("", 246, 2_000), 5,
            {"messages": 98_765},
        )
    )  # fmt: skip
    made.measure(
        FeedLatency(
            np.full(5, NOW), np.array(LATENCY_STAGES, object), *(np.array([40.0, 12.5, 3.4, np.nan, 240.0]) * k for k in (1, 2, 3, 4)),
            np.array([600, 600, 600, 0, 9]),
            np.array([""] * 5, object),
        )
    )  # fmt: skip
    made.tell(
        FeedEvents(
            np.array([NOW - S, NOW]), np.array([1, 2]), np.array(["connected", "lost"], object), np.array(["", "BTCUSDT"], object),
            np.array(["all streams", "gone [bold]\x1b[2J\x07 for good"], object), *(np.array([UNKNOWN, 5]) for _ in range(3)),
        )
    )  # fmt: skip
    return made


@contextmanager
def serving(made: Board) -> Iterator[int]:
    server = HealthServer("127.0.0.1", 0, made)
    try:
        yield server.port
    finally:
        server.close()


def pairs_status(port: int, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setenv("PAIRS_HEALTH__PORT", str(port))
    return main(["status", *words])


def test_the_tables_hold_what_the_flow_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(board()) as port:
        assert pairs_status(port, monkeypatch) == 0
    said = re.sub(r" +", " ", capsys.readouterr().out)
    for line in (
        "READY as of 2023-11-14 22:15:00 local clock ahead, ms 12.0 messages queued 5 REST weight used 246 messages 98765",
        "BTCUSDT live 2023-11-14 22:13:25 0.488 7654321 330 1200 12",
        "ETHUSDT quiet 2023-11-14 22:15:00 – – 0 0 0",
        "1 yes 2023-11-14 22:14:00 3 connected to [market] as 1 of 1",
        "sent → received 12.5 25.0 37.5 50.0 600",
        "chunk → bar – – – – 0",
        "2023-11-14 22:15:00 lost BTCUSDT gone [bold]\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER} for good",
    ):
        assert line in said, f"{line!r} not in {said}"
    assert said.index("lost") < said.index("all streams"), "newest first"
    assert "\x1b" not in said


def test_not_ready_is_exit_code_1_with_the_leg_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(board("silent", "the exchange trades it, the stream says nothing")) as port:
        assert pairs_status(port, monkeypatch) == 1
    said = re.sub(r" +", " ", capsys.readouterr().out)
    assert said.startswith("NOT READY as of")
    assert (
        "BTCUSDT silent 2023-11-14 22:13:25 0.488 7654321 330 1200 12 the exchange trades it, the stream says nothing"
        in said
    )


def test_json_is_what_the_flow_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made = board()
    with serving(made) as port:
        assert pairs_status(port, monkeypatch, "--json") == 0
    assert json.loads(capsys.readouterr().out) == made.status()


def test_a_feed_that_has_not_begun_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Board()) as port:
        assert pairs_status(port, monkeypatch) == 1
    assert capsys.readouterr().out.split("  ")[0] == "NOT READY"


def test_states_are_coloured_on_a_terminal() -> None:
    out = io.StringIO()
    show(board("reconnecting").status(), Console(file=out, force_terminal=True, width=160, color_system="standard"))
    assert re.search(r"\x1b\[31mreconnecting *\x1b\[0m", out.getvalue())
    assert re.search(r"\x1b\[32mquiet *\x1b\[0m", out.getvalue())


@pytest.mark.parametrize(
    "status",
    [
        {"ready": False},
        {"ready": True, "legs": [{"symbol": "A", "news": 1}], "latency": [], "events": None, "counts": 3},
    ],
)
def test_missing_and_unknown_keys_do_no_harm(status: dict[str, Any]) -> None:
    out = io.StringIO()
    show(status, Console(file=out, width=160))
    assert out.getvalue().startswith("READY" if status["ready"] else "NOT READY")


def test_no_flow_is_one_line_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], free_ports: Callable[[int], list[int]]
) -> None:
    port = free_ports(1)[0]
    assert pairs_status(port, monkeypatch) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"pairs: asked http://127.0.0.1:{port}/status for the status of the flow: no answer (Connection refused): "
        'start the flow with "pairs up", or set health.host and health.port to where it runs\n'
    )


@pytest.mark.parametrize(
    ("code", "body", "found"),
    [(200, b"<html>\x1b[1mhello", 'expected a JSON object with "ready", found "<html>'), (200, b"[1]", 'found "[1]"'),
     (200, b'{"a": 1}', "found"), (502, b"", "HTTP 502")],
)  # fmt: skip
def test_something_else_on_the_port_is_said(
    code: int, body: bytes, found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        assert pairs_status(server.server_address[1], monkeypatch) == 1
        thread.join(10)
    said = capsys.readouterr().err
    assert found in said
    assert "health.port" in said
    assert said.count("\n") == 1
    assert "\x1b" not in said


def test_a_proxy_for_the_web_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(board()) as port:
        assert pairs_status(port, monkeypatch) == 0


def test_a_wrong_settings_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "pairs.toml"
    config.write_text("[health]\nprot = 1\n")
    assert main(["status", "--config", str(config)]) == 1
    assert "health.prot" in capsys.readouterr().err

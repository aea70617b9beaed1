"""What `pairs up` decides and prepares before the first process starts."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.testing import TestingSink, TestingSource, run_main

from flows.errors import PairdeskError, SettingsError, StorageError
from flows.settings import load
from flows.supervisor import recovery
from flows.supervisor.stack import children, environment, plan


@pytest.fixture(autouse=True)
def _data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAIRS_STORAGE__DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def said() -> list[str]:
    """Lines for a person."""
    return []


@pytest.fixture
def exchange() -> Iterator[str]:
    """A server that answers the exchange's ping and nothing else."""

    class Ping(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/fapi/v1/ping" else 404)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Ping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_auto_takes_binance_where_it_answers(exchange: str, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAIRS_BINANCE__REST_URL", exchange)

    stack = plan("auto", None, said.append)

    assert (stack.simulated, stack.origin, said) == (False, "live", [])
    assert [child.name for child in children(stack)] == ["questdb", "flow", "page"]
    assert stack.config.name == "binance.toml"


def test_auto_says_so_where_binance_cannot_be_reached(
    free_ports: Callable[[int], list[int]], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("PAIRS_BINANCE__REST_URL", nobody)

    stack = plan("auto", None, said.append)

    assert (stack.simulated, stack.origin) == (True, "simulated")
    assert [child.name for child in children(stack)] == ["questdb", "exchange", "flow", "page"]
    assert len(said) == 1
    assert said[0].startswith(f"{nobody} cannot be reached (")
    assert "Connection refused" in said[0]
    assert "SIMULATED" in said[0]


def test_the_simulated_exchange_is_used_at_its_own_port(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAIRS_SIMULATOR__PORT", "12345")

    stack = plan("simulated", None, said.append)

    assert stack.settings.binance.stream_url == "ws://127.0.0.1:12345"
    assert stack.settings.binance.rest_url == "http://127.0.0.1:12345"


def test_every_child_sees_the_settings_that_were_decided(tmp_path: Path, said: list[str]) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[market]\npairs = ["SOLUSDT/BTCUSDT", "ETHUSDT/BTCUSDT"]\n[dashboard]\nport = 5999\n'
        '[models.fast]\nmethod = "ols"\nwindow = 60\nz_window = 60\ncorrelation_window = 60\n'
    )
    stack = plan("simulated", str(mine), said.append)

    assert load(stack.config, environment(stack)) == stack.settings
    assert stack.settings.dashboard.port == 5999
    assert environment(stack)["OPENBLAS_NUM_THREADS"] == "1"


def test_a_named_server_is_not_started(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDB_CLIENT_CONF", "http::addr=db.example:9000;")
    monkeypatch.setenv("PAIRS_STORAGE__EXTERNAL_PG", "db.example:8812")

    stack = plan("simulated", None, said.append)

    assert [child.name for child in children(stack)] == ["exchange", "flow", "page"]


def test_a_settings_file_that_is_missing_is_named(said: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"no\.toml: cannot be read: No such file"):
        plan("simulated", "no.toml", said.append)


def _prepared(fresh: bool = False) -> tuple[Path, int, list[str]]:
    """The store's folder, its file's identity, and what was said."""
    said: list[str] = []
    stack = plan("simulated", None, said.append)
    directory = stack.settings.storage.recovery_dir(stack.origin)
    recovery.prepare(directory, stack.settings, environment(stack), fresh, said.append)
    (file,) = directory.iterdir()
    return directory, file.stat().st_ino, said


def test_a_recovery_store_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, first, _ = _prepared()
    monkeypatch.setenv("PAIRS_DASHBOARD__PORT", "5999")  # is nothing to the flow
    assert _prepared()[1:] == (first, [])


def test_the_engine_keeps_the_large_pages_of_its_store() -> None:
    directory, _, _ = _prepared()

    def run(items: list[int]) -> list[int]:
        flow, sums = Dataflow("sums"), list[int]()
        keyed = op.key_on("key", op.input("in", flow, TestingSource(items)), lambda _: "all")
        summed = op.stateful_map("sum", keyed, lambda before, item: ((before or 0) + item,) * 2)
        op.output("out", op.map("unkeyed", summed, lambda item: item[1]), TestingSink(sums))
        run_main(flow, recovery_config=RecoveryConfig(str(directory)))  # type: ignore[no-untyped-call]
        return sums

    assert run([1, 2]) == [1, 3]
    assert run([1, 2, 3]) == [6]
    with closing(sqlite3.connect(directory / "part-0.sqlite3")) as store:
        assert store.execute("PRAGMA page_size").fetchone() == (16_384,)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PAIRS_BARS__FILL_LIMIT_S", "60", "bars.fill_limit_s was 900, is 60"),
        ("PAIRS_MARKET__PAIRS", "SOLUSDT/BTCUSDT", "market.pairs was ETHUSDT/BTCUSDT, is SOLUSDT/BTCUSDT"),
        ("PAIRS_BINANCE__STREAM", "trade", "binance.stream was aggTrade, is trade"),
    ],
)
def test_a_store_of_other_settings_is_refused_and_kept(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, first, _ = _prepared()
    monkeypatch.setenv(variable, value)
    with pytest.raises(PairdeskError, match=rf"cannot go on with: {told}\. Bring that back, or start with --fresh"):
        _prepared()
    _, second, said = _prepared(fresh=True)
    assert second != first
    assert said == [f"the flow's state was put aside as {directory}.before-1: windows begin empty, stored rows stay"]
    assert [file.stat().st_ino for file in Path(f"{directory}.before-1").iterdir()] == [first]
    assert _prepared()[1:] == (second, [])
    monkeypatch.delenv(variable)
    with pytest.raises(PairdeskError, match="Bring that back"):
        _prepared()


def test_a_store_of_another_version_is_refused() -> None:
    directory, _, _ = _prepared()
    beside = directory.with_name("recovery.settings")
    written = beside.read_text()
    beside.write_text(written.replace(version("pairdesk"), "0.0.1"))
    with pytest.raises(PairdeskError, match=r"version of pairdesk was 0\.0\.1, is "):
        _prepared()
    settings = json.loads(written)
    del settings["layout of the state"]  # as before there was one
    beside.write_text(json.dumps(settings))
    with pytest.raises(PairdeskError, match=r"layout of the state was absent, is \d"):
        _prepared()
    beside.write_text("{")
    with pytest.raises(PairdeskError, match="nobody knows what it means"):
        _prepared()


def test_a_start_that_was_killed_while_it_made_the_store_is_no_obstacle() -> None:
    directory, _, _ = _prepared()
    directory.rename(directory.with_name("recovery.new"))
    (directory.with_name("recovery.new") / "half").touch()
    _prepared()  # finds exactly one file
    assert not directory.with_name("recovery.new").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StorageError, match=r"recovery: cannot be made: Not a directory"):
        _prepared()

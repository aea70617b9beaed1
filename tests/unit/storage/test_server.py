"""The managed server: start, stop, a second start, other programs in the way, and sudden ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flows.domain.interval import Interval
from flows.errors import StorageError
from flows.storage.client import connect, create_tables, password_file
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb

MakeServer = Callable[[], ManagedServer]


@pytest.fixture
def make(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> MakeServer:
    """Servers on one root, each on free ports."""

    def server() -> ManagedServer:
        http_port, pg_port, health_port = free_ports(3)
        return ManagedServer(tmp_path / "root", http_port=http_port, pg_port=pg_port, health_port=health_port)

    return server


def test_it_serves_the_console_and_listens_on_loopback_only(questdb: ManagedServer) -> None:
    with urllib.request.urlopen(questdb.address.console_url + "index.html", timeout=5) as page:
        assert b"QuestDB" in page.read()

    assert questdb.pid is not None
    listening = [c.laddr for c in psutil.Process(questdb.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 3
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_telemetry_is_off_and_tables_come_only_from_us(questdb: ManagedServer) -> None:
    with connect(questdb.address) as connection:
        rows = connection.execute("SHOW PARAMETERS").fetchall()
    value = {row[0]: row[2] for row in rows}

    assert value["telemetry.enabled"] == "false"
    assert value["line.auto.create.new.tables"] == "false"
    assert value["line.auto.create.new.columns"] == "false"
    assert value["query.timeout"] == "10s"


def test_the_password_of_the_reader_is_for_the_owner_only(questdb: ManagedServer) -> None:
    path = password_file(questdb.root)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text()) >= 24


def test_tables_and_password_outlive_a_stop_and_a_kill(make: MakeServer) -> None:
    first = make()
    with first:
        create_tables(first.address, "kept", (Interval.S1,))
        password = first.read_address.password
        assert first.pid is not None
        assert first.ended() is None
        os.kill(first.pid, signal.SIGKILL)
        while (end := first.ended()) is None:
            continue
        assert "ended by itself (exit code -9)" in str(end)
    with make() as second:
        assert second.read_address.password == password
        with connect(second.read_address) as connection:
            assert connection.execute("SELECT count() FROM kept_trades").fetchone() == (0,)
        pid = second.pid
        second.stop()
        second.stop()
        assert pid is not None
        assert not psutil.pid_exists(pid)


def test_every_thread_of_it_steps_back_for_the_flow(questdb: ManagedServer) -> None:
    threads = psutil.Process(questdb.pid).threads()
    assert len(threads) > 10
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in threads} == {max(5, own)}


def test_a_second_start_on_the_same_root_names_the_first(make: MakeServer) -> None:
    with (
        make(),
        pytest.raises(StorageError, match=rf"root is in use by process {os.getpid()}: stop that QuestDB first"),
    ):
        make().start()


@pytest.mark.parametrize("setting", ["http_port", "pg_port", "health_port"])
def test_a_busy_port_is_named_with_its_setting(
    tmp_path: Path, free_ports: Callable[[int], list[int]], setting: str
) -> None:
    ports = dict(zip(("http_port", "pg_port", "health_port"), free_ports(3), strict=True))
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[setting]))
        other.listen()
        with pytest.raises(StorageError, match=rf"127\.0\.0\.1:{ports[setting]} .*storage\.{setting}"):
            ManagedServer(tmp_path, **ports).start()


def test_another_server_that_answers_on_the_port_is_not_taken_for_ours(
    make: MakeServer, tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    """The other one is a QuestDB that says yes to everything, and takes the ports just after we found them free."""
    other = make()
    (health_port,) = free_ports(1)
    ours = ManagedServer(
        tmp_path / "ours",
        http_port=other.address.http_port,
        pg_port=other.address.pg_port,
        health_port=health_port,
        say=lambda line: other.start() if line.startswith("starting") else None,
    )
    try:
        with pytest.raises(StorageError, match=r"ended by itself .*could not bind"):
            ours.start()
        assert other.pid is not None
    finally:
        other.stop()


def test_a_jar_that_is_not_the_pinned_one_is_refused(
    make: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "questdb-9.3.4.jar"
    jar.write_bytes(b"not a jar")
    monkeypatch.setenv("QUESTDB_JAR", str(jar))
    with pytest.raises(StorageError, match=r"QUESTDB_JAR: .*is not QuestDB 9\.3\.4: wanted SHA-256 939b"):
        make().start()

    monkeypatch.setenv("QUESTDB_JAR", str(tmp_path / "missing.jar"))
    with pytest.raises(StorageError, match=r"missing\.jar: No such file"):
        make().start()


def test_no_network_for_the_jar_is_said_with_the_way_out(
    make: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_ports: Callable[[int], list[int]]
) -> None:
    (nobody,) = free_ports(1)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{nobody}")
    monkeypatch.delenv("QUESTDB_JAR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))

    with pytest.raises(StorageError, match=r"Maven Central cannot be reached .* set QUESTDB_JAR"):
        make().start()
    assert [path.suffix for path in (tmp_path / "cache" / "pairdesk").iterdir()] == [".lock"]


def test_a_java_that_cannot_start_is_reported_with_its_last_words(
    tmp_path: Path, free_ports: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:NoSuchOption")
    http_port, pg_port, health_port = free_ports(3)

    with pytest.raises(StorageError, match=r"ended by itself .*NoSuchOption"):
        ManagedServer(tmp_path, http_port=http_port, pg_port=pg_port, health_port=health_port).start()


def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> None:
    http_port, pg_port, health_port = free_ports(3)
    code = (
        "import sys, threading; from pathlib import Path; from flows.storage.server import ManagedServer\n"
        f"s = ManagedServer(Path({str(tmp_path)!r}), '127.0.0.1', {http_port}, {pg_port}, {health_port}); s.start()\n"
        "print(s.pid, flush=True); threading.Event().wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        assert server.is_running()
        parent.kill()
        server.wait(timeout=10)
    assert not server.is_running()


def test_a_table_that_the_server_suspended_goes_on(
    tmp_path: Path, free_ports: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QDB_DEV_MODE_ENABLED", "true")  # or SUSPEND WAL is refused
    suspended = "SELECT suspended FROM wal_tables() WHERE name = 'crowded'"
    with ManagedServer(tmp_path / "db", "127.0.0.1", *free_ports(3)) as server, connect(server.address) as sql:
        sql.execute("CREATE TABLE crowded (at TIMESTAMP, n LONG) TIMESTAMP(at) PARTITION BY DAY WAL")
        sql.execute("ALTER TABLE crowded SUSPEND WAL WITH 28, 'No space left on device'")
        sql.execute("INSERT INTO crowded VALUES (0, 1)")
        assert sql.execute(suspended).fetchall() == [(True,)]
        assert server.resume_tables() == ["crowded"]
        assert sql.execute(suspended).fetchall() == [(False,)]
        sql.execute("SELECT wait_wal_table('crowded')")
        assert sql.execute("SELECT n FROM crowded").fetchall() == [(1,)], "what it had accepted is kept"
        assert server.resume_tables() == []
    assert server.resume_tables() == [], "nor does it matter that it is away"

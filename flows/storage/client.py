"""How the program talks to QuestDB: rows in by ILP over HTTP, SQL over PGwire. Nothing else knows the drivers."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import Format
from questdb import QuestDBError, Sender

from flows.domain.interval import Interval
from flows.errors import StorageError
from flows.storage.schema import DATASETS, ColumnType, Table, dataset_problem, dataset_tables, table_name

READER = "pairs_reader"
"""The read-only PGwire user of a managed server."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a QuestDB server is, and who asks.

    Attributes:
        http_port: web console, REST and ILP. pg_port: PGwire.
        ilp_conf: configuration string of the sender, `http::addr=…;`.
        external: a server that was named to us: none is started or stopped here.
    """

    host: str
    http_port: int
    pg_port: int
    ilp_conf: str
    user: str = "admin"
    password: str = "quest"
    external: bool = False
    pg_host: str = ""

    @property
    def console_url(self) -> str:
        """The web console of the server."""
        return f"http://{self.host}:{self.http_port}/"

    def __repr__(self) -> str:
        """Without the passwords, which would end up in logs."""
        return f"Address({self.host}:{self.http_port}, pg {self.pg_host or self.host}:{self.pg_port} as {self.user})"


def address_of(
    host: str, http_port: int, pg_port: int, external_pg: str = "", environment: Mapping[str, str] | None = None
) -> Address:
    """The server to use: the one in QDB_CLIENT_CONF with its PGwire address in `external_pg`, else the managed one.

    Args:
        external_pg: `host:port` or `user:password@host:port`.
        environment: read for QDB_CLIENT_CONF; the process environment when None.

    Raises:
        StorageError: only one of the two is given, or it is malformed.
    """
    conf = (os.environ if environment is None else environment).get("QDB_CLIENT_CONF", "").strip()
    if not conf:
        return Address(host, http_port, pg_port, f"http::addr={host}:{http_port};")
    if not external_pg:
        raise StorageError(
            "QDB_CLIENT_CONF names a server: set storage.external_pg to its PGwire address host:port too"
        )
    scheme, separator, rest = conf.partition("::")
    if not separator or scheme not in ("http", "https"):
        raise StorageError(f'QDB_CLIENT_CONF must start with "http::" or "https::", was "{scheme}{separator}…"')
    http_host, http_port = _host_port(_parameters(rest).get("addr", ""), "QDB_CLIENT_CONF: addr", 9000)
    login, _, pg = external_pg.rpartition("@")
    user, _, password = login.partition(":")
    pg_host, pg_port = _host_port(pg, "storage.external_pg", 8812)
    conf = conf if conf.endswith(";") else conf + ";"
    return Address(
        http_host, http_port, pg_port, conf, user or "admin", password or "quest", external=True, pg_host=pg_host
    )


def reader_of(address: Address, root: Path) -> Address:
    """The same server as its read-only user. An external server's user is its owner's choice and stays as it is.

    Args:
        root: the managed server's root, which holds the generated password.

    Raises:
        StorageError: the managed server has never been started on this root.
    """
    if address.external:
        return address
    try:
        password = password_file(root).read_text().strip()
    except OSError as error:
        raise StorageError(f"{password_file(root)}: {error.strerror}: has QuestDB been started there?") from error
    return replace(address, user=READER, password=password)


def password_file(root: Path) -> Path:
    """Where the generated password of the read-only user is kept, mode 0600."""
    return root / "reader.password"


class _BinaryCursor(psycopg.Cursor[Any]):
    """Results in PGwire's binary format: numbers and times arrive without being printed and parsed."""

    __slots__ = ()

    def __init__(self, connection: psycopg.Connection[Any], *, row_factory: Any = None) -> None:
        super().__init__(connection, row_factory=row_factory or connection.row_factory)
        self.format = Format.BINARY


def connect(address: Address, timeout_s: float = 5.0) -> psycopg.Connection[Any]:
    """A PGwire connection: autocommit, binary results. Times come back naive and are UTC.

    Raises:
        StorageError: the server cannot be reached, or refuses the login.
    """
    host = address.pg_host or address.host
    try:
        return psycopg.connect(
            host=host,
            port=address.pg_port,
            user=address.user,
            password=address.password,
            dbname="qdb",
            autocommit=True,
            cursor_factory=_BinaryCursor,
            connect_timeout=max(2, round(timeout_s)),
        )
    except psycopg.OperationalError as error:
        reason = str(error).strip().partition("\n")[0]
        raise StorageError(f"QuestDB at {host}:{address.pg_port} (PGwire) cannot be used: {reason}") from error


def wait_ready(address: Address, timeout_s: float) -> None:
    """Return as soon as the server answers a query.

    Raises:
        StorageError: it did not within `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with connect(address) as connection:
                connection.execute("SELECT 1").fetchone()
                return
        except (StorageError, psycopg.Error) as error:
            if time.monotonic() > deadline:
                raise StorageError(f"QuestDB did not answer within {timeout_s:g} s: {error}") from error
        time.sleep(0.1)


def create_tables(address: Address, dataset: str = "", intervals: tuple[Interval, ...] = tuple(Interval)) -> None:
    """Create what is missing of a dataset's tables, and the table of datasets. The main dataset's name is ''.

    A table of an earlier version gets the columns that it lacks; they are null (a BOOLEAN is false) in the rows that it has.

    Raises:
        StorageError: the name cannot name a dataset, the server refuses, or a column is there with another type.
    """
    if problem := dataset_problem(dataset):
        raise StorageError(problem)
    tables = [(DATASETS, ""), *((table, dataset) for table in dataset_tables(intervals))]
    with connect(address) as connection:
        for table, prefix in tables:
            _execute(connection, table.create_statement(prefix))
            for name, kind in _missing_columns(connection, table, table_name(table.name, prefix)):
                _execute(
                    connection,
                    f"ALTER TABLE {table_name(table.name, prefix)} ADD COLUMN IF NOT EXISTS {name} {kind.value}",
                )


def drop_tables(address: Address, dataset: str) -> None:
    """Remove every table of a dataset that has a name; those that are not there are no error.

    Raises:
        StorageError: the main dataset, or the server refuses.
    """
    if problem := dataset_problem(dataset) or ("" if dataset else "the main dataset is not removed"):
        raise StorageError(problem)
    with connect(address) as connection:
        for table in dataset_tables():
            _execute(connection, f"DROP TABLE IF EXISTS {table_name(table.name, dataset)}")


def _execute(connection: psycopg.Connection[Any], statement: str) -> None:
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        raise StorageError(f"QuestDB refused {statement.partition(' (')[0]!r}: {error}") from error


def _missing_columns(connection: psycopg.Connection[Any], table: Table, stored: str) -> list[tuple[str, ColumnType]]:
    """Columns that the stored table lacks.

    Raises:
        StorageError: it has one of another type.
    """
    found = dict(connection.execute(f"SELECT \"column\", type FROM table_columns('{stored}')").fetchall())  # noqa: S608
    for name, kind in table.columns:
        if name in found and found[name] != kind.value:
            wanted = f"expected {kind.value}, found {found[name]}: drop the table, or use another database"
            raise StorageError(f"QuestDB table {stored}, column {name}: {wanted}")
    return [(name, kind) for name, kind in table.columns if name not in found]


def sender(address: Address) -> Sender:
    """A columnar ILP writer, to be entered with `with`. It sends on `flush()` only, and leaves retrying to its owner.

    It cannot be pickled or shared between threads: open it where it is used.

    Raises:
        StorageError: the configuration string is malformed.
    """
    given = _parameters(address.ilp_conf.partition("::")[2])
    wanted: dict[str, Any] = {"auto_flush": False, "retry_timeout": 0}
    try:
        return Sender.from_conf(address.ilp_conf, **{k: v for k, v in wanted.items() if k not in given})
    except (QuestDBError, ValueError) as error:
        raise StorageError(f"the QuestDB client refuses its configuration: {error}") from error


def _parameters(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (part.partition("=") for part in text.split(";")) if key}


def _host_port(text: str, what: str, default_port: int) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if ":" in text else (text, "", str(default_port))
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise StorageError(f'{what} must be host:port, was "{text}"')
    return host, int(port)

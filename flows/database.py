"""The database that a command works with: the one that is named, the one that already runs, or one of its own for the time it takes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flows.errors import PairdeskError, StorageError
from flows.settings import Settings
from flows.storage.client import Address, address_of, wait_ready
from flows.storage.server import ManagedServer


def address_of_database(settings: Settings) -> Address:
    """The server that the settings and QDB_CLIENT_CONF name."""
    storage = settings.storage
    return address_of(storage.host, storage.http_port, storage.pg_port, storage.external_pg, os.environ)


@contextmanager
def running_database(settings: Settings, origin: str, new: bool = True) -> Iterator[tuple[Address, bool]]:
    """A server that answers, and whether it is one of our own that ends with the block.

    Args:
        origin: whose tables a server of our own opens. new: make them where there are none.

    Raises:
        StorageError: it cannot be started, or there is nothing to open.
    """
    address = address_of_database(settings)
    if address.external or _answers(address):
        yield address, False
        return
    storage = settings.storage
    root = storage.database_root(origin)
    if not new and not root.is_dir():
        raise StorageError(
            f"no QuestDB answers on {storage.host}:{storage.pg_port}, and there is none to start in {root}"
        )
    server = ManagedServer(
        root, storage.host, storage.http_port, storage.pg_port, storage.health_port,
        storage.max_heap_mb, storage.start_timeout_s, lambda line: print(line, file=sys.stderr),  # noqa: T201
    )  # fmt: skip
    with server:
        yield server.address, True


def _answers(address: Address) -> bool:
    try:
        wait_ready(address, 0.0)
    except PairdeskError:
        return False
    return True

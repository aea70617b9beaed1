"""Removing what an upload left that was killed."""

from flows.errors import InputError
from flows.storage.client import Address, connect, drop_tables
from flows.storage.datasets import stored_datasets


def drop(address: Address, name: str) -> None:
    """Remove the tables of a dataset that was never described.

    Raises:
        InputError: it is a whole dataset. StorageError: the database.
    """
    with connect(address) as connection:
        if name in stored_datasets(connection):
            raise InputError(f'"{name}" is a whole dataset: it stays')
    drop_tables(address, name)

"""Rows into QuestDB, kept and sent again while the server is away: DEDUP keys make a second arrival harmless."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from questdb import QuestDBError, QuestDBErrorCode, Sender, TimestampMicros

from flows.domain.scale import UNKNOWN
from flows.errors import StorageError
from flows.sinks.columns import Labels, TableRows, column_type
from flows.storage.client import Address, sender
from flows.storage.schema import ColumnType, table_name

_log = logging.getLogger(__name__)

MAX_FLUSH_ROWS = 50_000
"""Keeps a request below the server's limit of 100 MiB."""
ROW_BY_ROW = 100
"""Below this many rows a data frame costs more than it saves."""
_STOP_POLL_S = 0.05

_AWAY = (
    QuestDBErrorCode.SocketError,
    QuestDBErrorCode.ConnectTimeout,
    QuestDBErrorCode.CouldNotResolveAddr,
    QuestDBErrorCode.ProtocolVersionError,  # the client asks for the version first: nobody answered
)
_INVALID = '"code":"invalid"'  # the server understood and refuses: sending again cannot help


@dataclass(frozen=True, slots=True)
class Retry:
    """Pauses double from `min_s` to `max_s` seconds, with jitter; after `deadline_s` without success the flow is ended."""

    min_s: float = 0.25
    max_s: float = 5.0
    deadline_s: float = 600.0


class Delivery:
    """Sends rows to the tables of one dataset until the server has them.

    Args:
        stop: once it says yes, a delivery that has to wait gives up.
    """

    def __init__(self, address: Address, dataset: str, retry: Retry, stop: Callable[[], bool]) -> None:
        self._address, self._dataset, self._retry, self._stop = address, dataset, retry, stop
        self._sender: Sender | None = None

    def deliver(self, batch: list[TableRows]) -> None:
        """Return when the server has accepted every row, in this order.

        Raises:
            StorageError: the server refuses the rows, is away beyond the deadline, or the run is being stopped while it is away.
        """
        for request in _requests(batch):
            self._deliver(request)

    def close(self) -> None:
        """Close the connection. Nothing is sent."""
        if self._sender is not None:
            self._sender.close(flush=False)
            self._sender = None

    def _deliver(self, request: list[TableRows]) -> None:
        began: float | None = None
        pause = self._retry.min_s
        while True:
            try:
                self._send(request)
                break
            except QuestDBError as error:
                self.close()
                if not _is_outage(error):
                    tables = ", ".join(dict.fromkeys(rows.table.name for rows in request))
                    raise StorageError(f"QuestDB refuses rows for {tables}: {error}") from error
                if began is None:
                    began = time.monotonic()
                    _log.warning("QuestDB at %s is away (%s): keeping the rows and trying again", self._where, error)
                away_s = time.monotonic() - began
                if away_s + pause > self._retry.deadline_s:
                    raise StorageError(f"QuestDB at {self._where} was away for {away_s:.0f} s: {error}") from error
                if self._stopped_within(pause * random.uniform(0.75, 1.0)):
                    raise StorageError(f"stopped while QuestDB at {self._where} is away: {error}") from error
                pause = min(2 * pause, self._retry.max_s)
        if began is not None:
            _log.warning("QuestDB at %s is back after %.1f s: no row was lost", self._where, time.monotonic() - began)

    def _stopped_within(self, seconds: float) -> bool:
        """Wait, and say whether a stop was asked for: asked again and again, as a signal handler can set no more than a flag."""
        until = time.monotonic() + seconds
        while not self._stop() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _STOP_POLL_S))
        return self._stop()

    @property
    def _where(self) -> str:
        return f"{self._address.host}:{self._address.http_port}"

    def _send(self, request: list[TableRows]) -> None:
        if self._sender is None:
            opened = sender(self._address)
            opened.establish()  # type: ignore[no-untyped-call]
            self._sender = opened
        for rows in request:
            if len(rows) < ROW_BY_ROW:
                _append_rows(self._sender, rows, table_name(rows.table.name, self._dataset))
            else:
                _append_frame(self._sender, rows, table_name(rows.table.name, self._dataset))
        self._sender.flush()


def _is_outage(error: QuestDBError) -> bool:
    if error.code is QuestDBErrorCode.ServerFlushError:
        return _INVALID not in str(error)
    return error.code in _AWAY


def _requests(batch: list[TableRows]) -> list[list[TableRows]]:
    """The batch in order, cut into requests of at most MAX_FLUSH_ROWS rows."""
    requests: list[list[TableRows]] = [[]]
    room = MAX_FLUSH_ROWS
    for rows in batch:
        rows.checked()
        start = 0
        while start < len(rows):
            if room == 0:
                requests.append([])
                room = MAX_FLUSH_ROWS
            part = rows.take(slice(start, start + room))
            requests[-1].append(part)
            start += len(part)
            room -= len(part)
    return [request for request in requests if request]


def _append_frame(to: Sender, rows: TableRows, table: str) -> None:
    symbols = [name for name, kind in rows.table.columns if kind is ColumnType.SYMBOL]
    to.dataframe(data_frame(rows), table_name=table, symbols=symbols, at=rows.table.timestamp)


def data_frame(rows: TableRows) -> pd.DataFrame:
    """The rows as the sender takes them. An UNKNOWN integer is the server's own null, and as a time it is NaT."""
    columns: dict[str, Any] = {}
    for name, kind in rows.table.columns:
        column = rows.columns[name]
        if isinstance(column, Labels):
            columns[name] = pd.Categorical.from_codes(column.codes, pd.Index(column.names, dtype="str"))
        else:
            # Bars come as the columns of a table of rows; the sender takes what lies together in memory only.
            together = np.ascontiguousarray(column)
            columns[name] = together.view("datetime64[us]") if kind is ColumnType.TIMESTAMP else together
    return pd.DataFrame(columns, copy=False)


def _append_rows(to: Sender, rows: TableRows, table: str) -> None:
    values = {name: _values(rows, name) for name, _ in rows.table.columns}
    symbols = [name for name, kind in rows.table.columns if kind is ColumnType.SYMBOL]
    others = [name for name, _ in rows.table.columns[1:] if name not in symbols]
    for i, at in enumerate(rows.columns[rows.table.timestamp].tolist()):  # type: ignore[union-attr]
        to.row(
            table,
            symbols={name: values[name][i] for name in symbols},
            columns={name: values[name][i] for name in others},
            at=TimestampMicros(at),  # type: ignore[arg-type]  # the stub forgets it
        )


def _values(rows: TableRows, name: str) -> list[Any]:
    """Python values of a column, None for null."""
    column = rows.columns[name]
    if isinstance(column, Labels):
        return column.texts()
    values: list[Any] = column.tolist()
    kind = column_type(rows.table, name)
    if kind is ColumnType.TIMESTAMP:
        return [None if value == UNKNOWN else TimestampMicros(value) for value in values]
    if kind is ColumnType.LONG:
        return [None if value == UNKNOWN else value for value in values]
    return values

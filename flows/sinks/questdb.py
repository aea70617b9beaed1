"""The QuestDB sink: frames to tables, exactly once, whatever happens to the server or to us.

Rows of files are buffered until `batch_rows` and are all there when `snapshot()` returns, before the engine commits its position. Live rows
are sent at once by a thread, and those that have not arrived by then are part of the snapshot, so that it waits for nobody. After a kill
the rows since the last snapshot are sent again and replace themselves by their DEDUP keys.
"""

from collections.abc import Callable
from typing import TypeAlias

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from flows.latency import Latency
from flows.sinks.columns import TableRows, concatenated, newest_per_key
from flows.sinks.courier import Courier
from flows.sinks.delivery import Delivery, Retry
from flows.sinks.tables import GROUPS, Storable, rows_by_table, table_rows
from flows.storage.client import Address

_PAUSE_S = 0.05
"""Between two requests of one table group: below what anybody sees, above what a request costs the server."""


Undelivered: TypeAlias = tuple[Storable, ...]


class QuestDBSink(FixedPartitionedSink[Storable, Undelivered]):
    """Items `(group, frame)` into the tables of one dataset, which must exist.

    Args:
        batch_rows: rows of one table that are held before they are flushed; live, four times as many may wait for the server.
        immediate: send rows as soon as they come: for live data.
        stop: once it says yes, a wait for a server that is away ends.
        latency: told when bars arrive and when the server has accepted them.
    """

    def __init__(
        self,
        address: Address,
        dataset: str = "",
        batch_rows: int = 50_000,
        retry: Retry | None = None,
        immediate: bool = False,
        stop: Callable[[], bool] = lambda: False,
        latency: Latency | None = None,
    ) -> None:
        self._address, self._dataset, self._batch_rows, self._immediate = address, dataset, batch_rows, immediate
        self._retry, self._stop, self._latency = retry or Retry(), stop, latency

    def list_parts(self) -> list[str]:
        return list(GROUPS)

    def part_fn(self, item_key: str) -> int:
        return GROUPS.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: Undelivered | None) -> "_Batches | _Live":
        delivery = Delivery(self._address, self._dataset, self._retry, self._stop)
        if not self._immediate:
            return _Batches(delivery, self._batch_rows)
        latency = self._latency if for_part == "bars" else None
        return _Live(delivery, 4 * self._batch_rows, latency, resume_state or ())


class _Batches(StatefulSinkPartition[Storable, Undelivered]):
    """Rows are held until there are many: for files, where nobody waits for a single row."""

    def __init__(self, delivery: Delivery, batch_rows: int) -> None:
        self._delivery, self._batch_rows = delivery, batch_rows
        self._held: dict[str, list[TableRows]] = {}

    def write_batch(self, values: list[Storable]) -> None:
        for frame in values:
            if len(frame):
                rows = table_rows(frame)
                self._held.setdefault(rows.table.name, []).append(rows)
        self._flush([name for name, parts in self._held.items() if sum(map(len, parts)) >= self._batch_rows])

    def snapshot(self) -> Undelivered:
        self._flush(list(self._held))
        return ()

    def close(self) -> None:
        self._delivery.close()

    def _flush(self, names: list[str]) -> None:
        if names:
            self._delivery.deliver([newest_per_key(concatenated(self._held[name])) for name in names])
            for name in names:  # only now: a delivery that failed keeps its rows
                del self._held[name]


class _Live(StatefulSinkPartition[Storable, Undelivered]):
    """Rows leave at once, in a thread: the dataflow goes on while the database answers, and so does a snapshot."""

    def __init__(self, delivery: Delivery, most_rows: int, latency: Latency | None, undelivered: Undelivered) -> None:
        self._delivery, self._latency = delivery, latency
        self._courier = Courier(self._deliver, _PAUSE_S, most_rows)
        for frame in undelivered:
            self._courier.put(frame)

    def write_batch(self, values: list[Storable]) -> None:
        frames = [frame for frame in values if len(frame)]
        if frames and self._latency:
            self._latency.bars_arrive()
        for frame in frames:
            self._courier.put(frame)

    def snapshot(self) -> Undelivered:
        return self._courier.undelivered()

    def close(self) -> None:
        self._courier.flush()
        self._courier.close()
        self._delivery.close()

    def _deliver(self, batch: list[Storable], since_s: float) -> None:
        self._delivery.deliver([newest_per_key(rows) for rows in rows_by_table(batch)])
        if self._latency:
            self._latency.bars_stored(since_s)

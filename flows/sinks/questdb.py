"""The QuestDB sink: frames to tables, exactly once, whatever happens to the server or to us.

Rows are buffered until `batch_rows` and flushed in `snapshot()` before the engine commits its position. After a kill the rows since
the last snapshot are sent again and replace themselves by their DEDUP keys.
"""

from collections.abc import Callable

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from flows.latency import Latency
from flows.sinks.columns import TableRows, concatenated, newest_per_key
from flows.sinks.delivery import Delivery, Retry
from flows.sinks.tables import GROUPS, Storable, table_rows
from flows.storage.client import Address


class QuestDBSink(FixedPartitionedSink[Storable, None]):
    """Items `(group, frame)` into the tables of one dataset, which must exist.

    Args:
        batch_rows: rows of one table that are held before they are flushed.
        immediate: flush after every batch the engine hands over: for live data.
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

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_QuestDBPartition":
        delivery = Delivery(self._address, self._dataset, self._retry, self._stop)
        latency = self._latency if for_part == "bars" else None
        return _QuestDBPartition(delivery, self._batch_rows, self._immediate, latency)


class _QuestDBPartition(StatefulSinkPartition[Storable, None]):
    def __init__(self, delivery: Delivery, batch_rows: int, immediate: bool, latency: Latency | None) -> None:
        self._delivery, self._batch_rows, self._immediate, self._latency = delivery, batch_rows, immediate, latency
        self._held: dict[str, list[TableRows]] = {}

    def write_batch(self, values: list[Storable]) -> None:
        for frame in values:
            if len(frame):
                rows = table_rows(frame)
                self._held.setdefault(rows.table.name, []).append(rows)
        if self._immediate:
            arrived_s = self._latency.bars_arrive() if self._latency else 0.0
            self._flush(list(self._held))
            if self._latency:
                self._latency.bars_stored(arrived_s)
        else:
            self._flush([name for name, parts in self._held.items() if sum(map(len, parts)) >= self._batch_rows])

    def snapshot(self) -> None:
        self._flush(list(self._held))

    def close(self) -> None:
        self._delivery.close()

    def _flush(self, names: list[str]) -> None:
        if names:
            self._delivery.deliver([newest_per_key(concatenated(self._held[name])) for name in names])
            for name in names:  # only now: a delivery that failed keeps its rows
                del self._held[name]

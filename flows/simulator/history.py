"""What REST can still serve: the newest trades of each symbol, as columns of numbers."""

import numpy as np

from flows.simulator.trades import I64, NO_ROWS, Field

_KEPT = (Field.time, Field.id, Field.price, Field.size, Field.first, Field.last, Field.maker)
_LINES = np.array(_KEPT)
_TIME, _ID = 0, 1
_SETTLE_ROWS = 20_000
_SLACK = 1.1


class History:
    """The aggregate trades of the last `keep_ms`, and of all symbols together the newest `most_rows`.

    Rows come in the order of sending, which is the order of ids within a symbol.
    """

    def __init__(self, symbols: int, keep_ms: int, most_rows: int) -> None:
        self._keep_ms, self._most_rows = keep_ms, most_rows
        self._kept = [_Kept() for _ in range(symbols)]
        self._new: list[I64] = []
        self._new_rows = 0
        self._dropped_ms = -(1 << 62)

    def append(self, rows: I64) -> None:
        """Remember rows of shape (len(Field), n)."""
        if rows.shape[1]:
            self._new.append(rows)
            self._new_rows += rows.shape[1]
            if self._new_rows >= _SETTLE_ROWS:
                self._settle()

    def begins_ms(self, now_ms: int) -> int:
        """Older trades than this are not remembered."""
        return max(now_ms - self._keep_ms, self._dropped_ms)

    def from_id(self, symbol: int, first_id: int, limit: int | None, since_ms: int) -> I64:
        """Rows with ids from `first_id` on, traded since `since_ms`; at most `limit`, the oldest of them."""
        rows = self._of(symbol, since_ms)
        start = int(np.searchsorted(rows[_ID], first_id))
        return _whole(symbol, rows[:, start : rows.shape[1] if limit is None else start + limit])

    def between(self, symbol: int, start_ms: int | None, end_ms: int | None, limit: int, since_ms: int) -> I64:
        """Rows of a span of time, both ends included: the oldest `limit` of them, or without a start the newest."""
        rows = self._of(symbol, since_ms)
        start = 0 if start_ms is None else int(np.searchsorted(rows[_TIME], start_ms))
        end = rows.shape[1] if end_ms is None else int(np.searchsorted(rows[_TIME], end_ms, "right"))
        found = rows[:, start:end]
        return _whole(symbol, found[:, -limit:] if start_ms is None else found[:, :limit])

    def _of(self, symbol: int, since_ms: int) -> I64:
        self._settle()
        rows = self._kept[symbol].rows
        return rows[:, int(np.searchsorted(rows[_TIME], since_ms)) :]

    def _settle(self) -> None:
        """Sort what is new by symbol, and drop what is too old or too much."""
        if not self._new:
            return
        rows = np.concatenate(self._new, axis=1)
        self._new, self._new_rows = [], 0
        order = np.argsort(rows[Field.symbol].astype(np.int16), kind="stable")
        names, starts = np.unique(rows[Field.symbol, order], return_index=True)
        for name, mine in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
            self._kept[name].append(rows[:, mine][_LINES])
        oldest = int(rows[Field.time, -1]) - self._keep_ms
        for kept in self._kept:
            kept.drop(int(np.searchsorted(kept.rows[_TIME], oldest)))
        total = sum(kept.count for kept in self._kept)
        if total > _SLACK * self._most_rows:
            for kept in self._kept:
                kept.drop(kept.count - kept.count * self._most_rows // total)
            self._dropped_ms = min(int(kept.rows[_TIME, 0]) for kept in self._kept if kept.count)


class _Kept:
    """A table that grows at its end and shrinks at its beginning, both cheap in the long run."""

    def __init__(self) -> None:
        self._table = np.zeros((len(_KEPT), 64), np.int64)
        self._start, self.count = 0, 0

    @property
    def rows(self) -> I64:
        return self._table[:, self._start : self._start + self.count]

    def append(self, rows: I64) -> None:
        end = self._start + self.count
        if end + rows.shape[1] > self._table.shape[1]:
            room = max(64, int(1.5 * (self.count + rows.shape[1])))
            table = np.empty((len(_KEPT), room), np.int64)
            table[:, : self.count] = self.rows
            self._table, self._start, end = table, 0, self.count
        self._table[:, end : end + rows.shape[1]] = rows
        self.count += rows.shape[1]

    def drop(self, count: int) -> None:
        self._start += count
        self.count -= count


def _whole(symbol: int, kept: I64) -> I64:
    """Rows of the full shape again, with what is not kept as 0."""
    rows = np.zeros((len(NO_ROWS), kept.shape[1]), np.int64)
    rows[_LINES] = kept
    rows[Field.symbol] = symbol
    return rows

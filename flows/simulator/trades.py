"""Trades as the market makes them, and rows as messages and answers are printed from them."""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trades:
    """Aggregate trades in the order in which the exchange sends them.

    Attributes:
        symbol: index into the listings.
        time_ms, event_ms: traded (never goes back) and sent (never goes back, at least `time_ms`).
        aggregate_id, first_id, last_id: per symbol without holes.
        price, size: scaled integers. maker: the buyer was the maker.
        fills: sizes of the single trades of all aggregates, in order.
    """

    symbol: I64
    time_ms: I64
    event_ms: I64
    aggregate_id: I64
    first_id: I64
    last_id: I64
    price: I64
    size: I64
    maker: Flags
    fills: I64

    def __len__(self) -> int:
        return len(self.symbol)

    def cut(self, start: int, stop: int) -> "Trades":
        """Some of them."""
        many = self.last_id - self.first_id + 1
        before, inside = int(many[:start].sum()), int(many[start:stop].sum())
        columns = {field.name: getattr(self, field.name)[start:stop] for field in fields(Trades)}
        columns["fills"] = self.fills[before : before + inside]
        return Trades(**columns)


def joined(parts: list[Trades]) -> Trades:
    """All of them in one."""
    return Trades(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Trades)}
    )


class Field(IntEnum):
    """The lines of a table of rows: an int64 array of shape (len(Field), rows) in the order of sending.

    `id` is the aggregate's, or the single trade's where each row is one; `first` and `last` are trade ids; `execution` is an `Execution`.
    """

    symbol = 0
    event = 1
    time = 2
    id = 3
    price = 4
    size = 5
    first = 6
    last = 7
    maker = 8
    execution = 9


class Execution(IntEnum):
    """How a row came about, `X` of a single trade. `VOID` is an aggregate of nothing, with price and size 0."""

    MARKET = 0
    INSURANCE_FUND = 1
    NA = 2
    VOID = 3


NO_ROWS: I64 = np.zeros((len(Field), 0), np.int64)


def aggregate_rows(trades: Trades) -> I64:
    """One row for each aggregate."""
    return np.stack(
        (trades.symbol, trades.event_ms, trades.time_ms, trades.aggregate_id, trades.price, trades.size, trades.first_id,
         trades.last_id, trades.maker.astype(np.int64), np.zeros(len(trades), np.int64))
    )  # fmt: skip


def single_rows(aggregates: I64, fills: I64) -> I64:
    """One row for each single trade inside the aggregates.

    Args:
        fills: sizes of the single trades, in order.
    """
    many = aggregates[Field.last] - aggregates[Field.first] + 1
    rows = np.repeat(aggregates, many, axis=1)
    within = np.arange(rows.shape[1]) - np.repeat(np.cumsum(many) - many, many)
    rows[Field.id] = rows[Field.first] + within
    rows[Field.first] = rows[Field.last] = rows[Field.id]
    rows[Field.size] = fills
    return rows


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the exchange publishes at once.

    Attributes:
        rows: shape (len(Field), n), aggregates but for `NA` rows, which are single trades alone.
        fills: sizes of the single trades of all rows that are not `VOID`, in order.
    """

    rows: I64
    fills: I64

    def of_kind(self, kind: str) -> I64:
        """The rows that a stream kind carries: aggregates are of market trades alone, but now and then there is one of nothing."""
        execution = self.rows[Field.execution]
        if kind == "trade":
            return single_rows(_where(self.rows, execution != Execution.VOID), self.fills)
        return _where(self.rows, (execution == Execution.MARKET) | (execution == Execution.VOID))

    @property
    def true_rows(self) -> I64:
        """The aggregates that were traded."""
        return _where(self.rows, self.rows[Field.execution] == Execution.MARKET)


def _where(rows: I64, keep: Flags) -> I64:
    return rows if keep.all() else rows[:, np.flatnonzero(keep)]

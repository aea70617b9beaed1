"""What is read for the Analysis view. Knows neither SQL nor Panel."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dashboard.selection import Selection
from flows.domain.model import Model

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

LEG_FIELDS = ("close", "volume", "quote_volume", "trade_count", "taker_buy_volume", "gap")
STATS_FIELDS = ("spread", "zscore")
COLUMNS = (*(f"{leg}_{name}" for leg in "yx" for name in LEG_FIELDS), *STATS_FIELDS)
ROW_OF = {name: i for i, name in enumerate(COLUMNS)}

HISTORY_FIELDS = ("p_value", "y_on_x_p_value", "x_on_y_p_value", "half_life", "half_life_low", "half_life_high")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page wants analysed: the model's window, and summaries over the look-back in bars.

    Attributes:
        what_if: the flow does not compute the model: its spread and z are made of the stored bars.
    """

    selection: Selection
    model: Model
    lookback: int
    what_if: bool = False


@dataclass(frozen=True, slots=True)
class PairRows:
    """Closed bars that both legs have, in time order, with spread and z as they were said then.

    Attributes:
        times: open times, int64 microseconds, shape (rows,). values: float64, shape (len(COLUMNS), rows); NaN where not known.
    """

    times: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    values: F64 = field(default_factory=lambda: np.empty((len(COLUMNS), 0)))

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, column: str) -> F64:
        row: F64 = self.values[ROW_OF[column]]
        return row

    def tail(self, rows: int) -> "PairRows":
        """The newest `rows` rows."""
        return PairRows(self.times[-rows:], self.values[:, -rows:])

    def saying(self, spread: F64, zscore: F64) -> "PairRows":
        """The same bars with another model's spread and z."""
        values = self.values.copy()
        values[ROW_OF["spread"]], values[ROW_OF["zscore"]] = spread, zscore
        return PairRows(self.times, values)


@dataclass(frozen=True, slots=True)
class LookRule:
    """A direction passes with a p-value below `level`; the share is of the looks of the last `period_us`."""

    level: float = 0.05
    period_us: int = 86_400_000_000


@dataclass(frozen=True, slots=True)
class LookRows:
    """Looks at a pair.

    Attributes:
        times: open times of the looks, increasing, int64 microseconds, shape (looks,).
        values: shape (len(HISTORY_FIELDS), looks). reverts: the half-life is distinguishable from a random walk's.
        newest: all columns of the newest look, empty without one.
        rule: how they are counted, as the flow's settings say.
        table: whether the dataset has a table of looks at all.
    """

    times: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    values: F64 = field(default_factory=lambda: np.empty((len(HISTORY_FIELDS), 0)))
    reverts: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    newest: Mapping[str, float | int | str | None] = field(default_factory=dict)
    rule: LookRule = LookRule()
    table: bool = True

    def __getitem__(self, column: str) -> F64:
        row: F64 = self.values[HISTORY_FIELDS.index(column)]
        return row


@dataclass(frozen=True, slots=True)
class LegTrades:
    """Trades of a leg as stored, in no order: microseconds, trade ids, prices."""

    time: I64
    trade_id: I64
    price: F64


@dataclass(frozen=True, slots=True)
class LeadRows:
    """The newest look at which leg leads, and the trades that it was made of.

    Attributes:
        end_us: the look's time, None without one. start_us: where its window begins.
        stored_lead_ms, stored_reason: what the flow found.
        table: whether the dataset has the tables.
    """

    end_us: int | None = None
    start_us: int = 0
    stored_lead_ms: float = float("nan")
    stored_reason: str = ""
    y: LegTrades | None = None
    x: LegTrades | None = None
    table: bool = True

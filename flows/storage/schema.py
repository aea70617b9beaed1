"""The tables, declared once: QuestDB creates them from here, the Parquet files have the same columns."""

import re
from dataclasses import dataclass
from enum import Enum

from flows.domain.frames import LOOK_COUNTS, LOOK_VALUES
from flows.domain.interval import Interval


class ColumnType(Enum):
    """QuestDB column types in use. None of them but BOOLEAN lacks a null."""

    TIMESTAMP = "TIMESTAMP"
    SYMBOL = "SYMBOL"
    DOUBLE = "DOUBLE"
    LONG = "LONG"
    VARCHAR = "VARCHAR"
    BOOLEAN = "BOOLEAN"


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        columns: name and type, the designated timestamp first.
        keys: DEDUP UPSERT keys: a row sent again replaces itself.
        partition, ttl: QuestDB's units; a dataset other than the main one gets no TTL.
    """

    name: str
    columns: tuple[tuple[str, ColumnType], ...]
    keys: tuple[str, ...]
    partition: str
    ttl: str | None

    @property
    def timestamp(self) -> str:
        """The designated timestamp column."""
        return self.columns[0][0]

    def create_statement(self, dataset: str = "") -> str:
        """SQL that creates the table for a dataset where it is missing."""
        columns = ", ".join(f"{name} {type_.value}" for name, type_ in self.columns)
        ttl = f" TTL {self.ttl}" if self.ttl and not dataset else ""
        return (
            f"CREATE TABLE IF NOT EXISTS {table_name(self.name, dataset)} ({columns}) TIMESTAMP({self.timestamp}) "
            f"PARTITION BY {self.partition}{ttl} WAL DEDUP UPSERT KEYS({', '.join(self.keys)})"
        )


def table_name(name: str, dataset: str = "") -> str:
    """The table's name in the database: datasets are told apart by a prefix.

    >>> table_name("bars_1m", "q3"), table_name("bars_1m")
    ('q3_bars_1m', 'bars_1m')
    """
    return f"{dataset}_{name}" if dataset else name


def dataset_problem(name: str) -> str | None:
    """Why `name` cannot name a dataset, or None. It becomes part of table names: letters, digits and underscores only."""
    if name and not (name[0].isalpha() and name.isascii() and name.replace("_", "").isalnum() and name == name.lower()):
        return f'dataset "{name}": expected lower-case letters, digits and underscores, a letter first'
    return "dataset name longer than 40 characters" if len(name) > 40 else None


def dataset_name(file: str) -> str:
    """A dataset's name from a file's name.

    >>> dataset_name("BTCUSDT-trades-2024.csv.gz")
    'btcusdt_trades_2024'
    """
    stem = file.split(".")[0].lower()
    name = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:40]
    return name if name[:1].isalpha() else f"d_{name}"[:40]


_T, _S, _D, _L = ColumnType.TIMESTAMP, ColumnType.SYMBOL, ColumnType.DOUBLE, ColumnType.LONG
_V, _B = ColumnType.VARCHAR, ColumnType.BOOLEAN

BAR_COLUMNS = (
    ("open_time", _T), ("symbol", _S), ("open", _D), ("high", _D), ("low", _D), ("close", _D), ("volume", _D),
    ("quote_volume", _D), ("trade_count", _L), ("taker_buy_volume", _D), ("taker_buy_quote_volume", _D),
    ("first_trade_id", _L), ("last_trade_id", _L), ("last_trade_time", _T), ("late_count", _L), ("complete", _B),
    ("gap", _B),
)  # fmt: skip

PAIR_STATS_COLUMNS = (
    ("open_time", _T), ("pair", _S), ("model", _S), ("hedge_ratio", _D), ("hedge_ratio_se", _D), ("intercept", _D),
    ("r_squared", _D), ("spread", _D), ("spread_mean", _D), ("spread_std", _D), ("zscore", _D), ("zscore_one_step", _D),
    ("hedge_ratio_se_hac", _D), ("innovation_sd", _D), ("innovation_autocorrelation", _D), ("fit_age", _L), ("spread_bp", _D),
    ("correlation", _D), ("n", _L), ("warmup_left", _L), ("y_age_ms", _L), ("x_age_ms", _L), ("y_trade_count", _L),
    ("x_trade_count", _L), ("stale", _S), ("complete", _B), ("gap", _S),
)  # fmt: skip

PAIR_TICK_STATS_COLUMNS = (
    ("open_time", _T), ("pair", _S), ("correlation", _D), ("covariance", _D), ("y_variance", _D), ("x_variance", _D),
    ("y_ticks", _L), ("x_ticks", _L), ("n", _L), ("warmup_left", _L), ("reason", _S), ("gap", _S),
)  # fmt: skip

PAIR_TESTS_COLUMNS = (
    ("open_time", _T), ("pair", _S), *((name, _D) for name in LOOK_VALUES), *((name, _L) for name in LOOK_COUNTS),
    ("half_life_says", _S), ("window_says", _S), ("kpss_bound", _S), ("reason", _V), ("missing", _V),
)  # fmt: skip

PAIR_VERDICTS_COLUMNS = (
    ("open_time", _T), ("pair", _S), ("word", _S), ("sentence", _V), ("look_time", _T), ("y_on_x_p_value", _D),
    ("x_on_y_p_value", _D), ("half_lives", _D), ("break_p_value", _D), ("looks", _L), ("looks_known", _L),
    ("looks_passed", _L), ("windows", _L), ("share", _D), ("p_value", _D), ("q_value", _D), ("pairs_watched", _L),
    ("survives", _B), ("fdr_rate", _D),
)  # fmt: skip

TRADES = Table(
    "trades",
    (("timestamp", _T), ("symbol", _S), ("trade_id", _L), ("price", _D), ("amount", _D), ("side", _S),
     ("trade_count", _L), ("late", _B), ("received_at", _T)),
    ("timestamp", "symbol", "trade_id"), "DAY", "7 DAYS",
)  # fmt: skip

REJECTS = Table(
    "rejects",
    (("timestamp", _T), ("source", _S), ("line", _L), ("reason", _V), ("text", _V)),
    ("timestamp", "source", "line"), "MONTH", "12 MONTHS",
)  # fmt: skip

PAIR_LEAD_LAG = Table(
    "pair_lead_lag",
    (("timestamp", _T), ("pair", _S), ("lead_ms", _D), ("lead_low_ms", _D), ("lead_high_ms", _D), ("correlation", _D),
     ("correlation_at_zero", _D), ("leader", _S), ("y_ticks", _L), ("x_ticks", _L), ("window_ms", _L), ("reason", _S)),
    ("timestamp", "pair"), "DAY", "90 DAYS",
)  # fmt: skip
"""An end of the interval of the lead that no shift of the grid bounds is null."""

FEED_EVENTS = Table(
    "feed_events",
    (("timestamp", _T), ("number", _L), ("kind", _S), ("symbol", _S), ("detail", _V), ("from_id", _L), ("to_id", _L), ("count", _L)),
    ("timestamp", "number"), "MONTH", "12 MONTHS",
)  # fmt: skip

FEED_STATUS = Table(
    "feed_status",
    (("timestamp", _T), ("symbol", _S), ("state", _S), ("since", _T), ("detail", _V), ("last_trade_time", _T), ("received_at", _T),
     ("last_id", _L), ("held", _L), ("filled", _L), ("missing", _L), ("lead_ms", _L)),
    ("timestamp", "symbol"), "HOUR", "1 DAY",
)  # fmt: skip

FEED_LATENCY = Table(
    "feed_latency",
    (("timestamp", _T), ("stage", _S), ("p50_ms", _D), ("p95_ms", _D), ("p99_ms", _D), ("max_ms", _D), ("count", _L),
     ("histogram", _V)),
    ("timestamp", "stage"), "DAY", "7 DAYS",
)  # fmt: skip

DATASETS = Table(
    "datasets",
    (("timestamp", _T), ("dataset", _S), ("origin", _S), ("pairs", _V), ("intervals", _V), ("models", _V), ("version", _S),
     ("settings", _V)),
    ("timestamp", "dataset"), "YEAR", None,
)  # fmt: skip
"""What the root holds: one row per dataset, `timestamp` 1970-01-01 so that writing it again replaces it. `origin` is
`live`, `simulated`, `replay` or `upload`; `pairs` and `intervals` are JSON lists of names, `models` one of objects with every
parameter, `settings` an object of texts: all that decides its values. The main dataset's name is ''."""

_RETENTION = {Interval.S1: ("DAY", "7 DAYS"), Interval.M1: ("DAY", "90 DAYS"), Interval.M5: ("MONTH", "24 MONTHS")}


def bars_table(interval: Interval) -> Table:
    """Bars of one interval: retention differs, so each has a table of its own."""
    return Table(f"bars_{interval}", BAR_COLUMNS, ("open_time", "symbol"), *_RETENTION[interval])


def pair_stats_table(interval: Interval) -> Table:
    """Pair statistics of one interval."""
    return Table(f"pair_stats_{interval}", PAIR_STATS_COLUMNS, ("open_time", "pair", "model"), *_RETENTION[interval])


def pair_tick_stats_table(interval: Interval) -> Table:
    """Correlation of the ticks of pairs, one interval."""
    return Table(f"pair_tick_stats_{interval}", PAIR_TICK_STATS_COLUMNS, ("open_time", "pair"), *_RETENTION[interval])


def pair_tests_table(interval: Interval) -> Table:
    """Looks at pairs of one interval."""
    return Table(f"pair_tests_{interval}", PAIR_TESTS_COLUMNS, ("open_time", "pair"), *_RETENTION[interval])


def pair_verdicts_table(interval: Interval) -> Table:
    """Verdicts on pairs of one interval."""
    return Table(f"pair_verdicts_{interval}", PAIR_VERDICTS_COLUMNS, ("open_time", "pair"), *_RETENTION[interval])


def dataset_tables(intervals: tuple[Interval, ...] = tuple(Interval)) -> tuple[Table, ...]:
    """The tables of one dataset. `DATASETS` is beside them, once per root, without a prefix."""
    per_interval = (bars_table, pair_stats_table, pair_tick_stats_table, pair_tests_table, pair_verdicts_table)
    tables = (of(interval) for of in per_interval for interval in intervals)
    return (TRADES, *tables, PAIR_LEAD_LAG, REJECTS, FEED_EVENTS, FEED_STATUS, FEED_LATENCY)

"""What a what-if asks the database for. `ask` runs a query with its values and gives the rows."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from psycopg import sql

from flows.domain.frames import I64
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.explain.database import Ask
from flows.storage.schema import DATASETS, pair_stats_table, table_name

_FIRST_BARS = sql.SQL(
    "SELECT t FROM (SELECT cast(open_time AS long) t, max(n) most FROM {table} WHERE pair = %s AND open_time >= %s AND complete)"
    " WHERE most = 1 ORDER BY t"
)
_SETTINGS = sql.SQL("SELECT settings FROM {table} WHERE dataset = %s")


def read_beginnings(ask: Ask, dataset: str, pair: Pair, interval: Interval, since_us: int) -> I64:
    """Open times of the bars at which every stored model counts its first, as a flow that begins with empty windows leaves them."""
    table = sql.Identifier(table_name(pair_stats_table(interval).name, dataset))
    since = datetime.fromtimestamp(since_us / 1e6, UTC).replace(tzinfo=None)
    return np.array([row[0] for row in ask(_FIRST_BARS.format(table=table), (str(pair), since))], np.int64)


def read_settings(ask: Ask, dataset: str) -> str:
    """The settings of the flow that filled the dataset, as JSON; '' where it has not said."""
    rows: list[tuple[Any, ...]] = ask(_SETTINGS.format(table=sql.Identifier(DATASETS.name)), (dataset,))
    return (rows[-1][0] or "") if rows else ""

"""How storage, flow and page stand, as the Health view reads them. Knows neither Panel nor SQL."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.latency import Histogram

FlowStatus = Mapping[str, Any]
"""What the flow says of itself: `/status`, which `pairs status` prints."""


@dataclass(frozen=True, slots=True)
class TableStanding:
    """A table as the server sees it; None where it does not know.

    Attributes:
        newest_us: designated time of the newest row. written_us: when rows were last made visible, by the server's clock.
        pending: rows accepted and not yet visible. pressure: 0 none, 1 less work at a time, 2 it waits for memory.
    """

    name: str
    rows: int | None
    newest_us: int | None
    written_us: int | None
    pending: int
    suspended: bool
    pressure: int


@dataclass(frozen=True, slots=True)
class Storage:
    """The tables of a dataset.

    Attributes:
        now_us: the server's clock. per_second: growth of each table, NaN before the second look.
        trades_per_second: of each symbol, over the newest minute of its trades; empty where there are none.
    """

    now_us: int = 0
    tables: tuple[TableStanding, ...] = ()
    per_second: Mapping[str, float] = field(default_factory=dict)
    trades_per_second: Mapping[str, float] = field(default_factory=dict)


class Growth:
    """Rows a second of each table, from counts at successive looks.

    A row that is sent again replaces itself and is no growth.
    """

    OVER_S = 30.0

    def __init__(self) -> None:
        self._looks: deque[tuple[float, dict[str, int]]] = deque()

    def of(self, tables: tuple[TableStanding, ...], monotonic_s: float) -> dict[str, float]:
        """Growth since the oldest look of the last `OVER_S` seconds; NaN where there is none, or partitions were dropped meanwhile."""
        while self._looks and monotonic_s - self._looks[0][0] > self.OVER_S:
            self._looks.popleft()
        counts = {table.name: table.rows for table in tables if table.rows is not None}
        self._looks.append((monotonic_s, counts))
        since_s, before = self._looks[0]
        passed = monotonic_s - since_s

        def rate(name: str) -> float:
            grown = counts[name] - before.get(name, 0)
            return grown / passed if passed > 0 and grown >= 0 else math.nan

        return {name: rate(name) for name in counts}


@dataclass(frozen=True, slots=True)
class Distribution:
    """All latencies of one stage within some minutes."""

    stage: str
    histogram: Histogram

    def quantile_ms(self, share: float) -> float:
        """As of `Histogram.quantile_us`."""
        return self.histogram.quantile_us(share) / 1000


@dataclass(frozen=True, slots=True)
class PageCost:
    """What the page costs this process. NaN where the system does not say.

    Attributes:
        rss_bytes: memory held. cpu: share of one core since the look before. loop_s: newest delays of the event loop.
    """

    rss_bytes: float = math.nan
    cpu: float = math.nan
    loop_s: tuple[float, ...] = ()

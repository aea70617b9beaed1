"""Pollers of the Health view: tables, distributions of latencies, the flow's own status, and what the page costs."""

import math
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from dashboard.health import Distribution, FlowStatus, Growth, PageCost, Storage, TableStanding
from dashboard.poller import Poller
from flows.domain.interval import Interval
from flows.errors import PairdeskError

_STORAGE_POLL_S, _DISTRIBUTIONS_POLL_S, _FLOW_POLL_S, _METER_POLL_S = 2.0, 5.0, 1.0, 1.0
_DELAYS = 240


class HealthSource(Protocol):
    """What the pollers ask: `dashboard.data.Reader`, or a stand-in of a test."""

    def tables(self, dataset: str, intervals: tuple[Interval, ...]) -> tuple[int, tuple[TableStanding, ...]]: ...

    def trade_rates(self, dataset: str) -> dict[str, float]: ...

    def distributions(self, dataset: str) -> tuple[Distribution, ...]: ...

    def close(self) -> None: ...


class StorageWatch(Poller[Storage]):
    """The tables of a dataset, how fast they grow, and how fast its legs trade."""

    def __init__(self, source: HealthSource, dataset: str, intervals: tuple[Interval, ...]) -> None:
        super().__init__(source.close, _STORAGE_POLL_S)
        self._source, self._of = source, (dataset, intervals)
        self._growth = Growth()
        self.storage = Storage()

    def _ask(self) -> Storage:
        now_us, tables = self._source.tables(*self._of)
        return Storage(now_us, tables, self._growth.of(tables, time.monotonic()), self._source.trade_rates(self._of[0]))

    def _take(self, answer: Storage) -> bool:
        self.storage = answer
        return True


class DistributionWatch(Poller[tuple[Distribution, ...]]):
    """The latencies of the last minutes of a dataset's feed."""

    def __init__(self, source: HealthSource, dataset: str) -> None:
        super().__init__(source.close, _DISTRIBUTIONS_POLL_S)
        self._source, self.dataset = source, dataset
        self.distributions: tuple[Distribution, ...] = ()

    def _ask(self) -> tuple[Distribution, ...]:
        return self._source.distributions(self.dataset)

    def _take(self, answer: tuple[Distribution, ...]) -> bool:
        self.distributions = answer
        return True


class FlowWatch(Poller[FlowStatus | str]):
    """What the running flow says of itself. It answers over HTTP, so that it can be heard while the database is away.

    Args:
        ask: raises PairdeskError where nothing answers.

    Attributes:
        said: None before its first answer, and while it does not answer. why: what was said instead.
    """

    def __init__(self, ask: Callable[[], FlowStatus]) -> None:
        super().__init__(lambda: None, _FLOW_POLL_S)
        self._ask_flow = ask
        self.said: FlowStatus | None = None
        self.why = ""

    def _ask(self) -> FlowStatus | str:
        try:
            return self._ask_flow()
        except PairdeskError as error:
            return str(error)

    def _take(self, answer: FlowStatus | str) -> bool:
        before = self.said, self.why
        self.said, self.why = (None, answer) if isinstance(answer, str) else (answer, "")
        return before != (self.said, self.why)


class PageMeter(Poller[tuple[float, float, float]]):
    """What this process takes of the machine, and how long its event loop lets an answer lie.

    Attributes:
        cost: all unknown before the second look.
    """

    def __init__(self, poll_s: float = _METER_POLL_S) -> None:
        super().__init__(lambda: None, poll_s)
        self.cost = PageCost()
        self._before: tuple[float, float] | None = None
        self._delays: deque[float] = deque(maxlen=_DELAYS)

    def _ask(self) -> tuple[float, float, float]:
        """Memory in bytes, processor seconds, and when this was known."""
        return resident_bytes(), time.process_time(), time.perf_counter()

    def _take(self, answer: tuple[float, float, float]) -> bool:
        resident, used_s, known_s = answer
        self._delays.append(time.perf_counter() - known_s)
        cpu = math.nan
        if self._before is not None and known_s > self._before[1]:
            cpu = (used_s - self._before[0]) / (known_s - self._before[1])
        self._before = used_s, known_s
        self.cost = PageCost(resident, cpu, tuple(self._delays))
        return True


def resident_bytes(statm: Path = Path("/proc/self/statm")) -> float:
    """Memory that this process holds, by the kernel; NaN on a system that has no such file."""
    try:
        return float(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return math.nan

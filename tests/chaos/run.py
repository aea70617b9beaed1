"""One chaos run: the stack under faults and kills, then every table against the same trades replayed in peace."""

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.domain.interval import Interval
from flows.storage.client import connect
from tests.chaos.compare import (
    Counts,
    counts,
    differences,
    first_and_last_ids,
    marked_bars,
    tables_of,
    write_reference,
)
from tests.chaos.schedule import SYMBOLS, Action, Fault, Kill, schedule
from tests.running_stack import ROOT, Stack

REFERENCE = "calm"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is done.

    Attributes:
        length_s: exchange seconds. speed: exchange seconds per second here.
    """

    seed: int
    length_s: float = 1_260.0
    speed: float = 20.0
    kills: int = 6
    faults: int = 24


@dataclass(slots=True)
class Report:
    """What a run showed."""

    plan: Plan
    actions: list[str] = field(default_factory=list)
    counts: Counts | None = None
    filled: int = 0
    events: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    stop_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Nothing lost, nothing doubled, nothing late, every table equal."""
        of = self.counts
        return of is not None and not (of.lost or of.doubled or of.late or self.differences)

    def __str__(self) -> str:
        events = ", ".join(f"{kind} {count}" for kind, count in sorted(self.events.items()))
        plan, word = self.plan, "passed" if self.passed else "FAILED"
        lines = [
            f"seed {plan.seed}: {word}; {plan.length_s:g} s of the exchange at speed {plan.speed:g}",
            f"  {self.counts}, filled over REST {self.filled:,}",
            f"  {len(self.actions)} faults and kills: {'; '.join(self.actions)}",
            f"  events: {events}",
            f"  rows equal to the undisturbed run: {', '.join(f'{name} {count:,}' for name, count in self.rows.items())}",
            f"  stopped in {self.stop_s:.1f} s",
            *(f"  DIFFERS {line}" for line in self.differences),
        ]
        return "\n".join(lines)


def settings(plan: Plan) -> dict[str, str]:
    """Settings of the stack: times that the exchange's clock rules are longer by its speed, as scheduling here is not faster."""
    return {
        "BINANCE__SPEED": str(plan.speed),
        "BINANCE__LEG_SILENT_AFTER_S": str(0.5 * plan.speed),
        "BINANCE__REORDER_MS": str(int(100 * plan.speed)),
        "BINANCE__PROOF_MARGIN_MS": str(int(250 * plan.speed)),
        "BINANCE__MAX_AHEAD_S": str(6 * plan.speed + 60),
        "BINANCE__SILENT_AFTER_S": "1.0",
        "BINANCE__CONNECTION_LIFE_S": "7.0",
        "BINANCE__HANDOVER_S": "1.0",
        "BINANCE__CONNECT_TIMEOUT_S": "5.0",
        "BINANCE__RECONNECT_MIN_S": "0.05",
        "BINANCE__RECONNECT_MAX_S": "0.5",
        "FLOW__SNAPSHOT_S": "1",
        "SINKS__RETRY_MAX_S": "0.5",
        "SUPERVISOR__RESTART_MIN_S": "0.1",
        "SUPERVISOR__RESTART_MAX_S": "1.0",
        "SIMULATOR__SEED": str(plan.seed),
        "SIMULATOR__TRADES_PER_S": "60.0",
    }


def run(plan: Plan, folder: Path, ports: list[int]) -> Report:
    """Do a run in an empty folder.

    Args:
        ports: six free ones.
    """
    report = Report(plan)
    with Stack(folder, ports, settings(plan)) as stack:
        begin_ms = _first_trade(stack)
        for action in schedule(plan.seed, plan.length_s, plan.kills, plan.faults):
            _wait_until(stack, begin_ms + action.at_s * 1_000)
            _do(stack, action)
            report.actions.append(f"{action.at_s:.0f} s {action}")
        _wait_until(stack, begin_ms + plan.length_s * 1_000)
        stack.exchange("/control/clear")
        until_us = _caught_up(stack)
        report.filled = sum(leg["filled"] for leg in (stack.feed() or {"legs": []})["legs"])
        trades = _true_trades(stack, until_us)
        write_reference(folder / "calm.csv", trades)
        _replay(stack, folder)
        report.counts = counts(stack.database, trades)
        report.differences = differences(stack.database, REFERENCE, until_us)
        report.differences += _marks(stack)
        report.events, report.rows = _events(stack), _row_counts(stack)
        began = time.monotonic()
        if code := stack.stop():
            report.differences.append(f"the supervisor ended with {code}")
        report.stop_s = time.monotonic() - began
    return report


def _do(stack: Stack, action: Action) -> None:
    if isinstance(action, Kill):
        stack.kill(action.processes)
    elif isinstance(action, Fault):
        stack.exchange("/control/add", fault=action.kind, **action.parameters)


def _now_ms(stack: Stack) -> float:
    return float(stack.exchange("/control/clock")["now_ms"])


def _wait_until(stack: Stack, at_ms: float) -> None:
    stack.until(lambda: _now_ms(stack) >= at_ms, "the exchange's clock")


def _first_trade(stack: Stack) -> float:
    """Exchange time when every leg flows and is stored."""

    def flowing() -> bool:
        return set(first_and_last_ids(stack.database)) >= set(SYMBOLS)

    stack.until(flowing, "the first trades")
    return _now_ms(stack)


def _caught_up(stack: Stack) -> int:
    """Wait until every leg is live again and closed bars of both are there; up to when everything can be compared, microseconds."""
    target_us = int(_now_ms(stack) * 1_000)

    def there() -> int:
        feed = stack.feed()
        if feed is None or not feed.get("ready"):
            return 0
        with connect(stack.database) as sql:
            rows = sql.execute("SELECT symbol, cast(max(open_time) AS long) FROM bars_1s WHERE complete").fetchall()
        newest = dict(rows)
        return target_us if all(newest.get(symbol, 0) >= target_us for symbol in SYMBOLS) else 0

    return int(stack.until(there, "every leg live and stored up to the end of the run", 180.0))


def _true_trades(stack: Stack, until_us: int) -> dict[str, list[dict[str, Any]]]:
    """What the exchange says it traded, from the first id that the run saw, up to the last second that is compared."""
    ids = first_and_last_ids(stack.database)
    found = {}
    for symbol in SYMBOLS:
        rows = stack.exchange("/control/trades", symbol=symbol, fromId=str(ids[symbol][0]))
        found[symbol] = [row for row in rows if row["T"] * 1_000 < until_us + 2_000_000]
    return found


def _replay(stack: Stack, folder: Path) -> None:
    replay(stack, [folder / "calm.csv"], REFERENCE)


def replay(stack: Stack, paths: list[Path], dataset: str) -> None:
    """`pairs replay` of files into a dataset of the stack's database."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "replay", *map(str, paths), "--dataset", dataset,
         "--config", "config/simulated.toml"], cwd=ROOT,
        env=stack.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _marks(stack: Stack) -> list[str]:
    """A mark says that trades are missing: only the two legs' first bars may have one."""
    return [f"{table}: {count} bars are marked" for table, count in marked_bars(stack.database).items() if count > 2]


def _events(stack: Stack) -> dict[str, int]:
    with connect(stack.database) as sql:
        return {kind: int(count) for kind, count in sql.execute("SELECT kind, count() FROM feed_events").fetchall()}


def _row_counts(stack: Stack) -> dict[str, int]:
    tables = ["trades", "pair_lead_lag", *(table.name for interval in Interval for table in tables_of(interval))]
    with connect(stack.database) as sql:
        rows = {name: sql.execute(f"SELECT count() FROM {REFERENCE}_{name}").fetchone() for name in tables}  # noqa: S608
    return {name: int(row[0]) for name, row in rows.items() if row is not None}

"""Many symbols at a high rate, with a burst: no loss, flat memory, latency."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from flows.storage.client import connect
from tests.load import snapshots
from tests.running_stack import Stack

_SAMPLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """What the exchange trades: rate over all symbols; in the middle `burst` times as much for `burst_s` seconds."""

    symbols: int = 100
    trades_per_s: float = 20_000.0
    minutes: float = 10.0
    burst: float = 10.0
    burst_s: float = 5.0


@dataclass(slots=True)
class Steady:
    """What a run showed. Memory in MiB and processor seconds per second by process; latency quantiles in ms by stage.

    Attributes:
        snapshot_sizes: bytes of each that was seen. states: of the last one, by step.
    """

    load: Load
    stored: int = 0
    missing: int = 0
    late: int = 0
    gaps: int = 0
    ended: int = 0
    seconds: float = 0.0
    memory: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    latency: dict[str, dict[str, float]] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    longest_queue: int = 0
    snapshot_sizes: list[int] = field(default_factory=list)
    states: dict[str, snapshots.Saved] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """No loss, memory of the flow flat to a tenth over the second half, p99 received → chunk at most 50 ms."""
        second_half = self.memory["flow"][len(self.memory["flow"]) // 2 :]
        flat = second_half[-1] <= 1.1 * second_half[0] + 20
        return (
            not (self.missing or self.late or self.gaps) and flat and self.latency["received_chunk"]["p99_ms"] <= 50.0
        )

    def __str__(self) -> str:
        load = self.load
        memory = ", ".join(
            f"{name} {of[0]:.0f} → {of[-1]:.0f} (most {max(of):.0f})" for name, of in self.memory.items()
        )
        cpu = ", ".join(f"{name} {share:.2f}" for name, share in self.cpu.items())
        stages = "; ".join(
            f"{stage} p50 {of['p50_ms']:.1f} p95 {of['p95_ms']:.1f} p99 {of['p99_ms']:.1f}"
            for stage, of in self.latency.items()
        )
        word = "passed" if self.passed else "FAILED"
        lines = [
            f"{load.symbols} symbols, {load.trades_per_s:,.0f} trades/s for {load.minutes:g} minutes: {word}",
            f"in the middle {load.burst:g} times as many for {load.burst_s:g} s",
            f"stored {self.stored:,} trades in {self.seconds:.0f} s",
            f"ids missing {self.missing:,}, late {self.late:,}, marked bars {self.gaps:,}, processes that ended {self.ended}",
            f"median over the run of each stage's quantiles, ms: {stages}",
            f"longest queue {self.longest_queue:,} messages; memory MiB: {memory}",
            f"cores used: {cpu}",
            f"snapshots of {snapshots.sizes(self.snapshot_sizes)} MB; the last: {snapshots.told(self.states)}",
        ]
        return "\n  ".join(lines)


def pairs(symbols: int) -> str:
    """Pairs over so many symbols as the setting takes them: all against BTCUSDT."""
    names = ["ETHUSDT", *(f"SYM{k:03d}USDT" for k in range(1, symbols - 1))]
    return ",".join(f"{name}/BTCUSDT" for name in names[: symbols - 1])


def steady(load: Load, folder: Path, ports: list[int]) -> Steady:
    """Run it in an empty folder."""
    found = Steady(load)
    settings = {
        "MARKET__PAIRS": pairs(load.symbols),
        "SIMULATOR__TRADES_PER_S": str(load.trades_per_s),
    }
    with Stack(folder, ports, settings) as stack:
        stack.until(lambda: (stack.feed() or {}).get("ready"), "every leg live", 180.0)
        _watch(stack, load, found)
        found.states = snapshots.newest(folder)
        _count(stack, found)
        found.ended = stack.output.count("ended by itself")
    return found


def _watch(stack: Stack, load: Load, found: Steady) -> None:
    processes = stack.processes()
    before = {name: _cpu(of) for name, of in processes.items()}
    began = time.monotonic()
    quantiles: dict[str, list[dict[str, float]]] = {}
    burst = False
    while (passed := time.monotonic() - began) < load.minutes * 60:
        if not burst and passed > load.minutes * 30:
            stack.exchange("/control/add", fault="burst", times=str(load.burst), for_s=str(load.burst_s))
            burst = True
        time.sleep(_SAMPLE_S)
        for name, of in processes.items():
            found.memory.setdefault(name, []).append(sum(map(_resident, of)) / (1 << 20))
        found.snapshot_sizes.append(snapshots.newest_size(stack.folder))
        if (feed := stack.feed()) and "legs" in feed:
            found.longest_queue = max(found.longest_queue, feed["queued_messages"])
            for stage, row in feed["latency"].items():
                quantiles.setdefault(stage, []).append(row)
    found.seconds = time.monotonic() - began
    found.cpu = {name: (_cpu(of) - before[name]) / found.seconds for name, of in processes.items()}
    for stage, rows in quantiles.items():
        of = {key: sorted(row[key] for row in rows if row[key] is not None) for key in ("p50_ms", "p95_ms", "p99_ms")}
        found.latency[stage] = {key: values[len(values) // 2] if values else float("nan") for key, values in of.items()}


def _resident(process: psutil.Process) -> int:
    """Bytes in memory; 0 of a helper process that has ended since."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes if process.is_running())


def _count(stack: Stack, found: Steady) -> None:
    """Ids step by one: what was stored must be as many as lie between the first and the last."""
    with connect(stack.database) as sql:
        rows = sql.execute(
            "SELECT symbol, count(), min(trade_id), max(trade_id), sum(CASE WHEN late THEN 1 ELSE 0 END) FROM trades"
        ).fetchall()
        marked = sql.execute("SELECT count() FROM bars_1s WHERE gap AND complete").fetchone()
    found.stored = sum(int(row[1]) for row in rows)
    found.missing = sum(int(row[3]) - int(row[2]) + 1 - int(row[1]) for row in rows)
    found.late = sum(int(row[4]) for row in rows)
    found.gaps = max(0, int(marked[0]) - found.load.symbols) if marked else 0  # each leg's first bar has a mark

"""What a snapshot of the running flow holds and what packing it costs, read from its recovery store."""

import pickle
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_REPEATS = 5
_TOLD = 4


@dataclass(frozen=True, slots=True)
class Saved:
    """The states of a step in one snapshot: how many keys, their bytes, and the processor milliseconds that pickling them takes."""

    keys: int
    size: int
    ms: float

    def __str__(self) -> str:
        return f"{self.size / 1e6:.2f} MB in {self.ms:.1f} ms"


def newest_size(folder: Path) -> int:
    """Bytes that the newest snapshot has written; 0 before the first."""
    with closing(_store(folder)) as store:
        found = store.execute(
            "SELECT sum(length(ser_change)) FROM snaps WHERE snap_epoch = (SELECT max(snap_epoch) FROM snaps)"
        )
        return int(found.fetchone()[0] or 0)


def newest(folder: Path) -> dict[str, Saved]:
    """The states that the newest snapshot has written by step, the largest first; milliseconds of this process, of the fastest try."""
    with closing(_store(folder)) as store:
        rows = store.execute(
            "SELECT step_id, ser_change FROM snaps WHERE snap_epoch = (SELECT max(snap_epoch) FROM snaps) "
            "AND ser_change IS NOT NULL"
        ).fetchall()
    steps: dict[str, list[bytes]] = {}
    for step, state in rows:
        steps.setdefault(step, []).append(state)
    saved = {step: Saved(len(of), sum(map(len, of)), sum(map(_milliseconds, of))) for step, of in steps.items()}
    return dict(sorted(saved.items(), key=lambda item: -item[1].size))


def sizes(seen: list[int]) -> str:
    """The smallest and the largest of those that were seen, in MB."""
    written = [size / 1e6 for size in seen if size]
    return f"{min(written):.2f} to {max(written):.2f}" if written else "?"


def told(steps: dict[str, Saved]) -> str:
    """All together, and the largest."""
    every = Saved(
        sum(of.keys for of in steps.values()),
        sum(of.size for of in steps.values()),
        sum(of.ms for of in steps.values()),
    )
    largest = ", ".join(f"{step} {of}" for step, of in list(steps.items())[:_TOLD])
    return f"{every.keys} states of {every} of processor time; {largest}"


def _milliseconds(state: bytes) -> float:
    held = pickle.loads(state)
    return min(_once(held) for _ in range(_REPEATS))


def _once(held: object) -> float:
    began = time.thread_time()
    pickle.dumps(held)
    return 1e3 * (time.thread_time() - began)


def _store(folder: Path) -> sqlite3.Connection:
    (path,) = folder.glob("var/*/recovery/part-0.sqlite3")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)

"""A long gap: how long its fill takes beside what the exchange's request budget allows."""

import time
from dataclasses import dataclass
from pathlib import Path

from flows.storage.client import connect
from tests.running_stack import Stack

CALL_ROWS, CALL_WEIGHT = 1_000, 20
_TRADES_PER_S = 2_000.0


@dataclass(frozen=True, slots=True)
class Filling:
    """A gap of `trades` rows; seconds the fill took, and the least that the budget of `weight_limit` a minute allows."""

    trades: int
    seconds: float
    weight_limit: int
    lost: int

    @property
    def limit_s(self) -> float:
        """A minute for each whole budget that the calls need beyond the first."""
        weight = -(-self.trades // CALL_ROWS) * CALL_WEIGHT
        return 60.0 * ((weight - 1) // self.weight_limit)

    def __str__(self) -> str:
        return (
            f"gap of {self.trades:,} trades filled in {self.seconds:.1f} s, ids missing {self.lost:,}; "
            f"{-(-self.trades // CALL_ROWS):,} calls of weight {CALL_WEIGHT} at {self.weight_limit:,} a minute allow {self.limit_s:.0f} s"
        )


def filling(trades: int, folder: Path, ports: list[int]) -> Filling:
    """Let the flow sleep without a connection while about so many trades are made, and watch it catch up."""
    settings = {
        "SIMULATOR__TRADES_PER_S": str(_TRADES_PER_S),
        "SUPERVISOR__RESTART_MIN_S": "0.1",
        "FLOW__SNAPSHOT_S": "1",
    }
    with Stack(folder, ports, settings) as stack:
        stack.until(lambda: (stack.feed() or {}).get("ready"), "every leg live", 180.0)
        with stack.asleep("flow"):
            stack.exchange("/control/add", fault="drop")  # what is made now is on no connection
            time.sleep(trades / _TRADES_PER_S)
        stack.until(lambda: _filling(stack), "the fill to begin")
        began = time.monotonic()
        stack.until(lambda: (stack.feed() or {}).get("ready"), "every leg live again", 600.0)
        seconds = time.monotonic() - began
        with connect(stack.database) as sql:
            rows = sql.execute("SELECT symbol, count(), min(trade_id), max(trade_id) FROM trades").fetchall()
        feed = stack.feed() or {}
        made = sum(leg["filled"] for leg in feed["legs"])
        assert made >= trades / 2, f"only {made:,} trades came over REST instead of about {trades:,}"
        lost = sum(int(high) - int(low) + 1 - int(count) for _, count, low, high in rows)
        return Filling(made, seconds, feed["rest"]["weight_limit"], lost)


def _filling(stack: Stack) -> bool:
    feed = stack.feed()
    return feed is not None and any(leg["state"] == "filling" or leg["filled"] for leg in feed["legs"])

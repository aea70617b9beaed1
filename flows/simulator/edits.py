"""Faults of the market itself, worked into its trades before anybody sees them: ids that jump, trades that are lost, rows that are none.

A pure function of the trades and the faults, by the trades' own times, so that a market made again is the same.
"""

import fnmatch
from collections.abc import Sequence
from typing import Any

import numpy as np

from flows.simulator.chance import chance
from flows.simulator.faults import Fault
from flows.simulator.trades import I64, Execution, Field, Flags, Pulse

_ENDLESS = 1 << 62


class Edits:
    """Applies `skip`, `lose` and `na` to pulses that come in order.

    Args:
        symbols: names in the order of the listings.
        position: of other edits with the same faults, where these go on.
    """

    def __init__(self, symbols: Sequence[str], position: dict[str, Any] | None = None) -> None:
        self._symbols = symbols
        count = len(symbols)
        given = position or {"aggregates": [0] * count, "singles": [0] * count, "left": {}}
        # How far ids have moved so far, by symbol; and what is still to be done of each fault, by symbol.
        self._shifts = {
            Field.id: np.array(given["aggregates"], np.int64),
            Field.last: np.array(given["singles"], np.int64),
        }
        self._left: dict[int, list[int]] = {int(number): left for number, left in given["left"].items()}
        self._faults: dict[int, Fault] = {}

    def change(self, fault: Fault) -> None:
        """Take up a fault, for trades that are sent after its beginning; one that was taken up before goes on from where it was."""
        wanted = [fnmatch.fnmatchcase(symbol, fault.values.get("symbol", "*")) for symbol in self._symbols]
        most = {"skip": 1, "lose": fault.values.get("count") or _ENDLESS}.get(fault.kind, 0)
        self._left.setdefault(fault.number, [most if each else 0 for each in wanted])
        self._faults[fault.number] = fault

    def position(self) -> dict[str, Any]:
        """How far they are, as JSON keeps it."""
        return {
            "aggregates": self._shifts[Field.id].tolist(),
            "singles": self._shifts[Field.last].tolist(),
            "left": {str(number): list(left) for number, left in self._left.items()},
        }

    @property
    def most_shift(self) -> int:
        """By how much an id was moved at most."""
        return int(max(shift.max() for shift in self._shifts.values()))

    def __call__(self, pulse: Pulse) -> Pulse:
        """The pulse as it is published."""
        if pulse.rows.shape[1] == 0 or not (
            self._faults or self._shifts[Field.id].any() or self._shifts[Field.last].any()
        ):
            return pulse
        kept, aggregate_steps, single_steps, void, na = self._plan(pulse.rows)
        many = pulse.rows[Field.last] - pulse.rows[Field.first] + 1
        fills = pulse.fills[np.repeat(kept, many)]
        self._forget(int(pulse.rows[Field.event, -1]))
        rows = pulse.rows.copy()
        self._shift(rows, aggregate_steps, Field.id, (Field.id,))
        self._shift(rows, single_steps, Field.last, (Field.first, Field.last))
        return _with_rows_between(rows[:, kept], fills, void[kept], na[kept])

    def _plan(self, rows: I64) -> tuple[Flags, I64, I64, Flags, Flags]:
        """Which rows stay, by how much ids jump before each (aggregate and trade ids), and which have an empty row before them."""
        count = rows.shape[1]
        kept = np.ones(count, np.bool_)
        steps, singles = np.zeros(count, np.int64), np.zeros(count, np.int64)
        void, na = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        for fault in self._faults.values():
            end = _ENDLESS if fault.until_ms is None or fault.kind == "skip" else fault.until_ms
            inside = (rows[Field.event] > fault.since_ms) & (rows[Field.event] <= end)
            if not inside.any():
                continue
            if fault.kind == "na":
                drawn = inside & (
                    chance(fault.values["seed"], rows[Field.symbol], rows[Field.id]) < fault.values["share"]
                )
                void |= drawn & self._on("aggTrade", fault, rows)
                na |= drawn & self._on("trade", fault, rows) & ~void
                continue
            left = self._left[fault.number]
            for symbol in np.unique(rows[Field.symbol, inside]).tolist():
                found = np.flatnonzero(inside & (rows[Field.symbol] == symbol))[: left[symbol]]
                left[symbol] -= len(found)
                if fault.kind == "lose":
                    kept[found] = False
                else:
                    steps[found] += fault.values["count"]
        # An empty row stands before a trade that is shown.
        void &= kept
        na &= kept
        return kept, steps + void, singles + na, void, na

    def _forget(self, now_ms: int) -> None:
        """Let go of the faults that have nothing left to do."""
        done = [
            number
            for number, fault in self._faults.items()
            if (fault.kind != "na" and not any(self._left[number]))
            or (fault.kind != "skip" and fault.until_ms is not None and fault.until_ms < now_ms)
        ]
        for number in done:
            del self._faults[number]

    def _on(self, kind: str, fault: Fault, rows: I64) -> Flags:
        wanted = np.array([fault.concerns(f"{symbol.lower()}@{kind}") for symbol in self._symbols])
        found: Flags = wanted[rows[Field.symbol]]
        return found

    def _shift(self, rows: I64, steps: I64, kind: Field, changed: tuple[Field, ...]) -> None:
        """Move ids by what came before and by the steps among these rows."""
        before = self._shifts[kind]
        shift = before[rows[Field.symbol]]
        for symbol in np.unique(rows[Field.symbol, steps > 0]).tolist():
            mine = rows[Field.symbol] == symbol
            passed = np.cumsum(steps[mine])
            shift[mine] += passed
            before[symbol] += passed[-1]
        for field in changed:
            rows[field] += shift


def _with_rows_between(rows: I64, fills: I64, void: Flags, na: Flags) -> Pulse:
    """Put an empty row before each marked one, with the id that was left free for it."""
    if not (void.any() or na.any()):
        return Pulse(rows, fills)
    many = rows[Field.last] - rows[Field.first] + 1
    copies = np.where(void | na, 2, 1)
    out = np.repeat(rows, copies, axis=1)
    empty = np.cumsum(copies)[void | na] - 2
    out[Field.price, empty] = out[Field.size, empty] = 0
    of = rows[:, void | na]
    singles = na[void | na]
    out[Field.execution, empty] = np.where(singles, Execution.NA, Execution.VOID)
    out[Field.id, empty] = np.where(singles, of[Field.id], of[Field.id] - 1)
    # An aggregate of nothing repeats the trade id before it; a single row that is no trade takes one.
    out[Field.first, empty] = out[Field.last, empty] = of[Field.first] - 1
    positions = (np.cumsum(many) - many)[na]
    return Pulse(out, np.insert(fills, positions, 0))

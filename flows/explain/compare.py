"""Stored against made again: to the last bit by our own library, within a stated tolerance by others."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from flows.explain.stored import StoredRow, Value

NUMBERS = (
    "hedge_ratio", "hedge_ratio_se", "intercept", "r_squared", "spread", "spread_mean", "spread_std", "zscore",
    "zscore_one_step", "hedge_ratio_se_hac", "innovation_sd", "innovation_autocorrelation", "fit_age", "spread_bp",
    "correlation", "n", "warmup_left",
)  # fmt: skip
"""Columns that are made by computing; the others tell of the bar itself."""
_LINE_WITHIN = {"huber": 1e-6, "tls": 1e-8}
_ELSE_WITHIN = 1e-9
"""How well the oracle itself knows the line, in standard errors: RLM iterates, numpy's SVD rounds."""
_ROUNDING = 1e-15


@dataclass(frozen=True, slots=True)
class Compared:
    """One column of the row; None is null.

    Attributes:
        own: by our own library from the stored bars. same: own equals stored to the last bit.
        oracle: by another library, None where it gives null or was not asked. difference: stored - oracle; relative: of the oracle's size.
        tolerance: largest difference that is rounding. agrees: within it, None where there is no oracle.
    """

    name: str
    stored: Value
    own: Value
    same: bool
    oracle: Value = None
    difference: float | None = None
    relative: float | None = None
    tolerance: float | None = None
    agrees: bool | None = None


def compared(
    stored: StoredRow,
    own: StoredRow | None,
    oracle: Mapping[str, float | int | None] | None,
    method: str,
    log: bool,
    x: float,
    y: float,
) -> tuple[Compared, ...]:
    """Every column of the row.

    Args:
        own: None where the bars are not there. oracle: by column, None where no other library could be asked.
        log: prices are logarithms. x, y: the row's prices in the model's form: rounding is a share of them.
    """
    limits = _tolerances(oracle, method, log, x, y) if oracle else {}
    found = []
    for name, value in stored.items():
        mine = None if own is None else own[name]
        same = own is not None and same_bits(value, mine)
        if oracle is None or name not in NUMBERS:
            found.append(Compared(name, value, mine, same))
            continue
        found.append(_with_oracle(name, value, mine, same, oracle[name], limits.get(name, 0.0)))
    return tuple(found)


def same_bits(a: Value, b: Value) -> bool:
    """Equal to the last bit; null equals null."""
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack("d", a) == struct.pack("d", b)
    return type(a) is type(b) and a == b


def _with_oracle(
    name: str, stored: Value, own: Value, same: bool, oracle: float | int | None, limit: float
) -> Compared:
    if stored is None or oracle is None:
        return Compared(name, stored, own, same, oracle, tolerance=limit, agrees=stored is None and oracle is None)
    difference = float(stored) - oracle
    relative = difference / abs(oracle) if oracle else None
    return Compared(name, stored, own, same, oracle, difference, relative, limit, abs(difference) <= limit)


def _tolerances(
    oracle: Mapping[str, float | int | None], method: str, log: bool, x: float, y: float
) -> dict[str, float]:
    """By column, from the line's error and the spread's deviation: `docs/explain.md` has them in words."""

    def size(name: str) -> float:
        value = oracle[name]
        return 0.0 if value is None or not math.isfinite(value) else abs(value)

    within = _LINE_WITHIN.get(method, _ELSE_WITHIN)
    slope = within * size("hedge_ratio_se") + 1e-9 * size("hedge_ratio")
    level = within * size("spread_std") + _ROUNDING * (abs(y) + size("hedge_ratio") * abs(x))
    std = size("spread_std")
    z = 1e-9 + (level / std if std else 0.0)
    return {
        "hedge_ratio": slope,
        "hedge_ratio_se": 10 * within * size("hedge_ratio_se"),
        "intercept": slope * abs(x) + level,
        "r_squared": 1e-9,
        "spread": level,
        "spread_mean": level,
        "spread_std": 10 * within * std,
        "zscore": z * max(1.0, size("zscore")),
        "zscore_one_step": z * max(1.0, size("zscore_one_step")),
        "hedge_ratio_se_hac": 1e-8 * size("hedge_ratio_se_hac"),
        "innovation_sd": z * max(1.0, size("innovation_sd")),
        "innovation_autocorrelation": 10 * z,
        "spread_bp": 1e-9 * size("spread_bp") + 1e4 * level / (1.0 if log else max(abs(y), _ROUNDING)),
        "correlation": 1e-9,
    }

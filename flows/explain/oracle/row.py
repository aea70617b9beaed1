"""One row of statistics by other libraries, from the consecutive bars that end with it."""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

from flows.explain.oracle.hac import hac_error
from flows.explain.oracle.lines import FITS, PERFECT, Line
from flows.explain.oracle.series import root, window
from flows.explain.oracle.textbook_filter import Filtered, Settings, filtered

Columns: TypeAlias = dict[str, Fraction | int | None]

ON_CADENCE = ("huber", "theil_sen")
_FLAT = PERFECT


@dataclass(frozen=True, slots=True)
class Bars:
    """Consecutive bars, the row's last: absolute indices, closes as the model takes them, and their logarithms. NaN where there is none."""

    index: Sequence[int]
    y: Sequence[float]
    x: Sequence[float]
    log_y: Sequence[float]
    log_x: Sequence[float]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the model says. Windows in bars, `c` in returns; the pair's name decides the phase of what is not computed at every bar.

    Attributes:
        log: prices are logarithms. every: bars between two fits of what is too dear for every bar.
        forget_bars, delta_alpha, restart_windows: of the filter.
    """

    method: str
    pair: str
    n: int
    w: int
    c: int
    log: bool
    every: int
    forget_bars: int
    delta_alpha: float
    restart_windows: int

    def phase(self, cycle: int) -> int:
        """Offset of the pair in a cycle of so many bars."""
        return zlib.crc32(self.pair.encode()) % cycle

    @property
    def life(self) -> int:
        """Bars between two starts of the filter."""
        return self.restart_windows * self.n

    def fitted_at(self, index: Sequence[int], row: int) -> int | None:
        """Row of the bar that ends the window whose dear fit holds at `row`, None before the first."""
        phase = self.phase(self.every)
        rows = range(row, max(row - self.every, self.n - 2), -1)
        return next((at for at in rows if (index[at] + phase) % self.every == 0), None)


@dataclass(frozen=True, slots=True)
class OracleRow:
    """The columns of `PairStats` that are numbers, exact; None where not known. `fit_ends`: row of the last bar of the fit that holds."""

    columns: Columns
    fit_ends: int | None


def oracle_row(recipe: Recipe, bars: Bars) -> OracleRow:
    """All columns of the last bar.

    Raises:
        NoOracleError: the other library has no answer for this window.
        KeyError: a method that has no oracle.
    """
    run = len(bars.index)
    longest = recipe.n + (recipe.every if recipe.method in ON_CADENCE else 1)
    columns: Columns = dict.fromkeys(_FIT_COLUMNS)
    fit_ends = (_of_filter if recipe.method == "kalman" else _of_line)(recipe, bars, columns)
    columns["correlation"] = _correlation(bars.log_x[-recipe.c - 1 :], bars.log_y[-recipe.c - 1 :], recipe.c)
    columns["spread_bp"] = _in_bp(recipe.log, bars, columns["hedge_ratio"], columns["spread"])
    columns["n"] = min(run, recipe.n)
    columns["warmup_left"] = max(max(longest, recipe.c + 1) - run, 0)
    return OracleRow(columns, fit_ends)


_FIT_COLUMNS = (
    "hedge_ratio", "hedge_ratio_se", "intercept", "r_squared", "spread", "spread_mean", "spread_std", "zscore",
    "zscore_one_step", "hedge_ratio_se_hac", "innovation_sd", "innovation_autocorrelation", "fit_age",
)  # fmt: skip


def _of_line(recipe: Recipe, bars: Bars, columns: Columns) -> int | None:
    fit, last = FITS[recipe.method], len(bars.index) - 1
    lines: dict[int, Line | None] = {}

    def held(row: int) -> tuple[Line | None, int | None]:
        end = recipe.fitted_at(bars.index, row) if recipe.method in ON_CADENCE else row
        if end is None or end < recipe.n - 1:
            return None, None
        if end not in lines:
            window_of = slice(end - recipe.n + 1, end + 1)
            lines[end] = fit(bars.x[window_of], bars.y[window_of])
        return lines[end], end

    line, end = held(last)
    known = math.isfinite(bars.x[-1]) and math.isfinite(bars.y[-1])
    if line is not None:
        columns |= {
            "hedge_ratio": line.slope,
            "hedge_ratio_se": line.se,
            "intercept": line.intercept,
            "r_squared": line.r_squared,
        }
        at_every_bar = recipe.method not in ON_CADENCE
        perfect = at_every_bar and line.residual_std == 0
        spread = Fraction(0) if perfect else line.residual(bars.x[-1], bars.y[-1]) if known else None
        columns["spread"] = spread
        if at_every_bar and recipe.w == recipe.n:
            columns |= {"spread_mean": Fraction(0), "spread_std": line.residual_std}
            columns["zscore"] = spread / line.residual_std if line.residual_std and spread is not None else None
        else:
            columns |= _own_window(recipe.w, bars, line.slope, spread, line.residual_std)
    dear = (
        end if recipe.method in ON_CADENCE else recipe.fitted_at(bars.index, last) if recipe.method == "ols" else None
    )
    if dear is not None:
        columns["fit_age"] = last - dear
        if recipe.method == "ols":
            window_of = slice(dear - recipe.n + 1, dear + 1)
            columns["hedge_ratio_se_hac"] = hac_error(bars.x[window_of], bars.y[window_of])
    before, _ = held(last - 1)
    if before is not None and before.scale and known:
        columns["zscore_one_step"] = before.residual(bars.x[-1], bars.y[-1]) / before.scale
    return end


def _of_filter(recipe: Recipe, bars: Bars, columns: Columns) -> int | None:
    settings = Settings(recipe.n, recipe.phase(recipe.life), recipe.life, recipe.forget_bars, recipe.delta_alpha)
    end: Filtered | None = filtered(bars.x, bars.y, bars.index, settings)
    if end is None:
        return None
    columns |= {
        "hedge_ratio": end.slope,
        "hedge_ratio_se": end.error,
        "intercept": end.intercept,
        "spread": end.spread,
        "zscore_one_step": end.innovation,
        "innovation_sd": end.innovation_sd,
        "innovation_autocorrelation": end.innovation_autocorrelation,
    }
    columns |= _own_window(recipe.w, bars, end.slope, end.spread, end.noise)
    return end.started


def _in_bp(log: bool, bars: Bars, slope: Fraction | int | None, spread: Fraction | int | None) -> Fraction | None:
    """The spread as a share of what one y and `slope` x are worth together."""
    if slope is None or spread is None:
        return None
    size = abs(Fraction(slope))
    notional = 1 + size if log else Fraction(bars.y[-1]) + size * Fraction(bars.x[-1])
    return 10_000 * Fraction(spread) / notional


def _own_window(w: int, bars: Bars, slope: Fraction, spread: Fraction | None, noise: Fraction) -> Columns:
    """Mean, deviation and z of the last w residuals under one slope."""
    if noise == 0:
        return {"spread_mean": Fraction(0), "spread_std": Fraction(0), "zscore": None}
    m = window(bars.x[-w:], bars.y[-w:])
    if m is None or spread is None:
        return {"spread_mean": None, "spread_std": None, "zscore": None}
    deviation = (Fraction(bars.y[-1]) - m.my) - slope * (Fraction(bars.x[-1]) - m.mx)
    level, g = spread - deviation, slope * slope * m.sxx
    squares = m.syy - 2 * slope * m.sxy + g
    if squares <= _FLAT * (m.syy + g):
        return {"spread_mean": level, "spread_std": Fraction(0), "zscore": None}
    std = root(squares / (w - 1))
    return {"spread_mean": level, "spread_std": std, "zscore": deviation / std}


def _correlation(log_x: Sequence[float], log_y: Sequence[float], c: int) -> Fraction | None:
    """Of the c returns between c + 1 logarithms."""
    if len(log_x) < c + 1:
        return None
    m = window(*([later - earlier for earlier, later in pairwise(s)] for s in (log_x, log_y)))
    if m is None or m.sxx == 0 or m.syy == 0:
        return None
    sign = 1 if m.sxy > 0 else -1
    return Fraction(sign) if m.unexplained < PERFECT else sign * root(1 - m.unexplained)


def as_floats(columns: Mapping[str, Fraction | int | None]) -> dict[str, float | int | None]:
    """Each number rounded once."""
    return {name: float(value) if isinstance(value, Fraction) else value for name, value in columns.items()}

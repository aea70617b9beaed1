"""What the browser is told of the table of pairs and of the heat map: rounded numbers, and words where there are none."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.board import BEHIND_BARS, ROW_OF, UNKNOWN_BAR, Board
from dashboard.board_data import LATEST_BARS
from dashboard.correlations import LEAST_RETURNS, Correlations
from dashboard.quality import Look, Quality, Ticks
from dashboard.state import Signal, signal, spread_scale, spread_unit
from dashboard.views.quality import TICKS_WHY, WORD_CLASS
from dashboard.views.text import moment_utc, number
from flows.domain.frames import LEG_NAMES
from flows.domain.model import Model
from flows.stats.believable import believable

SHORT = {Signal.SHORT: "short", Signal.LONG: "long", Signal.FLAT: "flat", Signal.HOLD: "hold", Signal.NONE: ""}
_R_SQUARED = ("r_squared", "R²", 3, "share of y's variance that the line explains")
_FITS = {
    "kalman": ("innovation_sd", "Innov. sd", 2, "size of the filter's innovations against what it thinks"),
    "huber": ("fit_age", "Fit age", 0, "bars since the last fit: huber has no R²"),
    "theil_sen": ("fit_age", "Fit age", 0, "bars since the last fit: theil_sen has no R²"),
}
_EXACT = 10_000


@dataclass(frozen=True, slots=True)
class Told:
    """How rows are told.

    Attributes:
        model: of the statistics. entry, exit: thresholds of z.
    """

    model: Model
    entry: float
    exit: float

    @property
    def fit(self) -> tuple[str, str, int, str]:
        """Column of the board that says how well the line fits, by what the method has; its heading, decimals, meaning."""
        return _FITS.get(self.model.method, _R_SQUARED)


def heading(board: Board, told: Told) -> dict[str, Any]:
    """What does not change with the rows."""
    _, label, decimals, title = told.fit
    return {
        "pairs": board.pairs, "bar_ms": board.bar_us / 1000, "unit": spread_unit(told.model), "fit": [label, decimals, title],
        "entry": told.entry, "exit": told.exit,
    }  # fmt: skip


def rows(board: Board, told: Told, which: Iterable[int]) -> list[list[Any]]:
    """The newest row of some pairs: index, bar, state, signal or reason, then numbers as the columns show them, None where unknown.

    State is '' where all is well, else `gap`, `doubt`, `warm-up`, `stale`, `behind` or `none`; the browser explains them in hover texts.
    """
    numbers = board.values.T.tolist()
    scale = spread_scale(told.model)
    fit, _, fit_decimals, _ = told.fit
    told_rows = []
    for i in which:
        v = numbers[i]
        state, word = _state(board, told, i, v)
        age = max(v[_Y_AGE], v[_X_AGE])
        told_rows.append([
            i, int(board.bar[i]), state, word, _round(v[_Z], 2), _round(v[_ONE_STEP], 2), _round(v[_SPREAD] * scale, 1),
            _round(v[_RHO], 3), _round(v[_BETA], 4), _round(v[ROW_OF[fit]], fit_decimals), _round(v[_CHANGE], 2),
            _round(age / 1000, 1), _side(v),
        ])  # fmt: skip
    return told_rows


_Z, _ONE_STEP, _SPREAD, _RHO, _BETA, _CHANGE, _Y_AGE, _X_AGE, _N, _LEFT, _STALE, _GAP, _INNOVATIONS = (
    ROW_OF[name]
    for name in (
        "zscore", "zscore_one_step", "spread", "correlation", "hedge_ratio", "change", "y_age_ms", "x_age_ms", "n", "warmup_left",
        "stale", "gap", "innovation_sd",
    )
)  # fmt: skip


def _round(value: float, decimals: int) -> float | None:
    return None if not math.isfinite(value) else round(value, decimals) + 0.0  # no -0


def _side(v: list[float]) -> str:
    """The leg whose last trade is older."""
    return "" if math.isnan(v[_Y_AGE] + v[_X_AGE]) else "y" if v[_Y_AGE] >= v[_X_AGE] else "x"


def _state(board: Board, told: Told, i: int, v: list[float]) -> tuple[str, str]:
    """How a row has to be read, and the word of its signal, or why there is none."""
    if board.bar[i] == UNKNOWN_BAR or math.isnan(v[_N]):
        known = board.newest != UNKNOWN_BAR
        return "none", f"no row in {LATEST_BARS} bars" if known else "no row yet"
    newest = board.newest - int(board.bar[i])
    if newest > BEHIND_BARS:
        return "behind", f"{newest:,} bars behind"
    if which := LEG_NAMES[int(v[_STALE])]:
        return "stale", f"stale: {_legs(board.pairs[i], which)}"
    if v[_LEFT] > 0:
        return "warm-up", f"warm-up {number(v[_N], 0)}/{number(v[_N] + v[_LEFT], 0)}"
    if math.isnan(v[_Z]):
        return "none", "cannot be computed"
    if told.model.method == "kalman" and math.isfinite(v[_INNOVATIONS]) and not believable(v[_INNOVATIONS]):
        return "doubt", f"innovation sd {number(v[_INNOVATIONS], 2)}"
    word = SHORT[signal(v[_Z], told.entry, told.exit)]
    if which := LEG_NAMES[int(v[_GAP])]:
        return "gap", f"gap: {_legs(board.pairs[i], which)} · {word}"
    return "", word


def _legs(pair: str, which: str) -> str:
    y, _, x = pair.partition("/")
    return {"y": y, "x": x}.get(which, "both legs")


def points(changed: Iterable[tuple[int, int, float | None]]) -> list[float | None]:
    """Closed bars of z, flat: pair, bar, z, pair, …"""
    flat: list[float | None] = []
    for i, bar, z in changed:
        flat += (i, bar, None if z is None else round(z, 3))
    return flat


def look_row(i: int, pair: str, quality: Quality, bar_us: int, newest_us: int | None) -> tuple[Any, ...]:
    """What is known of a pair beside its statistics: index, ρ of ticks, its reason, half-life, its hover text, verdict, sentence, class."""
    ticks, why_ticks = _ticks(pair, quality.ticks, bar_us, newest_us)
    half_life, why = _half_life(quality.tests)
    verdict = quality.verdict
    if verdict is None:
        return i, ticks, why_ticks, half_life, why, "", "no verdict yet: it comes with a round of looks", "off"
    at = moment_utc(verdict.open_time, newest_us or verdict.open_time)
    sentence = f"{verdict.sentence} ({at})"
    return i, ticks, why_ticks, half_life, why, verdict.word, sentence, WORD_CLASS.get(verdict.word, "off")


def _ticks(pair: str, ticks: Ticks | None, bar_us: int, newest_us: int | None) -> tuple[float | None, str]:
    if ticks is None:
        return None, "no row of the ticks yet"
    if newest_us is not None and newest_us - ticks.open_time > BEHIND_BARS * bar_us:
        return None, "older than the bars"
    if math.isnan(ticks.correlation):
        y, _, x = pair.partition("/")
        why = TICKS_WHY.get(ticks.reason, ticks.reason or "not known").format(y=y, x=x)
        left = f" {number(ticks.n, 0)}/{number(ticks.n + ticks.warmup_left, 0)}"
        return None, why + (left if ticks.reason == "warming_up" else "")
    return round(ticks.correlation, 3), "Hayashi-Yoshida: of the trades at their own times"


def _half_life(tests: Look | None) -> tuple[float | None, str]:
    if tests is None:
        return None, "no look yet"
    if tests.half_life_says != "reverts" or not math.isfinite(tests.half_life):
        return None, tests.reason or tests.half_life_says or tests.why("half_life") or "not known"
    low, high = number(tests.half_life_low, 1), number(tests.half_life_high, 1)
    few = f"; {tests.window_says}" if tests.window_says else ""
    return round(tests.half_life, 1), f"bars; 95 %: {low} to {high}{few}"


def heat(found: Correlations) -> dict[str, Any]:
    """Every symbol with every other: the part above the diagonal row by row, in ten-thousandths, None where it says nothing.

    `counts` is one number where all are over as many returns, else one each.
    """
    above = np.triu_indices(len(found.symbols), 1)
    values, counts = found.values[above], found.counts[above].tolist()
    scaled = [None if math.isnan(v) else round(v * _EXACT) for v in values.tolist()]
    same = len(set(counts)) == 1
    return {
        "symbols": found.symbols, "values": scaled, "counts": counts[0] if same else counts, "least": LEAST_RETURNS,
        "until": None if found.until_us is None else found.until_us / 1000,
    }  # fmt: skip

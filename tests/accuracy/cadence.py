"""What is fitted on a cadence: the fits against statsmodels and scipy, and every bar against the line that holds there."""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from flows.domain.frames import PairStats
from flows.domain.model import Model
from flows.explain.oracle.hac import hac_error
from flows.explain.oracle.lines import Line, NoOracleError, huber, theil_sen
from flows.stats.pair_stats import statistics_of
from tests.accuracy.data import Data, Series
from tests.accuracy.row import EQUAL, RELATIVE, ROUNDING, Row, Tally
from tests.exact_ols import PERFECT, Exact
from tests.pair_series import PAIR, pair_bars

NORMAL_MEDIAN = 0.6744897501960817
LIBRARY = {"huber": "statsmodels RLM", "theil_sen": "scipy theilslopes"}
COST = {"hac": (1e-3, 2e-6), "huber": (4e-3, 8e-6), "theil_sen": (4e-4, 2.2e-8)}
"""Of one fit: seconds, and seconds per bar, or per pair of bars for `theil_sen`."""


def hac(data: Data, windows: list[int]) -> Iterator[Row]:
    """The robust error of the OLS slope; with one lag less it must be seen to be another."""
    for series in data.both:
        for n in windows:
            stats = _stats(series, "ols", n)
            due, rows = _due(stats, n), _chosen(series, stats, "hac", n)
            tally = Tally("ols", series.name, n, f"statsmodels OLS HAC, {_share(due, rows)}")
            wanted = [_known(hac_error(*_window(series, row, n))) for row in rows]
            got = stats.hedge_ratio_se_hac[rows]
            tally.add("hedge_ratio_se_hac", got, wanted, RELATIVE, 1e-8, np.abs(wanted))
            _add_ages(tally, stats, due)
            yield from tally.rows()
            control = Tally("ols, plain error", series.name, n, "statsmodels OLS HAC", control=True)
            control.add("hedge_ratio_se_hac", stats.hedge_ratio_se[rows], wanted, RELATIVE, 1e-8, np.abs(wanted))
            yield from control.rows()


def robust(data: Data, windows: list[int]) -> Iterator[Row]:
    """Huber's and Theil and Sen's lines; least squares, held to the same, must fail."""
    for series in data.both:
        for n in windows:
            for method, fit in (("huber", huber), ("theil_sen", theil_sen)):
                yield from _fits(series, method, fit, n)
                yield from _bars(series, method, n)


def _stats(series: Series, method: str, n: int) -> PairStats:
    model = Model("m", method=method, window=n, z_window=n, correlation_window=20)
    return statistics_of(pair_bars(series.y, series.x), model, 10_000)


def _due(stats: PairStats, n: int) -> np.ndarray:
    """Rows at which a fit is due."""
    index = stats.open_time // stats.interval.us
    rows = np.flatnonzero((index + zlib.crc32(str(PAIR).encode())) % Model("m", window=n).bars_between_fits == 0)
    return rows[rows >= n - 1]


def _chosen(series: Series, stats: PairStats, method: str, n: int) -> np.ndarray:
    due = _due(stats, n)
    fixed, each = COST[method]
    cost = fixed + each * (n * n / 2 if method == "theil_sen" else n)
    return due[:: math.ceil(len(due) * cost / series.seconds)]


def _share(due: np.ndarray, rows: np.ndarray) -> str:
    step = math.ceil(len(due) / len(rows))
    return "every fit" if step == 1 else f"every {step}th fit"


def _window(series: Series, row: int, n: int) -> tuple[Sequence[float], Sequence[float]]:
    seen = slice(row - n + 1, row + 1)
    return series.log_x[seen].tolist(), series.log_y[seen].tolist()


def _known(value: object) -> float:
    return math.nan if value is None else float(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Fits:
    """Of each compared window, shape (windows,)."""

    beta: np.ndarray
    se: np.ndarray
    intercept: np.ndarray


def _by_library(
    series: Series, fit: Callable[[Sequence[float], Sequence[float]], Line | None], rows: np.ndarray, n: int
) -> tuple[np.ndarray, _Fits]:
    """The rows where the library has an answer, and its lines; NaN where it says that there is none."""
    answered, found = [], []
    for row in rows.tolist():
        x, y = _window(series, row, n)
        try:
            line = fit(x, y)
        except NoOracleError:
            continue
        answered.append(row)
        if line is None:
            found.append((math.nan,) * 3)
        else:
            slope = float(line.slope)
            found.append((slope, _known(line.se), float(line.y0) - slope * float(line.x0)))
    return np.array(answered, int), _Fits(*np.array(found).reshape(-1, 3).T)


def _fits(series: Series, method: str, fit: Callable, n: int) -> Iterator[Row]:
    stats = _stats(series, method, n)
    due, chosen = _due(stats, n), _chosen(series, stats, method, n)
    rows, wanted = _by_library(series, fit, chosen, n)
    none = f", {len(chosen) - len(rows)} without an answer" if len(rows) < len(chosen) else ""
    tally = Tally(method, series.name, n, f"{LIBRARY[method]}, {_share(due, chosen)}{none}")
    control = Tally("ols", series.name, n, LIBRARY[method], control=True)
    ols = _stats(series, "ols", n)
    equal = method == "theil_sen"
    mean_x = np.abs(np.array([np.mean(series.log_x[row - n + 1 : row + 1]) for row in rows]))
    with np.errstate(all="ignore"):
        size = np.where(wanted.se > 0, wanted.se, 1e-9 * np.abs(wanted.beta))
    for one, of in ((tally, stats), (control, ols)):
        beta = of.hedge_ratio[rows]
        one.add("hedge_ratio", beta, wanted.beta, EQUAL if equal else "its error", 0.0 if equal else 1e-6,
                1.0 if equal else size)  # fmt: skip
    tally.add("intercept", stats.intercept[rows], wanted.intercept, EQUAL if equal else "its error · |x|",
              0.0 if equal else 1e-6, 1.0 if equal else size * mean_x)  # fmt: skip
    tally.add("hedge_ratio_se", stats.hedge_ratio_se[rows], wanted.se, RELATIVE, 1e-14 if equal else 1e-6, wanted.se)
    _add_ages(tally, stats, due)
    yield from tally.rows()
    yield from control.rows()


def _add_ages(tally: Tally, stats: PairStats, due: np.ndarray) -> None:
    """Every bar says how many bars ago its fit was made."""
    rows = np.arange(due[0], len(stats))
    made = due[np.searchsorted(due, rows, side="right") - 1]
    tally.add("fit_age", stats.fit_age[rows], rows - made, EQUAL, 0.0)


def _bars(series: Series, method: str, n: int) -> Iterator[Row]:
    """Every bar against the line that is told to hold there; the rounding of the told intercept is no error of the spread."""
    stats = _stats(series, method, n)
    tally = Tally(method, series.name, n, "exact integers, under the line that holds")
    scale, exact_fit = _scales(series, stats, method, n)
    beta, alpha = stats.hedge_ratio.astype(np.longdouble), stats.intercept.astype(np.longdouble)
    for rows, seen in series.pieces(n):
        log_x, log_y = (s[rows].astype(np.longdouble) for s in (series.log_x, series.log_y))
        at = slice(rows.start - seen.start, None)
        wanted = Exact(series.log_x[seen], series.log_y[seen], n).deviations(stats.hedge_ratio[seen])
        wanted = {name: values[at] for name, values in wanted.items()}
        perfect = exact_fit[rows]
        spread = log_y - alpha[rows] - beta[rows] * log_x
        rounding = ROUNDING * (np.abs(log_y) + np.abs(beta[rows] * log_x)).astype(float)
        std = wanted["spread_std"]
        size = np.maximum(np.where(np.isnan(std), 0.0, std), rounding / 1e-9)
        tally.add("spread", stats.spread[rows], spread, "spread_std, 4 ulp of y at least", 1e-9, size)
        mean = np.where(perfect, 0.0, spread - wanted["deviation"])
        tally.add("spread_mean", stats.spread_mean[rows], mean, "spread_std, 4 ulp of y at least", 1e-9, size)
        tally.add("spread_std", stats.spread_std[rows], np.where(perfect, 0.0, std), RELATIVE, 1e-8, std)
        tally.add("zscore", stats.zscore[rows], np.where(perfect, np.nan, wanted["zscore"]), "max(1, |z|)", 1e-9,
                  np.maximum(1, np.abs(wanted["zscore"])))  # fmt: skip
        before = slice(max(rows.start - 1, 0), rows.stop - 1)
        new = slice(rows.stop - rows.start - (before.stop - before.start), None)
        away = log_y[new] - alpha[before] - beta[before] * log_x[new]
        held = scale[before]
        with np.errstate(all="ignore"):
            z = np.where(held > 0, away / held, np.nan).astype(float)
            rounding = ROUNDING * (np.abs(log_y[new]) + np.abs(beta[before] * log_x[new])).astype(float)
            unit = np.maximum(1, np.abs(z)) * np.maximum(1, rounding / held / 1e-9)  # the oracle's scale is rounded too
        got = stats.zscore_one_step[rows][new]
        tally.add("zscore_one_step", got, z, "max(1, |z|), 4 ulp of y at least", 1e-9, unit)
    yield from tally.rows()


def _scales(series: Series, stats: PairStats, method: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the fit that holds at each bar: its median residual as the deviation of normal ones, NaN without, and whether it is perfect."""
    found, perfect = np.full(len(stats), np.nan), np.zeros(len(stats), bool)
    due = _due(stats, n)
    windows = [sliding_window_view(s.astype(np.longdouble), n) for s in (series.log_x, series.log_y)]
    for some in np.array_split(due, max(len(due) * n // 500_000, 1)):
        x, y = (of[some - n + 1] for of in windows)
        away = y - stats.intercept[some, None] - stats.hedge_ratio[some, None].astype(np.longdouble) * x
        rounding = ROUNDING * np.abs(y).max(axis=1)
        middle = np.median(y, axis=1) if method == "theil_sen" else y.mean(axis=1)
        total = ((y - middle[:, None]) ** 2).sum(axis=1)
        perfect[some] = (away**2).sum(axis=1) <= PERFECT * total + n * rounding**2
        scale = (np.median(np.abs(away), axis=1) / NORMAL_MEDIAN).astype(float)
        none = scale < rounding
        if method == "huber":  # which knows no error either where it has no scale
            none |= np.isnan(stats.hedge_ratio_se[some])
        found[some] = np.where(perfect[some] | none, np.nan, scale)
    last = np.full(len(stats), -1)
    last[due] = due
    last = np.maximum.accumulate(last)
    return np.where(last >= 0, found[last], np.nan), (last >= 0) & perfect[last]

"""What follows from moments at every bar: moments, correlation of returns, OLS and TLS, against exact integers."""

from collections.abc import Iterator, Mapping

import numpy as np

from flows.domain.model import Model, PriceForm
from flows.stats.moments import ANCHOR_X, ANCHOR_Y, MEAN_X, MEAN_Y, SXX, SXY, SYY, block_moments
from flows.stats.pair_stats import statistics_of
from flows.stats.rows import one_stretch
from tests.accuracy.data import Data, Series
from tests.accuracy.row import ABSOLUTE, EQUAL, RELATIVE, Row, Tally
from tests.exact_ols import Exact, Windows, integers
from tests.pair_series import pair_bars
from tests.rolling_sums import add_and_remove, ols_of, pandas_rolling

EXACT = "exact integers"
ROLLED = {"add and remove": add_and_remove, "pandas rolling": pandas_rolling}
Columns = Mapping[str, np.ndarray]


def moments(data: Data, windows: list[int]) -> Iterator[Row]:
    """Means and centred sums of log prices, and that flat windows have a variance of exactly 0."""
    for series in data.both:
        for n in windows:
            tally = Tally("moments", series.name, n, EXACT)
            index = np.arange(len(series.y)) + 1_700_000_123
            found = block_moments(index, series.log_x, series.log_y, n, one_stretch(index))
            columns = {
                "mean_x": found[ANCHOR_X] + found[MEAN_X], "mean_y": found[ANCHOR_Y] + found[MEAN_Y],
                "sxx": found[SXX], "syy": found[SYY], "sxy": found[SXY],
            }  # fmt: skip
            controls = _rolled_moments(series, n) if series is data.synthetic else []
            for rows, seen in series.pieces(n):
                exact = Exact(series.log_x[seen], series.log_y[seen], n).moments()
                wanted = _of(exact, slice(rows.start - seen.start, None))
                add_moments(tally, _of(columns, rows), wanted)
                for control, sums in controls:
                    add_variances(control, _of(sums, rows), wanted)
            yield from tally.rows()
            for control, _ in controls:
                yield from (row for row in control.rows() if not (row.unit == EQUAL and "pandas" in row.method))


def correlation(data: Data, windows: list[int]) -> Iterator[Row]:
    """Of log returns."""
    for series in data.both:
        for n in windows:
            model = Model("m", window=20, z_window=20, correlation_window=n)
            found = statistics_of(pair_bars(series.y, series.x), model, 10_000).correlation
            tally = Tally("returns", series.name, n, EXACT)
            # Real returns are kind to rolling sums; a print a thousand times too high is not.
            control = _rolled_correlation(series, n) if series is data.synthetic else None
            for rows, seen in series.pieces(n):
                (ix, iy), unit = integers(series.log_x[seen], series.log_y[seen])
                exact = Windows(np.diff(ix), np.diff(iy), n, unit).correlation()
                whole = np.concatenate((np.full(n, np.nan), exact))[rows.start - seen.start :]
                tally.add("correlation", found[rows], whole, ABSOLUTE, 1e-9)
                if control:
                    control[0].add("correlation", control[1][rows], whole, ABSOLUTE, 1e-9)
            yield from tally.rows()
            yield from control[0].rows() if control else ()


def _rolled_correlation(series: Series, n: int) -> tuple[Tally, np.ndarray]:
    sxx, syy, sxy = pandas_rolling(*(np.diff(s, prepend=np.nan) for s in (series.log_x, series.log_y)), n)
    with np.errstate(all="ignore"):
        return Tally("pandas rolling", series.name, n, EXACT, control=True), sxy / np.sqrt(sxx * syy)


def ols(data: Data, windows: list[int]) -> Iterator[Row]:
    """Every column, with the z-score over the fit's window and over its own, of logs and of raw prices."""
    for series in data.both:
        for n in windows:
            yield from lines(series, "ols", n, n)
            yield from lines(series, "ols", n, max(n // 15, 10))
            yield from lines(series, "ols", n, n, "raw")
    for n in windows:
        yield from _rolled(data.short, n)


def tls(data: Data, windows: list[int]) -> Iterator[Row]:
    """Every column; least squares along y, held to the same, must fail."""
    for series in data.both:
        for n in windows:
            yield from lines(series, "tls", n, n)
            yield from lines(series, "tls", n, max(n // 15, 10))
            yield from lines(series, "ols", n, n, against="tls")


def lines(
    series: Series, method: str, n: int, w: int, price: PriceForm = "log", against: str | None = None
) -> list[Row]:
    """Every bar of one model beside the exact line; `against`: that of another method, which must not be met."""
    model = Model("m", method=method, price=price, window=n, z_window=w, correlation_window=20)
    stats = statistics_of(pair_bars(series.y, series.x), model, 10_000)
    y, x = (series.log_y, series.log_x) if price == "log" else (series.y, series.x)
    form = ("" if price == "log" else ", raw prices") + ("" if w == n else f", z over {w}")
    tally = Tally(
        method + form, series.name, n, EXACT if against is None else f"{EXACT}: {against}", against is not None
    )
    columns = {name: getattr(stats, name) for name in COLUMNS}
    for rows, seen in series.pieces(n + 1):
        exact = Exact(x[seen], y[seen], n, w)
        wanted = getattr(exact, against or method)()
        at = slice(rows.start - seen.start, None)
        size = Scale(exact, wanted, x[seen], y[seen], price == "log", against or method).cut(at)
        add_line(tally, _of(columns, rows), _of(wanted, at), size, against or method)
    return [row for row in tally.rows() if against is None or row.column in CONTROLLED]


CONTROLLED = ("hedge_ratio", "zscore")
COLUMNS = (
    "hedge_ratio", "hedge_ratio_se", "intercept", "r_squared", "spread", "spread_bp", "spread_mean", "spread_std",
    "zscore", "zscore_one_step",
)  # fmt: skip


class Scale:
    """What errors are measured in at every bar.

    Attributes:
        slope: sd(y)/sd(x). level: size of the prices, along y. in_bp: basis points that a spread of 1 is.
        sure: the axis of `tls` is one: no axis of a round cloud is first. sure_before: of the bar before. flat: a leg does not move.
        gap: how much longer the cloud of points is than wide, 0 (round) to 1.
    """

    def __init__(self, exact: Exact, wanted: Columns, x: np.ndarray, y: np.ndarray, log: bool, method: str) -> None:
        m, r_squared = exact.moments(), wanted["r_squared"]
        with np.errstate(all="ignore"):
            size = np.abs(wanted["hedge_ratio"])
            self.slope = np.sqrt(m["syy"] / m["sxx"])
            self.level = np.abs(m["mean_y"]) + np.maximum(self.slope, size) * np.abs(m["mean_x"])
            self.gap = np.sqrt((m["syy"] - m["sxx"]) ** 2 + 4 * m["sxy"] ** 2) / (m["syy"] + m["sxx"])
            self.in_bp = 1e4 / (1 + size if log else np.abs(y) + size * np.abs(x))
        self.flat = (m["sxx"] == 0) | (m["syy"] == 0)
        self.sure = (self.gap > 1e-3) & ~(r_squared < 1e-6) if method == "tls" else np.ones(len(x), bool)
        self.sure_before = np.append(False, self.sure[:-1])

    def cut(self, rows: slice) -> "Scale":
        """Of some bars."""
        for name, values in vars(self).items():
            setattr(self, name, values[rows])
        return self


def add_line(tally: Tally, got: Columns, wanted: Columns, size: Scale, method: str) -> None:
    """All columns with the tolerances of the definitions."""
    std, sure, beta = wanted["residual_std"], size.sure, wanted["hedge_ratio"]
    if method == "tls":
        with np.errstate(all="ignore"):
            turned = np.abs(np.arctan(got["hedge_ratio"]) - np.arctan(beta)) * size.gap
        tally.add("hedge_ratio", turned, np.where(np.isnan(beta), np.nan, 0.0), "angle · gap", 1e-11)
        tally.add("hedge_ratio, clear axis", got["hedge_ratio"], beta, RELATIVE, 1e-9, np.abs(beta), sure)
    else:
        tally.add("hedge_ratio", got["hedge_ratio"], beta, "sd(y)/sd(x)", 1e-12, size.slope)
    of_level = 1e-9 if method == "tls" else 1e-12
    tally.add("intercept", got["intercept"], wanted["intercept"], "|y| + |β·x|", of_level, size.level, sure)
    for name, among, scale in (
        ("spread", sure, std),
        ("spread_mean", sure, std),
        ("spread_bp", sure, std * size.in_bp),
    ):
        value = wanted["spread"] * size.in_bp if name == "spread_bp" else wanted[name]
        tally.add(name, got[name], value, "residuals' sd", 1e-9, scale, among)
    z = np.maximum(1, np.abs(wanted["zscore_one_step"]))
    for name, unit, tolerance, scale, among in (
        ("hedge_ratio_se", RELATIVE, 1e-8, wanted["hedge_ratio_se"], sure),
        ("r_squared", ABSOLUTE, 1e-11, 1.0, True),
        ("spread_std", RELATIVE, 1e-8, wanted["spread_std"], sure),
        ("zscore", ABSOLUTE, 1e-9, 1.0, sure),
        ("zscore_one_step", "max(1, |z|)", 1e-9, z, size.sure_before),
    ):
        tally.add(name, got[name], wanted[name], unit, tolerance, scale, among)
    if size.flat.any():
        tally.add("zscore, a leg flat: null", np.isnan(got["zscore"]), 1.0, EQUAL, 0.0, among=size.flat)


def add_moments(tally: Tally, got: Columns, wanted: Columns) -> None:
    """Means and variances; the covariance relative to the deviations, exactly 0 where a leg is flat."""
    for name in ("mean_x", "mean_y"):
        tally.add(name.replace("_", " "), got[name], wanted[name], RELATIVE, 1e-14, np.abs(wanted[name]))
    add_variances(tally, got, wanted)
    with np.errstate(all="ignore"):
        size = np.sqrt(wanted["sxx"] * wanted["syy"])
    tally.add("cov", got["sxy"], wanted["sxy"], "sd(x)·sd(y)", 1e-9, size, ~(size == 0))
    _add_zeros(tally, "cov, a leg flat: 0", got["sxy"], size == 0)


def add_variances(tally: Tally, got: Columns, wanted: Columns) -> None:
    """Relative, and by equality where they are 0."""
    for name in ("sxx", "syy"):
        label, flat = f"var {name[-1]}", wanted[name] == 0
        tally.add(label, got[name], wanted[name], RELATIVE, 1e-9, wanted[name], ~flat)
        _add_zeros(tally, f"{label}, flat: 0", got[name], flat)


def _add_zeros(tally: Tally, label: str, got: np.ndarray, flat: np.ndarray) -> None:
    if flat.any():
        tally.add(label, got, 0.0, EQUAL, 0.0, among=flat)


def _rolled_moments(series: Series, n: int) -> list[tuple[Tally, Columns]]:
    """Pandas counts equal values and so knows some flat windows; it is not asked for them."""
    found = []
    for name, method in ROLLED.items():
        sums = dict(zip(("sxx", "syy", "sxy"), method(series.log_x, series.log_y, n), strict=True))
        found.append((Tally(name, series.name, n, EXACT, control=True), sums))
    return found


def _rolled(series: Series, n: int) -> Iterator[Row]:
    """The controls: the same columns from sums that something was subtracted from."""
    x, y = series.log_x, series.log_y
    for name, method in ROLLED.items():
        columns = ols_of(method(x, y, n), x, y, n)
        tally = Tally(name, series.name, n, EXACT, control=True)
        for rows, seen in series.pieces(n + 1):
            exact = Exact(x[seen], y[seen], n)
            wanted, at = exact.ols(), slice(rows.start - seen.start, None)
            size = Scale(exact, wanted, x[seen], y[seen], True, "ols").cut(at)
            cut = {name: wanted[name][at] for name in columns}
            got = _of(columns, rows)
            tally.add("hedge_ratio", got["hedge_ratio"], cut["hedge_ratio"], "sd(y)/sd(x)", 1e-12, size.slope)
            tally.add("zscore", got["zscore"], cut["zscore"], ABSOLUTE, 1e-9)
        yield from tally.rows()


def _of(columns: Columns, rows: slice) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in columns.items()}

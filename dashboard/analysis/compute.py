"""All that the Analysis view shows of one pair and model, in parts that are made anew only when their rows are."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from dashboard.analysis.distribution import Autocorrelation, Histogram, autocorrelation, histogram
from dashboard.analysis.lead import LeadCurve, lead_curve
from dashboard.analysis.lines import Fit, bars_needed, fit, said
from dashboard.analysis.looks import LookHistory, look_history
from dashboard.analysis.rows import Asked, LeadRows, LookRows, PairRows
from flows.domain.interval import Interval
from flows.stats.battery.cusum import Cusum
from flows.stats.battery.johansen import Johansen
from flows.stats.battery.kpss import Kpss
from flows.stats.battery.variance_ratio import HORIZONS
from flows.stats.liquidity import LegBars, Liquidity, SizeRatio, liquidity, size_ratio
from flows.stats.summary import LegSeries, Summary, pair_summaries

__all__ = ["Analysis", "OfBars", "OfLead", "OfLooks", "bars_needed", "of_bars", "of_lead", "of_looks"]

LEVELS = (0.01, 0.05, 0.10)


@dataclass(frozen=True, slots=True)
class OfBars:
    """What follows from the bars.

    Attributes:
        asked: what it is of. bars: of the look-back, from `first_us` to `last_us` (open times). spread: of the fit's own line over its
            window. zscore: as it was said at each bar of the look-back. spread_acf, change_acf: of that spread and its changes.
        summaries: prices, returns and volumes of the legs, spread and z as they were said; over the look-back, as the rest.
        liquidity: of y and x. sizes: at the newest bar.
    """

    asked: Asked
    bars: int
    first_us: int
    last_us: int
    fit: Fit
    spread: Histogram
    zscore: Histogram
    spread_acf: Autocorrelation
    change_acf: Autocorrelation
    summaries: tuple[Summary, ...]
    liquidity: tuple[Liquidity, Liquidity]
    sizes: SizeRatio


@dataclass(frozen=True, slots=True)
class OfLooks:
    """What follows from the looks: the newest, and how it has been.

    Attributes:
        *_critical: values of its statistics at 1, 5 and 10 %, which no row holds; Johansen's for rank 0 and for rank at most 1.
    """

    rows: LookRows
    history: LookHistory
    johansen_critical: tuple[tuple[float, ...], tuple[float, ...]]
    variance_ratio_critical: tuple[float, ...]
    cusum_critical: tuple[float, ...]
    kpss_critical: tuple[float, ...]


OfLead = LeadCurve


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known so far; a part that has not been made is None."""

    bars: OfBars | None = None
    looks: OfLooks | None = None
    lead: OfLead | None = None


def of_bars(rows: PairRows, asked: Asked) -> OfBars | None:
    """Of the newest bars, None without any."""
    if not len(rows):
        return None
    of, model = asked.selection, asked.model
    made = fit(rows, of.pair, of.interval, model)
    if asked.what_if:
        rows = rows.saying(*said(rows, of.pair, of.interval, model))
    back = rows.tail(asked.lookback)
    scale, unit = (1e4, "bp") if model.price == "log" else (1.0, "quote")
    legs = [
        LegSeries(symbol, back[f"{leg}_close"], back[f"{leg}_volume"])
        for leg, symbol in zip("yx", (of.pair.y, of.pair.x), strict=True)
    ]
    summaries = pair_summaries(
        back.times // of.interval.us, legs[0], legs[1], back["spread"] * scale, unit, back["zscore"]
    )
    traded = tuple(_liquidity(back, leg, symbol, of.interval) for leg, symbol in (("y", of.pair.y), ("x", of.pair.x)))
    beta = made.lines[made.own].hedge_ratio
    return OfBars(
        asked=asked,
        bars=len(back),
        first_us=int(back.times[0]),
        last_us=int(back.times[-1]),
        fit=made,
        spread=histogram(made.spread * scale, "spread", unit),
        zscore=histogram(back["zscore"], "z", "deviations"),
        spread_acf=autocorrelation(made.spread),
        change_acf=autocorrelation(np.diff(made.spread)),
        summaries=summaries,
        liquidity=(traded[0], traded[1]),
        sizes=size_ratio(beta, model.price, float(back["y_close"][-1]), float(back["x_close"][-1]), *traded),
    )


def of_looks(rows: LookRows) -> OfLooks:
    """Of the looks at hand."""
    none, one = ((c.one, c.five, c.ten) for c in Johansen.trace_critical)
    ten, five, _, one_percent = Kpss.critical
    largest = tuple(largest_of_normals(level, len(HORIZONS)) for level in LEVELS)
    return OfLooks(rows, look_history(rows), (none, one), largest, Cusum.critical, (one_percent, five, ten))


def largest_of_normals(level: float, count: int) -> float:
    """What the largest of so many independent standard normal values, without sign, exceeds with this probability.

    >>> round(largest_of_normals(0.05, 1), 3), round(largest_of_normals(0.05, 4), 3)
    (1.96, 2.491)
    """
    return NormalDist().inv_cdf((1.0 + (1.0 - level) ** (1.0 / count)) / 2.0)


def of_lead(rows: LeadRows) -> OfLead:
    """Of the newest look at which leg leads."""
    return lead_curve(rows)


def _liquidity(rows: PairRows, leg: str, symbol: str, interval: Interval) -> Liquidity:
    def column(name: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return rows[f"{leg}_{name}"]

    counts = np.where(np.isfinite(column("trade_count")), column("trade_count"), 0.0).astype(np.int64)
    bars = LegBars(rows.times, column("volume"), column("quote_volume"), counts, column("taker_buy_volume"))
    return liquidity(symbol, interval, bars)

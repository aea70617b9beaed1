"""Summaries of prices, returns, volumes, spread and z, and how much can be traded of each leg."""

import math
from html import escape
from typing import TYPE_CHECKING

from dashboard.views.analysis import figures_table, over_title
from dashboard.views.text import DASH, number

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfBars
    from flows.stats.liquidity import Liquidity
    from flows.stats.summary import Summary

_UNITS = {"quote": "", "log price per bar": " bp", "base per bar": "", "bp": " bp", "deviations": ""}
_SCALES = {"log price per bar": 1e4}
_NO_ADVICE = "a ratio of sizes, not an advice: costs, lots and the error of β are not in it"
_FLOWS = ("log price per bar", "base per bar")
"""Of what belongs to one bar alone, first and last and their difference say nothing."""
_HEADS = (
    "",
    "Bars",
    "Mean",
    "σ",
    "Min",
    "5 %",
    "Median",
    "95 %",
    "Max",
    "Skew",
    "Ex. kurtosis",
    "First",
    "Last",
    "Change",
)


def summaries_card(of: "OfBars") -> str:
    """A row for each series. Returns are in basis points; what is not known is a dash with the reason in its hover text."""
    rows = "".join(_summary(s) for s in of.summaries)
    table = figures_table("figures", "Summaries over the look-back", _HEADS, rows)
    return f'<div class="card" data-role="summaries"><h4>Summary · {over_title(of)}</h4>{table}</div>'


def _summary(s: "Summary") -> str:
    scale = _SCALES.get(s.unit, 1.0)
    at = dict(s.quantiles)
    values = [s.mean, s.sd, s.min, at[0.05], at[0.5], at[0.95], s.max]
    decimals = _decimals(s, scale)
    cells = [number(v * scale, decimals) for v in values]
    shape = [_shape(s, name) for name in ("skewness", "excess_kurtosis")]
    level = s.unit not in _FLOWS
    ends = [number(v * scale, decimals) if level else "" for v in (s.first, s.last)]
    change = number(s.change * scale, decimals, sign=True) if level else ""
    if math.isfinite(s.relative_change):
        change = f'{change} <span class="muted">{number(100 * s.relative_change, 2, sign=True, unit=" %")}</span>'
    count = (
        f'{s.count:,}<span class="muted" title="{s.missing:,} not known"> · {s.missing:,} –</span>'
        if s.missing
        else f"{s.count:,}"
    )
    unit = _UNITS.get(s.unit, f" {s.unit}")
    name = f'<th scope="row">{escape(s.name)}<span class="muted">{escape(unit)}</span></th>'
    return (
        f'<tr data-summary="{escape(s.name)}">{name}<td>{count}</td>'
        + "".join(f"<td>{cell}</td>" for cell in (*cells, *shape, *ends, change))
        + "</tr>"
    )


def _shape(s: "Summary", name: str) -> str:
    value = float(getattr(s, name))
    return (
        number(value, 2)
        if math.isfinite(value)
        else f'<span class="off" title="{escape(s.reasons.get(name, ""))}">{DASH}</span>'
    )


def _decimals(s: "Summary", scale: float) -> int:
    """So many that the deviation has three digits, from two to six of them."""
    sd = abs(s.sd * scale)
    return min(6, max(2, 2 - math.floor(math.log10(sd)))) if math.isfinite(sd) and sd > 0.0 else 2


def liquidity_card(of: "OfBars") -> str:
    """Both legs side by side, and the sizes of the hedge."""
    y, x = of.liquidity
    rows = "".join(
        f'<tr data-liquidity="{key}"><th scope="row">{label}</th>{"".join(_cell(leg, key, decimals, unit, scale) for leg in (y, x))}</tr>'
        for key, label, decimals, unit, scale in (
            ("quote_volume", "Quote volume", 0, "", 1.0), ("quote_volume_per_s", "Quote volume per s", 0, "", 1.0),
            ("trades", "Trades", 0, "", 1.0), ("trades_per_s", "Trades per s", 2, "", 1.0),
            ("mean_trade_quote", "Mean trade, quote", 0, "", 1.0), ("mean_trade_size", "Mean trade, base", 4, "", 1.0),
            ("taker_buy_share", "Takers buy", 1, " %", 100.0), ("silent_share", "Bars without a trade", 1, " %", 100.0),
            ("missing_bars", "Bars missing", 0, "", 1.0),
        )
    )  # fmt: skip
    table = figures_table("figures", "Liquidity of the legs", ("", escape(y.symbol), escape(x.symbol)), rows)
    return f'<div class="card" data-role="liquidity"><h4>Liquidity · {over_title(of)}</h4>{table}{_sizes(of)}</div>'


def _cell(leg: "Liquidity", key: str, decimals: int, unit: str, scale: float) -> str:
    value = float(getattr(leg, key))
    if not math.isfinite(value):
        return f'<td class="off" title="{escape("; ".join(leg.reasons))}">{DASH}</td>'
    return f'<td title="{getattr(leg, key)!r}">{number(value * scale, decimals, unit=unit)}</td>'


def _sizes(of: "OfBars") -> str:
    sizes, (y, x) = of.sizes, of.liquidity
    if sizes.reason:
        return f'<div class="sizes off">Sizes of the hedge: {DASH} {escape(sizes.reason)}</div>'
    thin = f"{escape(sizes.thin_leg)} is the thin leg" if sizes.thin_leg else "no trades to compare with"
    return (
        f'<div class="sizes" title="{_NO_ADVICE}">1,000 quote of {escape(y.symbol)} : '
        f"<b data-size>{number(1_000 * sizes.x_quote_per_y_quote, 1)}</b> quote of {escape(x.symbol)} · 1 {escape(y.symbol)} : "
        f"{number(sizes.x_base_per_y_base, 5)} {escape(x.symbol)} · {thin} (hedging all of {escape(y.symbol)} takes "
        f"{number(100 * sizes.needed_share, 0)} % of {escape(x.symbol)}'s volume)</div>"
    )

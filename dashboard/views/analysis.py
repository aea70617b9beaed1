"""The words around the pictures of the Analysis view: heads, the legend of the lines, what a picture waits for."""

import math
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from dashboard.views.text import DASH, date_utc, moment_utc, number

if TYPE_CHECKING:
    from dashboard.analysis.compute import OfBars, OfLead, OfLooks
    from dashboard.analysis.distribution import Autocorrelation, Histogram

LEAD_WHY = {
    "too_few_ticks": "too few trades in the window of the look: 60 of each leg are needed", "flat": "a leg does not move in the window",
    "no_logarithm": "a price is not positive", "beyond_one": "outside ±1: too few trades", "no_correlation": "no correlation at any shift",
    "at_the_edge": "strongest at the largest shift: beyond ±5 s, if anywhere",
}  # fmt: skip


def head(name: str, *parts: str) -> str:
    """The line over a picture; `parts` are HTML."""
    body = "".join(f"<span>{part}</span>" for part in parts if part)
    return f'<div class="head"><span class="name">{escape(name)}</span><span class="body">{body}</span></div>'


def _wide(text: str) -> str:
    """What there is no room for on a narrow page."""
    return f'<span class="wide">{text}</span>'


def note(title: str, text: str) -> str:
    """Why a picture is empty and until when."""
    return f'<div class="notice small" role="status"><b>{escape(title)}</b>{escape(text)}</div>'


def note_of(reason: str, of: "OfBars") -> str:
    """The same of what is made of bars; '' where there is a picture."""
    if not reason:
        return ""
    own = of.fit.lines[of.fit.own]
    return note("Not yet", f"{own.method} is {own.why}." if own.why else f"{reason}.")


def looks_note(of: "OfLooks") -> str:
    """Why there is no history of looks; '' where there is one."""
    if not of.rows.table:
        return note("No looks", "Not in this dataset: an earlier version wrote it.")
    if not of.rows.newest:
        return note("No looks yet", "The first comes with the first round of looks at this pair.")
    if not len(of.history.times) or not (of.history.known > 0).any():
        return note("No look says anything yet", f"{of.rows.newest.get('reason') or 'not known'}.")
    return ""


def lead_note(of: "OfLead") -> str:
    """Why there is no curve; '' where there is one."""
    if len(of.rho):
        return ""
    return note("No curve", f"{of.why or LEAD_WHY.get(of.reason, of.reason)}.")


def lines_head(of: "OfBars") -> str:
    """What the scatter shows."""
    made, model = of.fit, of.asked.model
    price = f"log {_SOURCES[model.source]}" if model.price == "log" else _SOURCES[model.source]
    n, pair = len(made.times), of.asked.selection.pair
    bars = f"{n:,} bars" if n == made.window else f'<b class="amber">{n:,} of {made.window:,} bars</b>'
    what_if = '<span class="amber">what if</span>' if of.asked.what_if else ""
    return head("Regression", what_if, f"{escape(pair.y)} on {escape(pair.x)}", price, bars, "faint: old")


_SOURCES = {"close": "closes", "vwap": "mean prices"}


def lines_legend(of: "OfBars") -> str:
    """Slope with its error, and R², of every method; the model's own first in bold."""
    rows = []
    for at, line in enumerate(of.fit.lines):
        swatch = f'<i class="swatch {line.method}"></i>'
        if math.isnan(line.hedge_ratio):
            said = f'<td colspan="3" class="off">{DASH} {escape(line.why)}</td>'
        else:
            error = (
                f"± {number(line.hedge_ratio_se, 4)}"
                if math.isfinite(line.hedge_ratio_se)
                else '<span class="off">no error</span>'
            )
            fitted = f"{line.fit_age:,} bars ago" if line.fit_age else "now"
            said = (
                f'<td data-slope="{line.method}" title="{line.hedge_ratio!r}">{number(line.hedge_ratio, 4)}</td><td>{error}</td>'
                f"<td>{_r_squared(line.r_squared)}</td><td>{fitted}</td>"
            )
        own = ' class="own"' if at == of.fit.own else ""
        rows.append(f'<tr{own}><th scope="row">{swatch}{escape(line.method)}</th>{said}</tr>')
    return f'<table class="lines" aria-label="Line of each method">{"".join(rows)}</table>'


def _r_squared(value: float) -> str:
    return f"R² {number(value, 3)}" if math.isfinite(value) else '<span class="off">no R²</span>'


def histogram_head(title: str, of: "Histogram", unit: str, over: str, decimals: int) -> str:
    """Mean, deviation and shape beside the name."""
    s = of.summary
    return head(
        title,
        f"mean {number(s.mean, decimals)}",
        f"σ {number(s.sd, decimals)}{unit}",
        f"skew <b>{number(s.skewness, 2)}</b>",
        f'<span title="0 for normal values">excess kurtosis <b>{number(s.excess_kurtosis, 2)}</b></span>',
        _wide(over),
    )


def acf_head(spread: "Autocorrelation", change: "Autocorrelation") -> str:
    """What the lags are of."""
    if not len(spread.r):
        return head("Autocorrelation")
    outside = int((abs(change.r) > change.bound).sum())
    return head(
        "Autocorrelation",
        f'<span class="spread">spread</span> and <span class="leg-x">its changes</span>, {spread.n:,} bars',
        f'<span title="values without memory stay inside in 95 % of lags">95 %: ±{number(spread.bound, 3)}</span>',
        _wide(f"{outside} of {len(change.r)} lags of changes outside"),
    )


def share_head(of: "OfLooks") -> str:
    """The newest share, and of how many looks."""
    history = of.history
    hours = f"{history.period_us / 3_600_000_000:.3g} h"
    if not len(history.times):
        return head("Share of looks that pass", f"over {hours}")
    known = int(history.known[-1])
    both = number(100 * float(history.both[-1]), 0, unit=" %")
    partly = ""
    if history.full_from is None:
        partly = f'<span class="amber">less than {hours} of looks so far</span>'
    return head(
        "Share of looks that pass",
        f"over {hours}, p &lt; {history.level:g}",
        f"both <b data-share>{both}</b> of {known:,}",
        partly,
    )


def half_life_head(of: "OfLooks") -> str:
    """The newest half-life with its interval."""
    history = of.history
    if not len(history.times):
        return head("Half-life")
    if not math.isfinite(float(history.half_life[-1])):
        says = str(of.rows.newest.get("half_life_says") or of.rows.newest.get("reason") or "not known")
        return head("Half-life", "bars, 95 %", f"now {DASH} {escape(says)}")
    low, high = number(float(history.low[-1]), 1), number(float(history.high[-1]), 1)
    return head(
        "Half-life",
        "bars, 95 %",
        f"now <b data-half-life>{number(float(history.half_life[-1]), 1)}</b> ({low} to {high})",
    )


def lead_head(of: "OfLead", y: str, x: str) -> str:
    """Who leads, by how much, over which window."""
    if of.end_us is None or of.why:
        return head("Which leg leads")
    window = f"{number(of.seconds, 0)} s to {moment_utc(of.end_us, of.end_us).removesuffix(' UTC')}"
    if of.reason:
        return head(
            "Which leg leads", window, f'<span class="amber">{escape(LEAD_WHY.get(of.reason, of.reason))}</span>'
        )
    ends = " to ".join(number(end, 0) if math.isfinite(end) else "no end" for end in (of.low_ms, of.high_ms))
    who = {"": "neither", "y": escape(y), "x": escape(x)}[of.leader]
    return head(
        "Which leg leads", f"<b data-lead>{who}</b> by {number(of.lead_ms, 0)} ms ({ends})", _wide(window),
        f'<span class="wide" title="trades, thinned to one in 10 ms">{of.ticks[0]:,} and {of.ticks[1]:,} ticks</span>',
    )  # fmt: skip


def lead_foot(y: str, x: str) -> str:
    """What the sides mean."""
    return (
        f'<div class="foot"><span>← {escape(y)} moves first</span><span class="wide">ms, steps as wide as each other</span>'
        f"<span>{escape(x)} moves first →</span></div>"
    )


def over_title(of: "OfBars") -> str:
    """The look-back that summaries are of."""
    first = date_utc(of.first_us)
    what_if = '<span class="amber">what if</span> · ' if of.asked.what_if else ""
    return f"{what_if}{of.bars:,} bars, {first.removesuffix(' UTC')} to {moment_utc(of.last_us, of.first_us)}"


def figures_table(kind: str, label: str, heads: Iterable[str], rows: str) -> str:
    """A table of figures.

    Args:
        kind: its class. label: what a screen reader says of it. rows: HTML.
    """
    columns = "".join(f'<th scope="col">{name}</th>' for name in heads)
    start = f'<table class="wide {kind}" aria-label="{escape(label)}"><thead><tr>{columns}</tr></thead>'
    return f"{start}<tbody>{rows}</tbody></table>"

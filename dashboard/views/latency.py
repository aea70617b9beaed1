"""The latency of every stage: newest quantiles, and the distribution over the last minutes."""

import math
from collections.abc import Iterable

from dashboard.charts.strokes import SCALE_MS, distribution
from dashboard.feed import Legs, StageLatency
from dashboard.health import Distribution
from dashboard.health_data import SPAN_MIN
from dashboard.views.legs import STAGES
from dashboard.views.table import card, table
from dashboard.views.text import DASH, number
from flows.latency import Histogram


def stages_card(legs: Legs, distributions: Iterable[Distribution] = ()) -> str:
    """A row for every stage; '' where nothing has been measured."""
    if not legs.stages:
        return ""
    of = {each.stage: each for each in distributions}
    rows = "".join(_row(label, legs.stage(name), of.get(name)) for name, label in STAGES)
    scale = "".join(f"<span>{_scale(mark)}</span>" for mark in SCALE_MS)
    axis = f'<div class="title">last {SPAN_MIN} minutes</div><div class="scale">{scale}</div>'
    heads = ("From … to, ms", axis, "p50", "p95", "p99", "max", "count")
    lines = 'lines: <span class="text">p50</span>, <span class="amber">p95</span>, <span class="down">p99</span>'
    return card(
        f'Latency of each stage <span class="muted">figures: the newest 5 s; {lines} of the distribution</span>',
        table("stages", "Latency of each stage in milliseconds", heads, rows),
    )


def _row(label: str, newest: StageLatency | None, of: Distribution | None) -> str:
    figures = (
        f"<td>{_ms(newest.p50_ms)}</td><td>{_ms(newest.p95_ms)}</td><td>{_ms(newest.p99_ms)}</td><td>{_ms(newest.max_ms)}</td>"
        f"<td>{newest.count:,}</td>"
        if newest
        else f'<td colspan="5">{DASH}</td>'
    )
    return f'<tr><th scope="row">{label}</th><td class="spread">{_picture(label, newest, of)}</td>{figures}</tr>'


def _picture(label: str, newest: StageLatency | None, of: Distribution | None) -> str:
    if of is not None:
        quantiles = {share: of.quantile_ms(share) for share in (0.5, 0.95, 0.99)}
        said = ", ".join(f"{share:.0%} within {_ms(at)} ms" for share, at in quantiles.items())
        says = f"{label}, {of.histogram.count:,} in {SPAN_MIN} minutes: {said}, the largest {_ms(of.histogram.largest_us / 1000)} ms"
        return distribution(of.histogram, dict(zip(_MARKS, quantiles.values(), strict=True)), says)
    if newest is None or math.isnan(newest.p50_ms):
        return '<span class="muted">nothing measured</span>'
    marks = dict(zip(_MARKS, (newest.p50_ms, newest.p95_ms, newest.p99_ms), strict=True))
    return distribution(
        Histogram(), marks, f"{label}: quantiles of the newest 5 s only, the flow stored no distribution"
    )


_MARKS = ("text", "amber", "down")


def _ms(value: float) -> str:
    return number(value, 0 if math.isfinite(value) and value >= 10 else 2)


def _scale(mark_ms: float) -> str:
    return f"{mark_ms:g}" if mark_ms < 1000 else f"{mark_ms / 1000:g} s"

"""The cards beside the charts: the signal, and the statistics of the look-back."""

from html import escape

import numpy as np

from dashboard import theme
from dashboard.frame import Frame
from dashboard.state import Phase, Reading, Signal, signal, spread_unit
from dashboard.views.quality import not_believable
from dashboard.views.text import mark, number

_GAUGE_END = 4.0
_CLASS = {Signal.SHORT: "down", Signal.LONG: "up"}


def signal_card(now: Reading, entry: float, exit_: float) -> str:
    """The word, z on a gauge, and the action in words."""
    word = signal(now.zscore, entry, exit_)
    text = {Phase.WARM_UP: "WARM-UP", Phase.STALE: "STALE", Phase.EMPTY: "–"}.get(now.phase, word.value)
    at = 50 + 50 * min(max(now.zscore / _GAUGE_END, -1.0), 1.0) if np.isfinite(now.zscore) else None
    low, high = 50 - 50 * entry / _GAUGE_END, 50 + 50 * entry / _GAUGE_END
    up, rule, down = theme.css("up_zone"), theme.css("rule"), theme.css("down_zone")
    zones = f"linear-gradient(90deg,{up} {low:.1f}%,{rule} {low:.1f}%,{rule} {high:.1f}%,{down} {high:.1f}%)"
    needle = f'<i style="left:{at:.1f}%"></i>' if at is not None else ""
    return (
        f'<div class="card signal"><h4>Signal by z, in-sample{mark(now.what_if)}</h4><div class="word {_CLASS.get(word, "")}">{text}</div>'
        f'<div class="gauge" style="background:{zones}">{needle}</div>'
        f'<div class="action">{_action(now, word, entry, exit_)}</div></div>'
    )


def _action(now: Reading, word: Signal, entry: float, exit_: float) -> str:
    if not_believable(now):
        return f'<span class="amber">innovation sd {number(now.innovation_sd, 2)}: z is not to be trusted</span>'
    if word not in _CLASS:
        return f"enter beyond ±{entry:g}, exit inside ±{exit_:g}"
    first, second = ("sell", "buy") if word is Signal.SHORT else ("buy", "sell")
    unit = " notional" if now.model.price == "log" else ""
    return f"{first} 1 {escape(now.y.symbol)} · {second} {number(now.hedge_ratio, 2)} {escape(now.x.symbol)}{unit}"


def window_table(frame: Frame, now: Reading) -> str:
    """Mean, deviation, extremes and last value over the look-back; NaN rows are left out, not counted as zero."""
    scale = now.spread_scale
    series = [
        (frame["spread"] * scale, 1), (frame["zscore"], 2), (frame["correlation"], 3), (frame["hedge_ratio"], 3)
    ]  # fmt: skip
    rows = []
    for label, of in (("mean", np.mean), ("σ", np.std), ("min", np.min), ("max", np.max), ("last", lambda v: v[-1])):
        cells = []
        for values, decimals in series:
            known = values[np.isfinite(values)]
            cells.append(f"<td>{number(float(of(known)) if len(known) else float('nan'), decimals)}</td>")
        rows.append(f"<tr><td>{label}</td>{''.join(cells)}</tr>")
    return (
        f'<div class="card lookback"><h4>Look-back · {now.bars:,} bars</h4><table><tr><th></th><th>spread {spread_unit(now.model)}</th>'
        f"<th>z</th><th>ρ</th><th>β</th></tr>{''.join(rows)}</table></div>"
    )


def model_card(now: Reading) -> str:
    """What is computed, in words: which form of z, over which bars."""
    model = now.model
    title = "in-sample z: the fit includes the bar; one-step: the fit ends a bar earlier"
    head = f"<h4>Model {escape(model.name)}{mark(now.what_if)}</h4>"
    return (
        f'<div class="card model{" tried" if now.what_if else ""}" title="{title}">{head}{escape(model.method)}, {model.price}'
        f" {SOURCES[model.source]}; fit {model.window:,} bars, z {model.z_window:,} bars, correlation {model.correlation_window:,}"
        f" returns{_TRIED if now.what_if else ''}</div>"
    )


_TRIED = '<div class="amber">tried out over stored bars: the flow does not compute it</div>'


SOURCES = {"close": "closes", "vwap": "mean prices"}

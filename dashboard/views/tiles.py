"""The strip of key figures above the charts."""

import math
from html import escape

from dashboard import theme
from dashboard.state import Leg, Phase, Reading, Signal, signal, spread_unit
from dashboard.views.text import age, number, price

_SIGNAL_CLASS = {Signal.SHORT: "down", Signal.LONG: "up"}


def tiles(now: Reading, entry: float, exit_: float) -> str:
    """Eight tiles: both prices, z, spread, hedge ratio, R², correlation, freshness."""
    word, model, why = signal(now.zscore, entry, exit_), now.model, _why_unknown(now)
    unit, scale = spread_unit(model), now.spread_scale
    colour = _SIGNAL_CLASS.get(word, "")

    said = word.value
    if now.gap:
        said += f" · trades missing: {_legs(now, now.gap)}"

    def statistic(key: str, label: str, value: float, text: str, sub: str, colour: str = "") -> str:
        return _tile(key, label, text, why, off=True) if math.isnan(value) else _tile(key, label, text, sub, colour)

    z = f"{number(now.zscore, 2)}<small> · one-step {number(now.zscore_one_step, 2)}</small>"
    spread = number(now.spread * scale, 1 if unit == "bp" else 2)
    fit = f"Hedge ratio, {escape(model.method)} {model.price}"
    return "".join((
        '<div class="tiles">',
        _leg(now.y, theme.LEG_Y),
        _leg(now.x, theme.LEG_X),
        statistic("z", "z-score, in-sample", now.zscore, z, said, colour),
        statistic("spread", f"Spread, {unit}", now.spread, spread, f"σ {number(now.spread_std * scale, 2)}"),
        statistic("hedge", fit, now.hedge_ratio, number(now.hedge_ratio, 4), f"± {number(now.hedge_ratio_se, 4)}"),
        statistic("r2", "R²", now.r_squared, number(now.r_squared, 3), f"fit of {number(now.n, 0)} bars"),
        statistic("correlation", "Correlation", now.correlation, number(now.correlation, 3), f"{model.correlation_window} returns"),
        _freshness(now),
        "</div>",
    ))  # fmt: skip


def _why_unknown(now: Reading) -> str:
    """Why a statistic is not known."""
    if now.phase is Phase.STALE:
        return f"stale: {_legs(now, now.stale)} silent"
    if now.phase is Phase.WARM_UP:
        return f"warm-up {number(now.n, 0)}/{now.wanted_bars}"
    return "no statistics yet" if now.phase is Phase.EMPTY else "cannot be computed"


def _legs(now: Reading, which: str | None) -> str:
    """The symbols meant by `y`, `x` or `both`."""
    return {"y": now.y.symbol, "x": now.x.symbol, "both": f"{now.y.symbol} and {now.x.symbol}"}.get(which or "", "")


def _leg(leg: Leg, edge: str) -> str:
    change = number(100 * leg.change, 2, sign=True, unit=" % over look-back")
    side = "up" if leg.change > 0 else "down" if leg.change < 0 else ""
    bars = f"{leg.gaps:,} bar{'s' if leg.gaps > 1 else ''}"
    marks = f"◆ {leg.gaps:,} gap{'s' if leg.gaps > 1 else ''}"
    title = f"trades are missing from {bars} of the look-back"
    gaps = f' <span class="amber" title="{title}">{marks}</span>' if leg.gaps else ""
    return (
        f'<div class="tile" style="--edge:{edge}" data-tile="{escape(leg.symbol)}"><div class="label">{escape(leg.symbol)}{gaps}</div>'
        f'<div class="value">{price(leg.price, leg.decimals)}</div><div class="sub {side}">{change}</div></div>'
    )


def _freshness(now: Reading) -> str:
    def silent(leg: str) -> str:
        return "amber" if now.stale in (leg, "both") else ""

    y, x = (f'<span class="{silent(name)}">{age(leg.age_ms)}</span>' for name, leg in (("y", now.y), ("x", now.x)))
    value = f"{y} <small>·</small> {x}"
    return _tile("freshness", "Age of last trade", value, f"{escape(now.y.symbol)} · {escape(now.x.symbol)}")


def _tile(key: str, label: str, value: str, sub: str, colour: str = "", off: bool = False) -> str:
    return (
        f'<div class="tile{" off" if off else ""}" data-tile="{key}"><div class="label">{label}</div>'
        f'<div class="value {colour}">{value}</div><div class="sub" title="{escape(sub)}">{escape(sub)}</div></div>'
    )

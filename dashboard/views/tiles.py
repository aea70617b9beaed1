"""The strip of key figures above the charts."""

import math
from html import escape

from dashboard import theme
from dashboard.quality import Quality
from dashboard.state import Leg, Phase, Reading, Signal, signal, spread_unit
from dashboard.views.quality import interval_of, not_believable, ticks_correlation
from dashboard.views.text import DASH, age, mark, number, price
from flows.stats.believable import LEAST_SD, MOST_SD

_SIGNAL_CLASS = {Signal.SHORT: "down", Signal.LONG: "up"}


def tiles(now: Reading, quality: Quality, entry: float, exit_: float) -> str:
    """Nine tiles: both prices, z, spread, hedge ratio, quality of the fit, correlation, half-life, freshness."""
    word, model, why = signal(now.zscore, entry, exit_), now.model, _why_unknown(now)
    unit, scale = spread_unit(model), now.spread_scale
    places = 1 if unit == "bp" else 2
    said, colour = word.value, _SIGNAL_CLASS.get(word, "")
    if now.gap:
        said += f" · trades missing: {_legs(now, now.gap)}"
    if not_believable(now):
        said, colour = "not to be trusted", "amber"

    def statistic(key: str, label: str, value: float, text: str, sub: str, colour: str = "", title: str = "") -> str:
        return (
            _tile(key, label, text, why, off=True) if math.isnan(value) else _tile(key, label, text, sub, colour, title)
        )

    z = f"{number(now.zscore, 2)}<small> · <span class='wide'>one-step </span>{number(now.zscore_one_step, 2)}</small>"
    spread = f"{number(now.spread * scale, places)}<small> · gross {number(now.spread_bp, 1, unit=' bp')}</small>"
    fit = f"Hedge ratio, {escape(model.method)} {model.price}"
    hedge = f"{number(now.hedge_ratio, 4)}<small> ± {number(now.hedge_ratio_se, 4)}</small>"
    robust, plain = f"robust ± {number(now.hedge_ratio_se_hac, 4)}", "± standard error"
    ticks = number(ticks_correlation(quality, now), 3)
    correlation = f"{number(now.correlation, 3)}<small> · ticks {ticks}</small>"
    return "".join((
        f'<div class="tiles{" tried" if now.what_if else ""}">',
        _leg(now.y, theme.css("leg_y")),
        _leg(now.x, theme.css("leg_x")),
        statistic("z", f"{mark(now.what_if)} z, in-sample" if now.what_if else "z-score, in-sample", now.zscore, z, said, colour),
        statistic("spread", f"Spread, {unit}", now.spread, spread, f"σ {number(now.spread_std * scale, 2)}"),
        statistic("hedge", fit, now.hedge_ratio, hedge, plain if math.isnan(now.hedge_ratio_se_hac) else robust, title=_ERRORS),
        _fit(now, why),
        statistic("correlation", "Correlation", now.correlation, correlation, *_interval(now)),
        _half_life(quality),
        _freshness(now),
        "</div>",
    ))  # fmt: skip


_ERRORS = "robust: standard error that allows for autocorrelation (HAC); ±: as if the errors were independent"


def _fit(now: Reading, why: str) -> str:
    """How well the line fits, by what the method has: R², the size of a filter's innovations, or the age of the fit."""
    model = now.model
    if model.method == "kalman":
        label = "Innovation sd"
        if math.isnan(now.innovation_sd):
            left = f"first after {2 * model.window:,} bars" if now.phase is Phase.READY else why
            return _tile("innovations", label, DASH, left, off=True)
        says = f"{'outside' if not_believable(now) else 'within'} {LEAST_SD:g} to {MOST_SD:g}"
        value = f"{number(now.innovation_sd, 2)}<small> · lag-1 {number(now.innovation_autocorrelation, 2)}</small>"
        return _tile("innovations", label, value, says, "amber" if not_believable(now) else "")
    if not math.isnan(now.r_squared):
        return _tile("r2", "R²", number(now.r_squared, 3), f"fit of {number(now.n, 0)} bars")
    if model.method in _NO_R_SQUARED and now.phase is Phase.READY:
        fitted = f"fit is {number(now.fit_age, 0)} bars old"
        return _tile("r2", "R²", DASH, fitted, title=f"{model.method} has no R²: it does not maximise it", off=True)
    return _tile("r2", "R²", DASH, why, off=True)


_NO_R_SQUARED = ("huber", "theil_sen")


def _interval(now: Reading) -> tuple[str, str, str]:
    """Line, colour and hover text under the correlation."""
    interval, returns = interval_of(now), f"{now.model.correlation_window} returns"
    if interval is None:
        return returns, "", ""
    low, high = (number(end, 3) for end in interval)
    return f"{low} to {high}", "", f"95 % interval of {returns}, were they normal and independent: {low} to {high}"


def _half_life(quality: Quality) -> str:
    tests = quality.tests
    if tests is None:
        return _tile("half-life", "Half-life", DASH, "no look yet", off=True)
    if tests.half_life_says != "reverts":
        why = tests.reason or tests.half_life_says or tests.why("half_life") or "not known"
        short = "like a random walk" if why == tests.half_life_says else why
        return _tile("half-life", "Half-life", DASH, short, title=why, off=True)
    value = f"{number(tests.half_life, 1)}<small> bars</small>"
    held = f"{number(tests.half_lives, 1)} in the window"
    if tests.window_says:
        return _tile("half-life", "Half-life", value, f"{held}: few", "amber", f"{held}: {tests.window_says}")
    return _tile("half-life", "Half-life", value, held)


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
    change = number(100 * leg.change, 2, sign=True, unit=" % look-back")
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


def _tile(key: str, label: str, value: str, sub: str, colour: str = "", title: str = "", off: bool = False) -> str:
    return (
        f'<div class="tile{" off" if off else ""}" data-tile="{key}"><div class="label">{label}</div>'
        f'<div class="value {colour}">{value}</div><div class="sub" title="{escape(title or sub)}">{escape(sub)}</div></div>'
    )

"""The cards beside the charts that say how good the pair is: the verdict, the tests of the newest look, how the legs move together."""

import math
from html import escape

from dashboard.quality import Look, Quality
from dashboard.state import Reading
from dashboard.views.text import DASH, moment_utc, number
from flows.stats.believable import believable
from flows.stats.correlation_interval import correlation_interval, no_interval_reason

WORD_CLASS = {
    "reverting": "up",
    "weak evidence": "amber",
    "breaking": "amber",
    "too slow": "amber",
    "no evidence": "down",
}
"""Colours of the words of `flows.stats.battery.verdict`; what is not known is grey."""
_OLD_BARS = 5
"""Ticks' correlation of a bar so far behind the newest is not the one of now."""
TICKS_WHY = {
    "warming_up": "warm-up", "y_silent": "{y} silent", "x_silent": "{x} silent", "both_silent": "both legs silent", "y_flat": "{y} flat",
    "x_flat": "{x} flat", "both_flat": "both legs flat", "no_logarithm": "a price is not positive",
    "beyond_one": "outside ±1: too few trades",
}  # fmt: skip
_LEAD_WHY = {
    "too_few_ticks": "too few trades", "flat": "a leg is flat", "no_logarithm": "a price is not positive",
    "beyond_one": "outside ±1: too few trades", "no_correlation": "no correlation at any shift", "at_the_edge": "beyond ±5 s, if anywhere",
}  # fmt: skip


def verdict_card(quality: Quality, now: Reading) -> str:
    """The word and the sentence as stored; the whole of it in the hover text."""
    verdict = quality.verdict
    if verdict is None:
        return _card(
            "Verdict", f'<div class="word off">{DASH}</div><div class="off">{_absent(quality, "verdict")}</div>'
        )
    _, _, numbers = verdict.sentence.partition(f": {verdict.word}: ")
    word = f'<div class="word {WORD_CLASS.get(verdict.word, "off")}">{escape(verdict.word)}</div>'
    text = f'<div class="sentence" title="{escape(verdict.sentence)}">{escape(numbers or verdict.sentence)}</div>'
    return _card(f"Verdict{_as_of(verdict.open_time, now)}", word + text, 'data-role="verdict"')


def look_card(quality: Quality, now: Reading) -> str:
    """The tests of the newest look, each with its value or why it says nothing."""
    tests = quality.tests
    if tests is None:
        return _card("Tests", f'<div class="off">{_absent(quality, "tests")}</div>', 'data-role="tests"')
    title = f"Tests{f' · {number(tests.n, 0)} bars' if tests.n > 0 else ''}{_as_of(tests.open_time, now)}"
    if tests.reason:
        return _card(title, f'<div class="off">{escape(tests.reason)}</div>', 'data-role="tests"')
    both = f"{number(tests.y_on_x_p_value, 3)} · {number(tests.x_on_y_p_value, 3)}"
    rows = (
        _row("coint", "Engle-Granger p", both, title="y on x · x on y"),
        _half_life(tests),
        _test(
            "break",
            "Break of the line p",
            tests.break_p_value,
            tests.why("cusum"),
            bad=tests.break_p_value < _BREAK_LEVEL,
        ),
        _johansen(tests),
        _test("vr", "Variance ratio p", tests.variance_ratio_p_value, tests.why("variance_ratio")),
        _test("hurst", "Hurst", tests.hurst, tests.why("hurst"), decimals=2),
        _test("kpss", f"KPSS p{_bound(tests)}", tests.kpss_p_value, tests.why("kpss")),
        _test("adf", "Periodic ADF p", tests.adf_p_value, tests.why("adf"), note=_ADF_NOTE),
    )
    return _card(title, "".join(rows), 'data-role="tests"')


_BREAK_LEVEL = 0.01
_ADF_NOTE = "right only for a fixed hedge ratio: log y - log x"


def _half_life(tests: Look) -> str:
    if tests.half_life_says != "reverts":
        return _row("half-life", "Half-life", why=tests.half_life_says or tests.why("half_life") or "not known")
    low, high = (number(end, 1) for end in (tests.half_life_low, tests.half_life_high))
    value = f"{number(tests.half_life, 1)} bars ({low} to {high})"
    held = f"{number(tests.half_lives, 1)} in the window"
    few = f"{tests.window_says} in the window: z follows badly" if tests.window_says else ""
    return _row("half-life", "Half-life", value, few, title=f"95 %: {low} to {high} bars; {held}", bad=bool(few))


def _johansen(tests: Look) -> str:
    between = sorted(p for p in (tests.johansen_p_below, tests.johansen_p_above) if math.isfinite(p))
    levels = f" (p {' to '.join(number(p, 2) for p in between)})" if between else ""
    if math.isnan(tests.johansen_rank):
        return _row("johansen", "Johansen rank", why=tests.why("johansen") or "not known")
    title = "number of stationary combinations; the p-value of none lies between those levels"
    return _row("johansen", "Johansen rank", f"{number(tests.johansen_rank, 0)}{levels}", title=title)


def _bound(tests: Look) -> str:
    return f" ({escape(tests.kpss_bound)})" if tests.kpss_bound else ""


def legs_card(quality: Quality, now: Reading) -> str:
    """Correlation of bars beside that of ticks, which leg leads, and how well the hedge ratio is known."""
    rows = [_bars_row(now), _ticks_row(quality, now), _lead_row(quality, now), _hedge_row(now)]
    return _card("How the legs move together", "".join(rows), 'data-role="legs"')


def interval_of(now: Reading) -> tuple[float, float] | None:
    """The 95 % interval of the correlation of returns, None where there is none."""
    returns = now.model.correlation_window
    if no_interval_reason(now.correlation, returns) is not None:
        return None
    low, high = correlation_interval(now.correlation, returns).tolist()
    return low, high


def ticks_correlation(quality: Quality, now: Reading) -> float:
    """Of the newest bar that has one, NaN where it is not known or not of now."""
    ticks = quality.ticks
    if ticks is None or now.last_stats_us is None:
        return math.nan
    return ticks.correlation if now.last_stats_us - ticks.open_time <= _OLD_BARS * now.interval.us else math.nan


def _bars_row(now: Reading) -> str:
    returns = f"{now.model.correlation_window:,} returns of {now.interval}"
    if math.isnan(now.correlation):
        return _row("rho", "ρ of bars", why="not known yet")
    if (interval := interval_of(now)) is None:
        why = no_interval_reason(now.correlation, now.model.correlation_window)
        return _row("rho", "ρ of bars", number(now.correlation, 3), title=f"{returns}; no interval: {why}")
    low, high = (number(end, 3) for end in interval)
    title = f"95 % interval of {returns}, were they normal and independent"
    return _row("rho", "ρ of bars", f"{number(now.correlation, 3)} ({low} to {high})", title=title)


def _ticks_row(quality: Quality, now: Reading) -> str:
    if why := why_no_ticks(quality, now):
        return _row("ticks", "ρ of ticks", why=why)
    value = number(ticks_correlation(quality, now), 3)
    return _row("ticks", "ρ of ticks", value, title="Hayashi-Yoshida: of the trades at their own times")


def why_no_ticks(quality: Quality, now: Reading) -> str:
    """Why there is no correlation of the ticks now; '' where there is one."""
    ticks = quality.ticks
    if not math.isnan(ticks_correlation(quality, now)):
        return ""
    if ticks is None:
        return _absent(quality, "ticks")
    if not ticks.reason:
        return "older than the bars"
    why = TICKS_WHY.get(ticks.reason, ticks.reason).format(y=now.y.symbol, x=now.x.symbol)
    if ticks.reason == "warming_up":
        why += f" {number(ticks.n, 0)}/{number(ticks.n + ticks.warmup_left, 0)}"
    return why


def _lead_row(quality: Quality, now: Reading) -> str:
    lead = quality.lead
    if lead is None:
        return _row("lead", "Leads", why=_absent(quality, "lead"))
    if lead.reason or math.isnan(lead.lead_ms):
        why = _LEAD_WHY.get(lead.reason, lead.reason) or "not known"
        return _row("lead", "Leads", why=f"{why}{_as_of(lead.timestamp, now)}")
    sign = -1 if lead.leader == "y" else 1
    ends = (lead.lead_low_ms, lead.lead_high_ms) if sign > 0 else (-lead.lead_high_ms, -lead.lead_low_ms)
    between = " to ".join(number(end, 0) if math.isfinite(end) else "no end" for end in ends)
    title = (
        f"look{_as_of(lead.timestamp, now)}; correlation {number(lead.correlation, 2)} at that shift,"
        f" {number(lead.correlation_at_zero, 2)} without one; a positive shift: {now.x.symbol} moves first"
    )
    if not lead.leader:
        return _row("lead", "Leads", f"neither ({between} ms)", title=title)
    symbol = now.y.symbol if lead.leader == "y" else now.x.symbol
    return _row("lead", "Leads", f"{symbol} {number(sign * lead.lead_ms, 0)} ms ({between})", title=title)


def _hedge_row(now: Reading) -> str:
    if math.isnan(now.hedge_ratio):
        return _row("beta", "β", why="no line")
    value, robust = number(now.hedge_ratio, 4), now.hedge_ratio_se_hac
    plain = f"± {number(now.hedge_ratio_se, 4)} if the errors were independent"
    if math.isnan(robust):
        why = "no robust error yet" if now.model.method == "ols" else f"{now.model.method} has no robust error"
        return _row("beta", "β", f"{value} ± {number(now.hedge_ratio_se, 4)}", title=f"{plain}; {why}")
    return _row(
        "beta", "β", f"{value} ± {number(robust, 4)} robust", title=f"allows for autocorrelation (HAC); {plain}"
    )


def not_believable(now: Reading) -> bool:
    """A Kalman filter's innovations are known to be of another size than it thinks."""
    return not math.isnan(now.innovation_sd) and not believable(now.innovation_sd)


def _test(key: str, label: str, value: float, why: str, *, decimals: int = 3, note: str = "", bad: bool = False) -> str:
    if not math.isfinite(value):
        return _row(key, label, why=why or "not known", note=note)
    return _row(key, label, number(value, decimals), note, bad=bad)


def _row(
    key: str, label: str, value: str = "", note: str = "", *, title: str = "", why: str = "", bad: bool = False
) -> str:
    """One line of a card, and a smaller one for a note. What is not known is grey, with the reason beside the dash."""
    colour = "off" if why else "amber" if bad else ""
    shown = f"{DASH} <small>{escape(why)}</small>" if why else escape(value)
    line = f'<div class="note" title="{escape(note)}">{escape(note)}</div>' if note else ""
    return (
        f'<div class="row {colour}" data-row="{key}" title="{escape(title or why)}"><span>{escape(label)}</span>'
        f"<b>{shown}</b>{line}</div>"
    )


def _absent(quality: Quality, kind: str) -> str:
    """Why there is no row at all."""
    if not quality.asked:
        return "asking the database"
    if kind in quality.no_table:
        return "not in this dataset: an earlier version wrote it"
    return {
        "verdict": "the first comes with the first round of looks",
        "tests": "no look at this pair yet",
        "ticks": "no row of the ticks yet",
        "lead": "no look at the ticks yet",
    }[kind]


def _as_of(time_us: int, now: Reading) -> str:
    """When that was, in UTC."""
    return f" · {moment_utc(time_us, now.open_time_us or time_us).removesuffix(' UTC')}"


def _card(title: str, text: str, role: str = "") -> str:
    return f'<div class="card quality" {role}><h4>{title}</h4>{text}</div>'

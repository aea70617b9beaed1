"""The feed in the header and in the banner: the state of both legs of the pair, and what it means for the figures."""

from collections.abc import Sequence
from html import escape

from dashboard.feed import Legs, LegStatus, Tone
from dashboard.views.text import age, date_utc, moment_utc, number

STATE_WORDS = {"filling": "filling a gap"}
"""What a state is called on the page where its name alone says too little."""

_MEANING = {
    "silent": "Its figures come by REST.",
    "reconnecting": "Figures of this pair stand still.",
    "unproven": "Figures of this pair stand still.",
    "filling": "Figures of this pair wait for the missing trades.",
}
STAGES = (
    ("traded_sent", "traded → sent"),
    ("sent_received", "sent → received"),
    ("received_chunk", "received → flow"),
    ("chunk_bar", "flow → bar"),
    ("bar_row", "bar → row"),
)
"""The stages in their order, in words."""
_SHOWN = ("sent_received", "received_chunk", "bar_row")


def leg_pills(legs: Legs, symbols: Sequence[str], written_ms: int = 0) -> str:
    """State and age of the last trade of the pair's legs, and the latencies, for the header.

    Args:
        written_ms: when this was written, by the page server's clock: a browser that lags behind, or hears nothing more, tells by it.
    """
    if legs.newest_us is None:
        return _bar(
            '<span class="pill amber" data-role="no-status" title="the flow has not written one">NO FEED STATUS</span>'
        )
    if legs.flow_silent:
        return _bar(
            f'<span class="pill red" data-role="flow-silent">FLOW SILENT since {date_utc(legs.newest_us)}</span>'
        )
    shown = "".join(_pill(symbol, legs.of(symbol)) for symbol in symbols) + _others(legs, symbols) + _latency(legs)
    return _bar(shown, f' data-written="{written_ms}"')


def state_pill(leg: LegStatus | None, prefix: str = "") -> str:
    """A state as a coloured word; without a status the flow does not report the leg."""
    if leg is None:
        return f'<span class="pill amber" data-state="">{prefix}NOT REPORTED</span>'
    word = escape(STATE_WORDS.get(leg.state, leg.state).upper())
    return f'<span class="pill {leg.tone.value}" data-state="{escape(leg.state)}">{prefix}{word}</span>'


def _pill(symbol: str, leg: LegStatus | None) -> str:
    title = (
        escape(leg.detail or f"{STATE_WORDS.get(leg.state, leg.state)} since {moment_utc(leg.since_us, leg.asked_us)}")
        if leg
        else ""
    )
    last = f' <b title="age of the last trade">{age(leg.age_ms)}</b>' if leg else ""
    return f'<span data-leg="{escape(symbol)}" title="{title}">{state_pill(leg, f"{escape(symbol)} ")}{last}</span>'


def _others(legs: Legs, symbols: Sequence[str]) -> str:
    """How many legs of other pairs are in trouble."""
    found = [leg for leg in legs.legs if leg.symbol not in symbols and leg.tone is not Tone.GOOD]
    if not found:
        return ""
    tone = Tone.BAD if any(leg.tone is Tone.BAD for leg in found) else Tone.WARN
    names = "&#10;".join(escape(f"{leg.symbol} {leg.state}") for leg in found[:20])
    return f'<span class="pill {tone.value}" data-role="others" title="{names}">+{len(found)} LEGS</span>'


def _latency(legs: Legs) -> str:
    """95th percentiles of the stages that differ from one network to the next; all of them in the hover text."""
    found = {name: legs.stage(name) for name, _ in STAGES}
    if not any(found.values()):
        return ""
    shown = " / ".join(_p95(found[name]) for name in _SHOWN)
    lines = "&#10;".join(f"{label}: {_p95(found[name])} ms" for name, label in STAGES)
    return f'<span data-role="latency" title="95th percentiles&#10;{lines}"><span class="wide">latency </span>p95 <b>{shown} ms</b></span>'


def _p95(stage: object) -> str:
    value: float = getattr(stage, "p95_ms", float("nan"))
    return number(value, 0 if not value < 10 else 1)


def feed_banner(legs: Legs, symbols: Sequence[str]) -> str:
    """Red where a leg of the pair, or the flow, cannot be relied on; amber while missing trades are fetched; '' else."""
    if legs.flow_silent and legs.newest_us is not None:
        return _banner(
            Tone.BAD,
            f"<b>Flow silent</b> since {date_utc(legs.newest_us)}: it has not said how it is since then. All figures stand still.",
        )
    found = [leg for leg in map(legs.of, symbols) if leg is not None and leg.state in _MEANING]
    return "".join(
        _banner(tone, *(_sentence(leg) for leg in found if leg.tone is tone)) for tone in (Tone.BAD, Tone.WARN)
    )


def _sentence(leg: LegStatus) -> str:
    since = f" since {moment_utc(leg.since_us, leg.asked_us)}" if leg.since_us is not None else ""
    detail = f" {escape(_stopped(leg.detail))}" if leg.detail else ""
    means = "" if leg.detail and leg.state == "silent" else f" {_MEANING[leg.state]}"  # that detail says the same
    return f"<b>{escape(leg.symbol)} {escape(STATE_WORDS.get(leg.state, leg.state))}</b>{since}.{detail}{means}"


def _stopped(text: str) -> str:
    """With a capital letter and a full stop, as the sentence stands between others."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _banner(tone: Tone, *lines: str) -> str:
    if not lines:
        return ""
    kind, role = ("", "alert") if tone is Tone.BAD else (" amber", "status")
    return f'<div class="banner{kind}" role="{role}" data-role="feed">{"<br>".join(lines)}</div>'


def _bar(text: str, written: str = "") -> str:
    return f'<div class="bar" role="group" aria-label="Feed"{written}>{text}</div>'

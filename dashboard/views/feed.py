"""The feed on the Health view: every leg with its state, and what happened, newest first."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from dashboard.feed import FeedEvent, Legs, LegStatus, Tone
from dashboard.views.legs import state_pill
from dashboard.views.table import card, quiet, table
from dashboard.views.text import DASH, age, date_utc, moment_utc, number

_LEG_HEADS = ("Symbol", "State", "Since, UTC", "Last trade", "Trades/s", "Last id", "Held", "Filled", "Lost", "Detail")
_EVENT_HEADS = ("Time, UTC", "Kind", "Symbol", "Ids", "Count", "What happened")


def legs_card(legs: Legs, symbols: Iterable[str], reason: str = "", rates: Mapping[str, float] | None = None) -> str:
    """A table of the legs of all pairs, the worst first.

    Args:
        symbols: the legs that the dataset has. reason: what the database says where there is no status.
        rates: trades a second; a leg without any has had none. None where that is not known.
    """
    if legs.newest_us is None:
        why = escape(reason) or "The flow has not written any status yet."
        return card("Legs", quiet(f"No feed status. {why}"))
    old = (
        ""
        if not legs.flow_silent
        else f' <span class="down">as of {date_utc(legs.newest_us)}: the flow is silent</span>'
    )
    lead = f"local clock {legs.legs[0].lead_ms:+,} ms from the exchange's"
    rows = "".join(
        _leg_row(symbol, leg, math.nan if rates is None else rates.get(symbol, 0.0), legs.flow_silent)
        for symbol, leg in legs.ordered(symbols)
    )
    return card(
        f'Legs<span class="muted">{lead}</span>{old}',
        table("legs", "How each leg of the feed stands", _LEG_HEADS, rows),
    )


def _leg_row(symbol: str, leg: LegStatus | None, rate: float, unknown: bool) -> str:
    if leg is None:
        return f'<tr data-leg="{escape(symbol)}"><th scope="row">{escape(symbol)}</th><td>{state_pill(None)}</td><td colspan="8"></td></tr>'
    lost = f'<td class="{"down" if leg.missing else ""}">{leg.missing:,}</td>'
    held = f'<td class="{"amber" if leg.held else ""}">{leg.held:,}</td>'
    return (
        f'<tr data-leg="{escape(symbol)}"{" class=past" if unknown else ""}><th scope="row">{escape(symbol)}</th><td>{state_pill(leg)}</td>'
        f"<td>{moment_utc(leg.since_us, leg.asked_us).removesuffix(' UTC')}</td><td>{age(leg.age_ms)}</td>"
        f"<td>{number(rate, 1)}</td><td>{_id(leg.last_id)}</td>{held}"
        f'<td>{leg.filled:,}</td>{lost}<td class="words">{escape(leg.detail)}</td></tr>'
    )


def events_card(events: Sequence[FeedEvent], gaps_only: bool, reason: str = "") -> str:
    """A table of events, newest first.

    Args:
        gaps_only: only gaps and losses were asked for. reason: what the database says where there are none.
    """
    if not events:
        none = "No trade has been missing." if gaps_only else "Nothing has happened yet."
        return card("Events", quiet(escape(reason) or none))
    rows = "".join(map(_event_row, events))
    what = "gaps and losses" if gaps_only else "events"
    title = f"The newest {len(events):,} {what}, newest first"
    return card(title, table("events", title, _EVENT_HEADS, rows))


_COLOURS = {Tone.BAD: "down", Tone.WARN: "amber"}


def _event_row(event: FeedEvent) -> str:
    ids = DASH if event.from_id is None else _id(event.from_id)
    if event.from_id is not None and event.to_id is not None and event.to_id != event.from_id:
        ids += f" … {_id(event.to_id)}"
    count = DASH if event.count is None else f"{event.count:,}"
    return (
        f'<tr data-kind="{escape(event.kind)}"><td>{date_utc(event.time_us).removesuffix(" UTC")}</td>'
        f'<td class="kind {_COLOURS.get(event.tone, "")}">{escape(event.kind)}</td><td>{escape(event.symbol)}</td>'
        f'<td>{ids}</td><td>{count}</td><td class="words">{escape(event.detail)}</td></tr>'
    )


def _id(value: int | None) -> str:
    """Without separators: ids are compared and copied, not read."""
    return DASH if value is None else str(value)


def gaps_filter(pressed: bool) -> str:
    """The switch between all events and those that mean lost trades."""
    ask = "pairsDesk.ask({ gaps: !pairsDesk.asked.gaps })"
    state = str(pressed).lower()
    return f'<div class="filter"><button aria-pressed="{state}" onclick="{ask}">gaps and losses only</button></div>'

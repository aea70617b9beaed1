"""What the page says when there is something to wait for: the banner over everything, the card over the charts of statistics."""

from collections.abc import Sequence
from html import escape

from dashboard.hub import Status
from dashboard.state import Phase, Reading
from dashboard.views.text import age, date_utc, number, utc
from dashboard.views.tiles import silent_legs


def banner(status: Status, last_close_us: int | None, remarks: Sequence[str]) -> str:
    """Database away, else what was wrong with the address; '' when there is nothing to say."""
    if status.down_since is not None:
        held = f" Charts stand still: data up to {date_utc(last_close_us)}." if last_close_us is not None else ""
        return (
            f'<div class="banner" role="alert"><b>Database away</b> since {utc(status.down_since)}, trying again every second.{held}'
            f' <span class="muted">{escape(status.reason)}</span></div>'
        )
    if remarks:
        return f'<div class="banner amber" role="status">{escape(" · ".join(remarks))}</div>'
    return ""


def waiting(dataset: str, asked: bool) -> str:
    """There is no such dataset (yet)."""
    if not asked:
        return _card("Asking the database", "…")
    what = f'the dataset "{escape(dataset)}"' if dataset else "this database"
    return _card("No data yet", f"Nothing has been written to {what}. This page fills as soon as the flow starts.")


def notice(now: Reading, reason: str = "") -> str:
    """Why the statistics are not there, with progress; '' when they are.

    Args:
        reason: what the database says about missing rows.
    """
    if now.phase is Phase.READY:
        return ""
    if now.phase is Phase.STALE:
        ages = ", ".join(
            f"{escape(leg.symbol)} {age(leg.age_ms)}" for leg in (now.y, now.x) if leg.symbol in silent_legs(now)
        )
        return _card(
            f"{escape(silent_legs(now))} silent", f"Last trade before bar end: {ages}. Statistics pause until it trades again."
        )
    if now.phase is Phase.WARM_UP:
        share = 100 * now.n / now.wanted_bars
        progress = f'<div class="track"><div class="done" style="width:{share:.1f}%"></div></div>nothing is back-filled'
        return _card(f"waiting for {now.wanted_bars} bars: {number(now.n, 0)}/{now.wanted_bars}", progress)
    if not now.bars:
        return _card("No bars yet", escape(reason) or f"The first {now.interval} bar shows as soon as both legs have traded.")
    return _card("No statistics yet", f"The first row of model {escape(now.model.name)} comes with the next closed bar.")


def _card(title: str, text: str) -> str:
    return f'<div class="notice" role="status"><b>{title}</b>{text}</div>'

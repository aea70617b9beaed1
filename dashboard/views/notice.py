"""What the page says when there is something to wait for: the banner over everything, the card over the charts of statistics."""

from collections.abc import Sequence
from html import escape

from dashboard.poller import Status
from dashboard.state import Phase, Reading
from dashboard.views.text import age, date_utc, number, utc


def banner(status: Status, now: Reading | None, remarks: Sequence[str], feed: str = "") -> str:
    """Database away; else the feed, a stale leg and what was wrong with the address; '' when there is nothing to say.

    Args:
        feed: HTML of what is wrong with the feed.
    """
    if status.down_since is not None:
        known = now is not None and now.last_close_us is not None
        held = f" Charts stand still: data up to {date_utc(now.last_close_us)}." if now is not None and known else ""
        return (
            f'<div class="banner" role="alert"><b>Database away</b> since {utc(status.down_since)}, trying again every second.{held}'
            f' <span class="muted">{escape(status.reason)}</span></div>'
        )
    lines = [_silence(now)] if now is not None and now.phase is Phase.STALE else []
    lines += [escape(remark) for remark in remarks]
    return feed + (f'<div class="banner amber" role="status">{" · ".join(lines)}</div>' if lines else "")


def _silence(now: Reading) -> str:
    ages = " and ".join(
        f"<b>{escape(leg.symbol)}</b> last traded {age(leg.age_ms)} before the end of the bar"
        for name, leg in (("y", now.y), ("x", now.x))
        if now.stale in (name, "both")
    )
    return f"Stale: {ages}. Statistics pause until it trades again, prices go on."


def waiting(dataset: str, asked: bool) -> str:
    """There is no such dataset (yet)."""
    if not asked:
        return _card("Asking the database", "…")
    what = f'the dataset "{escape(dataset)}"' if dataset else "this database"
    return _card("No data yet", f"Nothing has been written to {what}. This page fills as soon as the flow starts.")


def computing(now: Reading, progress: str) -> str:
    """A what-if that takes its time; '' where there is none."""
    return (
        _card(f"WHAT IF {escape(now.model.name)}", f'{escape(progress)}<div class="busy"><i></i></div>')
        if progress
        else ""
    )


def notice(now: Reading, reason: str = "") -> str:
    """Why there are no statistics yet, with progress; '' when there are some.

    Args:
        reason: what the database says about missing rows.
    """
    if now.phase in (Phase.READY, Phase.STALE):
        return ""
    if now.phase is Phase.WARM_UP:
        share = 100 * now.n / now.wanted_bars
        progress = f'<div class="track"><div class="done" style="width:{share:.1f}%"></div></div>nothing is back-filled'
        return _card(f"waiting for {now.wanted_bars} bars: {number(now.n, 0)}/{now.wanted_bars}", progress)
    if not now.bars:
        return _card(
            "No bars yet", escape(reason) or f"The first {now.interval} bar shows as soon as both legs have traded."
        )
    return _card(
        "No statistics yet", f"The first row of model {escape(now.model.name)} comes with the next closed bar."
    )


def _card(title: str, text: str) -> str:
    return f'<div class="notice" role="status"><b>{title}</b>{text}</div>'

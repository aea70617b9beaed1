"""The right side of the header: where the data comes from and how fresh the reading is. Clock and age tick in the browser."""

from html import escape

from dashboard.poller import Status
from dashboard.views.text import number

_PILL = {"live": "teal", "simulated": "amber", "replay": "blue", "upload": "blue"}


def header(
    origin: str | None, dataset: str, status: Status, bars: int, user: str | None = None, what_if: str = ""
) -> str:
    """Source pill, what is tried out, dataset, query times, bars held; who is logged in, where that is asked, with a way out.

    Args:
        what_if: name of the model that is tried out, '' where the stored one is shown.
    """
    pill = f'<span class="pill {_PILL.get(origin or "", "blue")}" data-role="source">{escape((origin or "NO DATA").upper())}</span>'
    if what_if:
        title = f"{escape(what_if)} is tried out over stored bars: the flow does not compute it"
        pill += f'<span class="pill what-if" data-role="what-if" title="{title}">WHAT IF</span>'
    named = (
        f'<span class="dataset" title="dataset {escape(dataset)}"><span class="wide">dataset </span><b>{escape(dataset)}</b></span>'
        if dataset
        else ""
    )
    left = f'<a class="user" href="logout" title="log out {escape(user)}">{escape(user)} · log out</a>' if user else ""
    if status.down_since is not None:
        return f'<div class="bar">{left}{pill}{named}<span class="pill red" data-role="down">DATABASE AWAY</span></div>'
    p50, p95 = status.latency_ms()
    query = f"{number(p50, 0)}/{number(p95, 0)} ms"
    return (
        f'<div class="bar">{left}{pill}{named}<span class="wide" title="query time, median / 95th percentile">query <b>{query}</b></span>'
        f'<span class="wide">bars <b>{bars:,}</b></span></div>'
    )

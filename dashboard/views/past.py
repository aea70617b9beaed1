"""The controls of the time machine, and what they say beside the moment."""

from collections.abc import Sequence

from dashboard.history import Span
from dashboard.playhead import SPEEDS
from dashboard.views.text import date_utc

_SPEEDS = "".join(
    f'<button data-speed="{speed:g}" aria-pressed="false" aria-label="Play {speed:g} times as fast as time"'
    f" onclick=\"pairsDesk.past('speed', {speed:g})\">{speed:g}×</button>"
    for speed in SPEEDS
)

TIME_BAR = f"""<div class="past" role="group" aria-label="Time machine">
<button aria-label="One bar back" title="one bar back" onclick="pairsDesk.past('step', -1)">◂❘</button>
<button class="play" aria-label="Play" title="play or pause" onclick="pairsDesk.playPast()">▶</button>
<button aria-label="One bar on" title="one bar on" onclick="pairsDesk.past('step', 1)">❘▸</button>
<span class="speeds" role="group" aria-label="Speed">{_SPEEDS}</span>
<input class="when" aria-label="Moment, UTC" title="a time in UTC; Enter goes there" spellcheck="false"
 onchange="pairsDesk.past('seek', this.value)">
<span class="ends first"></span>
<span class="track"><span class="cover" title="bright: bars are stored; dark: a gap"></span>
<input class="slide" type="range" min="0" max="1" step="1" aria-label="Moment within what is stored"
 oninput="pairsDesk.slidePast(this, false)" onchange="pairsDesk.slidePast(this, true)"></span>
<span class="ends last"></span>
<span class="says" role="status"></span>
<button class="back" onclick="pairsDesk.past('live')">● Back to live</button></div>"""

LOOK_BACK_BUTTON = """<button class="live look-back" title="look back to any stored time and play on from there"
 onclick="pairsDesk.past('back')">◷ Time machine</button>"""


def present_only(view: str, others: Sequence[str]) -> str:
    """In place of a view that knows the present only."""
    names = f"{', '.join(name.capitalize() for name in others[:-1])} and {others[-1].capitalize()}"
    return (
        f'<div class="notice" role="status"><b>{view.capitalize()} shows the present only</b>'
        f"This page looks back in time. {names} show what was known then; “Back to live” brings this view back.</div>"
    )


def says(at_us: int, span: Span | None, *, read: bool, away: bool, at_end: bool) -> str:
    """What there is to say of the moment, as plain text; '' where nothing.

    Args:
        read: what was known then is here. away: the database is. at_end: nothing is stored after it.
    """
    if away:
        return "database away"
    if span is None:
        return "nothing is stored of this pair" if read else "reading …"
    if at_us < span.first_us:
        return f"before the first row: data begin at {date_utc(span.first_us)}"
    if at_us > span.last_us:
        return f"after the last row: data end at {date_utc(span.last_us)}"
    if not read:
        return "reading …"
    return "end of the stored data" if at_end else ""

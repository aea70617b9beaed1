"""The card of the newest signals."""

from dashboard.signals import Crossing, Kind
from dashboard.views.text import number, utc

SHOWN = 5
WORDS = {Kind.SHORT: "▼ short spread", Kind.LONG: "▲ long spread", Kind.EXIT: "○ exit"}
_CLASS = {Kind.SHORT: "down", Kind.LONG: "up", Kind.EXIT: "muted"}


def signals_card(found: tuple[Crossing, ...], entry: float, exit_: float) -> str:
    """The newest crossings, newest first, by the time of their bar."""
    title = f"z reaches ±{entry:g}, or comes back inside ±{exit_:g}, at the close of a bar; times of bars in UTC"
    rows = [
        f'<tr><td class="num">{utc(at.time_us / 1e6).removesuffix(" UTC")}</td><td class="{_CLASS[at.kind]}">{WORDS[at.kind]}</td>'
        f"<td>{number(at.zscore, 2)}</td></tr>"
        for at in found[: -SHOWN - 1 : -1]
    ]
    table = f"<table>{''.join(rows)}</table>"
    none = '<div class="off">none in the look-back: z has not crossed a threshold</div>'
    return (
        f'<div class="card latest" title="{title}"><h4>Latest signals · {len(found):,} in the look-back · UTC</h4>'
        f"{table if rows else none}</div>"
    )

"""Small pictures as SVG text, for regions that are HTML anyway: distributions of latencies, and a row of bars."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from flows.latency import Histogram

_DECADES, _PER_DECADE = range(1, 9), 10
SCALE_MS = tuple(10.0 ** (decade - 3) for decade in _DECADES)
"""Marks of the axis: 0.01 ms to 100 s."""
_EDGES_US = 10.0 ** (np.arange((len(_DECADES) - 1) * _PER_DECADE + 1) / _PER_DECADE + _DECADES[0])
_HEIGHT = 24


def distribution(histogram: Histogram, marks_ms: Mapping[str, float], says: str) -> str:
    """How the latencies of a stage are spread over a logarithmic axis, 10 µs to 100 s; what lies outside is in the outermost bars.

    Args:
        marks_ms: kind and place of lines; the style sheet colours the kinds. says: in words, for those who do not see it.
    """
    counts = histogram.counts_between(_EDGES_US[1:-1])
    most = max(1, int(counts.max(initial=0)))
    bars = _bars([count / most for count in counts.tolist()])
    lines = "".join(
        f'<path d="M{_place(at):.2f} 0V{_HEIGHT}" class="line {kind}" vector-effect="non-scaling-stroke"/>'
        for kind, at in marks_ms.items()
        if np.isfinite(at)
    )
    return _svg(len(counts), says, f'<path d="{bars}" class="up"/>{lines}')


def _place(at_ms: float) -> float:
    """Where a latency stands on the axis, in bars."""
    last = len(_EDGES_US) - 1
    steps = _PER_DECADE * (np.log10(max(1000 * at_ms, 1e-9)) - _DECADES[0])
    return float(np.clip(steps, 0.0, last))


def row_of_bars(values: Sequence[float], slots: int, says: str) -> str:
    """Values from the left, as high as their share of the largest.

    Args:
        slots: how many there is room for; fewer values leave room at the right.
    """
    most = max(values, default=0.0) or 1.0
    return _svg(slots, says, f'<path d="{_bars([value / most for value in values])}" class="time"/>')


def _bars(shares: Sequence[float]) -> str:
    """One path of bars a unit wide, each at least visible where it is not zero."""
    return "".join(
        f"M{at}.1 {_HEIGHT}v{-max(1.0, _HEIGHT * share):.1f}h.8V{_HEIGHT}z"
        for at, share in enumerate(shares)
        if share > 0
    )


def _svg(width: int, says: str, body: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(says)}" viewBox="0 0 {width} {_HEIGHT}" preserveAspectRatio="none">'
        f"<title>{escape(says)}</title>{body}</svg>"
    )

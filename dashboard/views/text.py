"""Numbers and times as text. What is not known is an en dash, never a zero."""

import math
from datetime import UTC, datetime

DASH = "–"


def number(value: float, decimals: int, *, sign: bool = False, unit: str = "") -> str:
    """A number with thousands separators.

    >>> number(91583.94, 1), number(float("nan"), 2), number(0.42, 1, sign=True, unit=" bp")
    ('91,583.9', '–', '+0.4 bp')
    """
    if not math.isfinite(value):
        return DASH
    if abs(value) < 0.5 * 10.0**-decimals:
        value = 0.0  # no "-0.00"
    return f"{value:{'+' if sign and value else ''},.{decimals}f}{unit}"


def mark(what_if: bool) -> str:
    """Beside what is said of a model that is tried out; '' of a stored one."""
    return ' <b class="amber">WHAT IF</b>' if what_if else ""


def price(value: float, decimals: int) -> str:
    """A price with at least two decimals."""
    return number(value, max(2, decimals))


def age(ms: float) -> str:
    """How long ago, in the unit that reads best.

    >>> age(740.0), age(92_000.0), age(float("nan"))
    ('0.7 s', '1 m 32 s', '–')
    """
    if not math.isfinite(ms):
        return DASH
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} m {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} m"


def utc(seconds: float) -> str:
    """A wall-clock time of the day in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S} UTC"


def date_utc(us: int | None) -> str:
    """Date and time in UTC of microseconds since the epoch."""
    return DASH if us is None else f"{datetime.fromtimestamp(us / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"


def moment_utc(us: int | None, now_us: int) -> str:
    """A time of the day in UTC; with its date where that is not clear from `now_us`.

    >>> moment_utc(1_700_000_005_000_000, 1_700_000_009_000_000)
    '22:13:25 UTC'
    """
    return utc(us / 1e6) if us is not None and abs(now_us - us) < _HALF_A_DAY_US else date_utc(us)


_HALF_A_DAY_US = 43_200_000_000

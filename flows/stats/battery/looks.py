"""What the looks of the last 24 hours say together: how many passed, and how likely as many are when the legs are unrelated.

One look at 5 % means little: with windows of 300 one-minute bars and a look each quarter of an hour, 82 of 100 unrelated pairs pass at
least once a day in one direction. What counts is the share of looks that pass, and by how much it is more than chance gives. Looks
overlap, so 96 of them are not 96 trials; but those a window apart see different bars. If no window's length holds more than c looks,
every c-th look is independent of the one before, and the share is a mean of c shares of m = ⌊looks/c⌋ independent trials each. By
Hoeffding's argument (1963, section 5) such a mean strays no further than one of them would:

    P(share ≥ s) ≤ exp(-m·[s·ln(s/0.05) + (1-s)·ln((1-s)/0.95)])     for s > 0.05, else 1

That bound is the day's p-value. It errs to the safe side: both directions pass together in 2 % of looks at unrelated legs, not in 5 %.
"""

import math
from dataclasses import dataclass

import numpy as np

from flows.domain.battery import MOST_LOOKS
from flows.domain.frames import F64, I64
from flows.stats.battery.pair_tests import LEVEL

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of a pair in one interval and window, small and picklable.

    Attributes:
        time_us: event times, strictly increasing, within 24 hours, shape (looks,), at most `MOST_LOOKS`: with more the oldest go.
        p_value: `PairTests.p_value` of each, NaN where it could not be said, shape (looks,).
    """

    time_us: I64
    p_value: F64


NO_LOOKS = Looks(np.empty(0, np.int64), np.empty(0))


def with_look(looks: Looks, time_us: int, p_value: float, period_us: int = DAY_US) -> Looks:
    """The looks with a newer one, without those that are then 24 hours old, or as old as another period.

    Raises:
        ValueError: the look is not newer than the last one.
    """
    times, p_values = looks.time_us, looks.p_value
    if len(times) and time_us <= times[-1]:
        raise ValueError(f"looks must come in order of time, {time_us} follows {times[-1]}")
    oldest = max(int(np.searchsorted(times, time_us - period_us, side="right")), len(times) + 1 - MOST_LOOKS)
    return Looks(np.append(times[oldest:], time_us), np.append(p_values[oldest:], p_value))


def recent(looks: Looks, time_us: int, period_us: int = DAY_US) -> Looks:
    """Those that are less than 24 hours old at a time, as a pair without new ones keeps its last."""
    oldest = int(np.searchsorted(looks.time_us, time_us - period_us, side="right"))
    return Looks(looks.time_us[oldest:], looks.p_value[oldest:])


@dataclass(frozen=True, slots=True)
class DayOfLooks:
    """Attributes:
    looks: all of the last 24 hours. known: those that could be said. passes: those with p < 5 %, or another level, in both directions.
    windows: m, separate windows that the known ones amount to.
    p_value: of as many passes when the legs are unrelated, an upper bound; NaN where no look is known.
    """

    looks: int = 0
    known: int = 0
    passes: int = 0
    windows: int = 0
    p_value: float = math.nan

    @property
    def share(self) -> float:
        """Of the known looks that pass, NaN without any."""
        return self.passes / self.known if self.known else math.nan


def day_of(looks: Looks, window_us: int, level: float = LEVEL) -> DayOfLooks:
    """The looks together; `window_us` is the length of the tests' window in time, `level` that of a single look."""
    known = ~np.isnan(looks.p_value)
    count, passes = int(known.sum()), int((looks.p_value[known] < level).sum())
    if not count:
        return DayOfLooks(len(looks.time_us))
    times = looks.time_us[known]
    crowd = int((np.searchsorted(times, times + window_us) - np.arange(count)).max())
    windows = count // crowd
    return DayOfLooks(len(looks.time_us), count, passes, windows, chance_of_share(passes / count, windows, level))


def chance_of_share(share: float, windows: int, level: float = LEVEL) -> float:
    """Most probable that a share like this, or a larger one, can be if each look passes with 5 %, or another level.

    >>> chance_of_share(0.05, 100), round(chance_of_share(0.5, 4), 4), round(chance_of_share(1.0, 1), 4)
    (1.0, 0.0361, 0.05)
    """
    if not share > level:
        return 1.0
    above = share * math.log(share / level)
    below = (1.0 - share) * math.log((1.0 - share) / (1.0 - level)) if share < 1.0 else 0.0
    return math.exp(-windows * (above + below))

"""One sentence on a pair, made of a day of looks and never of one p-value; the word "cointegrated" does not occur.

The first row that applies gives the word:

| word | said when |
|---|---|
| unknown | the newest look could not be said, or there is none |
| window too long | 24 h cannot hold 2 windows: a day of looks is one look |
| too early | the looks of the last 24 h amount to fewer than 2 separate windows so far |
| no evidence | under 10 % of the looks pass in both directions, and the share does not survive beside the other pairs |
| weak evidence | under 30 % of the looks pass, or the share does not survive beside the other pairs |
| breaking | the newest window shows a break of the line at 1 % |
| too slow | the newest window holds fewer than 5 half-lives: its z-score cannot be trusted |
| reverting | none of these |

"Survives beside the other pairs": the bound on the chance of such a share (`looks`) is a discovery by Benjamini and Hochberg's rule over
the pairs watched in that interval, at a stated rate of false ones. Why 10 % and 30 %: unrelated legs pass in 2 % of looks, and in 11 % on
the worst day of a hundred when a day holds 5 windows (23 % when it holds 2, 3 % when it holds 144); legs with a half-life of a thirtieth
of the window pass in 45 %, of a fifteenth in 12 %. The half-life and the break test describe the newest window alone; they colour what a
day has shown and never replace it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from flows.stats.battery.fdr import adjusted, benjamini_hochberg
from flows.stats.battery.half_life import FEW_HALF_LIVES
from flows.stats.battery.looks import DAY_US, DayOfLooks
from flows.stats.battery.pair_tests import LEVEL, PairTests

Word = Literal[
    "unknown", "window too long", "too early", "no evidence", "weak evidence", "breaking", "too slow", "reverting"
]

LEAST_WINDOWS = 2
SOME, MANY = 0.10, 0.30
BREAK_LEVEL = 0.01


class Newest(NamedTuple):
    """What is told of the newest look, as in `PairTests`; a tuple, because many of them wait in a state that is pickled often.

    Attributes:
        y_on_x, x_on_y: p-values. half_life, low, high: bars. windows: half-lives in the window.
        break_p_value, break_reason: of the line, and why it was not tested.
    """

    n: int
    reason: str
    y_on_x: float
    x_on_y: float
    half_life: float
    low: float
    high: float
    reverts: bool
    windows: float
    break_p_value: float
    break_reason: str

    @classmethod
    def of(cls, tests: PairTests) -> "Newest":
        """Of a look's tests."""
        half, line = tests.half_life, tests.cusum
        return cls(
            n=tests.n,
            reason=tests.reason,
            y_on_x=tests.y_on_x.p_value,
            x_on_y=tests.x_on_y.p_value,
            half_life=half.bars,
            low=half.low,
            high=half.high,
            reverts=half.reverts,
            windows=half.windows,
            break_p_value=line.p_value,
            break_reason=line.reason,
        )

    @property
    def p_value(self) -> float:
        """Of both directions together, as `PairTests.p_value`."""
        return self.y_on_x if self.y_on_x != self.y_on_x or self.y_on_x > self.x_on_y else self.x_on_y


@dataclass(frozen=True, slots=True)
class Discovery:
    """How a pair's day stands beside those of the other pairs of its interval.

    Attributes:
        survives: it is among the discoveries. pairs: days compared, those without a known look left out.
        rate: share of the discoveries that may be false. q_value: the smallest one at which it would be among them.
    """

    survives: bool
    pairs: int
    rate: float
    q_value: float = math.nan


def discoveries(days: Sequence[DayOfLooks], rate: float = 0.05) -> list[Discovery]:
    """The days of all pairs watched in one interval, side by side.

    Raises:
        ValueError: a rate outside 0 to 1.
    """
    p_values = [day.p_value for day in days]
    found, q_values = benjamini_hochberg(p_values, rate), adjusted(p_values)
    pairs = sum(day.known > 0 for day in days)
    return [Discovery(bool(yes), pairs, rate, float(q)) for yes, q in zip(found, q_values, strict=True)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word of the table above and the sentence that carries its numbers."""

    word: Word
    sentence: str


def verdict(
    name: str,
    newest: Newest,
    bar_us: int,
    day: DayOfLooks,
    discovery: Discovery,
    level: float = LEVEL,
    period_us: int = DAY_US,
) -> Verdict:
    """What is to be said of a pair.

    Args:
        name: of pair and interval, as the sentence begins. newest: look. bar_us: length of a bar.
        level, period_us: of a single look and of the "day", with which `day` was made.
    """
    held = period_us // (max(newest.n, 1) * bar_us)
    period = f"{period_us / 3_600_000_000:.3g} h"
    word = _word(newest, day, discovery, held)
    if word == "unknown":
        return Verdict(word, f"{name}: unknown: {newest.reason or f'no look in the last {period} could be said'}.")
    parts = [_share(day, period)]
    if word == "window too long":
        parts.append(
            f"{period} hold {_counted(held, 'window')} of {newest.n:,} bars, {LEAST_WINDOWS} are needed: take a shorter one"
        )
    elif word == "too early":
        parts.append(f"{_counted(day.windows, 'separate window')} so far, {LEAST_WINDOWS} are needed")
    else:
        parts.append(_beside_others(discovery))
        parts.append(_pace(newest, bar_us))
        parts.append(_break(newest))
    if min(newest.y_on_x, newest.x_on_y) < level <= newest.p_value:
        parts.append(f"the directions disagree now (p {newest.y_on_x:.2g} and {newest.x_on_y:.2g})")
    return Verdict(word, f"{name}: {word}: {'; '.join(parts)}.")


def _word(newest: Newest, day: DayOfLooks, discovery: Discovery, held: int) -> Word:
    if newest.reason or not day.known:
        return "unknown"
    if held < LEAST_WINDOWS:
        return "window too long"
    if day.windows < LEAST_WINDOWS:
        return "too early"
    if day.share < SOME and not discovery.survives:
        return "no evidence"
    if day.share < MANY or not discovery.survives:
        return "weak evidence"
    if newest.break_p_value < BREAK_LEVEL:
        return "breaking"
    return "too slow" if newest.windows < FEW_HALF_LIVES else "reverting"


def _share(day: DayOfLooks, period: str) -> str:
    unknown = f", {day.looks - day.known} more could not be said" if day.looks > day.known else ""
    return f"{day.share:.0%} of {_counted(day.known, 'look')} in the last {period} pass in both directions{unknown}"


def _beside_others(discovery: Discovery) -> str:
    among = f"among {_counted(discovery.pairs, 'pair')} watched (false discoveries {discovery.rate:.0%})"
    return f"{'more' if discovery.survives else 'no more'} than chance gives {among}"


def _pace(newest: Newest, bar_us: int) -> str:
    if not newest.reverts:
        return "half-life now not distinguishable from a random walk"
    low, high = (_duration(bars, bar_us) for bars in (newest.low, newest.high))
    few = "" if newest.windows >= FEW_HALF_LIVES else f", fewer than {FEW_HALF_LIVES:.0f}"
    held = f"{newest.windows:.1f}" if newest.windows < newest.n else f"over {newest.n}"
    return f"half-life now {_duration(newest.half_life, bar_us)} ({low} to {high}), {held} of them in the window{few}"


def _break(newest: Newest) -> str:
    if newest.break_reason:
        return f"break not tested: {newest.break_reason}"
    p = newest.break_p_value
    return f"the line breaks within the window (p {p:.2g})" if p < BREAK_LEVEL else f"no break seen (p {p:.2g})"


def _duration(bars: float, bar_us: int) -> str:
    """In the unit that reads best; what is shorter than a bar is only known to be that.

    >>> _duration(31.2, 60_000_000), _duration(0.4, 1_000_000), _duration(9_000, 1_000_000)
    ('31 min', 'under 1 s', '2.5 h')
    """
    if math.isinf(bars):
        return "no end"
    seconds = max(bars, 1.0) * bar_us / 1e6
    under = "under " if bars < 1.0 else ""
    if seconds < 120:
        return f"{under}{seconds:.0f} s"
    return f"{under}{seconds / 60:.0f} min" if seconds < 7_200 else f"{under}{seconds / 3_600:.1f} h"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"

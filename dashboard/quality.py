"""How good a pair is, as the page reads it: verdict, newest look, correlation of the ticks, which leg leads. Knows neither Panel nor SQL.

Every record is the newest row of its table, and its fields have the names of the columns. Numbers are NaN and texts '' where not known.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of the pair after a round of looks; of `pair_verdicts_<interval>`."""

    open_time: int
    word: str
    sentence: str
    share: float
    looks_known: float
    q_value: float
    pairs_watched: float


@dataclass(frozen=True, slots=True)
class Look:
    """The newest look; of `pair_tests_<interval>`.

    Attributes:
        reason: why the look says nothing. missing: single tests that say nothing, `name: reason; …`.
    """

    open_time: int
    n: float
    y_on_x_p_value: float
    x_on_y_p_value: float
    half_life: float
    half_life_low: float
    half_life_high: float
    half_lives: float
    half_life_says: str
    window_says: str
    break_p_value: float
    johansen_rank: float
    johansen_p_above: float
    johansen_p_below: float
    variance_ratio_p_value: float
    hurst: float
    adf_p_value: float
    kpss_p_value: float
    kpss_bound: str
    reason: str
    missing: str

    def why(self, test: str) -> str:
        """Why a single test says nothing, '' where it is not among the missing ones."""
        reasons = dict(part.partition(": ")[::2] for part in self.missing.split("; "))
        return self.reason or reasons.get(test, "")


@dataclass(frozen=True, slots=True)
class Ticks:
    """Correlation of the ticks themselves, Hayashi-Yoshida's; of `pair_tick_stats_<interval>`."""

    open_time: int
    correlation: float
    y_ticks: float
    x_ticks: float
    n: float
    warmup_left: float
    reason: str


@dataclass(frozen=True, slots=True)
class Lead:
    """Which leg moves first; of `pair_lead_lag`, whatever the interval of the page.

    Attributes:
        lead_ms: positive: x moves first. An end of its interval that nothing bounds is NaN.
        leader: y, x, or '' where the interval holds 0: not distinguishable from simultaneous.
    """

    timestamp: int
    lead_ms: float
    lead_low_ms: float
    lead_high_ms: float
    correlation: float
    correlation_at_zero: float
    leader: str
    reason: str


@dataclass(frozen=True, slots=True)
class Quality:
    """The newest row of each kind, None where there is none.

    Attributes:
        no_table: kinds that the dataset has no table for: it was written by an earlier version.
        asked: the database has answered.
    """

    verdict: Verdict | None = None
    tests: Look | None = None
    ticks: Ticks | None = None
    lead: Lead | None = None
    no_table: frozenset[str] = field(default_factory=frozenset)
    asked: bool = False

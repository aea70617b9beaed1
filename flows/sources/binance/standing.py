"""How things stand: a connection, REST, a leg; and what is wanted of REST."""

from dataclasses import dataclass

PAGE = 1_000
"""Most rows of one answer; fewer cost as much."""
NEWEST = -1


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish for trades of a symbol.

    Attributes:
        from_id: inclusive; NEWEST: only the newest trade. check: silence is checked, rather than a gap filled.
        cheap: whether there is any trade from there on is enough, which costs a quarter.
    """

    symbol: str
    from_id: int
    check: bool
    cheap: bool = False

    @property
    def limit(self) -> int:
        """Rows asked for at most."""
        return 1 if self.from_id == NEWEST else PAGE


@dataclass(frozen=True, slots=True)
class LinkStanding:
    """How a group is connected.

    Attributes:
        flowing: data has come on the connection that is read now. since_us: since when this is so.
        detail: the last thing that happened to it. opened: connections made so far.
    """

    flowing: bool
    since_us: int
    detail: str
    opened: int


@dataclass(frozen=True, slots=True)
class RestStanding:
    """How it stands: `problem` is why nothing can be asked now, '' where it can; `used_weight` of the last minute, of
    `weight_limit` that may be used."""

    problem: str
    used_weight: int
    weight_limit: int


@dataclass(frozen=True, slots=True)
class LegStanding:
    """`state` is one of LEG_STATES, `since_us` since when, `detail` a sentence, '' where all is well."""

    state: str
    since_us: int
    detail: str

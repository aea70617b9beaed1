"""What became of the rows of an input: counted here, printed at the end."""

from dataclasses import dataclass, field

from flows.errors import TooManyRejectsError

_ENOUGH = 1_000


@dataclass(slots=True)
class Tally:
    """Counts of one run.

    Attributes:
        rows: lines or messages read. kept: trades, late ones included. excluded: rows that say "no trade" (price or size 0,
            insurance fund). repeated: trades that an overlapping file held too. rejected: malformed rows.
        first_reject: where and why, for the message. symbols: those that had a trade.
    """

    rows: int = 0
    kept: int = 0
    late: int = 0
    excluded: int = 0
    repeated: int = 0
    rejected: int = 0
    first_reject: str = ""
    symbols: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def check(self, share: float, at_end: bool) -> None:
        """Raise TooManyRejectsError where more than `share` of the rows are malformed; early only when enough rows are read."""
        if self.rejected > share * self.rows and (at_end or self.rows >= _ENOUGH):
            raise TooManyRejectsError(
                f"{self.rejected:,} of {self.rows:,} rows are malformed, more than the {share:.0%} allowed; "
                f"the first: {self.first_reject} (files.reject_share is the limit)"
            )

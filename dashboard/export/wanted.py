"""What is to be exported, and the name of its file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from flows.domain.pair import Pair
from flows.errors import NotStoredError
from flows.explain.question import microseconds
from flows.storage.schema import Table

Form = Literal["csv", "ndjson", "parquet"]
FORMS: tuple[Form, ...] = get_args(Form)
BEGINNING_US, END_US = 0, 4_102_444_800_000_000
"""1970 and 2100: an end that was left open."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows of one table.

    Attributes:
        origin: of the dataset, named in the file where the dataset has no name.
        pair: its rows, or those of its legs; None: all rows. A table that tells neither is exported whole.
        from_us, to_us: microseconds by the table's designated timestamp, the end excluded.
    """

    dataset: str
    origin: str
    table: Table
    pair: Pair | None
    from_us: int
    to_us: int
    form: Form

    @property
    def narrowed(self) -> tuple[str, tuple[str, ...]]:
        """The column that tells whose a row is, and the names wanted in it; '' where all rows are."""
        names = {name for name, _ in self.table.columns}
        if self.pair is None or not names & {"pair", "symbol"}:
            return "", ()
        return ("pair", (str(self.pair),)) if "pair" in names else ("symbol", (self.pair.y, self.pair.x))

    @property
    def file_name(self) -> str:
        """Dataset, pair, table (which names the interval) and range in UTC.

        >>> from flows.storage.schema import TRADES
        >>> Wanted("", "live", TRADES, Pair("ETHUSDT", "BTCUSDT"), 0, 1_721_347_200_000_000, "csv").file_name
        'live_ETHUSDT-BTCUSDT_trades_19700101T000000Z_20240719T000000Z.csv'
        """
        whose = f"{self.pair.y}-{self.pair.x}" if self.pair and self.narrowed[0] else "all"
        span = f"{_compact(self.from_us)}_{_compact(self.to_us)}"
        return f"{self.dataset or self.origin}_{whose}_{self.table.name}_{span}.{self.form}"


def span_of(since: str, until: str) -> tuple[int, int]:
    """A range in microseconds from what somebody typed; empty means open.

    Raises:
        NotStoredError: a time that cannot be read, or a range that ends before it begins.
    """
    from_us = _time("from", since, BEGINNING_US)
    to_us = _time("to", until, END_US)
    if to_us <= from_us:
        raise NotStoredError(f'to: expected a time after "{since}", found "{until}"')
    return from_us, to_us


def _time(which: str, text: str, default: int) -> int:
    if not text.strip():
        return default
    try:
        found = microseconds(text.strip())
    except (NotStoredError, OverflowError) as error:
        raise NotStoredError(f"{which}: {error}") from error
    if not BEGINNING_US <= found <= END_US:
        raise NotStoredError(f'{which}: expected a time from 1970 to 2100, found "{text.strip()}"')
    return found


def _compact(us: int) -> str:
    return f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y%m%dT%H%M%SZ}"

"""What a database root holds, as the page shows it."""

from dataclasses import dataclass, field

from flows.domain.interval import Interval


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """A dataset that the flow has described; the main one's name is ''."""

    name: str
    origin: str
    pairs: int


@dataclass(frozen=True, slots=True)
class StoredTable:
    """Rows of one table of a dataset.

    Attributes:
        rows: None where the table is not there. first_us, last_us: by the designated timestamp, None without rows.
        interval: of tables of bars or of what is made of them: their newest row ends so much later than its timestamp.
    """

    name: str
    rows: int | None
    first_us: int | None = None
    last_us: int | None = None
    interval: Interval | None = None

    def lag_us(self, now_us: int) -> int | None:
        """How old what the newest row tells of is."""
        if self.last_us is None:
            return None
        return max(0, now_us - self.last_us - (self.interval.us if self.interval else 0))


@dataclass(frozen=True, slots=True)
class SymbolHoles:
    """Closed bars of one symbol.

    Attributes:
        flagged: bars that lack trades which nobody could give. missing: bars that would lie between the first and the last.
        longest_us: the longest stretch of missing bars, 0 where there is none.
    """

    symbol: str
    bars: int
    flagged: int
    missing: int
    longest_us: int


@dataclass(frozen=True, slots=True)
class Holes:
    """What one table of bars lacks, by symbol."""

    symbols: tuple[SymbolHoles, ...] = ()

    @property
    def flagged(self) -> int:
        return sum(symbol.flagged for symbol in self.symbols)

    @property
    def missing(self) -> int:
        return sum(symbol.missing for symbol in self.symbols)

    @property
    def longest(self) -> SymbolHoles | None:
        """The symbol with the longest hole; None where there is no hole."""
        worst = max(self.symbols, key=lambda symbol: symbol.longest_us, default=None)
        return worst if worst is not None and worst.longest_us else None


@dataclass(frozen=True, slots=True)
class Stored:
    """A look at a dataset.

    Attributes:
        now_us: by the database's clock. sizes: bytes on disk by table. holes: by table of bars.
    """

    now_us: int = 0
    datasets: tuple[StoredDataset, ...] = ()
    tables: tuple[StoredTable, ...] = ()
    sizes: dict[str, int] = field(default_factory=dict)
    holes: dict[str, Holes] = field(default_factory=dict)

    def table(self, name: str) -> StoredTable | None:
        """The table of that name (without the dataset's prefix)."""
        return next((table for table in self.tables if table.name == name), None)


@dataclass(frozen=True, slots=True)
class Trade:
    """One stored trade, as it is shown."""

    time_us: int
    symbol: str
    trade_id: int | None
    price: float
    amount: float
    side: str
    late: bool

"""What a hedge-ratio method has to be, so that adding one is a file of its own and a line in `methods`."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from flows.domain.frames import F64, I64
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats.moments import BlockSums
from flows.stats.rows import Rows

FIT_COLUMNS = (
    "hedge_ratio", "hedge_ratio_se", "intercept", "r_squared",
    "spread", "spread_mean", "spread_std", "zscore", "zscore_one_step",
    "hedge_ratio_se_hac", "innovation_sd", "innovation_autocorrelation", "fit_age",
)  # fmt: skip
"""Columns of `PairStats` that an estimator computes, in the order of the rows of its result; NaN is null, in `fit_age` too."""
SE_HAC, INNOVATION_SD, INNOVATION_AUTOCORRELATION, FIT_AGE = range(9, 13)
"""Rows that most methods leave NaN: what is told of a line, and no part of the warm-up."""


@dataclass(frozen=True, slots=True)
class Legs:
    """Two series of each of many pairs, prices of the legs or what is made of them, with the bars that came before.

    Attributes:
        index: absolute bar index `open_time // interval`, shape (all rows,); strictly increasing within a pair. A step larger than 1 is a
            gap, after which every window starts anew.
        y, x: prices in the model's form (log or raw), NaN where the form does not exist, shape (all rows,).
        rows: where each pair's bars lie, and for which of them results are wanted.
        sums: what is kept of the rows before, for `moments`. closed: these rows will stay; forming ones do not.
    """

    index: I64
    y: F64
    x: F64
    rows: Rows
    sums: BlockSums = field(default_factory=BlockSums)
    closed: bool = True
    _known: dict[int, F64] = field(default_factory=dict)

    def moments(self, n: int) -> F64:
        """Of the n bars that end at each row of `rows.led`, as in `flows.stats.moments`: computed once for all who ask."""
        if n not in self._known:
            self._known[n] = self.sums.moments(self.index, self.x, self.y, n, self.rows.led, self.closed)
        return self._known[n]


class Estimator(Protocol):
    """One method for one model and many pairs; sees every bar once and in order. What it says of a pair depends on no other pair.

    A windowed method computes from the bars it is given and carries no state; one that works on a cadence or never forgets (a filter)
    carries its last fit in `state` and asks only for the bars that its next step needs.
    """

    def __init__(self, model: Model, pairs: tuple[Pair, ...], state: Any = None) -> None: ...

    @property
    def warmup(self) -> int:
        """Consecutive bars until every column that the method has is there; what is only told of a line may come later."""
        ...

    @property
    def memory(self) -> int:
        """Bars before and with the last one that a value may depend on."""
        ...

    def reach(self, next_index: I64) -> I64:
        """Index of each pair's oldest bar still needed when its next bar is `next_index`, shape (pairs,)."""
        ...

    def estimate(self, legs: Legs) -> F64:
        """Rows as in `FIT_COLUMNS`, shape (13, wanted); NaN where not known."""
        ...

    def state(self) -> Any:
        """What must be kept beside the recent bars: small and picklable, None where nothing is."""
        ...

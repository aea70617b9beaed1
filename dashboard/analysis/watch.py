"""The poller behind the Analysis view: one in the process for all pages that look at the same, whatever their number."""

import math
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from dashboard.analysis.rows import Asked, LeadRows, LookRows, PairRows
from dashboard.poller import Poller
from dashboard.selection import Selection

if TYPE_CHECKING:
    from dashboard.analysis.compute import Analysis

ANALYSIS_POLL_S = 3.0
_LIBRARIES = "dashboard.analysis.compute"


class Source(Protocol):
    """What it asks: `dashboard.data.Reader`, or a stand-in of a test."""

    def analysis_rows(self, of: Selection, held: PairRows, limit: int) -> PairRows: ...

    def analysis_looks(self, of: Selection, held: LookRows) -> LookRows: ...

    def analysis_lead(self, of: Selection, held: LeadRows) -> LeadRows: ...

    def close(self) -> None: ...


_GOES_ON_S = 600.0
"""What an earlier watch had is gone on from for so long; later it is less to read all anew than what has come since."""


@dataclass(frozen=True, slots=True)
class _Known:
    """An analysis, and the rows that it was made of."""

    analysis: "Analysis | None" = None
    rows: PairRows = field(default_factory=PairRows)
    looks: LookRows = field(default_factory=LookRows)
    lead: LeadRows = field(default_factory=LeadRows)


class AnalysisWatch(Poller[_Known | None]):
    """Reads what is new and computes what follows from it, in a thread. Compiled libraries are loaded there, by the first.

    Args:
        before: one of the same that has ended: this one goes on from what it had.

    Attributes:
        analysis: None before the first answer. computed: how often anything was computed.
    """

    def __init__(
        self, source: Source, asked: Asked, poll_s: float = ANALYSIS_POLL_S, before: "AnalysisWatch | None" = None
    ) -> None:
        super().__init__(source.close, poll_s)
        self._source = source
        self.of = asked
        self.computed = 0
        self._known, self._answered_s = _Known(), -math.inf
        if before is not None and before.of == asked and time.monotonic() - before._answered_s < _GOES_ON_S:
            self._known, self._answered_s = before._known, before._answered_s
        self._limit = 0

    @property
    def analysis(self) -> "Analysis | None":
        return self._known.analysis

    def _ask(self) -> _Known | None:
        from dashboard.analysis import compute

        of = self.of.selection
        if not self._limit:
            needed = compute.bars_needed(self.of.model, of.pair)
            self._limit = self.of.lookback + needed if self.of.what_if else max(self.of.lookback, needed)
        known = self._known
        first, before = known.analysis is None, known.analysis or compute.Analysis()
        rows = self._source.analysis_rows(of, known.rows, self._limit)
        looks = self._source.analysis_looks(of, known.looks)
        lead = self._source.analysis_lead(of, known.lead)
        after = before
        if first or rows is not known.rows:
            after = replace(after, bars=compute.of_bars(rows, self.of))
        if first or looks is not known.looks:
            after = replace(after, looks=compute.of_looks(looks))
        if first or lead is not known.lead:
            after = replace(after, lead=compute.of_lead(lead))
        return None if after is before else _Known(after, rows, looks, lead)

    def _take(self, answer: _Known | None) -> bool:
        self._answered_s = time.monotonic()
        if answer is None:
            return False
        self._known, self.computed = answer, self.computed + 1
        return True


def loading() -> bool:
    """Whether the compiled libraries are still to be loaded, which takes seconds the first time in a process."""
    return _LIBRARIES not in sys.modules

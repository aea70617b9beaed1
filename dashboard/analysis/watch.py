"""The poller behind the Analysis view: one in the process for all pages that look at the same, whatever their number."""

import sys
from dataclasses import replace
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


class AnalysisWatch(Poller["Analysis | None"]):
    """Reads what is new and computes what follows from it, in a thread. Compiled libraries are loaded there, by the first.

    Attributes:
        analysis: None before the first answer. computed: how often anything was computed.
    """

    def __init__(self, source: Source, asked: Asked, poll_s: float = ANALYSIS_POLL_S) -> None:
        super().__init__(source.close, poll_s)
        self._source = source
        self.of = asked
        self.analysis: Analysis | None = None
        self.computed = 0
        self._rows, self._looks, self._lead = PairRows(), LookRows(), LeadRows()
        self._limit = 0

    def _ask(self) -> "Analysis | None":
        from dashboard.analysis import compute

        of = self.of.selection
        if not self._limit:
            needed = compute.bars_needed(self.of.model, of.pair)
            self._limit = self.of.lookback + needed if self.of.what_if else max(self.of.lookback, needed)
        first, before = self.analysis is None, self.analysis or compute.Analysis()
        rows = self._source.analysis_rows(of, self._rows, self._limit)
        looks = self._source.analysis_looks(of, self._looks)
        lead = self._source.analysis_lead(of, self._lead)
        after = before
        if first or rows is not self._rows:
            after = replace(after, bars=compute.of_bars(rows, self.of))
        if first or looks is not self._looks:
            after = replace(after, looks=compute.of_looks(looks))
        if first or lead is not self._lead:
            after = replace(after, lead=compute.of_lead(lead))
        self._rows, self._looks, self._lead = rows, looks, lead
        return None if after is before else after

    def _take(self, answer: "Analysis | None") -> bool:
        if answer is None:
            return False
        self.analysis, self.computed = answer, self.computed + 1
        return True


def loading() -> bool:
    """Whether the compiled libraries are still to be loaded, which takes seconds the first time in a process."""
    return _LIBRARIES not in sys.modules

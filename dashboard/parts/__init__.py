"""The views of a page. Adding one is a file here and a line in `PARTS`; `part.py` says what a view has to be."""

from collections.abc import Callable

from dashboard.parts.analysis import AnalysisPart
from dashboard.parts.data import DataPart
from dashboard.parts.explain import ExplainPart
from dashboard.parts.health import HealthPart
from dashboard.parts.pairs import PairsPart
from dashboard.parts.part import Context, Part, Seen
from dashboard.parts.workspace import WorkspacePart

__all__ = ["LOOK_BACK", "PARTS", "Context", "Part", "Seen"]

PARTS: dict[str, Callable[[Context], Part]] = {
    "workspace": WorkspacePart,
    "pairs": PairsPart,
    "analysis": AnalysisPart,
    "data": DataPart,
    "health": HealthPart,
    "explain": ExplainPart,
}
"""By name of the view, in the order of the switch (`dashboard.state.VIEWS`)."""

LOOK_BACK = frozenset({"workspace", "health", "explain"})
"""The views that show what was known at `Seen.at_us`. Any other is not shown while a page looks back."""

"""The printed table."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what was measured, what it must reach, whether it does (None: no limit is set), and the figures behind it."""

    work: str
    measured: str
    must: str
    met: bool | None
    figures: str


def at_least(work: str, ratio: float, limit: float, unit: str, figures: str) -> Line:
    """A line whose value must not be below the limit."""
    return Line(work, f"{ratio:.2f} {unit}", f"≥ {limit:g}", ratio >= limit, figures)


def at_most(work: str, value: float, limit: float, unit: str, figures: str) -> Line:
    """A line whose value must not be above the limit."""
    return Line(work, f"{value:.1f} {unit}", f"≤ {limit:g}", value <= limit, figures)


def show(lines: Sequence[Line]) -> None:
    """Print the table."""
    table = Table(box=box.ASCII2, show_lines=True)
    for heading, width in (("work", 34), ("measured", 26), ("must reach", 12), ("met?", 5), ("figures", 64)):
        table.add_column(heading, max_width=width, overflow="fold")
    for line in lines:
        met = "–" if line.met is None else "yes" if line.met else "NO"
        table.add_row(line.work, line.measured, line.must, met, line.figures)
    Console(width=156, highlight=False).print(table)

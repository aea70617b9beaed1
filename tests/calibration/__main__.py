"""`make calibrate`: false positives of the tests, coverage of the intervals, worth of the z-scores, simulated where the truth is known."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tests.calibration.correlation_coverage import calibrate_correlation
from tests.calibration.methods import calibrate_methods
from tests.calibration.rate import Figure, Rate
from tests.calibration.tests_of_pair import calibrate_tests
from tests.calibration.ticks import calibrate_ticks

PARTS: dict[str, Callable[[int, int], Sequence[Rate | Figure]]] = {
    "methods": calibrate_methods,
    "correlation": calibrate_correlation,
    "ticks": calibrate_ticks,
    "tests": calibrate_tests,
}


def main() -> int:
    """The exit code: 0 if everything that is claimed was met."""
    parser = argparse.ArgumentParser(prog="make calibrate", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=2_000, help="simulated windows of each figure; 2,000 take about 5 minutes"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; all where none is named"
    )
    options = parser.parse_args()
    broken = 0
    for name in options.parts or PARTS:
        began = time.monotonic()
        found = PARTS[name](options.runs, options.seed)
        _show(f"{name}, seed {options.seed}, {time.monotonic() - began:.0f} s", found)
        broken += sum(not one.met for one in found)
    sys.stdout.write(f"{broken} of the claims were not met\n" if broken else "every claim was met\n")
    return 1 if broken else 0


def _show(title: str, found: Sequence[Rate | Figure]) -> None:
    table = Table(title=title, box=box.ASCII2)
    for heading in ("what", "measured", "claimed", "runs", "met?"):
        table.add_column(heading, overflow="fold")
    for one in found:
        measured = f"{one.measured:.1%}" if isinstance(one, Rate) else f"{one.measured:.3f}"
        free = (0.0, 1.0) if isinstance(one, Rate) else (float("-inf"), float("inf"))
        nothing = (one.low, one.high) == free
        claimed = "" if nothing else f"{one.low:g} to {one.high:g}"
        table.add_row(one.what, measured, claimed, f"{one.runs:,}", "–" if nothing else "yes" if one.met else "NO")
    Console(width=150, highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())

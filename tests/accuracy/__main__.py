"""`make accuracy`: every statistic beside an independent oracle, on every window where the oracle is quick enough, within its tolerance."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tests.accuracy.cadence import hac, robust
from tests.accuracy.data import Data, data_of
from tests.accuracy.filter import kalman
from tests.accuracy.interval import interval
from tests.accuracy.rolling import correlation, moments, ols, tls
from tests.accuracy.row import Row
from tests.accuracy.tests_of_pair import tests_of_pair
from tests.accuracy.ticks import ticks

PARTS: dict[str, Callable[[Data, list[int]], Iterator[Row]]] = {
    "moments": moments,
    "correlation": correlation,
    "interval": interval,
    "ols": ols,
    "hac": hac,
    "tls": tls,
    "robust": robust,
    "kalman": kalman,
    "tests": tests_of_pair,
    "ticks": ticks,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 if every tolerance was met and every control missed its own; 2 without recorded data."""
    parser = argparse.ArgumentParser(prog="make accuracy", description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000, help="synthetic bars, and at most as many real ones")
    parser.add_argument("--window", type=int, nargs="+", default=[20, 300, 3_600], metavar="N", help="bars")
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="about as long as a slow library may take for one column and window"
    )
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; all where none is named"
    )
    options = parser.parse_args(arguments)
    try:
        data = data_of(options.bars, options.seconds)
    except FileNotFoundError as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    rows: list[Row] = []
    for name in options.parts or PARTS:
        began = time.monotonic()
        found = []
        for row in PARTS[name](data, options.window):
            found.append(row)
            sys.stderr.write(f"\r{name}: {row.method}, {row.data}, {row.window} bars, {row.column}\x1b[K")
        sys.stderr.write("\r\x1b[K")
        _show(f"{name}, {time.monotonic() - began:.0f} s", found)
        rows += found
    return _end(rows)


def _show(title: str, found: Sequence[Row]) -> None:
    table = Table(title=title, box=box.ASCII2)
    for heading in ("column", "method", "data", "oracle"):
        table.add_column(heading, overflow="fold")
    for heading in ("window", "compared", "largest error", "tolerance"):
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column("in units of", overflow="fold")
    table.add_column("met?")
    for at, row in enumerate(found):
        ends = at + 1 == len(found) or _group(found[at + 1]) != _group(row)
        error = f"{row.error:.1e}" + (f", {row.unknown:,} known to one only" if row.unknown else "")
        met = "yes" if row.met else "NO"
        if row.control:
            met = "fails, as it must" if row.met else "NO: does not fail"
        table.add_row(
            row.column, ("CONTROL " if row.control else "") + row.method, row.data, row.oracle, f"{row.window:,}",
            f"{row.compared:,}", error, f"{row.tolerance:g}", row.unit, met, end_section=ends,
        )  # fmt: skip
    Console(width=190, highlight=False).print(table)


def _group(row: Row) -> tuple[str, str, int]:
    return row.method, row.data, row.window


def _end(rows: Sequence[Row]) -> int:
    ours, controls = ([row for row in rows if row.control is kind] for kind in (False, True))
    missed, seen = [row for row in ours if not row.met], [row for row in controls if not row.met]
    sys.stdout.write(
        f"{len(ours)} columns of methods, data and windows, {sum(row.compared for row in ours):,} values compared: "
        f"{len(missed)} outside of their tolerance\n{len(controls)} controls: {len(seen)} not seen to fail\n"
    )
    for row in (*missed, *seen):
        sys.stdout.write(f"NO: {row.column}, {row.method}, {row.data}, {row.window} bars\n")
    return 1 if missed or seen else 0


if __name__ == "__main__":
    sys.exit(main())

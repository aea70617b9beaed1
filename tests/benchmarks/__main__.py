"""`make bench`: measure every line of the speed table and print it. A missed target is said, but only an error fails the run."""

import argparse
import sys
import time

from tests.benchmarks import data
from tests.benchmarks.database import replayed
from tests.benchmarks.desk import anchor, page, pages, pairs
from tests.benchmarks.files import captures, collector, csv_many, csv_pair, parquet
from tests.benchmarks.live import live
from tests.benchmarks.statistics import statistics
from tests.benchmarks.table import Line, show
from tests.benchmarks.ticks import ticks

WORKS = {
    "csv": csv_pair,
    "csv100": csv_many,
    "parquet": parquet,
    "capture": captures,
    "collector": collector,
    "statistics": statistics,
    "ticks": ticks,
    "questdb": replayed,
    "live": live,
    "page": page,
    "pairs": pairs,
    "pages": pages,
    "anchor": anchor,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="The speed table. Pass options as ARGS='…'.")
    parser.add_argument("--only", help=f"some of the works, with commas: {','.join(WORKS)}")
    parser.add_argument(
        "--ticks", type=int, default=data.DAY_TICKS, help="of the CSV and Parquet files; JSON gets a fifth"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each work, of which the fastest counts")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(WORKS)
    if unknown := [name for name in chosen if name not in WORKS]:
        parser.error(f"unknown work {', '.join(unknown)}; there are {', '.join(WORKS)}")
    lines: list[Line] = []
    failed = False
    for name in chosen:
        began = time.monotonic()
        sys.stderr.write(f"{name} … ")
        sys.stderr.flush()
        try:
            lines += WORKS[name](options.ticks, options.repeats)
        except Exception as error:  # noqa: BLE001 - one broken line must not hide the others; the run fails at its end
            failed = True
            lines.append(Line(name, "failed", "", False, f"{type(error).__name__}: {error}"))
        sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")
    show(lines)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""`make chaos`: random faults and kills for ten seeds, each compared row by row with an undisturbed run.

A seed that fails is run again with `make chaos ARGS="--seed N"`.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.run import Plan, run
from tests.ports import take_free_ports


def main() -> int:
    """The exit code: 0 if every seed passed."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="this one only; may be repeated (default: 1 to 10)")
    parser.add_argument("--minutes", type=float, default=21.0, help="of the exchange's time (default %(default)s)")
    parser.add_argument("--speed", type=float, default=15.0, help="of the exchange's clock (default %(default)s)")
    parser.add_argument("--kills", type=int, default=7, help="per run (default %(default)s)")
    parser.add_argument("--faults", type=int, default=30, help="per run (default %(default)s)")
    options = parser.parse_args()
    failed = []
    for seed in options.seed or range(1, 11):
        sys.stdout.write(f"seed {seed} …\n")
        sys.stdout.flush()
        plan = Plan(seed, options.minutes * 60, options.speed, options.kills, options.faults)
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                report = run(plan, Path(folder), take_free_ports(6))
            except AssertionError as error:
                failed.append(seed)
                sys.stdout.write(f"seed {seed}: FAILED: {error}\n")
                continue
        sys.stdout.write(f"{report}\n  {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
        if not report.passed:
            failed.append(seed)
    sys.stdout.write(f"failed: {', '.join(map(str, failed))}\n" if failed else "all seeds passed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

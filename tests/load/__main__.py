"""`make load`: ten minutes of 100 symbols at 20,000 trades/s with a burst, then the fill of a long gap. Everything runs on this machine."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.load.filling import filling
from tests.load.steady import Load, steady
from tests.ports import take_free_ports


def main() -> int:
    """The exit code: 0 if nothing was lost and the latency was kept."""
    default = Load()
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--symbols", type=int, default=default.symbols)
    parser.add_argument("--trades-per-s", type=float, default=default.trades_per_s)
    parser.add_argument("--minutes", type=float, default=default.minutes)
    parser.add_argument("--gap", type=int, default=100_000, help="trades to be filled over REST; 0: none")
    options = parser.parse_args()
    passed = True
    if options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            found = steady(
                Load(options.symbols, options.trades_per_s, options.minutes), Path(folder), take_free_ports(6)
            )
        sys.stdout.write(f"{found}\n")
        passed = found.passed
    if options.gap:
        with tempfile.TemporaryDirectory() as folder:
            gap = filling(options.gap, Path(folder), take_free_ports(6))
        sys.stdout.write(f"{gap}\n")
        passed = passed and not gap.lost
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m flows.warm_up`: sends a few seconds of a simulated market through the dataflow, so that its kernels are compiled and kept.

Numba keeps compiled code in NUMBA_CACHE_DIR; without this the first live flow would be busy compiling while its ticks wait.
"""

import sys
import tempfile
from pathlib import Path

from bytewax.testing import run_main

from flows.asynchrony import pair_ticks
from flows.pairs import build
from flows.replay import source_of
from flows.settings import load
from flows.simulator.market import Market
from flows.simulator.wire import aggregate_frames
from flows.sinks.counting import CountingSink
from flows.stats.warm_up import warm_up as every_method

_SECONDS = 5
_START_MS = 1_700_000_000_000


def main() -> int:
    """Compile everything that the live flow of the settings in the environment calls."""
    settings = load()
    pair_ticks.warm_up()  # a look needs more ticks than a few seconds have
    every_method()  # the page tries them all, and the flow takes up what is applied there
    planted = settings.simulator
    market = Market(
        settings.market.pairs,
        planted.seed,
        60.0,
        planted.hedge_ratio,
        planted.half_life_s,
        planted.mispricing_bp,
        _START_MS,
    )
    trades = market.until(_START_MS + _SECONDS * 1_000)
    lines = [
        f'{{"recv_ns":{(event + 20) * 1_000_000},"msg":{{"stream":"{stream}","data":{message}}}}}\n'
        for event, (stream, message) in zip(
            trades.event_ms.tolist(), aggregate_frames(trades, market.listings), strict=True
        )
    ]
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "capture.ndjson"
        capture.write_text("".join(lines))
        flow = build(settings, source_of([capture], settings), CountingSink(), settings.bars.forming_every_ms)
        run_main(flow)  # type: ignore[no-untyped-call]
    return 0


if __name__ == "__main__":
    sys.exit(main())

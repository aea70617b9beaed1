"""The second dataflow: live messages into capture files, nothing else.

    python -m bytewax.run "flows.capture:flow('captures', 'config/simulated.toml')"

A capture holds everything that enters the feed, with its receive time, in files of zstd frames. `pairs replay` of them gives the bars,
statistics and events that the live dataflow would have given. `pairs capture --out DIR` runs this flow with recovery: after a kill it
goes on after the last id that it wrote, and REST gives what was traded meanwhile.
"""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.engine import run
from flows.errors import PairdeskError, StorageError
from flows.health import HealthServer
from flows.latency import Latency
from flows.pairs import stop_on, store
from flows.process.lock import FileLock, LockTakenError
from flows.settings import Settings, load
from flows.sinks.counting import CountingSink
from flows.sources.binance.board import Board
from flows.sources.binance.source import BinanceSource

_STATE = ".state"


def flow(out: str, config: str | None = None) -> Dataflow:
    """Everything that the exchange of the settings sends, into files in the folder `out`.

    Raises:
        SettingsError, FeedError: it cannot be run as configured.
    """
    stop_on(signal.SIGTERM)
    return build(load(config), Path(out), CountingSink())


def build(settings: Settings, out: Path, sink: CountingSink) -> Dataflow:
    """The wiring; `sink` counts what was understood of the messages."""
    board = Board()
    HealthServer(settings.health.host, settings.health.port, board)  # serves as long as the process lives
    kept = replace(settings.capture, dir=str(out))
    flow = Dataflow("capture")
    source = BinanceSource(settings.market.symbols, settings.binance, kept, board=board, latency=Latency())
    store(sink, [op.input("messages", flow, source)])
    return flow


def capture(settings: Settings, out: Path, say: Callable[[str], None]) -> None:
    """Run the flow with recovery until it is told to stop.

    Raises:
        PairdeskError: the folder cannot be written or another capture writes it; FeedError: the exchange.
    """
    try:
        lock = FileLock(out / "capture.lock")
    except LockTakenError as error:
        raise PairdeskError(f"{out} is being written by {error.holder}") from error
    except OSError as error:
        raise StorageError(f"{out}: cannot be written: {error.strerror}") from error
    try:
        stop_on(signal.SIGTERM, signal.SIGINT)
        sink = CountingSink()
        say(f"{settings.binance.origin.upper()}: {', '.join(settings.market.symbols)} into {out}; Ctrl-C ends it")
        run(build(settings, out, sink), out / _STATE, settings.flow.snapshot_s)
        files = sorted(out.glob("capture-*"))
        size = sum(file.stat().st_size for file in files)
        say(
            f"{sink.rows['trades']:,} trades; {len(files)} files, {size / 1e6:.1f} MB. To replay: pairs replay {out}/capture-*.zst"
        )
    finally:
        lock.close()

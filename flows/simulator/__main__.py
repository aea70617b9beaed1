"""`pairs simulate`, or `python -m flows.simulator`: a simulated Binance USD-M exchange, until SIGTERM or Ctrl-C.

For tests of your own, start it on a port that the system chooses, read the address from its first line, and let it misbehave:

    pairs simulate --port 0 --trades-per-s 200
    curl 'http://127.0.0.1:PORT/control/add?fault=stall&stream=ethusdt@aggTrade&for_s=10'
    curl 'http://127.0.0.1:PORT/control/trades?symbol=ETHUSDT'        what was really traded
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from flows.domain.pair import Pair
from flows.errors import PairdeskError
from flows.settings import SimulatorSettings, load
from flows.simulator import faults
from flows.simulator.clock import Clock, real_ms
from flows.simulator.edits import Edits
from flows.simulator.kept import market_tape
from flows.simulator.market import Market
from flows.simulator.replayed import Replayed
from flows.simulator.script import read_script
from flows.simulator.server import LIFE_S, Exchange
from flows.simulator.tape import Tape


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1e9:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text}")
    return value


def _symbols(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 200:
        raise argparse.ArgumentTypeError(f"expected 0 to 200, found {text}")
    return value


_MARKET = (
    ("symbols", _symbols, "so many in all, 2 to 200: synthetic ones are added to those of the pairs; 0: none"),
    ("seed", int, "the same seed gives the same market"),
    ("trades_per_s", _above_zero, "aggregate trades per second over all symbols"),
    ("hedge_ratio", float, "planted in each pair"),
    ("half_life_s", _above_zero, "of the mispricing"),
    ("mispricing_bp", float, "its standard deviation, in basis points"),
)
_SERVER = (("host", str, "address to listen on"), ("port", int, "0: the system chooses"))
_HISTORY_ROWS = 2_000_000
_LEAD_MS = 2_000
"""Between the start and the first trade of a recorded capture, here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve as the settings and the command line say; the exit code."""
    try:
        asyncio.run(_serve(_options(arguments)))
    except (PairdeskError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"simulated exchange: {error.strerror or error}\n")
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--config", help="settings file: its [simulator] and [market] are the defaults of what follows")
    settings = load(first.parse_known_args(arguments)[0].config)
    parser = argparse.ArgumentParser(
        prog="pairs simulate",
        description=__doc__,
        epilog=faults.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[first],
    )
    _add_settings(parser.add_argument_group("server"), _SERVER, settings.simulator)
    market = parser.add_argument_group("market")
    pairs = ",".join(map(str, settings.market.pairs))
    market.add_argument("--pairs", default=pairs, help=f"Y/X,Y/X,… (default {pairs})")
    _add_settings(market, _MARKET, settings.simulator)
    market.add_argument("--first-id", type=int, help="of every symbol; without it above all that earlier runs used")
    market.add_argument(
        "--state", type=Path, metavar="FILE", help="the market goes on over restarts, as this file tells"
    )
    market.add_argument(
        "--capture", type=Path, metavar="PATH", help="replay a recorded capture instead: a file or a folder"
    )
    exchange = parser.add_argument_group("exchange; all seconds are its own")
    exchange.add_argument(
        "--speed", type=_above_zero, default=1.0, help="seconds of the exchange per second (default 1)"
    )
    exchange.add_argument("--faults", type=Path, metavar="FILE", help="faults that begin by themselves, as JSON lines")
    exchange.add_argument("--life-s", type=_above_zero, default=LIFE_S, help="of a connection (default %(default)g)")
    exchange.add_argument(
        "--history-s", type=_above_zero, default=7_200.0, help="trades REST serves (default %(default)g)"
    )
    options = parser.parse_args(arguments)
    if options.capture and options.state:
        parser.error("--state: a recorded capture begins anew at each start; leave out --state or --capture")
    return options


def _add_settings(
    group: argparse._ArgumentGroup,
    names: Sequence[tuple[str, Callable[[str], object], str]],
    settings: SimulatorSettings,
) -> None:
    for name, kind, text in names:
        default = getattr(settings, name)
        flag = f"--{name.replace('_', '-')}"
        group.add_argument(flag, type=kind, default=default, help=f"{text} (default {default})")


def _tape(options: argparse.Namespace) -> tuple[Tape, Clock]:
    history_ms = int(options.history_s * 1_000)
    if options.capture:
        replayed = Replayed(options.capture)
        now = real_ms()  # once it is read, which may take a while
        replayed.begin(now, int(_LEAD_MS * options.speed))
        edits = Edits([each.symbol for each in replayed.listings])
        return Tape(replayed, edits, history_ms, _HISTORY_ROWS), Clock(now, now, options.speed)
    values = {name: getattr(options, name) for name, _, _ in _MARKET}
    pairs = [Pair.parse(text.strip()) for text in options.pairs.split(",")]
    parameters = {**values, "pairs": list(map(str, pairs)), "speed": options.speed, "first_id": options.first_id}
    make = partial(Market, pairs, **values)
    return market_tape(parameters, make, options.state, int(options.history_s * 1_000), _HISTORY_ROWS, options.first_id)


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    script = read_script(options.faults) if options.faults else ()
    tape, clock = _tape(options)
    async with Exchange(tape, clock, options.life_s, script).serving(options.host, options.port) as port:
        listed = ", ".join(each.symbol for each in tape.listings)
        what = f"capture {options.capture.name}" if options.capture else f"seed {options.seed}"
        sys.stdout.write(f"simulated exchange on ws://{options.host}:{port} ({what}): {listed}\n")
        sys.stdout.flush()
        await stop.wait()
    tape.on_change()


if __name__ == "__main__":
    sys.exit(main())

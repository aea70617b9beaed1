"""`python -m flows.simulator`: the simulated exchange, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

from flows.domain.pair import Pair
from flows.errors import PairdeskError
from flows.settings import load
from flows.simulator.market import Market
from flows.simulator.server import Exchange, now_ms


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
        prog="python -m flows.simulator", description="A simulated Binance USD-M exchange.", parents=[first]
    )
    for name, kind, text in (
        ("host", str, "address to listen on"),
        ("port", int, "0: the system chooses"),
        ("seed", int, "the same seed gives the same market"),
        ("trades_per_s", float, "aggregate trades per second over all symbols"),
        ("hedge_ratio", float, "planted in each pair"),
        ("half_life_s", float, "of the mispricing"),
        ("mispricing_bp", float, "its standard deviation, in basis points"),
    ):
        default = getattr(settings.simulator, name)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=default, help=f"{text} (default {default})")
    pairs = ",".join(map(str, settings.market.pairs))
    parser.add_argument("--pairs", default=pairs, help=f"Y/X,Y/X,… (default {pairs})")
    parser.add_argument(
        "--first-id", type=int, help="of every symbol; without it, a restart goes on above the last run's"
    )
    return parser.parse_args(arguments)


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    start = now_ms()
    market = Market(
        [Pair.parse(text.strip()) for text in options.pairs.split(",")],
        options.seed,
        options.trades_per_s,
        options.hedge_ratio,
        options.half_life_s,
        options.mispricing_bp,
        start_ms=start,
        # Ten ids a millisecond: a restarted exchange does not use an id again, which its readers would drop as a duplicate.
        first_id=start * 10 if options.first_id is None else options.first_id,
    )
    async with Exchange(market).serving(options.host, options.port) as port:
        listed = ", ".join(each.symbol for each in market.listings)
        sys.stdout.write(f"simulated exchange on ws://{options.host}:{port} (seed {options.seed}): {listed}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())

"""`pairs …`: each command is a thin form of a documented one."""

import argparse
import importlib.metadata
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.errors import PairdeskError

if TYPE_CHECKING:
    from flows.settings import Settings

_SOURCES = ("auto", "binance", "simulated")
_ORIGINS = ("live", "simulated", "replay")
_RESUME_S = 5.0
_TICK_S = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. An error that was raised on purpose is one line on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["simulate"]:  # has a parser of its own
            from flows.simulator.__main__ import main as simulate

            return simulate(words[1:])
        options = _parser().parse_args(words)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except PairdeskError as error:
        sys.stderr.write(f"pairs: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pairs", description="Real-time pairs analytics on Binance USD-M futures.")
    parser.add_argument("--version", action="version", version=f"pairdesk {importlib.metadata.version('pairdesk')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="run the whole stack: QuestDB, flow, page, where needed the simulated exchange")
    up.add_argument("--source", choices=_SOURCES, default="auto", help="default: %(default)s")
    up.add_argument("--config", metavar="FILE", help="settings file; default: the shipped one of the source")
    up.add_argument("--fresh", action="store_true", help="begin with empty windows instead of the saved state")
    up.add_argument("--capture", metavar="DIR", help="also keep every raw message there, for pairs replay")
    up.set_defaults(command=_up)

    db = commands.add_parser("db", help="run the managed QuestDB alone")
    db.add_argument("--origin", choices=_ORIGINS, default="live", help="whose data; default: %(default)s")
    db.add_argument("--config", metavar="FILE", help="settings file")
    db.set_defaults(command=_db)

    replay = commands.add_parser("replay", help="send files of ticks through the dataflow")
    replay.add_argument(
        "paths", metavar="PATH", nargs="+", type=Path, help="CSV, NDJSON, Parquet or capture; .gz and .zst too"
    )
    target = replay.add_mutually_exclusive_group()
    target.add_argument("--dataset", metavar="NAME", help="store into QuestDB as this dataset")
    target.add_argument("--out", metavar="DIR", type=Path, help="write Parquet files there; no database is used")
    replay.add_argument("--config", metavar="FILE", help="settings file")
    replay.add_argument(
        "--pair", metavar="Y/X", action="append", help="instead of the settings' pairs; may be repeated"
    )
    replay.set_defaults(command=_replay)

    audit = commands.add_parser("audit", help="prove on files that no number depends on later input, cuts or restarts")
    audit.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="files as pairs replay takes them")
    audit.add_argument("-c", "--config", metavar="FILE", help="settings file")
    audit.add_argument("--pair", metavar="Y/X", action="append", help="instead of the settings' pairs; may be repeated")
    audit.add_argument(
        "--runs", metavar="N", type=_positive, default=2, help="rounds of random runs; default: %(default)s"
    )
    audit.add_argument("--seed", metavar="N", type=int, help="of everything random; default: a new one, printed")
    audit.add_argument(
        "--window",
        metavar="N",
        type=_window,
        help="bars of the short forms of the models; default: as the input is long",
    )
    audit.add_argument(
        "--warmup", action="store_true", help="instead: how long each value depends on where history started"
    )
    audit.set_defaults(command=_audit)

    capture = commands.add_parser("capture", help="keep every raw message of the feed in files for pairs replay")
    capture.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="folder; a capture in it is gone on with"
    )
    capture.add_argument("--config", metavar="FILE", help="settings file")
    capture.add_argument(
        "--pair", metavar="Y/X", action="append", help="instead of the settings' pairs; may be repeated"
    )
    capture.set_defaults(command=_capture)

    status = commands.add_parser("status", help="how the running flow stands; exit code 0 if data flows on every leg")
    status.add_argument("--config", metavar="FILE", help="settings file")
    status.add_argument("--json", action="store_true", help="print what the flow says as it is")
    status.set_defaults(command=_status)

    explain = commands.add_parser("explain", help="the recipe of one stored number, and the number made again twice")
    explain.add_argument("pair", metavar="PAIR", help="as ETHUSDT/BTCUSDT")
    explain.add_argument("interval", metavar="INTERVAL", help="1s, 1m or 5m")
    explain.add_argument("model", metavar="MODEL", help="its name in the settings of the flow")
    explain.add_argument("time", metavar="TIME", help="when the bar opens: ISO in UTC, or an epoch in s, ms or µs")
    rows = explain.add_mutually_exclusive_group()
    rows.add_argument("--dataset", metavar="NAME", default="", help="a replay's; default: what the live flow writes")
    rows.add_argument("--file", metavar="FILE", nargs="+", type=Path, help="replay these instead of reading a database")
    explain.add_argument("--config", metavar="FILE", help="settings file")
    explain.add_argument("--json", action="store_true", help="print everything as JSON")
    explain.set_defaults(command=_explain)

    commands.add_parser("simulate", help="run the simulated exchange alone; options: pairs simulate --help")
    return parser


def _up(options: argparse.Namespace) -> int:
    from flows.supervisor.up import up

    up(options.source, options.config, options.fresh, options.capture, _say)
    return 0


def _db(options: argparse.Namespace) -> int:
    from flows.process.signals import stop_requests
    from flows.settings import load
    from flows.storage.server import ManagedServer

    storage = load(options.config).storage
    server = ManagedServer(
        storage.database_root(options.origin),
        storage.host,
        storage.http_port,
        storage.pg_port,
        storage.health_port,
        storage.max_heap_mb,
        storage.start_timeout_s,
        _say,
    )
    with stop_requests() as stopping, server:
        _say(f"QuestDB console: {server.address.console_url}  (Ctrl-C stops it)")
        before: list[str] = []
        due_s = time.monotonic()
        while not stopping():
            if end := server.ended():
                raise end
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + _RESUME_S
                suspended = server.resume_tables()
                if suspended and not before:
                    _say(
                        f"QuestDB suspended {', '.join(suspended)}: is {server.root} full? They are resumed until there is room"
                    )
                before = suspended
            time.sleep(_TICK_S)
    return 0


def _replay(options: argparse.Namespace) -> int:
    settings = _with_pairs(options)
    from flows.replay import replay as send  # compiles the whole flow: only once the settings are good

    send(options.paths, settings, options.out, options.dataset)
    return 0


def _audit(options: argparse.Namespace) -> int:
    settings = _with_pairs(options)
    from flows.audit.command import run_audit

    good = run_audit(options.paths, settings, options.seed, options.runs, options.window, options.warmup)
    return 0 if good else 1


def _positive(text: str) -> int:
    return _at_least(1, text)


def _window(text: str) -> int:
    return _at_least(3, text)


def _at_least(least: int, text: str) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f'expected a whole number from {least} on, found "{text}"')
    return int(text)


def _capture(options: argparse.Namespace) -> int:
    settings = _with_pairs(options)
    from flows.capture import capture

    capture(settings, options.out, _say)
    return 0


def _with_pairs(options: argparse.Namespace) -> "Settings":
    """The settings, with the pairs of the command line where it names some."""
    from dataclasses import replace

    from flows.domain.pair import Pair
    from flows.settings import load

    settings = load(options.config)
    if not options.pair:
        return settings
    try:
        pairs = tuple(dict.fromkeys(Pair.parse(text) for text in options.pair))
    except ValueError as error:
        raise PairdeskError(f"--pair: {error}") from error
    return replace(settings, market=replace(settings.market, pairs=pairs))


def _status(options: argparse.Namespace) -> int:
    from flows.settings import load
    from flows.status import fetch, show

    health = load(options.config).health
    status = fetch(health.host, health.port)
    if options.json:
        import json

        _say(json.dumps(status, indent=2, ensure_ascii=False))
    else:
        from rich.console import Console

        show(status, Console(width=None if sys.stdout.isatty() else 160))
    return 0 if status["ready"] is True else 1


def _explain(options: argparse.Namespace) -> int:
    """Exit code 1 where our own library does not give the stored row again, or another one differs."""
    from flows.settings import load

    settings = load(options.config)
    from flows.explain.command import Words, from_database, from_files
    from flows.explain.show import as_json, show

    words = Words(options.pair, options.interval, options.model, options.time)
    found = (
        from_files(words, settings, options.file) if options.file else from_database(words, settings, options.dataset)
    )
    if options.json:
        import json

        _say(json.dumps(as_json(found), indent=2, ensure_ascii=False))
    else:
        from rich.console import Console

        show(found, Console(width=None if sys.stdout.isatty() else 160))
    return 0 if found.reproduced and found.confirmed is not False else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Checked files into a dataset of their own: all of it, or nothing."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bytewax.dataflow import Dataflow

from flows.domain.pair import Pair
from flows.engine import run
from flows.errors import InputError, StorageError
from flows.pairs import Sink, build, build_of_bars, dataset_of, retry_of
from flows.replay import source_of
from flows.settings import Settings
from flows.sinks.gaps import GapCountingSink
from flows.sinks.questdb import QuestDBSink
from flows.sources import stop
from flows.sources.candles.reading import Candles
from flows.sources.candles.source import CandleSource
from flows.storage.client import Address, connect, create_tables, drop_tables
from flows.storage.datasets import register, stored_datasets
from flows.storage.schema import dataset_problem
from flows.upload.checking import Progress, kind_of, read_candles_of

ORIGIN = "upload"
_VISIBLE_S = 30.0


class CancelledError(InputError):
    """Somebody asked to stop; nothing was stored."""


def store(
    paths: Sequence[Path], settings: Settings, address: Address, name: str, pairs: tuple[Pair, ...], now_us: int, progress: Progress
) -> list[str]:  # fmt: skip
    """Store the files as a new dataset; what is to be said of them.

    The dataset is described last: until then no page sees it. Whatever goes wrong its tables are removed.

    Args:
        pairs: both legs of each must be in the files.

    Raises:
        InputError: a bad row, a pair without a leg, a name that is taken or cannot be one. CancelledError: SIGTERM.
        StorageError: the database.
    """
    _check_name(address, name)
    wanted = replace(settings, market=replace(settings.market, pairs=pairs))
    wanted = replace(wanted, files=replace(wanted.files, reject_share=0.0))
    notes: list[str] = []
    try:
        database: Sink = QuestDBSink(address, name, wanted.sinks.batch_rows, retry_of(wanted), stop=stop.requested)
        sink = GapCountingSink(database)
        wanted, flow = _flow(paths, wanted, sink, now_us, progress, notes)
        drop_tables(address, name)  # what an upload left that was killed
        create_tables(address, name, wanted.market.intervals)
        run(flow)
        if stop.requested():
            raise CancelledError("cancelled: nothing was stored")
        register(address, dataset_of(wanted, name, ORIGIN))
        _await_described(address, name)
    except BaseException:
        drop_tables(address, name)
        raise
    return notes + sink.told()


def _check_name(address: Address, name: str) -> None:
    if not name:
        raise InputError("the dataset needs a name")
    if problem := dataset_problem(name):
        raise InputError(problem)
    with connect(address) as connection:
        if name in stored_datasets(connection):
            raise InputError(f'there is a dataset "{name}" already: choose another name')


def _await_described(address: Address, name: str) -> None:
    """Return when SQL sees the description, which is a little after it was accepted: what is said to be stored can be looked at."""
    until = time.monotonic() + _VISIBLE_S
    with connect(address) as connection:
        while name not in stored_datasets(connection):
            if time.monotonic() > until:
                raise StorageError(f"QuestDB accepted the dataset {name} and does not show it after {_VISIBLE_S:g} s")
            time.sleep(0.02)


def _flow(
    paths: Sequence[Path], settings: Settings, sink: Sink, now_us: int, progress: Progress, notes: list[str]
) -> tuple[Settings, Dataflow]:
    """The dataflow over the files, and the settings that it runs with."""
    if kind_of(paths) == "ticks":
        ticks = source_of(paths, settings)
        ticks.on_progress = lambda done: progress(min(1.0, done / max(1, ticks.size)))
        return settings, build(settings, ticks, sink)
    candles = read_candles_of(paths, now_us, lambda share: progress(0.5 * share))
    settings = _for_candles(candles, settings, notes)
    source = CandleSource(candles, settings.market.intervals)
    source.on_progress = lambda done: progress(0.5 + 0.5 * min(1.0, done / max(1, source.size)))
    return settings, build_of_bars(settings, source, sink)


def _for_candles(candles: Candles, settings: Settings, notes: list[str]) -> Settings:
    """What can be made of them: their interval and the longer ones, pairs with both legs, models of prices that they have."""
    if candles.problems.count or candles.interval is None:
        file, line, reason = candles.problems.first[0]
        raise InputError(f"{file} line {line:,}, {reason}")
    own = candles.interval
    for pair in settings.market.pairs:
        for leg in (pair.y, pair.x):
            if leg not in candles.symbols:
                raise InputError(
                    f"pair {pair}: no candle of {leg} in the files, which have {', '.join(candles.symbols)}"
                )
    intervals = (own, *(interval for interval in settings.market.intervals if interval.us > own.us))
    known = candles.has_quote_volume
    models = tuple(model for model in settings.models if known or model.source == "close")
    if not models:
        raise InputError(
            "every model of the settings takes volume-weighted prices, and the candles have no quote volume"
        )
    if left := [model.name for model in settings.models if model not in models]:
        notes.append(f"no statistics of {', '.join(left)}: the candles have no quote volume")
    notes.extend(candles.notes)
    return replace(settings, market=replace(settings.market, intervals=intervals), models=models)

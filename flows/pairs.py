"""THE dataflow: ticks to bars to joined legs to statistics to tables.

    python -m bytewax.run flows.pairs
    python -m bytewax.run "flows.pairs:flow('config/simulated.toml')"

`-r DIR -s 10 -b 0` adds recovery, `-w N` workers; the rows are the same with any of them. The step ids below are part of the stored
state: renaming one is a breaking change.
"""

import importlib.metadata
import signal
import threading
from typing import Any, TypeAlias

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource
from bytewax.operators import KeyedStream
from bytewax.outputs import FixedPartitionedSink

from flows import packing
from flows.applied import with_applied
from flows.asynchrony.looks import LookRule
from flows.asynchrony.operators import pair_tick_stats
from flows.asynchrony.pair_ticks import Limits
from flows.bars.operators import ohlcv_bars
from flows.database import address_of_database
from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, Ticks
from flows.errors import SettingsError
from flows.health import HealthServer
from flows.join.operators import pair_bars
from flows.latency import Latency
from flows.settings import Settings, load
from flows.shape import shape, state_shape
from flows.sinks.delivery import Retry
from flows.sinks.questdb import QuestDBSink
from flows.sinks.tables import Storable, group_of
from flows.sources import stop
from flows.sources.binance.board import Board
from flows.sources.binance.source import BinanceSource
from flows.stats.battery.operators import pair_tests
from flows.stats.methods import METHODS, estimator
from flows.stats.operators import pair_stats
from flows.storage.client import wait_ready
from flows.storage.datasets import Dataset, register

Source: TypeAlias = FixedPartitionedSource[tuple[str, Chunk[Any]], Any]
Sink: TypeAlias = FixedPartitionedSink[Storable, Any]
Frames: TypeAlias = KeyedStream[Chunk[Any]]


def flow(config: str | None = None) -> Dataflow:
    """The live dataflow, from the exchange of the settings into QuestDB.

    Args:
        config: a settings file; without one the defaults, which mean Binance.

    Raises:
        SettingsError, FeedError, StorageError: it cannot be run as configured.
    """
    settings = with_applied(load(config))
    stop_on(signal.SIGTERM)
    board, latency = Board(), Latency()
    HealthServer(settings.health.host, settings.health.port, board)  # serves as long as the process lives
    address = address_of_database(settings)
    wait_ready(address, settings.storage.start_timeout_s)
    register(address, dataset_of(settings, "", settings.binance.origin))
    retry = retry_of(settings)
    sink = QuestDBSink(
        address, "", settings.sinks.batch_rows, retry, immediate=True, stop=stop.requested, latency=latency
    )
    binance, shape_of_state = settings.binance, state_shape(settings)
    source = BinanceSource(settings.market.symbols, binance, settings.capture, shape_of_state, board, latency)
    return build(settings, source, sink, settings.bars.forming_every_ms)


def build(settings: Settings, source: Source, sink: Sink, forming_every_ms: int = 0) -> Dataflow:
    """The wiring, for any source and sink.

    Args:
        forming_every_ms: how far the watermark moves between two emissions of open bars; 0 for files.

    Raises:
        SettingsError: a model with a method that does not exist, or with values that its method refuses.
    """
    _check_methods(settings)
    packing.warm_up()  # the first snapshot must not wait for a compiler
    market = settings.market
    flow = Dataflow("pairs")
    items = op.input("ticks", flow, source)
    ticks, others = _told_apart(items)
    fill_limit_us, gap_limit_us = settings.bars.fill_limit_s * 1_000_000, settings.bars.gap_limit_s * 1_000_000
    bars = ohlcv_bars("bars", ticks, market.intervals, fill_limit_us, gap_limit_us, forming_every_ms * 1_000)
    stored = [others, bars, *_of_bars(bars, settings)] + ([ticks] if settings.sinks.store_trades else [])
    if settings.ticks.enabled:
        stored.append(_tick_stats(ticks, settings))
    store(sink, stored)
    return flow


def build_of_bars(settings: Settings, source: Source, sink: Sink) -> Dataflow:
    """The wiring from the join on, for a source of closed bars. Raises as `build`."""
    _check_methods(settings)
    flow = Dataflow("pairs")
    bars = op.input("bars", flow, source)
    store(sink, [bars, *_of_bars(bars, settings)])
    return flow


def _of_bars(bars: KeyedStream[Chunk[Bars]], settings: Settings) -> list[Frames]:
    """All that is made of bars: statistics, and where they are wanted tests."""
    market, stale_after_ms = settings.market, int(settings.join.stale_after_s * 1_000)
    legs = pair_bars("pair_bars", bars, market.pairs, settings.join.pending_limit)
    made: list[Frames] = [pair_stats("pair_stats", legs, settings.models, stale_after_ms)]
    if settings.tests.enabled:
        plans = {interval: settings.tests.plan(interval) for interval in market.intervals}
        tests = pair_tests("pair_tests", legs, bars, market.pairs, plans, stale_after_ms)
        made += [tests.looks, tests.verdicts]
    return made


def _tick_stats(ticks: KeyedStream[Chunk[Ticks]], settings: Settings) -> Frames:
    """Correlation and lead straight from the ticks; a leg has seconds and holes where it has bars and holes."""
    market, bars, of = settings.market, settings.bars, settings.ticks
    rule = LookRule(of.look_every_s, of.look_window_s, of.look_ticks)
    limits = Limits(bars.fill_limit_s * 1_000_000, bars.gap_limit_s * 1_000_000, of.pending_limit)
    return pair_tick_stats("pair_tick_stats", ticks, market.pairs, market.intervals, of.window, rule, limits)


def _check_methods(settings: Settings) -> None:
    """At the start, not at the first bar. The settings do not know the methods: adding one is one file and one line in `flows.stats`."""
    for model in settings.models:
        if model.method not in METHODS:
            known = ", ".join(METHODS)
            raise SettingsError(f'models.{model.name}.method must be one of {known}, was "{model.method}"')
        try:
            estimator(model, settings.market.pairs)
        except ValueError as error:
            raise SettingsError(str(error)) from error


def _told_apart(items: Frames) -> tuple[KeyedStream[Chunk[Ticks]], Frames]:
    """Ticks, and everything that only goes to the tables: rejects, events, status, latency."""
    split = op.branch("rejects", items, lambda item: isinstance(item[1].rows, Ticks))
    return split.trues, split.falses


def store(sink: Sink, streams: list[Frames]) -> None:
    """The last steps of a dataflow: every row of the streams to the sink, by its table."""
    rows = op.filter("with_rows", op.merge("tables", *streams), lambda item: len(item[1].rows) > 0)
    op.output("store", op.map("by_table", rows, lambda item: (group_of(item[1].rows), item[1].rows)), sink)


def dataset_of(settings: Settings, name: str, origin: str) -> Dataset:
    """The dataset that a flow with these settings fills."""
    version = importlib.metadata.version("pairdesk")
    return Dataset(
        name, origin, settings.market.pairs, settings.market.intervals, settings.models, version, shape(settings)
    )


def retry_of(settings: Settings) -> Retry:
    """How long to wait for a database that is away."""
    sinks = settings.sinks
    return Retry(sinks.retry_min_s, sinks.retry_max_s, sinks.retry_deadline_s)


def stop_on(*signals: signal.Signals) -> None:
    """These signals end the sources, so that the flow takes its last snapshot and ends with 0, and a wait for the database."""
    if threading.current_thread() is threading.main_thread():
        for number in signals:
            signal.signal(number, stop.request)

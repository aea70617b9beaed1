"""Frames as rows of the tables in `flows.storage.schema`: the border where scaled integers become floats."""

from collections.abc import Iterable
from functools import singledispatch
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flows.domain.frames import (
    BUY,
    F64,
    HALF_LIFE_SAYS,
    I8,
    I32,
    I64,
    KPSS_BOUNDS,
    LEAD_REASONS,
    LEG_NAMES,
    LOOK_COUNTS,
    LOOK_VALUES,
    NO_SIDE,
    TICK_REASONS,
    WINDOW_SAYS,
    Bars,
    FeedEvents,
    FeedLatency,
    FeedStatus,
    PairLeadLag,
    PairLooks,
    PairStats,
    PairTickStats,
    PairVerdicts,
    Rejects,
    Ticks,
)
from flows.domain.instrument import Instrument
from flows.domain.scale import UNKNOWN, to_float_by_symbol
from flows.sinks.columns import Column, Labels, TableRows, clean_text, concatenated
from flows.storage.schema import (
    FEED_EVENTS,
    FEED_LATENCY,
    FEED_STATUS,
    PAIR_LEAD_LAG,
    PAIR_STATS_COLUMNS,
    PAIR_VERDICTS_COLUMNS,
    REJECTS,
    TRADES,
    ColumnType,
    Table,
    bars_table,
    pair_stats_table,
    pair_tests_table,
    pair_tick_stats_table,
    pair_verdicts_table,
)

Storable: TypeAlias = (
    Ticks
    | Bars
    | PairStats
    | PairTickStats
    | PairLeadLag
    | PairLooks
    | PairVerdicts
    | Rejects
    | FeedEvents
    | FeedStatus
    | FeedLatency
)

GROUPS = (
    "bars", "feed_events", "feed_latency", "feed_status", "pair_lead_lag", "pair_stats", "pair_tests", "pair_tick_stats",
    "pair_verdicts", "rejects", "trades",
)  # fmt: skip
"""Keys of the items that sinks take, sorted, as the engine orders partitions: rows of one table always go the same way."""

_SIDES = ("buy", "sell")


def table_of(frame: Storable) -> Table:
    """The table that a frame's rows go to."""
    if isinstance(frame, Bars):
        return bars_table(frame.interval)
    if isinstance(frame, PairStats):
        return pair_stats_table(frame.interval)
    if isinstance(frame, PairTickStats):
        return pair_tick_stats_table(frame.interval)
    if isinstance(frame, PairLooks):
        return pair_tests_table(frame.interval)
    if isinstance(frame, PairVerdicts):
        return pair_verdicts_table(frame.interval)
    return _TABLES[type(frame)]


def group_of(frame: Storable) -> str:
    """The key under which a frame goes to a sink."""
    return _GROUPS[type(frame)]


_TABLES = {
    Ticks: TRADES,
    Rejects: REJECTS,
    FeedEvents: FEED_EVENTS,
    FeedStatus: FEED_STATUS,
    FeedLatency: FEED_LATENCY,
    PairLeadLag: PAIR_LEAD_LAG,
}
_GROUPS = {
    Bars: "bars",
    PairStats: "pair_stats",
    PairTickStats: "pair_tick_stats",
    PairLooks: "pair_tests",
    PairVerdicts: "pair_verdicts",
} | {kind: table.name for kind, table in _TABLES.items()}


def rows_by_table(frames: Iterable[Storable]) -> list[TableRows]:
    """The rows of many frames, one item per table, in the order in which the frames came."""
    tables: dict[str, list[Storable]] = {}
    for frame in frames:
        tables.setdefault(table_of(frame).name, []).append(frame)
    return [concatenated([table_rows(frame) for frame in of]) for of in tables.values()]


@singledispatch
def table_rows(frame: Storable) -> TableRows:
    """The rows of a frame, floats correctly rounded, UNKNOWN kept as null."""
    raise TypeError(f"no table for {type(frame).__name__}")


@table_rows.register
def _(frame: Ticks) -> TableRows:
    price, size, _ = _decimals(frame.instruments)
    single = frame.first_id is None or frame.last_id is None
    columns: dict[str, Column] = {
        "timestamp": frame.time,
        "symbol": _symbols(frame.instruments, frame.symbol),
        "trade_id": frame.trade_id,
        "price": to_float_by_symbol(frame.price, frame.symbol, price),
        "amount": to_float_by_symbol(frame.size, frame.symbol, size),
        "side": Labels(np.where(frame.side == NO_SIDE, -1, frame.side != BUY).astype(np.int32), _SIDES),
        "trade_count": np.ones(len(frame), np.int64) if single else frame.last_id - frame.first_id + 1,  # type: ignore[operator]
        "late": frame.late,
        "received_at": np.full(len(frame), UNKNOWN) if frame.received is None else frame.received,
    }
    return TableRows(table_of(frame), columns)


@table_rows.register
def _(frame: Bars) -> TableRows:
    price, size, quote = _decimals(frame.instruments)

    def floats(values: I64, decimals: list[int]) -> F64:
        return to_float_by_symbol(values, frame.symbol, decimals)

    columns: dict[str, Column] = {
        "open_time": frame.open_time,
        "symbol": _symbols(frame.instruments, frame.symbol),
        "open": floats(frame.open, price),
        "high": floats(frame.high, price),
        "low": floats(frame.low, price),
        "close": floats(frame.close, price),
        "volume": floats(frame.volume, size),
        "quote_volume": floats(frame.quote_volume, quote),
        "trade_count": frame.trade_count,
        "taker_buy_volume": floats(frame.taker_buy_volume, size),
        "taker_buy_quote_volume": floats(frame.taker_buy_quote_volume, quote),
        "first_trade_id": frame.first_trade_id,
        "last_trade_id": frame.last_trade_id,
        "last_trade_time": frame.last_trade_time,
        "late_count": frame.late_count,
        "complete": frame.complete,
        "gap": frame.gap,
    }
    return TableRows(table_of(frame), columns)


@table_rows.register
def _(frame: PairStats) -> TableRows:
    columns: dict[str, Column] = {}
    for name, _ in PAIR_STATS_COLUMNS:
        values = getattr(frame, name)
        if name == "pair":
            columns[name] = Labels(values, tuple(map(str, frame.pairs)))
        elif name == "model":
            columns[name] = Labels.constant(values, len(frame))
        else:
            columns[name] = _legs(values) if name in ("stale", "gap") else values
    return TableRows(table_of(frame), columns)


@table_rows.register
def _(frame: PairLooks) -> TableRows:
    columns: dict[str, Column] = {
        "open_time": frame.open_time,
        "pair": Labels(frame.pair, tuple(map(str, frame.pairs))),
    }
    for i, name in enumerate(LOOK_VALUES):
        values = frame.values[:, i]
        columns[name] = np.where(
            np.isinf(values), np.nan, values
        )  # the server has no infinity: an end that does not exist is null
    columns |= {name: frame.counts[:, i] for i, name in enumerate(LOOK_COUNTS)}
    columns["half_life_says"] = _named(frame.half_life_says, HALF_LIFE_SAYS)
    columns["window_says"] = _named(frame.window_says, WINDOW_SAYS)
    columns["kpss_bound"] = _named(frame.kpss_bound, KPSS_BOUNDS)
    columns |= {"reason": _texts(frame.reason), "missing": _texts(frame.missing)}
    return TableRows(table_of(frame), columns)


@table_rows.register
def _(frame: PairVerdicts) -> TableRows:
    columns: dict[str, Column] = {name: getattr(frame, name) for name, _ in PAIR_VERDICTS_COLUMNS}
    columns["pair"] = Labels(frame.pair, tuple(map(str, frame.pairs)))
    columns["word"], columns["sentence"] = _labels(frame.word), _texts(frame.sentence)
    columns["half_lives"] = np.where(np.isinf(frame.half_lives), np.nan, frame.half_lives)
    return TableRows(table_of(frame), columns)


@table_rows.register(PairTickStats)
@table_rows.register(PairLeadLag)
def _(frame: PairTickStats | PairLeadLag) -> TableRows:
    table = table_of(frame)
    reasons = TICK_REASONS if isinstance(frame, PairTickStats) else LEAD_REASONS
    columns: dict[str, Column] = {}
    for name, kind in table.columns:
        values = getattr(frame, _FIELDS.get(name, name))
        if name == "pair":
            columns[name] = Labels(values, tuple(map(str, frame.pairs)))
        elif name == "reason":
            columns[name] = _named(values, reasons)
        elif name in ("gap", "leader"):
            columns[name] = _legs(values)
        else:
            columns[name] = np.where(np.isinf(values), np.nan, values) if kind is ColumnType.DOUBLE else values
    return TableRows(table, columns)


@table_rows.register(Rejects)
@table_rows.register(FeedEvents)
@table_rows.register(FeedStatus)
@table_rows.register(FeedLatency)
def _(frame: Rejects | FeedEvents | FeedStatus | FeedLatency) -> TableRows:
    """Frames whose columns are those of their table."""
    table = table_of(frame)
    columns: dict[str, Column] = {}
    for name, kind in table.columns:
        values = getattr(frame, _FIELDS.get(name, name))
        columns[name] = (
            _labels(values) if kind is ColumnType.SYMBOL else _texts(values) if kind is ColumnType.VARCHAR else values
        )
    return TableRows(table, columns)


_FIELDS = {"timestamp": "time", "received_at": "received"}
"""Fields of the frames that the tables call otherwise."""


def _legs(codes: I8) -> Labels:
    """Names of the legs that `stale` and `gap` speak of, null for none."""
    return _named(codes, LEG_NAMES)


def _named(codes: I8, names: tuple[str | None, ...]) -> Labels:
    """What codes mean, null for 0."""
    return Labels((codes - 1).astype(np.int32), tuple(str(name) for name in names[1:]))


def _labels(texts: NDArray[np.object_]) -> Labels:
    """Texts of which many are equal; an empty one is null."""
    names, codes = np.unique(_texts(texts), return_inverse=True)
    if len(names) and names[0] == "":
        return Labels(codes.astype(np.int32) - 1, tuple(names[1:].tolist()))
    return Labels(codes.astype(np.int32), tuple(names.tolist()))


def _texts(texts: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.array([clean_text(text) for text in texts], dtype=object)


def _symbols(instruments: tuple[Instrument, ...], symbol: I32) -> Labels:
    return Labels(symbol, tuple(instrument.symbol for instrument in instruments))


def _decimals(instruments: tuple[Instrument, ...]) -> tuple[list[int], list[int], list[int]]:
    """Of price, size and quote volume, for each symbol."""
    return (
        [instrument.price_decimals for instrument in instruments],
        [instrument.size_decimals for instrument in instruments],
        [instrument.quote_decimals for instrument in instruments],
    )

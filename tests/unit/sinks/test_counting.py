"""The counting sink: a checksum that knows no order and no pieces, but every value."""

from dataclasses import replace

import numpy as np
from stored_frames import COINS, some_bars, some_stats, some_ticks

from flows.sinks.counting import CountingSink, row_hashes
from flows.sinks.tables import Storable, table_rows


def _sums(*frames: Storable) -> dict[str, int]:
    sink = CountingSink(checksum=True)
    for frame in frames:
        sink.count(frame)
    return dict(sink.checksums)


def test_rows_are_counted_by_table() -> None:
    sink = CountingSink()
    for frame in (some_ticks(5), some_ticks(4), some_bars(4), some_stats(5), some_bars(0)):
        sink.count(frame)
    assert dict(sink.rows) == {"trades": 9, "bars_1s": 4, "pair_stats_1s": 5}
    assert set(sink.checksums.values()) == {0}


def test_order_pieces_and_the_table_of_symbols_do_not_matter() -> None:
    ticks = some_ticks(50)
    shuffled = ticks.take(np.random.default_rng(0).permutation(50))
    renumbered = replace(ticks, instruments=COINS[::-1], symbol=(2 - ticks.symbol).astype(np.int32))
    assert (
        _sums(ticks)
        == _sums(shuffled)
        == _sums(ticks.take(slice(20)), ticks.take(slice(20, None)))
        == _sums(renumbered)
    )


def test_every_column_matters() -> None:
    for frame in (some_ticks(8), some_bars(8), some_stats(8)):
        rows = table_rows(frame)
        whole = row_hashes(rows)
        for name, column in rows.columns.items():
            other = (
                column.take(np.roll(np.arange(8), 1))
                if isinstance(column, np.ndarray)
                else replace(column, codes=np.roll(column.codes, 1))
            )
            changed = row_hashes(replace(rows, columns=rows.columns | {name: other}))
            assert name in ("interval", "pair", "model", "complete") or not np.array_equal(changed, whole), name
    assert _sums(some_bars(4)) != _sums(some_bars(4, complete=False))
    assert _sums(some_stats(4, "a")) != _sums(some_stats(4, "b"))


def test_exchanging_values_between_rows_or_columns_shows() -> None:
    bars = some_bars(8)
    assert _sums(bars) != _sums(replace(bars, open=bars.high, high=bars.open))
    assert _sums(bars) != _sums(replace(bars, volume=bars.volume[::-1].copy()))

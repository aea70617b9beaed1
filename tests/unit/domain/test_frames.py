"""Frames: length, rows of a mask, a slice or an index, and joining."""

import numpy as np
from stored_frames import START, some_bars, some_ticks

from flows.domain.frames import concatenated


def test_rows_by_mask_slice_and_index() -> None:
    ticks = some_ticks(6)
    assert len(ticks) == 6
    assert len(ticks.take(slice(0, 0))) == 0
    assert ticks.take(slice(1, 3)).trade_id.tolist() == [101, 102]
    assert ticks.take(np.array([5, 0])).trade_id.tolist() == [105, 100]
    masked = ticks.take(ticks.late)
    assert masked.trade_id.tolist() == [104]
    assert masked.instruments == ticks.instruments
    assert masked.time.tolist() == [START + 104 * 100_000]


def test_a_column_that_is_not_there_stays_away() -> None:
    ticks = some_ticks(4, received=False)
    assert ticks.take(slice(0, 2)).received is None


def test_joined_pieces_are_the_whole() -> None:
    bars = some_bars(7)
    joined = concatenated([bars.take(slice(0, 3)), bars.take(slice(3, 3)), bars.take(slice(3, 7))])
    for name in ("symbol", "open_time", "open", "volume", "complete"):
        assert np.array_equal(getattr(joined, name), getattr(bars, name))
    assert concatenated([bars]) is bars

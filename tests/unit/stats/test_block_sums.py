"""What is kept of a block saves work and changes no bit."""

import numpy as np
import pytest

from flows.domain.frames import F64, I64
from flows.stats.moments import BlockSums, block_moments
from flows.stats.rows import Rows, one_stretch, runs

N = 30


def _series(rows: int = 400) -> tuple[I64, F64, F64]:
    """With a gap, and an unknown price."""
    rng = np.random.default_rng(4)
    index = 1_000 + np.arange(rows)
    index[250:] += 7
    x, y = np.cumsum(rng.normal(size=(2, rows)), axis=1)
    x[120] = np.nan
    return index, x, y


def _rows(index: I64, begin: int, first: int, end: int) -> Rows:
    return Rows(np.array([begin]), np.array([first]), np.array([end]), runs(index))


@pytest.mark.parametrize("piece", [1, 2, 13, 75])
@pytest.mark.parametrize("led", [False, True])
def test_pieces_have_the_bits_of_the_whole_and_forming_rows_between_change_nothing(piece: int, led: bool) -> None:
    index, x, y = _series()
    whole = block_moments(index, x, y, N, one_stretch(index))
    sums = BlockSums()
    for start in range(0, len(index), piece):
        rows = _rows(index, max(0, start - 2 * N), start, min(start + piece, len(index)))
        wanted = whole[:, (start - 1 if led and start else start) : start + piece]
        rows = rows.led if led else rows
        other = sums.moments(index, 2 * x, 3 * y, N, _rows(index, max(0, start - 2 * N), start, start + 1), keep=False)
        assert other.shape == (7, 1)
        formed = sums.moments(index, x, y, N, rows, keep=False)
        assert np.array_equal(formed, wanted, equal_nan=True)
        assert np.array_equal(sums.moments(index, x, y, N, rows, keep=True), wanted, equal_nan=True)


def test_a_bar_within_a_block_is_the_only_one_that_is_read() -> None:
    """Otherwise the live flow would pass over all of its history at every bar."""
    index, x, y = _series()
    sums, start = BlockSums(), 205
    assert index[start] % N not in (0, N - 1)
    sums.moments(index, x, y, N, _rows(index, 0, 0, start), keep=True)
    wanted = block_moments(index, x, y, N, _rows(index, 0, start, start + 1))
    x[:start] = y[:start] = np.nan
    assert np.isfinite(wanted).all()
    assert np.array_equal(sums.moments(index, x, y, N, _rows(index, 0, start, start + 1), keep=True), wanted)
    assert np.isnan(block_moments(index, x, y, N, _rows(index, 0, start, start + 1))).any()


def test_bars_that_do_not_follow_what_is_kept_are_added_up_anew() -> None:
    index, x, y = _series()
    sums = BlockSums()
    sums.moments(index, x, y, N, _rows(index, 0, 0, 200), keep=True)
    for start in (300, 215):
        wanted = block_moments(index, x, y, N, _rows(index, 0, start, start + 5))
        assert np.array_equal(
            sums.moments(index, x, y, N, _rows(index, 0, start, start + 5), keep=True), wanted, equal_nan=True
        )


def test_each_pair_keeps_its_own() -> None:
    index, x, y = _series(200)
    both = np.concatenate((index, index + 11))
    x, y = np.concatenate((x, 2 * y)), np.concatenate((y, x))
    begin, ends = np.array([0, 200]), np.array([200, 400])
    whole = block_moments(both, x, y, N, Rows(begin, begin, ends, runs(both)))
    sums, runs_of_both = BlockSums(), runs(both)
    parts: list[list[F64]] = [[], []]
    for start in range(200):
        length = np.array([1, 0 if start % 3 else min(3, 200 - start)])  # the second pair's come by threes
        first = begin + start
        out = sums.moments(both, x, y, N, Rows(begin, first, first + length, runs_of_both), keep=True)
        parts[0].append(out[:, :1])
        parts[1].append(out[:, 1:])
    for pair, found in enumerate(parts):
        assert np.array_equal(np.concatenate(found, axis=1), whole[:, 200 * pair : 200 * pair + 200], equal_nan=True)

"""Packed series: every bit comes back, whatever the numbers are; what a state is full of takes a byte or two."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.packing import packed, packed_whole, unpacked, unpacked_whole

whole = st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8), max_size=6)
prices = st.tuples(st.integers(0, 9), st.lists(st.integers(-(10**15), 10**15), max_size=30))


def _series(parts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([value for part in parts for value in part], np.int64), np.array([*map(len, parts)], np.int64)


def _same_bits(values: np.ndarray, lengths: np.ndarray, *, logs: bool) -> bytes:
    data = packed(values, lengths, logs=logs)
    found = unpacked(data, lengths)
    assert found.view(np.int64).tolist() == values.view(np.int64).tolist()
    return data


def _walk(rng: np.random.Generator, rows: int, decimals: int) -> np.ndarray:
    return (6_000_000 + np.cumsum(rng.integers(-20, 21, rows))) / 10**decimals


@given(whole)
@settings(deadline=None)
def test_any_whole_numbers_and_any_floats_come_back(parts: list[list[int]]) -> None:
    values, lengths = _series(parts)
    assert unpacked_whole(packed_whole(values, lengths), lengths).tolist() == values.tolist()
    for logs in (False, True):
        _same_bits(values.view(np.float64), lengths, logs=logs)


@given(st.lists(prices, max_size=4), st.floats())
@settings(deadline=None)
def test_prices_come_back_beside_anything(series: list[tuple[int, list[int]]], odd: float) -> None:
    parts = [[scaled / 10**decimals for scaled in part] for decimals, part in series] + [[1.25, odd, 1.25]]
    values, lengths = np.array([value for part in parts for value in part]), np.array([*map(len, parts)], np.int64)
    positive = np.abs(values)
    for logs in (False, True):
        _same_bits(values, lengths, logs=logs)
        _same_bits(np.array([math.log(p) if 0.0 < p < math.inf else math.nan for p in positive]), lengths, logs=logs)


@pytest.mark.parametrize(
    "value", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 2.0**53, 2.0**53 + 2, 1e22, 0.1 + 0.2]
)
def test_floats_that_whole_numbers_cannot_give(value: float) -> None:
    for values in (np.array([value]), np.array([0.25, value, 0.5])):
        for logs in (False, True):
            _same_bits(values, np.array([len(values)]), logs=logs)


def test_no_series_and_empty_ones() -> None:
    none = np.empty(0, np.int64)
    assert unpacked(packed(np.empty(0), none), none).tolist() == []
    lengths = np.array([0, 2, 0])
    assert unpacked_whole(packed_whole(np.array([3, 4]), lengths), lengths).tolist() == [3, 4]


def test_what_a_state_is_full_of_is_small() -> None:
    rng, lengths = np.random.default_rng(1), np.array([4_000])
    price = _walk(rng, 4_000, 2)
    assert len(packed(price, lengths)) < 1.1 * 4_000
    logs = np.array([math.log(p) for p in price])
    assert len(_same_bits(logs, lengths, logs=True)) < 1.1 * 4_000
    assert len(_same_bits(logs, lengths, logs=False)) > 5 * 4_000  # unasked they are any floats
    times = 1_700_000_000_000_000 + np.cumsum(rng.integers(10, 60, 4_000)) * 1_000
    assert len(packed_whole(times, lengths)) < 1.1 * 4_000
    assert len(packed_whole(times + rng.integers(0, 1_000, 4_000), lengths)) > 2 * 4_000  # no common unit
    zeros, noise = np.zeros(4_000), rng.normal(size=4_000)
    assert len(packed(zeros, lengths)) < 1.1 * 4_000
    assert 7 * 4_000 < len(packed(noise, lengths)) < 9.1 * 4_000  # nothing is won where nothing can be


def test_a_series_that_was_there_before_is_not_written_again() -> None:
    one = _walk(np.random.default_rng(2), 1_000, 1)
    changed = one.copy()
    changed[500] += 0.1
    alone = len(packed(one, np.array([1_000])))
    lengths = np.full(4, 1_000)
    assert len(_same_bits(np.concatenate((one, one, one, one)), lengths, logs=False)) < alone + 10
    assert len(_same_bits(np.concatenate((one, changed, one, one)), lengths, logs=False)) > 2 * alone


def test_series_of_one_hash_are_told_apart() -> None:
    """hash = (2·m + a)·m + b with this m, so [a, b] and [a + 1, b - m] have the same."""
    multiplier = 0x27D4EB2F165667C5
    values = np.array([5, 7, 6, 7 - multiplier], np.int64)
    lengths = np.array([2, 2])
    assert unpacked_whole(packed_whole(values, lengths), lengths).tolist() == values.tolist()

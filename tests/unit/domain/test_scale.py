"""Scaled integers to floats and to finer scales, against exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.scale import UNKNOWN, rescaled, to_float, to_float_by_symbol
from flows.errors import InputError

integers = st.integers(-(2**63) + 1, 2**63 - 1)


@given(st.lists(integers, min_size=1, max_size=20), st.integers(0, 16))
def test_floats_are_correctly_rounded(values: list[int], decimals: int) -> None:
    found = to_float(np.array(values, np.int64), decimals).tolist()
    assert found == [float(Fraction(value, 10**decimals)) for value in values]


@given(st.integers(0, 2**52), st.integers(0, 3), st.integers(0, 3))
def test_the_float_does_not_depend_on_the_scale(value: int, decimals: int, by: int) -> None:
    coarse = np.array([value], np.int64)
    fine = rescaled(coarse, by)
    assert fine.tolist() == [value * 10**by]
    assert to_float(fine, decimals + by).tolist() == to_float(coarse, decimals).tolist()


def test_unknown_is_nan_and_stays_unknown() -> None:
    unknown = np.array([UNKNOWN, 5], np.int64)
    assert math.isnan(to_float(unknown, 2)[0])
    assert rescaled(unknown, 3).tolist() == [int(UNKNOWN), 5_000]


def test_a_number_too_large_for_the_finer_scale_is_refused() -> None:
    limit = (2**63 - 1) // 1_000
    assert rescaled(np.array([limit, -limit]), 3).tolist() == [limit * 1_000, -limit * 1_000]
    for value in (limit + 1, -limit - 1):
        with pytest.raises(InputError, match="numbers too large for 3 more decimals"):
            rescaled(np.array([value]), 3)


def test_each_row_by_the_scale_of_its_symbol() -> None:
    found = to_float_by_symbol(np.array([15, 15, UNKNOWN]), np.array([0, 1, 1], np.int32), [0, 1])
    assert found[:2].tolist() == [15.0, 1.5]
    assert math.isnan(found[2])

"""What a window must be before a test can say anything of it, in words that a person reads."""

import numpy as np

from flows.domain.frames import F64

LEAST_BARS = 20
"""Fewer bars than this and the tables of no test mean anything."""

_SMALLEST, _LARGEST = 1e-60, 1e60  # changes whose fourth powers still are numbers


def series_problem(series: F64, least: int = LEAST_BARS, name: str = "the spread") -> str:
    """Why nothing can be said of a series, empty where something can.

    >>> series_problem(np.ones(30))
    'the spread does not change over the window'
    """
    if len(series) < least:
        return f"needs {least} bars, has {len(series)}"
    finite = np.isfinite(series)
    if not finite.all():
        row = int(np.argmin(finite))
        return f"{name} is not a number at bar {row + 1} of {len(series)}"
    if (series == series[0]).all():
        return f"{name} does not change over the window"
    with np.errstate(over="ignore"):
        reach = float(np.abs(series - series[0]).max())
    if not _SMALLEST < reach < _LARGEST:
        return f"{name} changes by {reach:g}, which cannot be squared"
    return ""


def pair_problem(y: F64, x: F64, least: int = LEAST_BARS, names: tuple[str, str] = ("y", "x")) -> str:
    """The same for two legs, which are called by their names.

    Raises:
        ValueError: the legs differ in length, which no data can excuse.
    """
    if len(y) != len(x):
        raise ValueError(
            f"the legs of a window must have the same bars, {names[0]} has {len(y)} and {names[1]} has {len(x)}"
        )
    problem = series_problem(y, least, names[0]) or series_problem(x, least, names[1])
    return problem or ("both legs are equal" if (y == x).all() else "")


def anchored(series: F64) -> F64:
    """A fresh contiguous copy relative to the first bar: less rounding in the sums, and one array type for the kernels.

    A read-only or strided array would be another type, and compile each kernel anew in the middle of a live run.
    """
    out = np.empty(len(series))
    np.subtract(series, series[0], out=out)
    return out

"""What all frames have in common."""

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I8 = NDArray[np.int8]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

Frame = TypeVar("Frame", bound="Columns")


class Columns:
    """What every frame can do: know its length, be sliced and be filtered."""

    __slots__ = ()

    def __len__(self) -> int:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                return len(value)
        return 0

    def take(self: Frame, rows: Any) -> Frame:
        """The frame of some rows: a slice, a mask or an index array."""
        columns = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)  # type: ignore[arg-type]
            if isinstance(getattr(self, field.name), np.ndarray)
        }
        return replace(self, **columns)  # type: ignore[type-var]


def concatenated(frames: list[Frame]) -> Frame:
    """The rows of several frames of one kind in order; the scalars are the last frame's.

    Integer scales are not reconciled here: frames of one run whose instruments differ must be brought to one scale first.
    """
    if len(frames) == 1:
        return frames[0]
    last = frames[-1]
    columns: dict[str, Any] = {}
    for field in fields(last):  # type: ignore[arg-type]
        if isinstance(getattr(last, field.name), np.ndarray):
            columns[field.name] = np.concatenate([getattr(frame, field.name) for frame in frames])
    return replace(last, **columns)  # type: ignore[type-var]

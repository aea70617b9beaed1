"""Series of numbers in few bytes, exactly: what a saved state holds, as writing a byte at each snapshot costs more than packing it does.

Each series is written in the first of these ways that gives every bit of it back:

    same       number of an earlier series that it equals: the closes of a leg are those of every pair that has it
    whole      differences to the number before, in seconds or milliseconds where all are multiples of them, 7 bits to a byte
    decimal    prices: of d decimals, at most 9, as the whole numbers that give the same floats again
    logs       logarithms of such prices, which give the same logarithms again
    bits       any other floats: what differs from the float before, without the leading bytes that do not

>>> prices = np.array([97.31, 97.32, 97.31, 97.31, 97.32, 97.31])
>>> data = packed(prices, np.array([3, 3]))
>>> len(data), unpacked(data, np.array([3, 3])).tolist() == prices.tolist()
(9, True)
"""

import math
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.domain.frames import F64, I64

Written: TypeAlias = NDArray[np.uint8]

_SAME, _WHOLE, _DECIMAL, _LOGS, _BITS = range(5)
_UNITS = (1_000_000, 1_000, 1)
_POWERS: F64 = np.array([10.0**decimals for decimals in range(10)])
_EXACT = float(1 << 53)
_MOST_BYTES, _HEAD_BYTES = 10, 12
"""Of a number and at the beginning of a series, however it is written."""


def packed(values: F64, lengths: I64, *, logs: bool = False) -> bytes:
    """Floats of several series, which stand one after the other.

    Args:
        lengths: of the series, together as many as there are values. logs: they may be logarithms of prices; asking costs time.
    """
    values = np.ascontiguousarray(values)
    return _packed(values, values.view(np.int64), lengths, _LOGS if logs else _DECIMAL)


def unpacked(data: bytes, lengths: I64) -> F64:
    """The floats again, to the last bit."""
    out = np.empty(int(lengths.sum()))
    _unpack(np.frombuffer(data, np.uint8), lengths, _UNITS, _POWERS, out, out.view(np.int64))
    return out


def packed_whole(values: I64, lengths: I64) -> bytes:
    """The same for whole numbers."""
    return _packed(_POWERS, np.ascontiguousarray(values), lengths, _WHOLE)


def unpacked_whole(data: bytes, lengths: I64) -> I64:
    """The whole numbers again."""
    out = np.empty(int(lengths.sum()), np.int64)
    _unpack(np.frombuffer(data, np.uint8), lengths, _UNITS, _POWERS, out.view(np.float64), out)
    return out


def warm_up() -> None:
    """Compile the kernels, or load them from the cache."""
    length, half = np.array([1]), np.array([0.5])
    unpacked(packed(half, length, logs=True), length)
    unpacked_whole(packed_whole(length, length), length)


def _packed(values: F64, bits: I64, lengths: I64, kind: int) -> bytes:
    out = np.empty(_MOST_BYTES * len(bits) + _HEAD_BYTES * len(lengths), np.uint8)
    used = _pack(values, bits, lengths, kind, _UNITS, _POWERS, out)
    return out[:used].tobytes()


@njit(cache=True)
def _pack(values: F64, bits: I64, lengths: I64, kind: int, units: tuple[int, ...], powers: F64, out: Written) -> int:
    starts, hashes = np.empty(len(lengths), np.int64), np.empty(len(lengths), np.int64)
    at = start = 0
    for k in range(len(lengths)):
        end = start + lengths[k]
        starts[k], hashes[k] = start, _hash(bits[start:end])
        same = _same(bits, starts, hashes, lengths, k)
        if same >= 0:
            out[at] = _SAME
            at = _put(same, out, at + 1)
        elif kind == _WHOLE:
            at = _put_whole(bits[start:end], units, out, at)
        else:
            at = _put_floats(values[start:end], bits[start:end], kind, powers, out, at)
        start = end
    return at


@njit(cache=True)
def _hash(bits: I64) -> int:
    found = np.int64(len(bits))
    for i in range(len(bits)):
        found = found * np.int64(0x27D4EB2F165667C5) + bits[i]
    return int(found)


@njit(cache=True)
def _same(bits: I64, starts: I64, hashes: I64, lengths: I64, k: int) -> int:
    """The first series that equals series k, -1 if there is none."""
    for j in range(k):
        if hashes[j] == hashes[k] and lengths[j] == lengths[k]:
            a, b = starts[j], starts[k]
            i = 0
            while i < lengths[k] and bits[a + i] == bits[b + i]:
                i += 1
            if i == lengths[k]:
                return j
    return -1


@njit(cache=True)
def _put(value: int, out: Written, at: int) -> int:
    """A number of either sign, small ones in one byte."""
    left = np.uint64((value << 1) ^ (value >> 63))
    while left > np.uint64(127):
        out[at] = np.uint8((left & np.uint64(127)) | np.uint64(128))
        left >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(left)
    return at + 1


@njit(cache=True)
def _get(data: Written, at: int) -> tuple[int, int]:
    """The number, and where the next one begins."""
    left, shift = np.uint64(0), np.uint64(0)
    while data[at] > 127:
        left |= np.uint64(data[at] & 127) << shift
        shift += np.uint64(7)
        at += 1
    left |= np.uint64(data[at]) << shift
    return int(np.int64(left >> np.uint64(1)) ^ -np.int64(left & np.uint64(1))), at + 1


@njit(cache=True)
def _put_whole(values: I64, units: tuple[int, ...], out: Written, at: int) -> int:
    unit = 0
    before = np.int64(0)
    for i in range(len(values)):
        while (values[i] - before) % units[unit] != 0:
            unit += 1
        before = values[i]
    out[at], out[at + 1] = _WHOLE, unit
    at += 2
    before = np.int64(0)
    for i in range(len(values)):
        at = _put((values[i] - before) // units[unit], out, at)
        before = values[i]
    return at


@njit(cache=True)
def _put_floats(values: F64, bits: I64, kind: int, powers: F64, out: Written, at: int) -> int:
    for way in (_DECIMAL, _LOGS):
        if way <= kind:
            end = _put_scaled(values, way, powers, out, at)
            if end > 0:
                return end
    out[at] = _BITS
    return _put_bits(bits, out, at + 1)


@njit(cache=True)
def _put_scaled(values: F64, way: int, powers: F64, out: Written, begin: int) -> int:
    """With the fewest decimals that give all values back; -1 if there are none."""
    i = decimals = 0
    at, before = begin + 2, np.int64(0)
    while i < len(values):
        scaled = _scaled(values[i], way, powers[decimals])
        if _gives(scaled, values[i], way, powers[decimals]):
            at = _put(int(np.int64(scaled) - before), out, at)
            before = np.int64(scaled)
            i += 1
            continue
        while not _gives(_scaled(values[i], way, powers[decimals]), values[i], way, powers[decimals]):
            decimals += 1
            if decimals == len(powers):
                return -1
        i, at, before = 0, begin + 2, np.int64(0)
    out[begin], out[begin + 1] = way, decimals
    return at


@njit(cache=True)
def _scaled(value: float, way: int, power: float) -> float:
    return float(np.rint((math.exp(value) if way == _LOGS else value) * power))


@njit(cache=True)
def _float_of(scaled: float, way: int, power: float) -> float:
    return math.log(scaled / power) if way == _LOGS else scaled / power


@njit(cache=True)
def _gives(scaled: float, value: float, way: int, power: float) -> bool:
    """Whether a whole number gives a float back, to the last bit."""
    if not abs(scaled) < _EXACT or (way == _LOGS and scaled <= 0.0):
        return False
    given = _float_of(float(np.int64(scaled)), way, power)
    return bool(given == value and math.copysign(1.0, given) == math.copysign(1.0, value))  # -0 is another float


@njit(cache=True)
def _put_bits(bits: I64, out: Written, at: int) -> int:
    """A byte that says how many follow, then those."""
    before = np.int64(0)
    for i in range(len(bits)):
        left = np.uint64(bits[i] ^ before)
        before = bits[i]
        head = at
        while left:
            at += 1
            out[at] = np.uint8(left & np.uint64(255))
            left >>= np.uint64(8)
        out[head] = at - head
        at += 1
    return at


@njit(cache=True)
def _unpack(data: Written, lengths: I64, units: tuple[int, ...], powers: F64, values: F64, bits: I64) -> None:
    """Into `values` and `bits`, which are one memory."""
    starts = np.cumsum(lengths) - lengths
    at = 0
    for k in range(len(lengths)):
        way = data[at]
        first, last = starts[k], starts[k] + lengths[k]
        if way == _SAME:
            same, at = _get(data, at + 1)
            bits[first:last] = bits[starts[same] : starts[same] + lengths[k]]
        elif way == _BITS:
            at = _get_bits(data, at + 1, bits[first:last])
        elif way == _WHOLE:
            at = _get_whole(data, at + 2, units[data[at + 1]], bits[first:last])
        else:
            at = _get_scaled(data, at + 2, way, powers[data[at + 1]], values[first:last])


@njit(cache=True)
def _get_whole(data: Written, at: int, unit: int, out: I64) -> int:
    before = np.int64(0)
    for i in range(len(out)):
        step, at = _get(data, at)
        before += step * unit
        out[i] = before
    return at


@njit(cache=True)
def _get_scaled(data: Written, at: int, way: int, power: float, out: F64) -> int:
    scaled = np.int64(0)
    for i in range(len(out)):
        step, at = _get(data, at)
        scaled += step
        out[i] = _float_of(float(scaled), way, power)
    return at


@njit(cache=True)
def _get_bits(data: Written, at: int, out: I64) -> int:
    before = np.int64(0)
    for i in range(len(out)):
        size = data[at]
        different = np.uint64(0)
        for byte in range(size):
            different |= np.uint64(data[at + 1 + byte]) << np.uint64(8 * byte)
        at += 1 + size
        before ^= np.int64(different)
        out[i] = before
    return at

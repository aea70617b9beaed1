"""The symbols of a run: names to indices, and the scale of each one's integers."""

from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flows.domain.frames import Ticks
from flows.domain.instrument import Instrument
from flows.domain.scale import rescaled

NAME_BYTES = 128
_SLOTS = 4096
_FNV_OFFSET, _FNV_PRIME = 14695981039346656037, 1099511628211


@njit(cache=True, inline="always")
def _slot(buffer: NDArray[np.uint8], start: int, end: int) -> int:
    h = np.uint64(_FNV_OFFSET)
    for i in range(start, end):
        h = (h ^ np.uint64(buffer[i])) * np.uint64(_FNV_PRIME)
    return int(np.int64(h % np.uint64(_SLOTS)))


@njit(cache=True)
def find_symbol(
    buffer: NDArray[np.uint8],
    start: int,
    end: int,
    names: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    slots: NDArray[np.int32],
) -> int:
    """Index of the symbol whose name is `buffer[start:end]`, or −1."""
    length = end - start
    if length == 0 or length > NAME_BYTES:
        return -1
    slot = _slot(buffer, start, end)
    while slots[slot] >= 0:
        k = slots[slot]
        if lengths[k] == length:
            same = True
            for i in range(length):
                if names[k, i] != buffer[start + i]:
                    same = False
                    break
            if same:
                return int(k)
        slot = (slot + 1) % _SLOTS
    return -1


class SymbolTable:
    """Instruments in order of first appearance, with the arrays that compiled parsers read.

    Attributes:
        names, lengths, slots: UTF-8 names and an open-addressing hash over them.
        price_decimals, size_decimals: the scale in force; it only grows.
    """

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        self.names = np.zeros((0, NAME_BYTES), np.uint8)
        self.lengths = np.zeros(0, np.int64)
        self.slots = np.full(_SLOTS, -1, np.int32)
        self.price_decimals = np.zeros(0, np.int64)
        self.size_decimals = np.zeros(0, np.int64)
        self._index: dict[str, int] = {}
        self._instruments: tuple[Instrument, ...] = ()
        for instrument in instruments:
            self.add(instrument)

    def __len__(self) -> int:
        return len(self._instruments)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The table as frames carry it."""
        return self._instruments

    def index(self, symbol: str) -> int | None:
        """Where `symbol` stands, or None."""
        return self._index.get(symbol)

    def add(self, instrument: Instrument) -> int:
        """Append an instrument; its index.

        Raises:
            ValueError: the table is full (2,048 symbols).
        """
        if len(self) >= _SLOTS // 2:
            raise ValueError(f"more than {_SLOTS // 2} symbols in one input")
        k = len(self)
        name = np.frombuffer(instrument.symbol.encode(), np.uint8)
        row = np.zeros((1, NAME_BYTES), np.uint8)
        row[0, : len(name)] = name
        self.names = np.concatenate([self.names, row])
        self.lengths = np.append(self.lengths, len(name))
        slot = int(_slot(name, 0, len(name)))
        while self.slots[slot] >= 0:
            slot = (slot + 1) % _SLOTS
        self.slots[slot] = k
        self.price_decimals = np.append(self.price_decimals, instrument.price_decimals)
        self.size_decimals = np.append(self.size_decimals, instrument.size_decimals)
        self._index[instrument.symbol] = k
        self._instruments = (*self._instruments, instrument)
        return k

    def refine(self, k: int, price_decimals: int, size_decimals: int) -> None:
        """Make the scale of symbol `k` at least this fine."""
        old = self._instruments[k]
        new = Instrument(old.symbol, max(old.price_decimals, price_decimals), max(old.size_decimals, size_decimals))
        self.price_decimals[k], self.size_decimals[k] = new.price_decimals, new.size_decimals
        self._instruments = (*self._instruments[:k], new, *self._instruments[k + 1 :])


def at_scale(ticks: Ticks, instruments: tuple[Instrument, ...]) -> Ticks:
    """The same ticks with the integers of a finer table of the same symbols.

    Raises:
        InputError: numbers too large for the finer scale.
    """
    if ticks.instruments == instruments:
        return ticks
    price, size = ticks.price.copy(), ticks.size.copy()
    for k, (old, new) in enumerate(zip(ticks.instruments, instruments, strict=False)):
        if old != new:
            mine = ticks.symbol == k
            price[mine] = rescaled(price[mine], new.price_decimals - old.price_decimals)
            size[mine] = rescaled(size[mine], new.size_decimals - old.size_decimals)
    return replace(ticks, instruments=instruments, price=price, size=size)

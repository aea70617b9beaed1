"""The seeded market: a pure function of its parameters. It reads no clock; whoever asks says how late it is.

Prices are those of `prices`, moments those of `arrivals`. Buyers lift the offer, sellers hit the bid.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from flows.domain.pair import Pair
from flows.simulator.arrivals import Arrivals
from flows.simulator.listing import Listing, listing, synthetic
from flows.simulator.prices import STEPS, Prices
from flows.simulator.trades import I64, Pulse, Trades, aggregate_rows, joined

_FILL_MEAN_QUOTE, _FILL_SPREAD = 300.0, 1.4
_ANOTHER_FILL = 0.4
_MAX_DELAY_MS = 8
_SYNTHETIC_HEDGE = (0.4, 1.4)


class Market:
    """Trades of the symbols of some pairs.

    Walking through the pairs in order, a symbol that is first met as `y` is tied to its `x`; one that is first met as `x` walks freely.
    It goes forward in blocks of one second: `take` hands out what is due of the present one, `turn` makes the next.

    Args:
        pairs: 1 to 200 symbols in all.
        seed: the same seed gives the same trades, times relative to `start_ms` and ids to `first_id`.
        trades_per_s: aggregate trades per second on average, over all symbols.
        symbols: so many in all: synthetic ones are added, each tied to the first `x` by a hedge ratio of its own.
        position: of a market of the same parameters, where this one goes on.
    """

    kinds: tuple[str, ...] = ("aggTrade", "trade")

    def __init__(
        self,
        pairs: Sequence[Pair],
        seed: int,
        trades_per_s: float,
        hedge_ratio: float,
        half_life_s: float,
        mispricing_bp: float,
        start_ms: int = 0,
        first_id: int = 1,
        symbols: int = 0,
        position: dict[str, Any] | None = None,
    ) -> None:
        self._draw = np.random.Generator(np.random.PCG64(seed))
        index, tied_to = _tied(pairs, seed, hedge_ratio, symbols)
        count = len(index)
        self.listings: tuple[Listing, ...] = tuple(map(listing, index))
        self._prices = Prices(self.listings, tied_to, half_life_s, mispricing_bp, self._draw)
        self._arrivals = Arrivals(self.listings, trades_per_s)
        self._lots = np.array([_FILL_MEAN_QUOTE / each.price * 10**each.size_decimals for each in self.listings])
        self._bursts: dict[int, tuple[int, int, float]] = {}
        self._block, self.start_ms = 0, start_ms
        self._next_aggregate = np.full(count, first_id, np.int64)
        self._next_fill = np.full(count, first_id, np.int64)
        self._last_event_ms = start_ms
        if position is not None:
            self._go_to(position)
        self._taken = 0
        self.turn()

    def take(self, now_ms: int) -> Pulse:
        """The trades of the present block sent up to `now_ms` that were not handed out before."""
        start, stop = self._due(now_ms)
        return Pulse(self._rows[:, start:stop], self._present.fills[self._fill_bounds[start] : self._fill_bounds[stop]])

    def _due(self, now_ms: int) -> tuple[int, int]:
        start = self._taken
        self._taken = max(start, int(self._present.event_ms.searchsorted(now_ms, "right")))
        return start, self._taken

    def over(self, now_ms: int) -> bool:
        """Whether the present block is handed out and the next one has begun."""
        return self._taken == len(self._present) and self.next_ms <= now_ms

    @property
    def next_ms(self) -> int:
        """When the next block begins."""
        return self.start_ms + self._block * 1_000

    @property
    def next_id(self) -> int:
        """Above all ids used so far."""
        return int(max(self._next_aggregate.max(), self._next_fill.max()))

    def turn(self) -> None:
        """Make the next block the present one."""
        self._present, self._taken = self._next_block(), 0
        self._rows = aggregate_rows(self._present)
        many = self._present.last_id - self._present.first_id + 1
        self._fill_bounds = np.concatenate([[0], np.cumsum(many)])

    def until(self, now_ms: int) -> Trades:
        """The trades sent up to `now_ms` that were not handed out before, over any number of blocks."""
        parts = [self._present.cut(*self._due(now_ms))]
        while self.over(now_ms):
            self.turn()
            parts.append(self._present.cut(*self._due(now_ms)))
        return joined(parts)

    def burst(self, number: int, from_ms: int, until_ms: int, times: float) -> None:
        """Blocks that begin after `from_ms` and up to `until_ms` have so many times the rate. Told again with its number it is changed."""
        self._bursts[number] = (from_ms, until_ms, times)

    def position(self) -> dict[str, Any]:
        """Where the next block begins, as JSON keeps it: what `Market(position=…)` goes on from, with the same bursts told again."""
        return {
            "block": self._block,
            "draw": self._draw.bit_generator.state,
            "next_aggregate": self._next_aggregate.tolist(),
            "next_fill": self._next_fill.tolist(),
            "last_event_ms": self._last_event_ms,
            **self._prices.position(),
            **self._arrivals.position(),
        }

    def _go_to(self, position: dict[str, Any]) -> None:
        self._block, self._last_event_ms = position["block"], position["last_event_ms"]
        self._draw.bit_generator.state = position["draw"]
        self._next_aggregate = np.array(position["next_aggregate"], np.int64)
        self._next_fill = np.array(position["next_fill"], np.int64)
        self._prices.go_to(position)
        self._arrivals.go_to(position)

    def _next_block(self) -> Trades:
        """One second of the market."""
        begins = self.next_ms
        times = math.prod(times for since, until, times in self._bursts.values() if since < begins <= until)
        logs = self._prices.block(self._draw)
        when, symbol, buys = self._arrivals.block(self._draw, times)
        count = len(when)
        step = np.minimum((when * STEPS).astype(np.int64), STEPS - 1)
        price = self._prices.quotes(logs[symbol, step], symbol, buys)
        many = self._draw.geometric(1.0 - _ANOTHER_FILL, count)
        fills = self._sizes(np.repeat(symbol, many))
        starts = np.cumsum(many) - many
        size = np.add.reduceat(fills, starts) if count else np.zeros(0, np.int64)
        time_ms = begins + (when * 1000).astype(np.int64)
        event_ms = time_ms + self._draw.integers(1, _MAX_DELAY_MS, count)
        event_ms = np.maximum(np.maximum.accumulate(event_ms), self._last_event_ms) if count else event_ms
        self._last_event_ms = int(event_ms[-1]) if count else self._last_event_ms
        by_symbol = np.argsort(symbol.astype(np.int16), kind="stable")  # small numbers are sorted by their digits
        aggregate_id = _numbered(symbol, by_symbol, np.ones(count, np.int64), self._next_aggregate)
        last_id = _numbered(symbol, by_symbol, many, self._next_fill) + many - 1
        self._block += 1
        return Trades(
            symbol, time_ms, event_ms, aggregate_id, last_id - many + 1, last_id, price, size, ~buys, fills
        )  # fmt: skip

    def _sizes(self, symbol: I64) -> I64:
        """Sizes of single fills on the lot grid: log-normal, so a few are very large."""
        drawn = self._lots[symbol] * np.exp(self._draw.normal(-(_FILL_SPREAD**2) / 2, _FILL_SPREAD, len(symbol)))
        lots_drawn: I64 = np.maximum(1, np.rint(drawn)).astype(np.int64)
        return lots_drawn


def _tied(
    pairs: Sequence[Pair], seed: int, hedge_ratio: float, symbols: int
) -> tuple[dict[str, int], dict[int, tuple[int, float]]]:
    """Index of each symbol, and what each `y` is tied to: the index of its `x` and the hedge ratio."""
    index: dict[str, int] = {}
    tied_to: dict[int, tuple[int, float]] = {}
    for pair in pairs:
        x = index.setdefault(pair.x, len(index))
        if pair.y not in index:
            tied_to[len(index)] = (x, hedge_ratio)
            index[pair.y] = len(index)
    for name in synthetic(symbols - len(index), taken=index):
        ratio = np.random.Generator(np.random.PCG64([seed, len(index)])).uniform(*_SYNTHETIC_HEDGE)
        tied_to[len(index)] = (0, float(ratio))
        index[name] = len(index)
    return index, tied_to


def _numbered(symbol: I64, by_symbol: I64, many: I64, following: I64) -> I64:
    """First id of each row where row i takes `many[i]` ids of its symbol; `following` moves on.

    Args:
        by_symbol: the rows sorted by symbol, stably.
    """
    name, taken = symbol[by_symbol], many[by_symbol]
    before = np.cumsum(taken) - taken
    used = np.bincount(symbol, many, len(following)).astype(np.int64)
    first = np.empty(len(symbol), np.int64)
    first[by_symbol] = before + (following - np.cumsum(used) + used)[name]
    following += used
    return first

"""The seeded market: a pure function of its parameters. It reads no clock; whoever asks says how late it is.

    log x(t)   random walk
    log y(t) = hedge_ratio · log x(t) + level + m(t)
    m(t)       Ornstein-Uhlenbeck: half-life `half_life_s`, standard deviation `mispricing_bp` basis points

Trades come in clusters (Poisson parents, exponential pauses within) at a rate that swells and ebbs. Buyers lift the offer, sellers hit
the bid.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.domain.pair import Pair
from flows.simulator.listing import Listing, listing, synthetic
from flows.simulator.trades import I64, Flags, Pulse, Trades, aggregate_rows, joined

F64 = NDArray[np.float64]

VOLATILITY = 0.5 / math.sqrt(365 * 86_400)
"""Of the random walks, per square root of a second: 50 % a year."""
_CLUSTER_SIZE, _CLUSTER_PAUSE_S = 3.0, 0.015
_RATE_SWING, _RATE_HALF_LIFE_S = 0.5, 30.0
_FILL_MEAN_QUOTE, _FILL_SPREAD = 300.0, 1.4
_ANOTHER_FILL = 0.4
_MAX_DELAY_MS = 8
_SYNTHETIC_HEDGE = (0.4, 1.4)
_STEPS = 100
"""Prices move this often in a block, which is one second."""


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
        self._tied_to: dict[int, tuple[int, float]] = {}
        index: dict[str, int] = {}
        for pair in pairs:
            x = index.setdefault(pair.x, len(index))
            if pair.y not in index:
                self._tied_to[len(index)] = (x, hedge_ratio)
                index[pair.y] = len(index)
        for name in synthetic(symbols - len(index), taken=index):
            ratio = np.random.Generator(np.random.PCG64([seed, len(index)])).uniform(*_SYNTHETIC_HEDGE)
            self._tied_to[len(index)] = (0, float(ratio))
            index[name] = len(index)
        self.listings: tuple[Listing, ...] = tuple(map(listing, index))
        count = len(index)
        shares = np.array([each.share for each in self.listings])
        self._shares = np.cumsum(shares / shares.sum())
        self._rate = trades_per_s
        self._bursts: dict[int, tuple[int, int, float]] = {}
        self._decay = 0.5 ** (1 / (_STEPS * half_life_s))
        self._deviation = mispricing_bp * 1e-4
        logs = np.log([each.price for each in self.listings])
        self._levels = logs.copy()
        for y, (x, ratio) in self._tied_to.items():
            self._levels[y] -= ratio * logs[x]
        self._walk = logs
        self._mispricing = self._draw.normal(0.0, 1.0, count) * self._deviation
        self._swing = 0.0
        self._block, self.start_ms = 0, start_ms
        self._next_aggregate = np.full(count, first_id, np.int64)
        self._next_fill = np.full(count, first_id, np.int64)
        self._last_event_ms = start_ms
        self._carried = np.zeros((0, 3))
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
            "walk": self._walk.tolist(),
            "mispricing": self._mispricing.tolist(),
            "swing": self._swing,
            "next_aggregate": self._next_aggregate.tolist(),
            "next_fill": self._next_fill.tolist(),
            "last_event_ms": self._last_event_ms,
            "carried": self._carried.tolist(),
        }

    def _go_to(self, position: dict[str, Any]) -> None:
        self._block, self._swing = position["block"], position["swing"]
        self._last_event_ms = position["last_event_ms"]
        self._draw.bit_generator.state = position["draw"]
        self._walk, self._mispricing = np.array(position["walk"]), np.array(position["mispricing"])
        self._next_aggregate = np.array(position["next_aggregate"], np.int64)
        self._next_fill = np.array(position["next_fill"], np.int64)
        self._carried = np.array(position["carried"], np.float64).reshape(-1, 3)

    def _next_block(self) -> Trades:
        """One second of the market."""
        logs = self._prices()
        when, symbol, buys = self._arrivals()
        count = len(when)
        step = np.minimum((when * _STEPS).astype(np.int64), _STEPS - 1)
        price = _quotes(self.listings, logs[symbol, step], symbol, buys)
        many = self._draw.geometric(1.0 - _ANOTHER_FILL, count)
        fills = self._sizes(np.repeat(symbol, many))
        starts = np.cumsum(many) - many
        size = np.add.reduceat(fills, starts) if count else np.zeros(0, np.int64)
        time_ms = self.start_ms + self._block * 1000 + (when * 1000).astype(np.int64)
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

    def _prices(self) -> F64:
        """Log prices at each step of the block, shape (symbols, steps)."""
        count = len(self.listings)
        walk = self._walk[:, None] + np.cumsum(
            self._draw.normal(0.0, VOLATILITY / math.sqrt(_STEPS), (count, _STEPS)), axis=1
        )
        # m[k] = decay · m[k − 1] + shock, solved for the whole block.
        shocks = self._draw.normal(0.0, self._deviation * math.sqrt(1.0 - self._decay**2), (count, _STEPS))
        powers = self._decay ** np.arange(1, _STEPS + 1)
        mispricing = powers * (self._mispricing[:, None] + np.cumsum(shocks / powers, axis=1))
        logs = walk.copy()
        for y, (x, ratio) in self._tied_to.items():  # an x stands before its y
            logs[y] = ratio * logs[x] + self._levels[y] + mispricing[y]
        self._walk, self._mispricing = walk[:, -1], mispricing[:, -1]
        return logs

    def _arrivals(self) -> tuple[F64, I64, Flags]:
        """Second within the block, symbol and taker side of each trade, in time order."""
        keep = 0.5 ** (1 / _RATE_HALF_LIFE_S)
        self._swing = keep * self._swing + math.sqrt(1 - keep**2) * self._draw.normal()
        begins = self.next_ms
        burst = math.prod(times for since, until, times in self._bursts.values() if since < begins <= until)
        rate = burst * self._rate * math.exp(_RATE_SWING * self._swing - _RATE_SWING**2 / 2)
        clusters = self._draw.poisson(rate / _CLUSTER_SIZE)
        born = self._draw.random(clusters)
        symbol = np.searchsorted(self._shares, self._draw.random(clusters), "right").clip(max=len(self.listings) - 1)
        buys = self._draw.random(clusters) < 0.5
        sizes = self._draw.geometric(1.0 / _CLUSTER_SIZE, clusters)
        starts = np.cumsum(sizes) - sizes
        pauses = self._draw.exponential(_CLUSTER_PAUSE_S, int(sizes.sum()))
        pauses[starts] = 0.0
        passed = np.cumsum(pauses)
        when = np.repeat(born - passed[starts], sizes) + passed if clusters else pauses
        found = np.column_stack([when, np.repeat(symbol, sizes), np.repeat(buys, sizes)])
        found = np.concatenate([self._carried, found])
        found = found[np.argsort(found[:, 0], kind="stable")]
        inside = int(np.searchsorted(found[:, 0], 1.0))
        self._carried = found[inside:] - np.array([1.0, 0.0, 0.0])
        found = found[:inside]
        return found[:, 0], found[:, 1].astype(np.int64), found[:, 2] > 0

    def _sizes(self, symbol: I64) -> I64:
        """Sizes of single fills on the lot grid: log-normal, so a few are very large."""
        lots = np.array([_FILL_MEAN_QUOTE / each.price * 10**each.size_decimals for each in self.listings])
        drawn = lots[symbol] * np.exp(self._draw.normal(-(_FILL_SPREAD**2) / 2, _FILL_SPREAD, len(symbol)))
        lots_drawn: I64 = np.maximum(1, np.rint(drawn)).astype(np.int64)
        return lots_drawn


def _quotes(listings: tuple[Listing, ...], logs: F64, symbol: I64, buys: Flags) -> I64:
    """Prices on the tick grid: a buyer pays the next tick above the fair price, a seller gets the one below."""
    ticks = np.array([each.tick for each in listings])
    scales = np.array([10.0**each.price_decimals / each.tick for each in listings])
    fair = np.exp(logs) * scales[symbol]
    quotes = np.where(buys, np.floor(fair) + 1, np.ceil(fair) - 1)
    prices: I64 = np.maximum(quotes.astype(np.int64), 1) * ticks[symbol]
    return prices


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

"""Fills a real QuestDB with rows of many pairs as the flow would write them: bars of every symbol, statistics, looks, verdicts, ticks."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.storage.client import Address, connect, sender
from flows.storage.datasets import Dataset, register
from flows.storage.schema import (
    Table,
    bars_table,
    pair_stats_table,
    pair_tests_table,
    pair_tick_stats_table,
    pair_verdicts_table,
    table_name,
)

WORDS = ("reverting", "weak evidence", "too slow", "no evidence")


def many_pairs(count: int) -> tuple[Pair, ...]:
    """The first `count` pairs of coins, each with those before it."""
    coins = ("BTC", "ETH", "SOL", "BNB", "ADA", "AVAX", "XRP", "DOT", "LINK", "LTC", "ATOM", "NEAR", "APT", "ARB", "OP")
    made = [Pair(f"{y}USDT", f"{x}USDT") for i, y in enumerate(coins) for x in coins[:i]]
    return tuple(made[:count])


def star(count: int) -> tuple[Pair, ...]:
    """`count` pairs of as many symbols and one more, which is the x of all."""
    return tuple(Pair(f"C{i:02d}USDT", "BTCUSDT") for i in range(count))


class BoardWriter:
    """Writes into one dataset; the same seed gives the same rows.

    Attributes:
        stats: z and what goes with it, shape (pairs, bars). closes: shape (symbols, bars).
    """

    def __init__(
        self, address: Address, dataset: str, pairs: Sequence[Pair], bars: int, start_us: int,
        interval: Interval = Interval.S1, model: Model | None = None, seed: int = 3,
    ) -> None:  # fmt: skip
        self.address, self.dataset, self.pairs, self.interval = address, dataset, tuple(pairs), interval
        self.start_us, self.bars, self.model = start_us, bars, model or Model("ols", window=200, z_window=200)
        self.symbols = tuple(dict.fromkeys(symbol for pair in pairs for symbol in (pair.x, pair.y)))
        rng = np.random.default_rng(seed)
        steps = rng.standard_normal((len(pairs), bars))
        z = np.empty_like(steps)
        z[:, 0] = 1.3 * steps[:, 0]
        for k in range(1, bars):
            z[:, k] = 0.94 * z[:, k - 1] + 0.45 * steps[:, k]
        self.zscore = z
        loading = rng.uniform(0.2, 0.9, len(self.symbols))[:, None]
        common = rng.standard_normal(bars)
        moves = 1e-4 * (loading * common + np.sqrt(1 - loading**2) * rng.standard_normal((len(self.symbols), bars)))
        self.closes = np.round(100 * np.exp(np.cumsum(moves, axis=1)), 6)
        self.beta = rng.uniform(0.4, 1.4, len(pairs))[:, None] + 1e-3 * np.cumsum(rng.standard_normal(z.shape), axis=1)
        self.correlation = np.clip(0.7 + 0.002 * np.cumsum(rng.standard_normal(z.shape), axis=1), -1, 1)
        self.age_ms = rng.integers(20, 1_900, (2, len(pairs), bars))

    def prepare(self) -> None:
        """Tables, and the description of the dataset."""
        register(self.address, Dataset(self.dataset, "simulated", self.pairs, (self.interval,), (self.model,), "test"))

    def write(self, first: int, last: int, *, complete: bool = True, pairs: Sequence[Pair] = ()) -> None:
        """Bars `first` .. `last` - 1 of every symbol, and the statistics of all pairs or some; accepted when it returns, seen by SQL a
        little later."""
        stats = self.stats(first, last, complete)
        if pairs:
            stats = stats[stats["pair"].isin([str(pair) for pair in pairs])]
        self.send(bars_table(self.interval), self._bars(first, last, complete), ["symbol"])
        self.send(pair_stats_table(self.interval), stats, ["pair", "model"])

    def send(self, table: Table, rows: pd.DataFrame, symbols: Sequence[str]) -> None:
        """Rows into a table of the dataset."""
        with sender(self.address) as out:
            name = table_name(table.name, self.dataset)
            out.dataframe(rows, table_name=name, symbols=list(symbols), at="open_time")
            out.flush()

    def time(self, bar: Any) -> Any:
        return pd.to_datetime(self.start_us + self.interval.us * np.asarray(bar), unit="us")

    def _bars(self, first: int, last: int, complete: bool) -> pd.DataFrame:
        symbol, bar = (a.ravel() for a in np.meshgrid(range(len(self.symbols)), range(first, last), indexing="ij"))
        close = self.closes[symbol, bar]
        return pd.DataFrame(
            {
                "open_time": self.time(bar), "symbol": np.array(self.symbols, object)[symbol], "open": close, "high": close, "low": close,
                "close": close, "volume": 1.0, "trade_count": 3, "complete": complete, "gap": False,
            }
        )  # fmt: skip

    def stats(self, first: int, last: int, complete: bool = True) -> pd.DataFrame:
        """Rows of `pair_stats_<interval>`."""
        pair, bar = (a.ravel() for a in np.meshgrid(range(len(self.pairs)), range(first, last), indexing="ij"))
        z = self.zscore[pair, bar]
        return pd.DataFrame(
            {
                "open_time": self.time(bar), "pair": np.array([str(p) for p in self.pairs], object)[pair], "model": self.model.name,
                "hedge_ratio": self.beta[pair, bar], "r_squared": self.correlation[pair, bar] ** 2, "spread": 4e-4 * z,
                "spread_bp": 3.1 * z, "zscore": z, "zscore_one_step": 1.02 * z, "correlation": self.correlation[pair, bar],
                "n": 200, "warmup_left": 0, "y_age_ms": self.age_ms[0][pair, bar], "x_age_ms": self.age_ms[1][pair, bar],
                "complete": complete,
            }
        )  # fmt: skip

    def put(self, row: dict[str, Any]) -> None:
        """One more row of statistics: its own values, or nulls."""
        frame = pd.DataFrame([{"model": self.model.name, "complete": True, "n": 200, "warmup_left": 0, **row}])
        symbols = [name for name in ("pair", "model", "stale", "gap") if name in frame]
        self.send(pair_stats_table(self.interval), frame, symbols)

    def look(self, bar: int) -> None:
        """A look at every pair with its verdict, and the correlation of the ticks, all of that bar. Every fourth pair does not revert."""
        n = np.arange(len(self.pairs))
        reverts = n % 4 != 3
        common = {"open_time": self.time(np.full(len(n), bar)), "pair": [str(pair) for pair in self.pairs]}
        half_life = np.where(reverts, 8.0 + 1.37 * n, np.nan)
        tests = pd.DataFrame(
            {
                **common, "n": 200, "half_life": half_life, "half_life_low": 0.6 * half_life, "half_life_high": 2.1 * half_life,
                "half_life_says": np.where(reverts, "reverts", "slower than the window can tell from a random walk"),
            }
        )  # fmt: skip
        words = [WORDS[i % len(WORDS)] for i in n]
        sentences = [
            f"{pair}: {word}: {i} of 20 looks" for i, (pair, word) in enumerate(zip(self.pairs, words, strict=True))
        ]
        verdicts = pd.DataFrame({**common, "word": words, "sentence": sentences, "share": 0.4, "looks_known": 20})
        ticks = pd.DataFrame(
            {**common, "correlation": 0.5 + 0.004 * n, "y_ticks": 40, "x_ticks": 50, "n": 30, "warmup_left": 0}
        )
        self.send(pair_tests_table(self.interval), tests, ["pair", "half_life_says"])
        self.send(pair_verdicts_table(self.interval), verdicts, ["pair", "word"])
        self.send(pair_tick_stats_table(self.interval), ticks, ["pair"])

    def await_rows(self, wanted: int, deadline_s: float = 20.0) -> None:
        """Return when SQL sees so many rows of statistics."""
        table = table_name(pair_stats_table(self.interval).name, self.dataset)
        until = time.monotonic() + deadline_s
        with connect(self.address) as connection:
            while (found := connection.execute(f"SELECT count() FROM {table}").fetchone()[0]) < wanted:  # noqa: S608
                assert time.monotonic() < until, f"{found} of {wanted} rows after {deadline_s} s"
                time.sleep(0.02)

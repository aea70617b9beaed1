"""Fills a real QuestDB with the rows that the flow would write: a seeded, cointegrated pair, and more of it bar by bar."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.storage.client import Address, connect, sender
from flows.storage.datasets import Dataset, register
from flows.storage.schema import BAR_COLUMNS, PAIR_STATS_COLUMNS, ColumnType, bars_table, pair_stats_table, table_name

PAIR = Pair("ETHUSDT", "BTCUSDT")
FORMING_OFF = 0.05
"""How far the close of a forming bar is from what it closes at."""
_STEPS = 8  # prices inside one bar
_TICK = {"y": 0.01, "x": 0.1}
_STATISTICS = [name for name, kind in PAIR_STATS_COLUMNS if kind is ColumnType.DOUBLE]


@dataclass
class Market:
    """Bars and statistics of one pair from `start_us` on; the same seed gives the same rows.

    Attributes:
        window: bars of the fit; before it is full the rows say how many they still wait for.
        silent: bar indices from .. to in which x does not trade and is stale.
        gaps: bar indices of x that lack trades.
    """

    bars: int
    start_us: int
    interval: Interval = Interval.S1
    window: int = 600
    seed: int = 7
    silent: tuple[int, int] | None = None
    gaps: tuple[int, ...] = ()
    pair: Pair = PAIR
    rows: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        n = self.bars * _STEPS
        volatility = np.exp(0.6 * np.sin(np.arange(n) / (97.0 * _STEPS)))
        log_x = np.log(64_000) + np.cumsum(3e-5 * volatility * rng.standard_normal(n))
        mispricing, shocks = np.empty(n), 1.1e-5 * volatility * rng.standard_normal(n)
        level, pull = 0.0, np.log(2) / (45.0 * _STEPS)
        for i in range(n):
            level += shocks[i] - pull * level
            mispricing[i] = level
        drift = 0.05 * np.sin(np.arange(n) / (700.0 * _STEPS))
        log_y = np.log(3_100) + (0.85 + drift) * (log_x - np.log(64_000)) + mispricing
        times = self.start_us + self.interval.us * np.arange(self.bars)
        self.rows = {leg: self._bars(leg, rng, times, np.exp(log)) for leg, log in (("y", log_y), ("x", log_x))}
        self.rows["stats"] = self._stats(times)

    def _bars(self, leg: str, rng: np.random.Generator, times: Any, prices: Any) -> pd.DataFrame:
        tick = _TICK[leg]
        inside = (np.round(prices / tick) * tick).round(2).reshape(self.bars, _STEPS)
        opens = np.concatenate((inside[:1, 0], inside[:-1, -1]))
        volume = np.round(rng.lognormal(0.3 if leg == "x" else 2.0, 0.9, self.bars), 3)
        count = rng.integers(3, 60, self.bars)
        if self.silent and leg == "x":
            quiet = slice(*self.silent)
            inside[quiet] = opens[quiet] = opens[self.silent[0]]
            volume[quiet], count[quiet] = 0.0, 0
        highs, lows = np.maximum(inside.max(1), opens), np.minimum(inside.min(1), opens)
        ids = np.cumsum(count)
        gap = np.isin(np.arange(self.bars), self.gaps if leg == "x" else ())
        return pd.DataFrame(
            {
                "open_time": pd.to_datetime(times, unit="us"), "symbol": getattr(self.pair, leg), "open": opens, "high": highs,
                "low": lows, "close": inside[:, -1], "volume": volume, "quote_volume": volume * inside[:, -1],
                "trade_count": count, "taker_buy_volume": volume / 2, "taker_buy_quote_volume": volume * inside[:, -1] / 2,
                "first_trade_id": ids - count + 1, "last_trade_id": ids,
                "last_trade_time": pd.to_datetime(times + self.interval.us - 150_000, unit="us"), "late_count": 0, "complete": True,
                "gap": gap,
            }
        )[[name for name, _ in BAR_COLUMNS]]  # fmt: skip

    def _stats(self, times: Any) -> pd.DataFrame:
        y, x = (np.log(self.rows[leg]["close"].to_numpy()) for leg in "yx")
        table = {name: np.full(self.bars, np.nan) for name in _STATISTICS}
        for at in range(self.window - 1, self.bars):
            for name, value in fit(y[at - self.window + 1 : at + 1], x[at - self.window + 1 : at + 1]).items():
                table[name][at] = value
        n = np.minimum(np.arange(1, self.bars + 1), self.window)
        stale = np.full(self.bars, None, object)
        x_age = np.full(self.bars, 150)
        if self.silent:
            quiet = slice(*self.silent)
            stale[quiet] = "x"
            x_age[quiet] = 11_000 + 1_000 * np.arange(self.silent[1] - self.silent[0])
            for values in table.values():
                values[quiet] = np.nan
        frame = pd.DataFrame(
            {
                "open_time": pd.to_datetime(times, unit="us"), "pair": str(self.pair), "model": "ols", **table, "n": n,
                "warmup_left": self.window - n, "y_age_ms": 320, "x_age_ms": x_age, "y_trade_count": self.rows["y"]["trade_count"],
                "x_trade_count": self.rows["x"]["trade_count"], "stale": stale, "complete": True,
                "gap": np.where(np.isin(np.arange(self.bars), self.gaps), "x", None).astype(object),
            }
        )  # fmt: skip
        return frame[[name for name, _ in PAIR_STATS_COLUMNS if name in frame]]


def fit(y: Any, x: Any) -> dict[str, float]:
    """Least squares of y on x over one window, by the textbook."""
    n = len(y)
    dx, dy = x - x.mean(), y - y.mean()
    beta = float(dx @ dy / (dx @ dx))
    intercept = float(y.mean() - beta * x.mean())
    residual = y - intercept - beta * x
    sse = float(residual @ residual)
    std = float(residual.std(ddof=1))
    returns = np.corrcoef(np.diff(y[-301:]), np.diff(x[-301:]))[0, 1]
    return {
        "hedge_ratio": beta, "hedge_ratio_se": float(np.sqrt(sse / (n - 2) / (dx @ dx))), "intercept": intercept,
        "r_squared": 1 - sse / float(dy @ dy), "spread": float(residual[-1]), "spread_mean": float(residual.mean()),
        "spread_std": std, "zscore": float((residual[-1] - residual.mean()) / std),
        "zscore_one_step": 1.02 * float((residual[-1] - residual.mean()) / std), "correlation": float(returns),
    }  # fmt: skip


class Writer:
    """Writes a market into a dataset, as much of it as a test wants to be there."""

    def __init__(self, address: Address, dataset: str, market: Market, origin: str = "simulated") -> None:
        self.address, self.dataset, self.market, self.origin = address, dataset, market, origin

    def prepare(self, pairs: Sequence[Pair] = (), intervals: Sequence[Interval] = ()) -> None:
        """Tables, and the description of the dataset."""
        market = self.market
        model = Model("ols", window=market.window, z_window=market.window)
        kept = tuple(pairs) or (market.pair,), tuple(intervals) or (market.interval,)
        register(self.address, Dataset(self.dataset, self.origin, *kept, (model,), "test"))

    def write(
        self, first: int, last: int, *, complete: bool = True, parts: Sequence[str] = ("y", "x", "stats")
    ) -> None:
        """Send bars `first` .. `last` - 1; returns once they are accepted, which is a little before SQL sees them."""
        tables = {"y": bars_table, "x": bars_table, "stats": pair_stats_table}
        with sender(self.address) as out:
            for part in parts:
                rows = self.market.rows[part].iloc[first:last].assign(complete=complete)
                if not complete and part != "stats":
                    rows = rows.assign(close=rows["close"] + FORMING_OFF)
                table = table_name(tables[part](self.market.interval).name, self.dataset)
                rows = rows.dropna(axis="columns", how="all")  # the sender cannot tell the type of a column of nothing
                symbols = ["pair", "model", "stale", "gap"] if part == "stats" else ["symbol"]
                symbols = [name for name in symbols if name in rows]
                out.dataframe(rows, table_name=table, symbols=symbols, at="open_time")
            out.flush()

    def await_rows(self, count: int, deadline_s: float = 10.0) -> None:
        """Return when SQL sees so many rows of statistics."""
        table = table_name(pair_stats_table(self.market.interval).name, self.dataset)
        until = time.monotonic() + deadline_s
        with connect(self.address) as connection:
            while (found := connection.execute(f"SELECT count() FROM {table}").fetchone()[0]) < count:  # noqa: S608
                assert time.monotonic() < until, f"{found} of {count} rows after {deadline_s} s"
                time.sleep(0.02)

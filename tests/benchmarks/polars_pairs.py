"""The rival: the same bars and statistics as a polars script on its streaming engine, written as well as we can.

Ticks become one-second bars in one streaming pass over the file; the longer bars are folded from those. Silent bars are filled by
repeating the traded bar before them. The rolling sums of each window are made once and shared by every statistic of it.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flows.domain.pair import Pair

MS = {"1s": 1_000, "1m": 60_000, "5m": 300_000}
WINDOW, CORRELATION_WINDOW = 600, 300
_SCHEMA = {
    "symbol": pl.String, "time": pl.Int64, "trade_id": pl.Int64, "price": pl.Float64, "size": pl.Float64,
    "is_buyer_maker": pl.Boolean,
}  # fmt: skip
_SUMS = ("volume", "quote_volume", "trade_count", "taker_buy_volume", "taker_buy_quote_volume", "late_count")


@dataclass(frozen=True, slots=True)
class Result:
    """Bars and statistics by interval."""

    bars: dict[str, pl.DataFrame]
    stats: dict[str, pl.DataFrame]


def run(path: Path, pairs: tuple[Pair, ...]) -> Result:
    """Everything of one CSV file."""
    traded = _seconds(path, pl.Enum([symbol for pair in pairs for symbol in (pair.y, pair.x)]))
    folded = {"1s": traded, "1m": _folded(traded, MS["1m"]), "5m": _folded(traded, MS["5m"])}
    bars = {interval: _filled(frame, MS[interval]) for interval, frame in folded.items()}
    return Result(bars, {interval: _statistics(frame, pairs, MS[interval]) for interval, frame in bars.items()})


def _seconds(path: Path, symbols: pl.Enum) -> pl.DataFrame:
    """One-second bars of the seconds with trades."""
    price, size = pl.col("price"), pl.col("size")
    quote = price * size
    taker_buys = pl.col("is_buyer_maker").not_()
    return (
        pl.scan_csv(path, schema=_SCHEMA)
        .with_columns(pl.col("symbol").cast(symbols), quote=quote, open_time=pl.col("time") - pl.col("time") % 1_000)
        .with_columns(taker=pl.when(taker_buys).then(size).otherwise(0.0))
        .group_by("symbol", "open_time")
        .agg(
            open=price.first(),
            high=price.max(),
            low=price.min(),
            close=price.last(),
            volume=size.sum(),
            quote_volume=pl.col("quote").sum(),
            trade_count=pl.len().cast(pl.Int64),
            taker_buy_volume=pl.col("taker").sum(),
            taker_buy_quote_volume=(pl.col("taker") * price).sum(),
            first_trade_id=pl.col("trade_id").first(),
            last_trade_id=pl.col("trade_id").last(),
            last_trade_time=pl.col("time").last(),
        )
        .with_columns(late_count=pl.lit(0, pl.Int64))
        .sort("symbol", "open_time")
        .collect(engine="streaming")
    )


def _filled(traded: pl.DataFrame, length_ms: int) -> pl.DataFrame:
    """Bars without trades between a symbol's first and the newest bar: each traded bar is repeated until the next one."""
    following = pl.col("open_time").shift(-1).over("symbol").fill_null(traded["open_time"].max() + length_ms)
    repeats = ((following - pl.col("open_time")) // length_ms).alias("repeats")
    silent = pl.col("open_time") > pl.col("traded_at")
    return (
        traded.lazy()
        .with_columns(repeats, traded_at="open_time")
        .with_columns(
            pl.int_ranges("open_time", pl.col("open_time") + pl.col("repeats") * length_ms, length_ms).alias(
                "open_time"
            )
        )
        .explode("open_time")
        .with_columns(pl.when(silent).then("close").otherwise(name).alias(name) for name in ("open", "high", "low"))
        .with_columns(pl.when(silent).then(0).otherwise(name).alias(name) for name in _SUMS)
        .with_columns(pl.when(~silent).then(name).alias(name) for name in ("first_trade_id", "last_trade_id"))
        .drop("repeats", "traded_at")
        .collect(engine="streaming")
    )


def _folded(traded: pl.DataFrame, length_ms: int) -> pl.DataFrame:
    return (
        traded.lazy()
        .group_by("symbol", (pl.col("open_time") - pl.col("open_time") % length_ms), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col(_SUMS).sum(),
            pl.col("first_trade_id").min(),
            pl.col("last_trade_id").max(),
            pl.col("last_trade_time").last(),
        )
        .collect(engine="streaming")
    )


def _statistics(bars: pl.DataFrame, pairs: tuple[Pair, ...], length_ms: int) -> pl.DataFrame:
    """Rolling statistics of every pair, in order of pair and time."""
    age = pl.col("open_time") + length_ms - pl.col("last_trade_time")
    return (
        pl.concat([_legs(bars.lazy().with_columns(age_ms=age), pair) for pair in pairs])
        .with_columns(y=pl.col("y_close").log(), x=pl.col("x_close").log())
        .with_columns((pl.col(leg) - pl.col(leg).shift(1)).over("pair").alias(f"r{leg}") for leg in "yx")
        .with_columns(*_moments("y", "x", WINDOW), *_moments("ry", "rx", CORRELATION_WINDOW))
        .with_columns(*_centred("y", "x"), *_centred("ry", "rx"))
        .with_columns(
            hedge_ratio=pl.col("s_yx") / pl.col("s_xx"),
            r_squared=pl.col("s_yx") ** 2 / (pl.col("s_xx") * pl.col("s_yy")),
            correlation=pl.col("s_ryrx") / (pl.col("s_rxrx") * pl.col("s_ryry")).sqrt(),
        )
        .with_columns(
            intercept=pl.col("m_y") - pl.col("hedge_ratio") * pl.col("m_x"),
            spread_std=((1 - pl.col("r_squared")) * pl.col("s_yy") * (WINDOW / (WINDOW - 2))).sqrt(),
        )
        .with_columns(
            hedge_ratio_se=pl.col("spread_std") / (pl.col("s_xx") * WINDOW).sqrt(),
            spread=pl.col("y") - pl.col("intercept") - pl.col("hedge_ratio") * pl.col("x"),
        )
        .with_columns(zscore=pl.col("spread") / pl.col("spread_std"))
        .select(
            "pair", "open_time", "hedge_ratio", "hedge_ratio_se", "intercept", "r_squared", "spread", "spread_std", "zscore",
            "correlation", "y_age_ms", "x_age_ms", "y_trade_count", "x_trade_count",
        )
        .collect(engine="streaming")
    )  # fmt: skip


def _legs(bars: pl.LazyFrame, pair: Pair) -> pl.LazyFrame:
    def leg(symbol: str, prefix: str) -> pl.LazyFrame:
        columns = [pl.col(name).alias(f"{prefix}_{name}") for name in ("close", "age_ms", "trade_count")]
        return bars.filter(pl.col("symbol") == symbol).select("open_time", *columns)

    joined = leg(pair.y, "y").join(leg(pair.x, "x"), on="open_time", maintain_order="left")
    return joined.with_columns(pair=pl.lit(str(pair)))


def _moments(y: str, x: str, n: int) -> list[pl.Expr]:
    """Rolling means of both series and their products over n bars of one pair."""
    products = {f"m_{y}": pl.col(y), f"m_{x}": pl.col(x)}
    products |= {f"m_{a}{b}": pl.col(a) * pl.col(b) for a, b in ((y, y), (x, x), (y, x))}
    return [product.rolling_mean(n).over("pair").alias(name) for name, product in products.items()]


def _centred(y: str, x: str) -> list[pl.Expr]:
    """Variances and covariance of a window, divided by n."""
    return [
        (pl.col(f"m_{a}{b}") - pl.col(f"m_{a}") * pl.col(f"m_{b}")).alias(f"s_{a}{b}")
        for a, b in ((y, y), (x, x), (y, x))
    ]

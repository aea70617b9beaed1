"""The recorded captures as plain rows, and as files of other formats made of them: exact decimals from beginning to end."""

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

USDM_2024 = "captures/usdm_btc_eth_20240718-19_trades.ndjson.gz"
USDM_2023 = "captures/usdm_btc_20230404-05_trades.ndjson.gz"
AGGREGATES_2021 = "captures/aggtrade_messages_20210722.ndjson"
COLLECTOR = "collector/ticks_2025-12-15T08-50-11.076Z.ndjson"


@dataclass(frozen=True, slots=True)
class Trade:
    """One `@trade` message; `kind` is its X."""

    symbol: str
    time_ms: int
    trade_id: int
    price: str
    size: str
    buyer_is_maker: bool
    kind: str


def recorded_trades(capture: Path) -> list[Trade]:
    """All messages of a capture in receive order, those that are no market trades too."""
    with gzip.open(capture, "rt") as lines:
        data = [json.loads(line)["msg"]["data"] for line in lines]
    return [Trade(d["s"], d["T"], d["t"], d["p"], d["q"], d["m"], d["X"]) for d in data]


def csv_lines(trades: Iterable[Trade]) -> list[str]:
    """Rows for the header `symbol,trade_id,time,price,size,is_buyer_maker`."""
    return [f"{t.symbol},{t.trade_id},{t.time_ms},{t.price},{t.size},{str(t.buyer_is_maker).lower()}\n" for t in trades]


HEADER = "symbol,trade_id,time,price,size,is_buyer_maker\n"


def write_csv(path: Path, trades: Iterable[Trade], pack: Callable[[bytes], bytes] = bytes) -> Path:
    """A CSV file of trades, packed by `gzip.compress` or `zst`."""
    path.write_bytes(pack((HEADER + "".join(csv_lines(trades))).encode()))
    return path


def zst(data: bytes) -> bytes:
    """One zstd frame."""
    return zstandard.ZstdCompressor().compress(data)


def write_parquet(path: Path, trades: Sequence[Trade], numbers: str) -> Path:
    """A Parquet file of trades with prices and sizes as `double`, `decimal` or `text`; the time as a timestamp but for `text`."""
    prices, sizes = [t.price for t in trades], [t.size for t in trades]
    made = {
        "double": lambda texts: pa.array([float(text) for text in texts], pa.float64()),
        "decimal": lambda texts: pa.array([Decimal(text) for text in texts], pa.decimal128(20, 8)),
        "text": lambda texts: pa.array(texts, pa.string()),
    }[numbers]
    times = pa.array([t.time_ms for t in trades], pa.int64())
    columns = {
        "symbol": pa.array([t.symbol for t in trades]),
        "trade_id": pa.array([t.trade_id for t in trades], pa.int64()),
        "time": times if numbers == "text" else times.cast(pa.timestamp("ms", "UTC")),
        "price": made(prices),
        "size": made(sizes),
        "is_buyer_maker": pa.array([t.buyer_is_maker for t in trades]),
    }
    pq.write_table(pa.table(columns), path, row_group_size=5_000)
    return path

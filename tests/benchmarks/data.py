"""The benchmark's files: deterministic ticks of cointegrated pairs, made once and kept in a cache folder.

Prices move on a grid of 0.01, sizes on one of 0.001; y of a pair follows x with a mean-reverting mispricing. A file with fewer ticks
is shorter in time, not thinner: 5 M ticks are 24 hours.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from flows.domain.pair import Pair

CACHE = Path(__file__).parents[2] / ".cache" / "bench"
DAY_MS = 86_400_000
DAY_TICKS = 5_000_000
_START_MS = 1_721_347_200_000
_HEDGE_RATIO, _KEPT, _SHOCK, _STEP = 0.85, 0.9995, 2e-5, 3e-5
COLUMNS = ("symbol", "time", "trade_id", "price", "size", "is_buyer_maker")


def pairs_of(symbols: int) -> tuple[Pair, ...]:
    """Pairs over that many symbols, each symbol in one."""
    named = [Pair("ETHUSDT", "BTCUSDT")]
    return tuple(named + [Pair(f"Y{k:02}USDT", f"X{k:02}USDT") for k in range(1, symbols // 2)])


def csv_file(symbols: int, ticks: int) -> Path:
    """Ticks as CSV with a header."""
    return _made(f"ticks_{symbols}_{ticks}.csv", lambda path: _texts(_ticks(symbols, ticks)).write_csv(path))


def parquet_file(symbols: int, ticks: int) -> Path:
    """The same ticks as Parquet with prices and sizes as doubles."""

    def write(path: Path) -> None:
        doubles = (pl.col("price") / 100, pl.col("size") / 1000)
        pq.write_table(_ticks(symbols, ticks).with_columns(doubles).to_arrow(), path)

    return _made(f"ticks_{symbols}_{ticks}.parquet", write)


def collector_file(ticks: int) -> Path:
    """Ticks of one pair as lines of the HTML collector."""
    iso = pl.from_epoch(pl.col("time"), time_unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    line = ('{"symbol":"', "symbol", '","ts":"', iso, '","price":', "price", ',"size":', "size", "}")
    return _made(f"collector_{ticks}.ndjson", lambda path: _write_lines(path, _texts(_ticks(2, ticks)), line))


def capture_file(ticks: int) -> Path:
    """Ticks of one pair as recorded messages of the exchange, received a few milliseconds after their time."""
    received = pl.col("time") * 1_000_000 + 4_500_000  # ns
    line = (
        '{"recv_ns":', received, ',"msg":{"stream":"', pl.col("symbol").str.to_lowercase(),
        '@trade","data":{"e":"trade","E":', pl.col("time") + 1, ',"T":', "time", ',"s":"', "symbol", '","t":', "trade_id",
        ',"p":"', "price", '","q":"', "size", '","X":"MARKET","m":', "is_buyer_maker", "}}}",
    )  # fmt: skip
    return _made(f"capture_{ticks}.ndjson", lambda path: _write_lines(path, _texts(_ticks(2, ticks)), line))


def _made(name: str, write: Callable[[Path], object]) -> Path:
    """The cached file, written aside first so that a run that was stopped leaves no half of one."""
    path = CACHE / name
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"unfinished_{name}")
        write(unfinished)
        unfinished.rename(path)
    return path


def _ticks(symbols: int, ticks: int) -> pl.DataFrame:
    """Columns of COLUMNS in time order; price in cents, size in thousandths."""
    rng = np.random.default_rng(symbols)
    pairs = pairs_of(symbols)
    names = np.array([symbol for pair in pairs for symbol in (pair.y, pair.x)])
    code = rng.integers(0, symbols, ticks)
    cents = np.empty(ticks, np.int64)
    identity = np.empty(ticks, np.int64)
    for k in range(len(pairs)):
        mine = np.flatnonzero(code // 2 == k)
        is_y = code[mine] % 2 == 0
        cents[mine] = _prices(rng, is_y)
        for leg in (is_y, ~is_y):
            identity[mine[leg]] = 1_000_000_000 + np.arange(np.count_nonzero(leg))
    columns = (
        names[code],
        _START_MS + np.sort(rng.integers(0, DAY_MS * ticks // DAY_TICKS, ticks)),
        identity,
        cents,
        rng.integers(1, 5_000, ticks),
        rng.random(ticks) < 0.5,
    )
    return pl.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _prices(rng: np.random.Generator, is_y: np.ndarray) -> np.ndarray:
    """Cents of both legs of a pair at its ticks: x a random walk, y following it with an autoregressive mispricing."""
    n = len(is_y)
    walk = np.cumsum(rng.normal(0, _STEP, n))
    shocks = rng.normal(0, _SHOCK, n).tolist()
    mispricing = np.empty(n)
    held = 0.0
    for i, shock in enumerate(shocks):
        held = _KEPT * held + shock
        mispricing[i] = held
    level = np.where(is_y, 3_425.0 * np.exp(_HEDGE_RATIO * walk + mispricing), 64_000.0 * np.exp(walk))
    return np.rint(level * 100).astype(np.int64)


def _texts(ticks: pl.DataFrame) -> pl.DataFrame:
    """Prices and sizes as decimals with all their places."""
    return ticks.with_columns(_decimal("price", 2), _decimal("size", 3))


def _decimal(column: str, places: int) -> pl.Expr:
    value = pl.col(column)
    fraction = (value % 10**places).cast(pl.String).str.zfill(places)
    return pl.concat_str(value // 10**places, pl.lit("."), fraction).alias(column)


def _write_lines(path: Path, ticks: pl.DataFrame, parts: tuple[str | pl.Expr, ...]) -> None:
    pieces = [
        part if isinstance(part, pl.Expr) else pl.col(part) if part in COLUMNS else pl.lit(part) for part in parts
    ]
    line = pl.concat_str([piece.cast(pl.String) for piece in pieces]).alias("line")
    with path.open("w") as file:
        for part in ticks.iter_slices(100_000):
            file.write("\n".join(part.select(line).to_series().to_list()) + "\n")

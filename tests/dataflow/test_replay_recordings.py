"""Recorded trades through the whole dataflow, compared with what the exchange published for the same minutes."""

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from recordings import COLLECTOR, USDM_2023, USDM_2024, Trade, recorded_trades, write_csv, write_parquet, zst

from flows.errors import InputError
from flows.replay import replay
from flows.settings import load

EQUAL = [
    ("open", "open"), ("high", "high"), ("low", "low"), ("close", "close"), ("volume", "volume"),
    ("quote_volume", "quote_volume"), ("count", "trade_count"), ("taker_buy_volume", "taker_buy_volume"),
    ("taker_buy_quote_volume", "taker_buy_quote_volume"),
]  # fmt: skip
"""The nine columns of the official klines and their names here."""


def _bars(paths: list[Path], out: Path) -> pl.DataFrame:
    replay(paths, load(), out, None)
    return pl.read_parquet(out / "bars.parquet").with_columns(pl.col("symbol", "interval").cast(pl.String))


def _official(shared_data: Path) -> pl.DataFrame:
    klines = pl.read_csv(shared_data / "klines/um_1m_20240718-19.csv")
    assert len(klines) == 14
    return klines.with_columns(open_time=(pl.col("open_time") * 1_000).cast(pl.Datetime("us", "UTC")))


def _differences(bars: pl.DataFrame, klines: pl.DataFrame) -> list[tuple[str, str]]:
    """Columns of the joined minutes that differ, by name; a minute that is missing differs in all of them."""
    both = klines.join(bars.filter(pl.col("interval") == "1m"), on=["symbol", "open_time"], how="left", suffix="_here")
    assert len(both) == len(klines)
    found = []
    for theirs, ours in EQUAL:
        here = f"{ours}_here" if f"{ours}_here" in both.columns else ours
        wrong = both.filter(pl.col(here).is_null() | (pl.col(here).cast(pl.Float64) != pl.col(theirs).cast(pl.Float64)))
        found += [(row["symbol"], theirs) for row in wrong.iter_rows(named=True)]
    return found


def _single(trades: list[Trade], folder: Path) -> list[Path]:
    return [write_csv(folder / "all.csv", trades)]


def _gz(trades: list[Trade], folder: Path) -> list[Path]:
    return [write_csv(folder / "all.csv.gz", trades, gzip.compress)]


def _zst(trades: list[Trade], folder: Path) -> list[Path]:
    return [write_csv(folder / "all.csv.zst", trades, zst)]


def _pieces(trades: list[Trade], folder: Path) -> list[Path]:
    """Cut where many trades share a millisecond, and named in an order that is not that of their times."""
    cuts = [0, 1, 4_321, 4_322, 9_999, 17_003, len(trades)]
    assert any(trades[cut - 1].time_ms == trades[cut].time_ms for cut in cuts[1:-1])
    packs: list[tuple[str, Callable[[bytes], bytes]]] = [("csv", bytes), ("csv.gz", gzip.compress), ("csv.zst", zst)]
    files = []
    for i, (start, end) in enumerate(pairwise(cuts)):
        suffix, pack = packs[i % 3]
        files.append(write_csv(folder / f"{9 - i}.{suffix}", trades[start:end], pack))
    return files[::-1]


def _per_symbol(trades: list[Trade], folder: Path) -> list[Path]:
    return [
        write_csv(folder / f"{symbol}.csv", [t for t in trades if t.symbol == symbol])
        for symbol in ("ETHUSDT", "BTCUSDT")
    ]


def _overlapping(trades: list[Trade], folder: Path) -> list[Path]:
    return [write_csv(folder / "a.csv", trades[:15_000]), write_csv(folder / "b.csv", trades[9_000:])]


def _double(trades: list[Trade], folder: Path) -> list[Path]:
    return [write_parquet(folder / "all.parquet", trades, "double")]


def _decimal(trades: list[Trade], folder: Path) -> list[Path]:
    return [write_parquet(folder / "all.parquet", trades, "decimal")]


def _text(trades: list[Trade], folder: Path) -> list[Path]:
    return [write_parquet(folder / "all.parquet", trades, "text")]


@pytest.fixture(scope="module")
def trades_2024(shared_data: Path) -> list[Trade]:
    trades = recorded_trades(shared_data / USDM_2024)
    assert len(trades) == 24_356
    return trades


@pytest.fixture(scope="module")
def bars_2024(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return _bars([shared_data / USDM_2024], tmp_path_factory.mktemp("capture"))


def test_bars_of_a_capture_equal_the_official_klines(shared_data: Path, bars_2024: pl.DataFrame) -> None:
    assert _differences(bars_2024, _official(shared_data)) == []


@pytest.mark.parametrize(
    "made", [_single, _gz, _zst, _pieces, _per_symbol, _overlapping, _double, _decimal, _text], ids=lambda f: f.__name__
)
def test_bars_of_files_equal_the_official_klines(
    made: Callable[[list[Trade], Path], list[Path]],
    shared_data: Path,
    trades_2024: list[Trade],
    tmp_path: Path,
    bars_2024: pl.DataFrame,
) -> None:
    bars = _bars(made(trades_2024, tmp_path), tmp_path / "out")
    assert _differences(bars, _official(shared_data)) == []
    key = ["interval", "symbol", "open_time"]
    assert bars.filter("complete")["trade_count"].sum() > 0
    both = bars.filter("complete").join(bars_2024.filter("complete"), on=key, suffix="_capture")
    assert both.height > 900  # every closed bar, the partial minutes and the seconds too
    for column in ("open", "close", "volume", "quote_volume", "trade_count", "first_trade_id", "last_trade_id"):
        assert both[column].equals(both[f"{column}_capture"], null_equal=True), column


def test_one_trade_less_is_seen(shared_data: Path, trades_2024: list[Trade], tmp_path: Path) -> None:
    """The comparison above can fail: without one trade of a full minute just its minute differs."""
    at = 12_000
    bars = _bars([write_csv(tmp_path / "all.csv", trades_2024[:at] + trades_2024[at + 1 :])], tmp_path / "out")
    found = _differences(bars, _official(shared_data))
    assert (trades_2024[at].symbol, "volume") in found
    assert (trades_2024[at].symbol, "count") in found
    assert {symbol for symbol, _ in found} == {trades_2024[at].symbol}


def _five_minutes(bars: pl.DataFrame) -> list[float]:
    official = bars.filter(
        (pl.col("interval") == "5m") & (pl.col("open_time").dt.strftime("%F %T") == "2023-04-05 00:00:00")
    )
    assert official.height == 1
    return [official[name][0] for name in ("open", "high", "low", "close", "volume")]


def test_bar_of_2023_equals_the_official_one(shared_data: Path, tmp_path: Path) -> None:
    official = pl.read_csv(shared_data / "klines/um_5m_BTCUSDT_20230405T0000.csv").row(0, named=True)
    bars = _bars([shared_data / USDM_2023], tmp_path)
    assert _five_minutes(bars) == [official[name] for name in ("open", "high", "low", "close", "volume")]


def test_insurance_fund_row_would_be_seen(shared_data: Path, tmp_path: Path) -> None:
    """A CSV has no X: with the row that is no market trade left in, the high is far off; without it, it is the official one."""
    trades = recorded_trades(shared_data / USDM_2023)
    odd = [t for t in trades if t.kind != "MARKET"]
    assert [t.kind for t in odd] == ["INSURANCE_FUND"]
    with_it = _bars([write_csv(tmp_path / "with.csv", trades)], tmp_path / "a")
    assert _five_minutes(with_it)[1] == 28722.50
    market = [t for t in trades if t.kind == "MARKET"]
    without = _bars([write_csv(tmp_path / "without.csv", market)], tmp_path / "b")
    assert _five_minutes(without) == [28155.1, 28159.2, 28140.0, 28140.6, 685.263]


@pytest.mark.parametrize("capture", [USDM_2024, USDM_2023])
def test_longer_bars_are_the_fold_of_the_seconds(capture: str, shared_data: Path, tmp_path: Path) -> None:
    """Polars folds the one-second bars, prices of those with trades only, as klines do; sums are compared as whole millionths."""
    bars = _bars([shared_data / capture], tmp_path)
    seconds = bars.filter(pl.col("interval") == "1s").sort("symbol", "open_time")
    traded = pl.col("trade_count") > 0
    sums = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    millionths = [(pl.col(name) * 1e6).round().cast(pl.Int64) for name in sums]
    for interval in ("1m", "5m"):
        folded = (
            seconds.with_columns(pl.col("open_time").dt.truncate(interval), *millionths)
            .group_by("symbol", "open_time", maintain_order=True)
            .agg(
                pl.col("open").filter(traded).first(), pl.col("high").filter(traded).max(),
                pl.col("low").filter(traded).min(), pl.col("close").last(),
                pl.col(sums).sum(),
                pl.col("trade_count", "late_count").sum(), pl.col("first_trade_id").drop_nulls().first(),
                pl.col("last_trade_id").drop_nulls().last(), pl.col("last_trade_time").last(),
            )
            .sort("symbol", "open_time")
        )  # fmt: skip
        made = bars.filter(pl.col("interval") == interval).sort("symbol", "open_time")
        made = made.with_columns(millionths)
        assert made.height > 1
        for column in folded.columns:
            assert made[column].equals(folded[column], null_equal=True), (interval, column)


def test_collector_totals(shared_data: Path, tmp_path: Path) -> None:
    kept: dict[str, list[Decimal]] = {}
    for line in (shared_data / COLLECTOR).read_text().splitlines():
        row = json.loads(line, parse_float=Decimal)
        if row["price"] and row["size"]:
            kept.setdefault(row["symbol"], []).append(Decimal(row["size"]))
    assert {symbol: len(sizes) for symbol, sizes in kept.items()} == {"BTCUSDT": 4_204, "ETHUSDT": 14_978}

    tally = replay([shared_data / COLLECTOR], load(), tmp_path, None)
    assert (tally.rows, tally.kept, tally.late, tally.excluded, tally.rejected) == (19_280, 19_182, 0, 98, 0)
    bars = pl.read_parquet(tmp_path / "bars.parquet").with_columns(pl.col("symbol", "interval").cast(pl.String))
    for interval in ("1s", "1m", "5m"):
        for symbol, sizes in kept.items():
            mine = bars.filter((pl.col("interval") == interval) & (pl.col("symbol") == symbol))
            assert mine["trade_count"].sum() == len(sizes)
            assert sum(Decimal(repr(volume)) for volume in mine["volume"]) == sum(sizes)
    for column in ("taker_buy_volume", "taker_buy_quote_volume", "first_trade_id", "last_trade_id"):
        assert bars[column].null_count() == bars.height
    assert bars["low"].min() > 0  # the negative control of the zero rows: one of them let in would make it 0


def test_a_pair_whose_leg_is_not_in_the_input_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("symbol,time,price,size\nBTCUSDT,1721347200000,64000.1,0.5\n")
    replay([path], load(environment={}), tmp_path / "out", None)
    assert "no statistics of ETHUSDT/BTCUSDT: no trades of ETHUSDT in the input" in capsys.readouterr().out


def test_nothing_is_missed_where_both_legs_trade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ticks.csv"
    rows = "".join(f"{leg},1721347200000,64000.1,0.5\n" for leg in ("BTCUSDT", "ETHUSDT"))
    path.write_text(f"symbol,time,price,size\n{rows}")
    replay([path], load(environment={}), tmp_path / "out", None)
    assert "no statistics" not in capsys.readouterr().out


def test_a_replay_never_goes_into_the_tables_of_the_live_flow(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("symbol,time,price,size\nBTCUSDT,1721347200000,64000.1,0.5\n")
    with pytest.raises(InputError, match="the name is empty"):
        replay([path], load(environment={}), None, "")

"""The Parquet sink: what is in the files, and that only a run that succeeded leaves any."""

from datetime import UTC, datetime
from pathlib import Path

import bytewax.operators as op
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.testing import TestingSource, run_main
from stored_frames import (
    START,
    some_bars,
    some_events,
    some_latency,
    some_looks,
    some_pair_looks,
    some_rejects,
    some_stats,
    some_status,
    some_tick_stats,
    some_ticks,
    some_verdicts,
)

from flows.domain.interval import Interval
from flows.errors import StorageError
from flows.sinks.files import ROW_GROUP_ROWS, ParquetSink
from flows.sinks.tables import Storable
from flows.storage.schema import BAR_COLUMNS, PAIR_STATS_COLUMNS, PAIR_TESTS_COLUMNS, PAIR_TICK_STATS_COLUMNS


def _run(sink: ParquetSink, items: list[tuple[str, Storable]], fail_at: int | None = None) -> None:
    flow = Dataflow("files")
    stream = op.input("in", flow, TestingSource(list(enumerate(items))))

    def passed(numbered: tuple[int, tuple[str, Storable]]) -> tuple[str, Storable]:
        if numbered[0] == fail_at:
            raise RuntimeError("the run fails here")
        return numbered[1]

    op.output("out", op.map("pass", stream, passed), sink)
    run_main(flow)


ITEMS: list[tuple[str, Storable]] = [
    ("bars", some_bars(4)),
    ("bars", some_bars(4, Interval.M1)),
    ("trades", some_ticks(6)),
    ("pair_stats", some_stats(4, "ols")),
    ("pair_stats", some_stats(5, "slow")),
    ("pair_tick_stats", some_tick_stats(6)),
    ("pair_tick_stats", some_tick_stats(2, Interval.M5)),
    ("pair_lead_lag", some_looks(4)),
    ("pair_tests", some_pair_looks()),
    ("pair_verdicts", some_verdicts()),
    ("rejects", some_rejects()),
    ("feed_events", some_events()),
    ("feed_status", some_status()),
    ("feed_latency", some_latency()),
    ("bars", some_bars(2, Interval.M5, complete=False)),
]


def test_files_have_the_columns_of_the_tables_and_the_interval(tmp_path: Path) -> None:
    with ParquetSink(tmp_path / "new" / "out") as sink:
        _run(sink, ITEMS)
    out = tmp_path / "new" / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "bars.parquet", "feed_events.parquet", "pair_lead_lag.parquet", "pair_stats.parquet", "pair_tests.parquet",
        "pair_tick_stats.parquet", "pair_verdicts.parquet",
        "rejects.parquet",
    ]  # fmt: skip
    bars = pd.read_parquet(out / "bars.parquet")
    assert list(bars.columns) == ["open_time", "symbol", "interval", *[name for name, _ in BAR_COLUMNS[2:]]]
    assert str(bars["open_time"].dtype) == "datetime64[us, UTC]"
    assert bars["interval"].tolist() == ["1s"] * 4 + ["1m"] * 4 + ["5m"] * 2
    assert bars["symbol"].tolist() == ["BTCUSDT", "ETHUSDT"] * 5
    assert bars["open_time"][0] == datetime.fromtimestamp(START / 1e6, UTC)
    assert (bars["open"][0], bars["close"][1], bars["volume"][0]) == (64_251.0, 3_425.02, 1.5)
    assert bars["complete"].tolist() == [True] * 8 + [False] * 2
    assert bars["taker_buy_volume"].isna().tolist() == [False, True] * 5
    assert bars["last_trade_id"].isna().tolist() == [False, True] * 5
    stats = pl.read_parquet(out / "pair_stats.parquet")
    assert stats.columns == ["open_time", "pair", "interval", "model", *[name for name, _ in PAIR_STATS_COLUMNS[3:]]]
    assert stats["model"].cast(pl.String).to_list() == ["ols"] * 4 + ["slow"] * 5
    assert stats["stale"].cast(pl.String).to_list()[:4] == [None, "y", "x", "both"]
    assert stats["zscore"].null_count() == 2  # null, not NaN
    assert stats["open_time"].dtype == pl.Datetime("us", "UTC")
    ticks = pl.read_parquet(out / "pair_tick_stats.parquet")
    assert ticks.columns == ["open_time", "pair", "interval", *[name for name, _ in PAIR_TICK_STATS_COLUMNS[2:]]]
    assert ticks["interval"].to_list() == ["1s"] * 6 + ["5m"] * 2
    assert ticks["pair"].to_list() == ["ETHUSDT/BTCUSDT"] * 3 + ["SOLUSDT/BTCUSDT"] * 3 + [
        "ETHUSDT/BTCUSDT", "SOLUSDT/BTCUSDT",
    ]  # fmt: skip
    looks = pl.read_parquet(out / "pair_lead_lag.parquet")
    assert looks["leader"].to_list() == ["x", "y", None, None]
    tests, verdicts = (pl.read_parquet(out / f"pair_{name}.parquet") for name in ("tests", "verdicts"))
    assert tests.columns == ["open_time", "pair", "interval", *[name for name, _ in PAIR_TESTS_COLUMNS[2:]]]
    assert tests["half_life_high"].null_count() == 2
    assert tests["reason"].to_list()[:2] == ["needs 600 bars, has 12", ""]
    assert verdicts["interval"].to_list() == ["1m"] * 4
    assert verdicts["look_time"].null_count() == 1
    rejects = pl.read_parquet(out / "rejects.parquet")
    assert rejects["line"].to_list() == [7, 1, 8]
    assert bars["gap"].tolist() == [False, True, False, False] * 2 + [False, True]
    assert stats["gap"].to_list()[:4] == ["y", "x", "both", None]
    events = pl.read_parquet(out / "feed_events.parquet")
    assert events["symbol"].to_list() == [None, "BTCUSDT", "ETHUSDT"]
    assert events["count"].to_list() == [None, 3, 1]


def test_trades_on_request(tmp_path: Path) -> None:
    with ParquetSink(tmp_path, trades=True) as sink:
        _run(sink, ITEMS)
    trades = pl.read_parquet(tmp_path / "trades.parquet")
    assert trades["price"].to_list()[:3] == [64251.0, 3424.99, 0.12347]
    assert trades["received_at"].null_count() == 3


def test_a_table_without_rows_is_an_empty_file(tmp_path: Path) -> None:
    with ParquetSink(tmp_path) as sink:
        _run(sink, [("bars", some_bars())])
    assert pl.read_parquet(tmp_path / "rejects.parquet").shape == (0, 5)
    assert len(pd.read_parquet(tmp_path / "pair_stats.parquet")) == 0


@pytest.mark.parametrize("fail_at", [0, 3, 6])
def test_a_run_that_fails_leaves_the_files_of_the_run_before(tmp_path: Path, fail_at: int) -> None:
    with ParquetSink(tmp_path) as sink:
        _run(sink, ITEMS[:1])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(BytewaxRuntimeError), ParquetSink(tmp_path) as sink:
        _run(sink, ITEMS, fail_at)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_while_the_run_lasts_no_file_has_its_final_name(tmp_path: Path) -> None:
    with ParquetSink(tmp_path) as sink:
        _run(sink, ITEMS)
        assert not list(tmp_path.glob("*.parquet"))
        assert list(tmp_path.glob("*.parquet.part"))
    assert not list(tmp_path.glob("*.part"))


def test_row_groups_are_bounded(tmp_path: Path) -> None:
    with ParquetSink(tmp_path, trades=True) as sink:
        _run(sink, [("trades", some_ticks(90_000, first_id)) for first_id in (0, 90_000, 180_000)])
    file = pq.ParquetFile(tmp_path / "trades.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert sum(groups) == 270_000
    assert max(groups) <= ROW_GROUP_ROWS
    assert len(groups) > 1
    assert pl.read_parquet(tmp_path / "trades.parquet")["trade_id"].to_list() == list(range(270_000))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageError, match="file/out: cannot be made: Not a directory"),
        ParquetSink(tmp_path / "file" / "out"),
    ):
        pass

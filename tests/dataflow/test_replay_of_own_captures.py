"""A capture of our own through `pairs replay`: what was missing is in the bars, in the events and in the last lines."""

from pathlib import Path

import polars as pl
import pytest
from aggregates import SECOND, START
from gap_capture import capture_with_a_gap

from flows.replay import replay
from flows.settings import load
from flows.storage.client import connect
from flows.storage.server import ManagedServer


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Three minutes."""
    return capture_with_a_gap(tmp_path / "captures", 180)


def _seconds(frame: pl.DataFrame) -> list[int]:
    return [(value - START) // SECOND for value in frame["open_time"].dt.epoch("us").sort().to_list()]


def test_files_and_last_lines_tell_the_gaps(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replay([capture], load(environment={}), tmp_path / "out", None)
    bars = pl.read_parquet(tmp_path / "out" / "bars.parquet").filter(pl.col("gap"))
    btc = bars.filter(pl.col("symbol") == "BTCUSDT")
    assert _seconds(btc.filter(pl.col("interval") == "1s")) == [0, 69, 90]
    assert _seconds(btc.filter(pl.col("interval") == "1m")) == [0, 60]
    events = pl.read_parquet(tmp_path / "out" / "feed_events.parquet")
    lost = events.filter(pl.col("kind") == "lost")
    assert lost.select("symbol", "from_id", "to_id", "count").rows() == [("BTCUSDT", 71, 90, 20)]
    stats = pl.read_parquet(tmp_path / "out" / "pair_stats.parquet").filter(
        pl.col("interval") == "1s", pl.col("gap").is_not_null()
    )
    assert list(zip(_seconds(stats), stats["gap"], strict=True)) == [(0, "both"), (69, "x"), (90, "x")]
    out = capsys.readouterr().out
    assert "bars of BTCUSDT that lack trades (column gap): 3 of 1s, 2 of 1m, 1 of 5m" in out
    assert "bars of ETHUSDT that lack trades (column gap): 1 of 1s, 1 of 1m, 1 of 5m" in out


def test_a_dataset_holds_its_events(capture: Path, questdb: ManagedServer, tmp_path: Path) -> None:
    storage = {"HTTP_PORT": questdb.address.http_port, "PG_PORT": questdb.address.pg_port, "DATA_DIR": tmp_path}
    settings = load(environment={f"PAIRS_STORAGE__{key}": str(value) for key, value in storage.items()})
    replay([capture], settings, None, "own")
    with connect(questdb.read_address) as connection:
        for table in ("feed_events", "bars_1s"):
            connection.execute(f"SELECT wait_wal_table('own_{table}')")
        lost = "SELECT symbol, from_id, to_id, count FROM own_feed_events WHERE kind = 'lost'"
        assert connection.execute(lost).fetchall() == [("BTCUSDT", 71, 90, 20)]
        marked = "SELECT symbol, count() FROM own_bars_1s WHERE gap ORDER BY symbol"
        assert connection.execute(marked).fetchall() == [("BTCUSDT", 3), ("ETHUSDT", 1)]


def test_a_capture_without_gaps_says_nothing_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ticks.csv"
    rows = "".join(f"{leg},{1_721_347_200_000 + k},64000.1,0.5\n" for k in range(3) for leg in ("BTCUSDT", "ETHUSDT"))
    path.write_text(f"symbol,time,price,size\n{rows}")
    replay([path], load(environment={}), tmp_path / "out", None)
    assert "lack trades" not in capsys.readouterr().out
    assert len(pl.read_parquet(tmp_path / "out" / "feed_events.parquet")) == 0

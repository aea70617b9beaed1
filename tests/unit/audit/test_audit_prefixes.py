"""Beginnings of inputs of every format: each holds just the rows that come first, and all of them."""

import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from recordings import COLLECTOR, USDM_2024, Trade, recorded_trades, write_csv, write_parquet, zst

from flows.audit.prefixes import Prefix, Prefixes
from flows.errors import InputError
from flows.sources.binance.recorder import FILE_NAME

LIMIT = 604_800_000_000


def _prefixes(*paths: Path) -> Prefixes:
    return Prefixes(paths, LIMIT, 65_536)


@pytest.fixture(scope="module")
def trades(shared_data: Path) -> list[Trade]:
    return recorded_trades(shared_data / USDM_2024)[:4_000]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zst], ids=["plain", "gz", "zst"])
def test_a_text_file_ends_behind_a_line(pack: Callable[[bytes], bytes], trades: list[Trade], tmp_path: Path) -> None:
    path = write_csv(tmp_path / "trades.csv", trades, pack)
    plain = write_csv(tmp_path / "plain.csv", trades).read_bytes().splitlines(keepends=True)
    prefixes = _prefixes(path)
    assert prefixes.size == sum(map(len, plain))
    for kept in (1, 2, 3_999, len(plain)):
        (written,) = prefixes.write(Prefix((kept,), ""), tmp_path / str(kept))
        assert written.name == path.name
        assert written.read_bytes() == b"".join(plain[:kept])


def test_a_last_line_without_an_end_counts(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / COLLECTOR
    prefixes = _prefixes(path)
    drawn = prefixes.draw(Random(1))
    assert drawn.told == f"up to line {drawn.kept[0]:,} of 19,280"
    (written,) = prefixes.write(Prefix((19_280,), ""), tmp_path)
    assert written.read_bytes() == path.read_bytes()


def test_a_parquet_file_ends_behind_a_row(trades: list[Trade], tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "trades.parquet", trades, "decimal")
    (written,) = _prefixes(path).write(Prefix((1_234,), ""), tmp_path / "out")
    table = pq.read_table(written)
    assert table.equals(pq.read_table(path).slice(0, 1_234))
    assert table["price"][1_233].as_py() == Decimal(trades[1_233].price)


def test_files_of_ticks_end_at_one_time(trades: list[Trade], tmp_path: Path) -> None:
    """One is a Parquet file; a row whose time is wrong must not end its file early."""
    legs = {leg: [t for t in trades if t.symbol == leg] for leg in ("BTCUSDT", "ETHUSDT")}
    wrong = [*legs["BTCUSDT"][:50], Trade("BTCUSDT", 9_999_999_999_999, 1, "1", "1", True, "MARKET")]
    paths = [
        write_csv(tmp_path / "btc.csv", wrong + legs["BTCUSDT"][50:]),
        write_parquet(tmp_path / "eth.parquet", legs["ETHUSDT"], "double"),
    ]
    prefixes, random = _prefixes(*paths), Random(4)
    for n in range(5):
        drawn = prefixes.draw(random)
        btc, eth = prefixes.write(drawn, tmp_path / str(n))
        times = [int(line.split(",")[2]) for line in btc.read_text().splitlines()[1:]]
        times = [time for time in times if time < 9_999_999_999_999]
        rows = pq.read_table(eth).num_rows
        until = max(times[-1], legs["ETHUSDT"][rows - 1].time_ms)
        assert len(times) == sum(t.time_ms <= until for t in legs["BTCUSDT"])
        assert rows == sum(t.time_ms <= until for t in legs["ETHUSDT"])
        assert 0 < len(times) < len(legs["BTCUSDT"])
        assert 0 < rows < len(legs["ETHUSDT"])


def test_a_file_that_begins_later_is_left_out(trades: list[Trade], tmp_path: Path) -> None:
    day = 86_400_000
    later = [Trade(t.symbol, t.time_ms + day, t.trade_id + 10**9, t.price, t.size, True, "MARKET") for t in trades[:3]]
    paths = [write_csv(tmp_path / "a.csv", trades), write_csv(tmp_path / "b.csv", later)]
    drawn = _prefixes(*paths).draw(Random(2))
    assert drawn.kept == (len(trades) + 1, 0)
    written = _prefixes(*paths).write(drawn, tmp_path / "out")
    assert [path.name for path in written] == ["a.csv"]


def test_captures_end_in_the_order_of_their_recording(tmp_path: Path, shared_data: Path) -> None:
    lines = gzip.decompress((shared_data / USDM_2024).read_bytes()).splitlines(keepends=True)[:90]
    second, first = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    first.write_bytes(b"".join(lines[:40]))
    second.write_bytes(gzip.compress(b"".join(lines[40:])))
    prefixes = _prefixes(second, first)
    drawn = prefixes.draw(Random(3))
    written = prefixes.write(drawn, tmp_path / "out")
    assert b"".join(path.read_bytes() for path in written) == b"".join(lines[: sum(drawn.kept)])
    assert prefixes.write(Prefix((40, 0), ""), tmp_path / "less")[0].name == "b.ndjson"


def test_names_of_captures_stay_in_one_folder(tmp_path: Path, shared_data: Path) -> None:
    """The order of captures of ours is told by their names within a folder; files of other folders keep apart."""
    lines = gzip.decompress((shared_data / USDM_2024).read_bytes()).splitlines(keepends=True)[:6]
    folders = [tmp_path / "x", tmp_path / "y"]
    for folder, half in zip(folders, (lines[:3], lines[3:]), strict=True):
        folder.mkdir()
        (folder / "same.ndjson").write_bytes(b"".join(half))
    assert not FILE_NAME.fullmatch("same.ndjson")
    written = _prefixes(*(folder / "same.ndjson" for folder in folders)).write(Prefix((3, 2), ""), tmp_path / "out")
    assert [path.read_bytes() for path in written] == [b"".join(lines[:3]), b"".join(lines[3:5])]


def test_files_without_any_time_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        path.write_text("symbol,trade_id,time,price,size\nBTCUSDT,1,x,64000,0\n")
    with pytest.raises(InputError, match="no row with a time"):
        _prefixes(*paths).draw(Random(1))

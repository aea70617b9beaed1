"""Files that are not as they should be: what is kept, what is told, and where."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from flows.domain.frames import Rejects, Ticks
from flows.errors import InputError, TooManyRejectsError
from flows.sources.files import PARTITION, FileSource
from flows.sources.streams import LINE_LIMIT
from flows.sources.tally import Tally

MS = 1_721_347_200_000
HEADER = "symbol,time,price,size\n"
TRADES = "id,price,qty,quote_qty,time,is_buyer_maker\n"
AGGREGATES = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
NOT_ISO = "expected ISO 8601 with Z, 13 digits (ms) or 16 digits (µs)"
UNIT = "is not between the years 2009 and 2100; is the unit right?"


def _source(
    paths: list[Path], symbols: frozenset[str] | None = None, share: float = 1.0, block_bytes: int = 1 << 16
) -> FileSource:
    return FileSource(
        paths, symbols=symbols, lateness_us=1_000_000, archive_lateness_us=0, jump_limit_us=7 * 86_400_000_000,
        reject_share=share, block_bytes=block_bytes, silence_grace_us=3_000_000, max_ahead_us=60_000_000,
    )  # fmt: skip


class Result:
    """All rows of a source: trades as (symbol, ms, price, size, late), rejects as (file, line, reason)."""

    def __init__(self, source: FileSource) -> None:
        part = source.build_part("test", PARTITION, None)
        self.trades: list[tuple[str, int, float, float, bool]] = []
        self.rejects: list[tuple[str, int, str]] = []
        self.texts: list[str] = []
        self.tally: Tally = source.tally
        while True:
            try:
                chunks = [chunk.rows for _, chunk in part.next_batch()]
            except StopIteration:
                break
            for rows in chunks:
                self._add(rows)

    def _add(self, rows: Any) -> None:
        if isinstance(rows, Rejects):
            self.rejects += list(zip(rows.source, rows.line.tolist(), rows.reason, strict=True))
            self.texts += list(rows.text)
            return
        assert isinstance(rows, Ticks)
        for i in range(len(rows)):
            of = rows.instruments[rows.symbol[i]]
            price, size = rows.price[i] / 10**of.price_decimals, rows.size[i] / 10**of.size_decimals
            self.trades.append((of.symbol, int(rows.time[i]) // 1_000, price, size, bool(rows.late[i])))


def _row(second: int, price: object = "100.5", size: object = "1", symbol: str = "BTCUSDT") -> str:
    return f"{symbol},{MS + second * 1_000},{price},{size}\n"


def _csv(tmp_path: Path, *rows: str, name: str = "ticks.csv") -> Path:
    path = tmp_path / name
    path.write_text(HEADER + "".join(rows))
    return path


BAD_ROWS = {
    "garbage": ("garbage\n", "expected 4 columns, found 1"),
    "too many columns": (_row(1)[:-1] + ",9\n", "expected 4 columns, found 5"),
    "NaN": (_row(1, "NaN"), 'column price: expected a positive number, found "NaN"'),
    "infinity": (_row(1, size="inf"), 'column size: expected a positive number, found "inf"'),
    "negative": (_row(1, "-5"), 'column price: expected a positive number, found "-5"'),
    "no number": (_row(1, "n/a"), 'column price: expected a positive number, found "n/a"'),
    "nothing": (_row(1, ""), 'column price: expected a positive number, found ""'),
    "huge": (_row(1, "1e300"), 'column price: "1e300" is too large'),
    "huge product": (_row(1, "9000000000000", "9000000000000"), "price times size is too large"),
    "too many decimals": (_row(1, "1.123456789"), 'column price: expected at most 8 decimals, found "1.123456789"'),
    "no time": ("BTCUSDT,,1,1\n", 'column time: expected whole milliseconds, found ""'),
    "time in µs": (f"BTCUSDT,{MS}000,1,1\n", f'column time: "{MS}000" is not between the years 2009 and 2100; is the unit right?'),
    "lower case": (_row(1, symbol="btcusdt"), 'column symbol: symbol not in upper case: "btcusdt"'),
    "odd symbol": (_row(1, symbol="A/B"), 'column symbol: symbol with a character that is neither letter, digit nor one of _ - .: "A/B"'),
    "no symbol": (_row(1, symbol=""), 'column symbol: empty symbol: ""'),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_malformed_row_is_kept_with_file_line_and_reason(bad: str, reason: str, tmp_path: Path) -> None:
    result = Result(_source([_csv(tmp_path, _row(0), bad, _row(2))]))
    assert result.rejects == [("ticks.csv", 3, reason)]
    assert result.texts == [bad[:-1]]
    assert [trade[1] for trade in result.trades] == [MS, MS + 2_000]
    assert (result.tally.rows, result.tally.kept, result.tally.rejected) == (3, 2, 1)


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_bytes((HEADER + _row(0)).encode() + b"BTC\xff,1,2,3\n" + _row(1).encode())
    assert Result(_source([path])).rejects == [("ticks.csv", 3, "not UTF-8: invalid start byte at byte 4")]


def test_zero_price_or_size_is_no_trade(tmp_path: Path) -> None:
    result = Result(_source([_csv(tmp_path, _row(0), _row(1, "0"), _row(2, size="0.000"), _row(3))]))
    assert [trade[1] for trade in result.trades] == [MS, MS + 3_000]
    assert (result.tally.excluded, result.rejects) == (2, [])


def test_unknown_symbol(tmp_path: Path) -> None:
    path = _csv(tmp_path, _row(0), _row(1, symbol="DOGEUSDT"), _row(2, symbol="ETHUSDT"))
    result = Result(_source([path], frozenset({"BTCUSDT", "ETHUSDT"})))
    assert result.rejects == [("ticks.csv", 3, 'column symbol: unknown symbol "DOGEUSDT"')]
    assert [trade[0] for trade in result.trades] == ["BTCUSDT", "ETHUSDT"]


def test_time_that_goes_back(tmp_path: Path) -> None:
    """Within the lateness it is in time; beyond it is kept and marked."""
    result = Result(_source([_csv(tmp_path, _row(10), _row(9), _row(8), _row(11))]))
    assert [(trade[1] - MS) // 1_000 for trade in result.trades] == [10, 9, 8, 11]
    assert [trade[4] for trade in result.trades] == [False, False, True, False]
    assert result.tally.late == 1


@pytest.mark.parametrize("block_bytes", [1, 1 << 16])
def test_one_time_in_the_future_is_wrong_and_two_are_news(block_bytes: int, tmp_path: Path) -> None:
    month = 30 * 86_400
    result = Result(_source([_csv(tmp_path, _row(0), _row(month), _row(1))], block_bytes=block_bytes))
    assert [(file, line) for file, line, _ in result.rejects] == [("ticks.csv", 3)]
    assert "too far ahead of the rows around it" in result.rejects[0][2]
    assert [(trade[1] - MS) // 1_000 for trade in result.trades] == [0, 1]

    result = Result(_source([_csv(tmp_path, _row(0), _row(month), _row(month + 1))], block_bytes=block_bytes))
    assert [(trade[1] - MS) // 1_000 for trade in result.trades] == [0, month, month + 1]
    assert result.rejects == []

    result = Result(_source([_csv(tmp_path, _row(month), _row(1), _row(2))], block_bytes=block_bytes))  # the first one
    assert [(trade[1] - MS) // 1_000 for trade in result.trades] == [1, 2]
    assert [line for _, line, _ in result.rejects] == [2]


def test_too_many_malformed_rows(tmp_path: Path) -> None:
    path = _csv(tmp_path, *[_row(i) for i in range(18)], "x\n", "y\n")
    with pytest.raises(TooManyRejectsError) as error:
        Result(_source([path], share=0.05))
    assert str(error.value) == (
        f"2 of 20 rows are malformed, more than the 5% allowed; the first: {path} line 20, expected 4 columns, found 1 "
        "(files.reject_share is the limit)"
    )
    assert len(Result(_source([path], share=0.1)).trades) == 18


def test_too_many_malformed_rows_stop_the_run_early(tmp_path: Path) -> None:
    path = _csv(tmp_path, *["x\n"] * 200_000)
    source = _source([path], share=0.05, block_bytes=4_096)
    with pytest.raises(TooManyRejectsError):
        Result(source)
    assert source.tally.rows < 10_000


def _pack_zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


@pytest.mark.parametrize("pack", [gzip.compress, _pack_zst])
def test_cut_compressed_file(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [_row(i // 50, f"{x / 100:.2f}") for i, x in enumerate(rng.integers(100, 10**7, 100_000).tolist())]
    packed = pack((HEADER + "".join(rows)).encode())
    path = tmp_path / "ticks.csv.packed"
    path.write_bytes(packed)
    whole = Result(_source([path]))
    assert (len(whole.trades), whole.rejects) == (100_000, [])

    path.write_bytes(packed[: len(packed) * 2 // 3])
    for block_bytes in (1_000, 1 << 22):
        result = Result(_source([path], block_bytes=block_bytes))
        assert 50_000 < len(result.trades) < 80_000
        assert result.trades == whole.trades[: len(result.trades)]  # no number was cut short and taken for another
        assert [(file, line) for file, line, _ in result.rejects] == [("ticks.csv.packed", len(result.trades) + 2)]
        assert result.rejects[0][2] == "compressed data is cut or damaged: it ends in the middle"


def test_cut_compressed_file_is_told_once_after_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "".join(_row(i) for i in range(5_000))).encode())[:-300])
    source = _source([path], block_bytes=4_096)
    part = source.build_part("test", PARTITION, None)
    told = 0
    while True:
        try:
            items = part.next_batch()
        except StopIteration:
            break
        told += sum(len(chunk.rows) for _, chunk in items if isinstance(chunk.rows, Rejects))
        part = source.build_part("test", PARTITION, part.snapshot())
    assert told == 1


def test_several_compressed_streams_in_one_file(tmp_path: Path) -> None:
    for name, pack in (("a.gz", gzip.compress), ("b.zst", _pack_zst)):
        path = tmp_path / name
        path.write_bytes(
            pack((HEADER + _row(0)).encode()) + pack(_row(1).encode()) + b"\0" * (512 if name == "a.gz" else 0)
        )
        result = Result(_source([path]))
        assert (len(result.trades), result.rejects) == (2, [])


def test_damaged_compressed_file(tmp_path: Path) -> None:
    data = bytearray(gzip.compress((HEADER + "".join(_row(i) for i in range(9))).encode()))
    data[-6] ^= 0xFF  # its checksum
    path = tmp_path / "ticks.csv.gz"
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="compressed data is cut or damaged"):
        Result(_source([path]))


UNUSABLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "the file is empty"),
    "empty gzip": (gzip.compress(b""), "the file is empty"),
    "cut gzip": (gzip.compress(b"abc")[:6], "compressed data is cut or damaged"),
    "wrong columns": (b"a,b,c\nx,y,z\n", "not a file of ticks: no column for symbol, time, price, size; found a, b, c"),
    "no price": (
        b"symbol,time,size\nBTCUSDT,1,1\n",
        "not a file of ticks: no column for price; found symbol, time, size",
    ),
    "OHLC": (b"timestamp,symbol,open,high,low,close,volume\n", "these are bars (open, high, low, close), not ticks"),
    "a role twice": (b"symbol,time,price,p,size\n", "columns price and p both look like price"),
    "numbers": (b"1,2,3\n", "not a file of ticks: 3 columns without a header that are not recognised: 1, 2, 3"),
    "binary": (bytes(range(256)), "not a file of ticks: neither text nor Parquet"),
    "broken Parquet": (b"PAR1 and no more", "cannot be read as Parquet"),
    "other JSON": (b'{"a": 1}\n', "not a file of ticks: JSON lines, but neither collector rows"),
    "a JSON list": (b'[{"symbol": "A"}]\n', "not a file of ticks: JSON lines"),
    "prose": (b"Dear reader,\nthis is a letter.\n", "not a file of ticks: no column for"),
}


@pytest.mark.parametrize(("content", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_cannot_be_used(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "given.dat"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        _source([path])
    assert str(error.value).startswith(f"{path}: {message}")


def test_official_ohlc_file_is_refused(shared_data: Path) -> None:
    path = shared_data / "ohlcv/um_1m_BTCUSDT_ETHUSDT_20250504-0603.csv.gz"
    with pytest.raises(InputError, match=r"these are bars \(open, high, low, close\), not ticks"):
        _source([path])


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file to read"):
        _source([])
    with pytest.raises(InputError, match=r"is a folder; name the files in it$"):
        _source([tmp_path])
    with pytest.raises(InputError, match=r"missing.csv: cannot be read: No such file or directory$"):
        _source([tmp_path / "missing.csv"])


def test_a_file_named_twice(tmp_path: Path) -> None:
    path = _csv(tmp_path, _row(0))
    with pytest.raises(InputError, match="named twice"):
        _source([path, tmp_path / "." / "ticks.csv"])


def test_a_header_alone_is_an_input_without_rows(tmp_path: Path) -> None:
    result = Result(_source([_csv(tmp_path)]))
    assert (result.trades, result.rejects, result.tally.rows) == ([], [], 0)


def test_files_that_cannot_be_one_input(tmp_path: Path, shared_data: Path) -> None:
    plain = _csv(tmp_path, _row(0))
    with_ids = tmp_path / "ids.csv"
    with_ids.write_text(f"symbol,id,time,price,size\nBTCUSDT,1,{MS},1,1\n")
    with pytest.raises(InputError, match="cannot be one input: trades without ids and trades with ids would be mixed"):
        Result(_source([plain, with_ids]))
    with pytest.raises(InputError, match=r"is a capture and .* is not: they cannot be one input"):
        _source([plain, shared_data / "captures/aggtrade_messages_20210722.ndjson"])


def test_a_line_without_end(tmp_path: Path) -> None:
    path = _csv(tmp_path, _row(0), "x" * (2 * LINE_LIMIT))
    with pytest.raises(InputError, match=rf"ticks.csv line 3: longer than {LINE_LIMIT:,} bytes: not a file of lines"):
        Result(_source([path], block_bytes=1 << 16))


READABLE: dict[str, bytes] = {
    "plain": (HEADER + _row(0) + _row(1)).encode(),
    "no last newline": (HEADER + _row(0) + _row(1)).encode().rstrip(),
    "byte order mark": b"\xef\xbb\xbf" + (HEADER + _row(0) + _row(1)).encode(),
    "mark and quoted header": b'\xef\xbb\xbf"symbol","time","price","size"\n' + (_row(0) + _row(1)).encode(),
    "mark and no header": b"\xef\xbb\xbf" + (_row(0) + _row(1)).encode(),
    "CRLF": (HEADER + _row(0) + _row(1)).replace("\n", "\r\n").encode(),
    "semicolons": (HEADER + _row(0) + _row(1)).replace(",", ";").encode(),
    "tabs": (HEADER + _row(0) + _row(1)).replace(",", "\t").encode(),
    "quoted": (HEADER + "".join(f'"BTCUSDT","{MS + s * 1000}","100.5","1"\n' for s in (0, 1))).encode(),
    "spaces": (HEADER + _row(0) + _row(1)).replace(",", " , ").encode(),
    "blank lines": (HEADER + "\n" + _row(0) + "  \n" + _row(1) + "\n").encode(),
    "joined with its header": (HEADER + _row(0) + HEADER + _row(1)).encode(),
    "other order and names": f"qty,Timestamp,extra,P,ticker\n1,{MS},x,100.5,BTCUSDT\n1,{MS + 1000},y,100.5,BTCUSDT\n".encode(),
    "ISO times": HEADER.encode() + b"BTCUSDT,2024-07-19T00:00:00Z,100.5,1\nBTCUSDT,2024-07-19 00:00:01.000Z,1.005e2,1\n",
    "collector": "\n".join(
        f'{{"symbol":"BTCUSDT","ts":"2024-07-19T00:00:0{s}.000Z","price":100.5,"size":1}}' for s in (0, 1)
    ).encode(),
    "collector with mark": b"\xef\xbb\xbf" + "\n".join(
        f'{{"symbol":"BTCUSDT","ts":"2024-07-19T00:00:0{s}.000Z","price":100.5,"size":1}}' for s in (0, 1)
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE)
def test_the_same_two_trades_in_many_clothes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ticks.txt"
    path.write_bytes(content)
    for block_bytes in (1, 1 << 16):
        result = Result(_source([path], block_bytes=block_bytes))
        assert result.rejects == []
        assert result.trades == [("BTCUSDT", MS, 100.5, 1.0, False), ("BTCUSDT", MS + 1_000, 100.5, 1.0, False)]


def test_a_broken_first_row_does_not_decide_the_unit(tmp_path: Path) -> None:
    result = Result(_source([_csv(tmp_path, "BTCUSDT,n/a,1,1\n", _row(0), _row(1))]))
    assert len(result.trades) == 2
    assert result.rejects == [("ticks.csv", 2, 'column time: expected whole milliseconds, found "n/a"')]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("BTCUSDT-trades-2024-07-19.csv", f"7,100.5,1,100.5,{MS},true\n8,100.5,1,100.5,{MS + 1000},false\n"),
        ("BTCUSDT-trades-2024-07-19.csv", TRADES + f"7,100.5,1,100.5,{MS},true\n8,100.5,1,1,{MS + 1000},false\n"),
        ("BTCUSDT-trades-2024-07-19.csv", f"7,100.5,1,100.5,{MS}000,True,True\n8,100.5,1,100.5,{MS + 1000}000,False,True\n"),
        ("BTCUSDT-aggTrades-2024-07-19.csv", f"7,100.5,1,10,12,{MS},true\n8,100.5,1,13,13,{MS + 1000},false\n"),
        ("BTCUSDT-aggTrades-2024-07-19.csv", AGGREGATES + f"7,100.5,1,10,12,{MS},true\n8,100.5,1,13,13,{MS + 1000},false\n"),
    ],
)  # fmt: skip
def test_archive_files(name: str, rows: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(rows)
    result = Result(_source([path]))
    assert result.rejects == []
    assert result.trades == [("BTCUSDT", MS, 100.5, 1.0, False), ("BTCUSDT", MS + 1_000, 100.5, 1.0, False)]


def test_an_archive_under_another_name_has_no_symbol(tmp_path: Path) -> None:
    path = tmp_path / "renamed.csv"
    path.write_text(f"7,100.5,1,100.5,{MS},true\n")
    with pytest.raises(InputError, match=r"no column for symbol \(an archive's name starts with the symbol"):
        _source([path])


def _line(second: int) -> str:
    return f'{{"symbol":"BTCUSDT","ts":"2024-07-19T00:00:{second:02}.000Z","price":1,"size":1}}'


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_collector_file_that_another_one_goes_on(end: str, tmp_path: Path) -> None:
    short, long, other = tmp_path / "a.ndjson", tmp_path / "b.ndjson", tmp_path / "c.ndjson"
    short.write_text("\n".join(map(_line, range(3))) + end)
    long.write_text("\n".join(map(_line, range(5))))
    other.write_text("\n".join(map(_line, range(10, 12))))
    result = Result(_source([short, long, other]))
    assert len(result.trades) == 7
    assert result.tally.notes == ["a.ndjson is the beginning of b.ndjson: its rows are counted once"]
    same = tmp_path / "d.ndjson"
    same.write_bytes(other.read_bytes())
    assert len(Result(_source([same, other])).trades) == 2


def test_a_collector_file_cut_in_a_number_is_no_beginning(tmp_path: Path) -> None:
    short, long = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    long.write_text("\n".join(map(_line, range(5))))
    short.write_text("\n".join(map(_line, range(3)))[:-4])
    result = Result(_source([short, long]))
    assert result.tally.notes == []
    assert [line for _, line, _ in result.rejects] == [3]


def test_a_finer_scale_after_numbers_too_large_for_it(tmp_path: Path) -> None:
    rows = [_row(0, "9000000000000000", "0.0001"), _row(1, "0.00000001")]
    with pytest.raises(InputError, match="numbers too large for 8 more decimals"):
        Result(_source([_csv(tmp_path, *rows)]))


# Parquet


def _parquet(tmp_path: Path, **columns: Any) -> Path:
    path = tmp_path / "ticks.parquet"
    made = {"symbol": ["BTCUSDT", "BTCUSDT"], "time": [MS, MS + 1_000], "price": [100.5, 100.5], "size": [1.0, 1.0]}
    pq.write_table(pa.table({**made, **columns}), path)
    return path


SAME = {
    "doubles": {},
    "text": {"price": ["100.5", "100.50"], "size": ["1", "1.000"]},
    "decimals": {"price": pa.array([Decimal("100.5"), Decimal("100.50")], pa.decimal128(30, 12))},
    "integers": {"size": [1, 1]},
    "µs": {"time": [MS * 1_000, (MS + 1_000) * 1_000]},
    "ns timestamps": {"time": pa.array([MS * 10**6, (MS + 1_000) * 10**6], pa.timestamp("ns"))},
    "ISO": {"time": ["2024-07-19T00:00:00Z", "2024-07-19T00:00:01Z"]},
    "categories": {"symbol": pa.array(["BTCUSDT", "BTCUSDT"]).dictionary_encode()},
    "sides": {"side": ["Buy", None]},
}


@pytest.mark.parametrize("columns", SAME.values(), ids=SAME)
def test_parquet_columns_of_many_types(columns: dict[str, Any], tmp_path: Path) -> None:
    result = Result(_source([_parquet(tmp_path, **columns)]))
    assert result.rejects == []
    assert result.trades == [("BTCUSDT", MS, 100.5, 1.0, False), ("BTCUSDT", MS + 1_000, 100.5, 1.0, False)]


BAD_CELLS = {
    "null": ({"price": [100.5, None]}, "column price: expected a positive number, found nothing"),
    "NaN": ({"price": [100.5, float("nan")]}, 'column price: expected a positive number, found "nan"'),
    "infinite": ({"size": [1.0, float("inf")]}, 'column size: expected a positive number, found "inf"'),
    "negative": ({"price": [100.5, -1.0]}, 'column price: expected a positive number, found "-1.0"'),
    "decimals": ({"price": [100.5, 1.123456789]}, 'column price: expected at most 8 decimals, found "1.123456789"'),
    "text": ({"price": ["100.5", "n/a"]}, 'column price: expected a positive number, found "n/a"'),
    "negative decimal": ({"price": [Decimal("100.5"), Decimal("-1.0")]}, 'column price: expected a positive number, found "-1.0"'),
    "symbol": ({"symbol": ["BTCUSDT", "b"]}, 'column symbol: symbol not in upper case: "b"'),
    "no symbol": ({"symbol": ["BTCUSDT", None]}, "column symbol: expected a symbol, found nothing"),
    "id as text": ({"id": ["1", "x"]}, 'column id: expected a whole number, found "x"'),
    "huge id": ({"id": pa.array([1, 1 << 63], pa.uint64())}, 'column id: expected a whole number, found "9223372036854775808"'),
    "time": ({"time": [MS, 7]}, 'column time: "7" is not between the years 2009 and 2100; is the unit right?'),
    "ISO time": ({"time": ["2024-07-19T00:00:00Z", "soon"]}, f'column time: {NOT_ISO}, found "soon"'),
    "side": ({"side": ["buy", "hold"]}, 'column side: expected buy or sell, found "hold"'),
    "timestamp": ({"time": [datetime(2024, 7, 19, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]}, f'column time: "0" {UNIT}'),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "reason"), BAD_CELLS.values(), ids=BAD_CELLS)
def test_a_malformed_parquet_row_is_kept_with_its_number_and_reason(
    columns: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    result = Result(_source([_parquet(tmp_path, **columns)]))
    assert result.rejects == [("ticks.parquet", 2, reason)]
    assert result.trades == [("BTCUSDT", MS, 100.5, 1.0, False)]


def test_parquet_without_a_column(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    pq.write_table(pa.table({"symbol": ["A"], "price": [1.0]}), path)
    with pytest.raises(InputError, match="not a file of ticks: no column for time, size; found symbol, price"):
        _source([path])

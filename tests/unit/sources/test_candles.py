"""Candles of CSV files: read exactly, every bad row named by file, line and column, and folded as the exchange folds them."""

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.domain.interval import Interval
from flows.domain.scale import UNKNOWN
from flows.errors import InputError
from flows.sources.candles.bars import chunks
from flows.sources.candles.dialect import is_candles
from flows.sources.candles.reading import Candles, read_candles

NOW = 1_800_000_000_000_000
T0 = 1_721_347_200_000  # 2024-07-19T00:00:00Z in ms
HEAD = "symbol,open_time,open,high,low,close,volume\n"


def read(tmp_path: Path, text: str | bytes, name: str = "candles.csv", now_us: int = NOW) -> Candles:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_candles([(path, name)], now_us)


def row(minute: int, prices: str = "2,3,1,2.5", volume: str = "4", symbol: str = "AUSDT") -> str:
    return f"{symbol},{T0 + 60_000 * minute},{prices},{volume}\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (HEAD + row(0) + row(1, "2,3,1"), 3, "expected 7 columns, found 6"),
        (HEAD + "A,2024-07-19 00:00:00,2,3,1,2,4\n", 2, "open_time: expected UTC (with Z), an offset (+02:00) or an epoch"),
        (HEAD + "A,19.07.2024,2,3,1,2,4\n", 2, "open_time: expected ISO 8601 in UTC or an epoch"),
        (HEAD + "A,172134720,2,3,1,2,4\n", 2, "open_time: expected an epoch of 10, 13 or 16 digits"),
        (HEAD + "A,0000000001,2,3,1,2,4\n", 2, "open_time: expected a time from 2009 to 2100"),
        (HEAD + row(0) + row(1) + row(0), 4, "AUSDT at 2024-07-19T00:00:00Z is there already, on line 2"),
        (HEAD + row(2) + row(1), 3, "expected AUSDT after 2024-07-19T00:02:00Z, found 2024-07-19T00:01:00Z"),
        (HEAD + row(0, "2,1.5,1,1.2"), 2, 'column high: expected at least open = 2, found "1.5"'),
        (HEAD + row(0, "2,3,2.5,2.6"), 2, 'column low: expected at most open = 2, found "2.5"'),
        (HEAD + row(0, "-2,3,1,2"), 2, "column open: expected a number that is not negative"),
        (HEAD + row(0, "0,3,1,2"), 2, "column open: expected a price above 0"),
        (HEAD + row(0, "2,NaN,1,2"), 2, 'column high: expected a number, found "NaN"'),
        (HEAD + row(0, "2,inf,1,2"), 2, 'column high: expected a number, found "inf"'),
        (HEAD + row(0, "2,3,1,"), 2, "column close: expected a number"),
        (HEAD + row(0, volume="-1"), 2, "column volume: expected a number that is not negative"),
        (HEAD + row(0, volume="1.123456789"), 2, "column volume: expected at most 8 decimals"),
        (HEAD + row(0, symbol="a usdt"), 2, "column symbol: symbol not in upper case"),
        (HEAD.replace(",", ";") + row(0).replace(",", ";").replace("2.5", "2,5"), 2, 'found "2,5" with a decimal comma'),
    ],
)  # fmt: skip
def test_each_bad_row_is_named(tmp_path: Path, text: str, line: int, said: str) -> None:
    found = read(tmp_path, text)
    assert found.problems.count == 1
    (file, at, reason) = found.problems.first[0]
    assert (file, at) == ("candles.csv", line)
    assert said in reason
    assert found.interval is None


def test_a_candle_that_is_half_finished_or_not_aligned_or_ends_elsewhere(tmp_path: Path) -> None:
    now = (T0 + 90_000) * 1_000
    half = read(tmp_path, HEAD + row(0) + row(1), now_us=now)
    assert [(line, "half finished" in reason) for _, line, reason in half.problems.first] == [(3, True)]
    assert not read(tmp_path, HEAD + row(0) + row(1), now_us=now + 30_000_000).problems.count, "it has just ended"

    off = f"{HEAD}AUSDT,{T0 + 1_000},2,3,1,2,4\nAUSDT,{T0 + 61_000},2,3,1,2,4\n"
    assert [line for _, line, _ in read(tmp_path, off).problems.first] == [2, 3]
    closes = "open_time,open,high,low,close,volume,close_time,symbol\n"
    body = f"{T0},2,3,1,2,4,{T0 + 59_999},A\n{T0 + 60_000},2,3,1,2,4,{T0 + 90_000},A\n"
    wrong = read(tmp_path, closes + body).problems
    assert [(line, reason[:18]) for _, line, reason in wrong.first] == [(3, "column close_time:")]


def test_all_bad_rows_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + "".join(row(i, "x,3,1,2") for i in range(50)) + row(60))
    assert (found.problems.count, len(found.problems.first), found.read) == (50, 20, 51)
    assert [line for _, line, _ in found.problems.first] == list(range(2, 22))
    twice = read(tmp_path, HEAD + "".join(row(0) for _ in range(40)))
    assert (twice.problems.count, len(twice.problems.first)) == (39, 20)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "symbol,time,open,high,low,close\n", "line 1: no column for volume"),
        ("a.csv", "symbol,time,timestamp,open,high,low,close,volume\n", "columns time and timestamp both look like open_time"),
        ("a.csv", "time,open,high,low,close,volume\n1,2,3,1,2,4\n", "the file's name does not tell it"),
        ("a.csv", HEAD, "no candle in it"),
        ("a.csv", HEAD + row(0) + row(15), "expected candles of 1s, 1m, 5m: found candles each 900 s"),
        ("a.csv", HEAD + row(0), "one candle alone does not tell"),
        ("a.csv", (HEAD + row(0)).encode("utf-16"), "expected text in UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_at_all_says_why(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, text, name)


def test_more_than_is_held_in_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.sources.candles.reading.MOST_ROWS", 3)
    assert len(read(tmp_path, HEAD + "".join(map(row, range(3))))) == 3
    with pytest.raises(InputError, match="more than the 3 candles that are taken at a time"):
        read(tmp_path, HEAD + "".join(map(row, range(4))))
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(InputError, match="200 MB of candles are more than the 100 MB"):
        read_candles([(large, "large.csv")], NOW)


def test_byte_order_mark_semicolons_quotes_offsets_and_gzip_are_read(tmp_path: Path) -> None:
    plain = read(tmp_path, HEAD + row(0) + row(1))
    iso = (
        HEAD
        + 'AUSDT,2024-07-19T02:00:00+02:00,"2",3,1,2.5,4\r\nAUSDT,2024-07-19T00:01:00Z,2.0,3.000000000,1,2.50,4e0\r\n'
    )
    for text in (b"\xef\xbb\xbf" + iso.encode(), iso.replace(",", ";").encode(), gzip.compress(iso.encode())):
        other = read(tmp_path, text)
        assert not other.problems.count, other.problems.first
        for name in ("open_time", "open", "high", "low", "close", "volume"):
            assert np.array_equal(other.columns[name], plain.columns[name]), name
    named = read(tmp_path, f"time,open,high,low,close,volume\n{T0},2,3,1,2,4\n", "x_5m_BTCUSDT_2024.csv")
    assert (named.symbols, named.interval) == (("BTCUSDT",), Interval.M5)
    assert is_candles("time;open;high;low;close;volume\n")
    assert not is_candles("symbol,time,price,size\n")


def test_the_exchanges_klines_become_its_bars_to_the_last_digit(shared_data: Path) -> None:
    path = shared_data / "klines" / "um_1m_20240718-19.csv"
    candles = read_candles([(path, path.name)], NOW)
    bars = [chunk.rows for batch in chunks(candles, tuple(Interval)) for chunk in batch]
    minutes = bars[0]
    truth = pl.read_csv(path, infer_schema=False).sort("open_time", "symbol").to_dicts()
    assert len(minutes) == len(truth) == 14
    for i, wanted in enumerate(truth):
        instrument = minutes.instruments[minutes.symbol[i]]
        of = instrument.price_decimals, instrument.size_decimals, instrument.quote_decimals
        assert (instrument.symbol, int(minutes.open_time[i]) // 1_000) == (wanted["symbol"], int(wanted["open_time"]))
        for name, decimals in (
            *((name, of[0]) for name in ("open", "high", "low", "close")), ("volume", of[1]), ("taker_buy_volume", of[1]),
            ("quote_volume", of[2]), ("taker_buy_quote_volume", of[2]),
        ):  # fmt: skip
            assert Decimal(int(getattr(minutes, name)[i])).scaleb(-decimals) == Decimal(wanted[name]), name
        assert int(minutes.trade_count[i]) == int(wanted["count"])
    five = next(frame for frame in bars if frame.interval is Interval.M5)
    assert len(five) == 2, "only 00:00 to 00:05 is whole"
    for s in five.symbol.tolist():
        mine = minutes.take((minutes.symbol == s) & (minutes.open_time >= T0 * 1_000))
        folded = five.take(five.symbol == s)
        assert int(folded.open[0]) == int(mine.open[0])
        assert int(folded.close[0]) == int(mine.close[4])
        assert int(folded.high[0]) == int(mine.high[:5].max())
        assert int(folded.low[0]) == int(mine.low[:5].min())
        assert int(folded.volume[0]) == int(mine.volume[:5].sum())
    assert (five.last_trade_time == UNKNOWN).all(), "a candle does not tell when its last trade was"


def test_chunks_carry_every_bar_once_in_time_order_wherever_they_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEAD + "".join(row(i, symbol=symbol) for symbol in ("BUSDT", "AUSDT") for i in range(23) if i != 7)
    candles = read(tmp_path, text)
    assert candles.notes == [f"{symbol}: 1 candles are missing, the longest stretch 1" for symbol in ("BUSDT", "AUSDT")]
    seen = {}
    for cut in (1, 3, 100):
        monkeypatch.setattr("flows.sources.candles.bars.CHUNK_TIMES", cut)
        rows: dict[Interval, list[tuple[int, int]]] = {}
        for chunk in (chunk for batch in chunks(candles, tuple(Interval)) for chunk in batch):
            frame, watermark = chunk.rows, chunk.watermark
            assert np.all(frame.open_time + frame.interval.us <= watermark[0])
            rows.setdefault(frame.interval, []).extend(
                zip(frame.open_time.tolist(), frame.symbol.tolist(), strict=True)
            )
        seen[cut] = rows
    assert seen[1] == seen[3] == seen[100]
    assert len(seen[1][Interval.M1]) == 44
    assert [(time // 1_000 - T0) // 60_000 for time, s in seen[1][Interval.M5] if s == 0] == [0, 10, 15], (
        "5 to 10 lacks one"
    )
    assert seen[1][Interval.M1] == sorted(seen[1][Interval.M1])

"""Files of ticks: the compiled parsers against the careful reader for every line, and the same rows for any cut and any resume."""

import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.domain.frames import Rejects, Ticks
from flows.sources.csv_ticks import CsvTicks
from flows.sources.detect import TickFile
from flows.sources.gather import Columns
from flows.sources.merge import TickFiles
from flows.sources.ndjson_ticks import NdjsonTicks
from flows.sources.scan import Bytes
from flows.sources.streams import ByteStream
from flows.sources.symbols import SymbolTable
from flows.sources.text import TextFormat, TextReader

MS = 1_721_347_200_000
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Read:
    """What became of some lines: rows with exact numbers, rejected lines with their reasons, and how many were left out."""

    rows: list[tuple[Any, ...]]
    rejects: list[tuple[int, str]]
    excluded: int


class _WithoutCompiled:
    """A format whose compiled parser takes no row at all, so that every line is read with care."""

    def __init__(self, form: TextFormat) -> None:
        self.unit, self.symbol, self.has_ids, self.has_aggregates = (
            form.unit,
            form.symbol,
            form.has_ids,
            form.has_aggregates,
        )
        self.fields = form.fields

    def parse(
        self, buffer: Bytes, position: int, table: SymbolTable, columns: Columns, n: int, line: int
    ) -> tuple[int, int, int, int]:
        return n, position, 0, 0


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ticks"
        path.write_bytes(data)
        yield path


def _numbers(ticks: Ticks) -> list[tuple[str, int, Decimal, Decimal, int]]:
    out = []
    for i in range(len(ticks)):
        of = ticks.instruments[ticks.symbol[i]]
        price = Decimal(int(ticks.price[i])).scaleb(-of.price_decimals)
        size = Decimal(int(ticks.size[i])).scaleb(-of.size_decimals)
        out.append((of.symbol, int(ticks.time[i]), price, size, int(ticks.side[i])))
    return out


def _read(form: TextFormat, lines: list[str], block_bytes: int) -> Read:
    """What a reader makes of the lines."""
    rows: list[tuple[Any, ...]] = []
    rejects: list[tuple[int, str]] = []
    excluded = 0
    with _file("".join(line + "\n" for line in lines).encode()) as path:
        reader = TextReader(ByteStream(path), form, SymbolTable(), lambda _: True, block_bytes, 0, 1)
        while block := reader.read():
            t = block.ticks
            for i, numbers in enumerate(_numbers(t)):
                ids = [int(t.trade_id[i])] if form.has_ids else [None]
                if t.first_id is not None and t.last_id is not None:
                    ids += [int(t.first_id[i]), int(t.last_id[i])]
                rows.append((int(block.lines[i]), *numbers, *ids))
            rejects += [(reject.line, reject.reason) for reject in block.rejects]
            excluded += block.excluded
    return Read(rows, rejects, excluded)


odd_number = st.sampled_from(
    ["", "0", "0.0", "-1", "-0", "+5", "1e3", "1E-2", "NaN", "nan", "inf", "-inf", "1_000", "1.", ".5", ".", "00012.50",
     "1.123456789", "1.100000000000", "99999999999999999", "9007199254740993", "900000000", "123456789012345678901234567890",
     "0x10", "1,5", " 7 ", '"8.5"', "٣", "1.2.3", "1e999", "5 5", "0.00000001", "1.00000000000000000000000000000000001"]
)  # fmt: skip
plain_number = st.decimals(min_value=Decimal("0.001"), max_value=100_000, places=3).map(str)
number = st.one_of(plain_number, plain_number, plain_number, odd_number)
symbol = st.one_of(
    st.sampled_from(["BTCUSDT", "ETHUSDT"]),
    st.sampled_from(["BTCUSDT", "btcusdt", "", " ETHUSDT", "A B", "币安USDT", '"BTCUSDT"', "X" * 33])
)  # fmt: skip
time_ms = st.one_of(
    st.integers(0, 10**6).map(lambda d: str(MS + d)),
    st.sampled_from([str(MS), str(MS * 1_000), "0", "", "-5", "172134720000", "1721347200000.5", "2024-07-19", f" {MS}", f"0{MS}", "abc"]),
)  # fmt: skip
time_iso = st.one_of(
    st.integers(0, 999).map(lambda d: f"2025-12-15T08:43:15.{d:03}Z"),
    st.sampled_from(
        ["2025-12-15T08:43:15Z", "2025-12-15 08:43:15.5Z", "2025-12-15T08:43:15.123456789Z", "2025-12-15T08:43:15+00:00",
         "2025-12-15T08:43:15+00x00", "2025-12-15T08:43:15+01:00", "2025-12-15T08:43:15", "2025-02-29T00:00:00Z", "2024-02-29T00:00:00Z",
         "2025-13-01T00:00:00Z", "2025-12-15T24:00:00Z", "2025-12-15T08:43:60Z", "2025-12-15T08:43:15.Z", "1999-12-15T08:43:15Z",
         "2025-00-10T00:00:00Z", "2025-04-31T00:00:00Z", "2025-12-15t08:43:15Z", "", "0"]
    ),
)  # fmt: skip
whole = st.one_of(
    st.integers(0, 10**6).map(str), st.sampled_from(["", "-1", "1.0", "999999999999999999", "9999999999999999999", "x"])
)
maker = st.sampled_from(["true", "false", "True", "FALSE", "tRuE", "trxe", "falsy", "1", "0", "", "yes", "fblse"])
side = st.sampled_from(["buy", "SELL", "Sell", "", "selx", "hold", "bux", "BUY"])
note = st.sampled_from(["", "x", "a b", 'q"q', '"a,b"', '"', "1.5", "ü"])
end = st.sampled_from(["", "", "", "\r", ",", " ", ",1"])


def _lines(*columns: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    row = st.tuples(st.tuples(*columns), end).map(lambda made: ",".join(made[0]) + made[1])
    return st.lists(
        st.one_of(row, row, row, st.sampled_from(["", "  ", "garbage", "a,b,c", "\r"])), min_size=1, max_size=12
    )


FORMS: list[tuple[CsvTicks, st.SearchStrategy[list[str]]]] = [
    (
        CsvTicks(("symbol", "id", "time", "price", "size", "is_buyer_maker"), ",", "ms", None, False, False),
        _lines(symbol, whole, time_ms, number, number, maker),
    ),
    (
        CsvTicks(("price", "size", "", "time", "symbol", "side"), ",", None, None, False, False),
        _lines(number, number, note, time_iso, symbol, side),
    ),
    (
        CsvTicks(
            ("id", "price", "size", "first_id", "last_id", "time", "is_buyer_maker"), ",", "ms", "BTCUSDT", False, True
        ),
        _lines(whole, number, number, whole, whole, time_ms, maker),
    ),
    (
        CsvTicks(("id", "price", "size", "", "time", "is_buyer_maker"), ",", "us", "BTCUSDT", True, True),
        _lines(whole, number, number, note, st.one_of(time_ms.map(lambda t: t + "000"), time_ms), maker),
    ),
]


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(FORMS).flatmap(lambda f: st.tuples(st.just(f[0]), f[1])), st.sampled_from([64, 1 << 20]))
def test_compiled_csv_parser_reads_as_the_careful_one(made: tuple[CsvTicks, list[str]], block_bytes: int) -> None:
    form, lines = made
    assert _read(form, lines, block_bytes) == _read(_WithoutCompiled(form), lines, block_bytes)


@st.composite
def collector_lines(draw: st.DrawFn) -> str:
    """A collector line, now and then with something odd in it."""
    members = [
        f'"symbol":"{draw(symbol).replace(chr(34), "")}"',
        f'"ts":"{draw(time_iso)}"',
        f'"price":{draw(number)}',
        f'"size":{draw(number)}',
    ]
    members = draw(st.permutations(members))
    odd = draw(st.sampled_from(["", "", "", "", "drop", "extra", "twice", "space", "text", "null", "garbage", "close"]))
    if odd == "drop":
        members = members[1:]
    elif odd == "extra":
        members = [*members, '"side":"buy"']
    elif odd == "twice":
        members = [*members, members[0]]
    line = "{" + (", " if odd == "space" else ",").join(members) + "}"
    return {
        "text": line.replace('"price":', '"price":"').replace(',"size"', '","size"'),
        "null": '{"symbol":"BTCUSDT","ts":null,"price":1,"size":1}',
        "garbage": line + "x",
        "close": line[:-1],
    }.get(odd, line)


@settings(max_examples=250, deadline=None)
@given(st.lists(collector_lines(), min_size=1, max_size=12), st.sampled_from([64, 1 << 20]))
def test_compiled_collector_parser_reads_as_the_careful_one(lines: list[str], block_bytes: int) -> None:
    form = NdjsonTicks()
    assert _read(form, lines, block_bytes) == _read(_WithoutCompiled(form), lines, block_bytes)


# Any cut, any resume

_FORM = CsvTicks(("symbol", "id", "time", "price", "size"), ",", "ms", None, False, False)
_NO_IDS = CsvTicks(("symbol", "time", "price", "size"), ",", "ms", None, False, False)


@st.composite
def tick_texts(draw: st.DrawFn) -> tuple[CsvTicks, list[bytes]]:
    """One to three files of one input: steps back, wrong times far ahead, garbage, zeros and growing decimals among the rows."""
    form = draw(st.sampled_from((_FORM, _NO_IDS)))
    kinds = draw(st.lists(st.sampled_from("......jgzbfJ"), min_size=1, max_size=30))
    lines: list[str] = []
    now = MS
    for i, kind in enumerate(kinds):
        now += draw(st.integers(0, 3)) * 400
        at = {"j": now + 40 * 86_400_000, "J": now + 30 * 86_400_000, "b": now - 1_500}.get(kind, now)
        price = {"z": "0", "f": f"{i}.12345"}.get(kind, f"{100 + i}.5")
        number = f"{i}," if form is _FORM else ""
        lines.append("garbage" if kind == "g" else f"{'BTCUSDT' if i % 3 else 'ETHUSDT'},{number}{at},{price},1")
    files = draw(st.integers(1, 3))
    cuts = [0, *sorted(draw(st.integers(0, len(lines))) for _ in range(files - 1)), len(lines)]
    ends = ["\n", "\n", ""]
    pieces = pairwise(cuts)
    return form, ["\n".join(lines[a:b]).encode() + draw(st.sampled_from(ends)).encode() for a, b in pieces if b > a]


def _plain(chunks: list[Any]) -> tuple[list[Any], list[Any]]:
    ticks, rejects = [], []
    for chunk in chunks:
        frame = chunk.rows
        if isinstance(frame, Rejects):
            rejects += list(
                zip(frame.source, frame.line.tolist(), frame.time.tolist(), frame.reason, frame.text, strict=True)
            )
        else:
            ids, late = frame.trade_id.tolist(), frame.late.tolist()
            ticks += [(*row, ids[i], late[i]) for i, row in enumerate(_numbers(frame))]
    return ticks, sorted(rejects)


@settings(max_examples=150, deadline=None)
@given(tick_texts(), st.sampled_from([1, 40, 100]), st.data())
def test_any_cut_and_any_resume_give_the_same_rows(
    made: tuple[CsvTicks, list[bytes]], block_bytes: int, data: st.DataObject
) -> None:
    form, texts = made
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, text in enumerate(texts):
            path = Path(folder) / f"{i}.csv"
            path.write_bytes(text)
            files.append(TickFile(path, "csv", form, form.has_ids, False, False))

        def reader(block: int, state: Any = None) -> TickFiles:
            return TickFiles(files, lambda _: True, 1_000_000, 7 * DAY_US, 1.0, block, state)

        whole, wanted = reader(1 << 20), []
        while (chunks := whole.read()) is not None:
            wanted += chunks
        pieces, found = reader(block_bytes), []
        while (chunks := pieces.read()) is not None:
            found += chunks
            if data.draw(st.booleans()):
                state = pickle.dumps(pieces.state())
                pieces = reader(block_bytes, pickle.loads(state))
        assert _plain(found) == _plain(wanted)
        assert replace(pieces.tally, first_reject="") == replace(whole.tally, first_reject="")
        assert len(_plain(wanted)[0]) == whole.tally.kept
        told = 0
        for chunk in found:  # nothing in time comes below a watermark that was told before
            if isinstance(chunk.rows, Ticks):
                assert all(chunk.rows.time[~chunk.rows.late] >= told)
                told = max(told, int(chunk.watermark.max()))

"""Exports: every format read back equals SQL, whatever the pages; what is refused, cancelled and failed leaves no file."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from psycopg import sql

from dashboard.data import Reader
from dashboard.export.job import Export, State
from dashboard.export.pages import pages
from dashboard.export.wanted import FORMS, Wanted, span_of
from flows.domain.pair import Pair
from flows.errors import NotStoredError
from flows.storage.client import connect, create_tables, sender
from flows.storage.schema import REJECTS, TRADES, ColumnType, Table, table_name
from flows.storage.server import ManagedServer

PAIR, START = Pair("ETHUSDT", "BTCUSDT"), 1_721_347_200_000_000
HOSTILE = 'comma, "quote"\nnew line; ünïcode'
_POLARS = {
    ColumnType.TIMESTAMP: pl.Datetime("us", "UTC"), ColumnType.SYMBOL: pl.String, ColumnType.DOUBLE: pl.Float64,
    ColumnType.LONG: pl.Int64, ColumnType.VARCHAR: pl.String, ColumnType.BOOLEAN: pl.Boolean,
}  # fmt: skip


@pytest.fixture(scope="module")
def reader(questdb: ManagedServer) -> Callable[[], Reader]:
    """Rows with everything that is hard to write: nulls, many of one time, numbers without a short text, hostile texts."""
    create_tables(questdb.address, "exported")
    with sender(questdb.address) as out:
        for i in range(1_000):
            symbol = ("ETHUSDT", "BTCUSDT", "SOLUSDT")[i % 3]
            out.row(
                table_name("trades", "exported"),
                symbols={"symbol": symbol, **({"side": "buy"} if i % 2 else {})},
                columns={"trade_id": i, "price": 0.1 + i / 3, "late": i % 7 == 0, **({"amount": 1e-7 * i} if i % 5 else {})},
                at=datetime.fromtimestamp((START + (i // 40) * 1_000_123) / 1e6, UTC),
            )  # fmt: skip
        out.row(
            table_name("rejects", "exported"), symbols={"source": "a.csv"}, columns={"line": 3, "reason": "x", "text": HOSTILE},
            at=datetime.fromtimestamp(START / 1e6, UTC),
        )  # fmt: skip
        out.flush()

    def opened() -> Reader:
        return Reader(lambda: connect(questdb.read_address))

    count = sql.Composed([sql.SQL("SELECT count() FROM exported_trades")])
    for _ in range(1_000):
        if opened().query(count, ()) == [(1_000,)]:
            return opened
    raise AssertionError("the rows did not come")


def wanted(
    form: Any = "csv", table: Table = TRADES, pair: Pair | None = None, span: tuple[int, int] = (0, 2 * START)
) -> Wanted:
    return Wanted("exported", "replay", table, pair, *span, form)  # fmt: skip


def read_back(path: Path, form: str, table: Table) -> pl.DataFrame:
    schema = {name: _POLARS[kind] for name, kind in table.columns}
    if form == "parquet":
        return pl.read_parquet(path).cast(schema)
    times = {name: pl.String for name, kind in table.columns if kind is ColumnType.TIMESTAMP}
    read = pl.read_csv if form == "csv" else pl.read_ndjson
    found = read(path, schema={**schema, **times})
    for name in times:
        assert found[name].drop_nulls().str.ends_with("Z").all()
    return found.with_columns(pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC") for name in times)


@pytest.mark.questdb
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("table", [TRADES, REJECTS], ids=lambda table: table.name)
def test_every_format_read_back_is_what_sql_says(
    reader: Callable[[], Reader], form: Any, table: Table, tmp_path: Path
) -> None:
    export = Export(wanted(form, table), tmp_path / f"out.{form}")
    export.run(reader, lambda: None)
    assert (export.state, export.error) == (State.READY, "")
    columns = sql.SQL(", ").join(sql.Identifier(name) for name, _ in table.columns)
    rows = reader().query(
        sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table_name(table.name, "exported"))), ()
    )
    schema = {name: _POLARS[kind] for name, kind in table.columns}
    truth = pl.DataFrame(
        [tuple(v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in row) for row in rows], schema, orient="row"
    )  # fmt: skip
    found = read_back(export.path, form, table)
    assert len(found) == export.done == export.total == len(rows)
    assert found.equals(truth, null_equal=True), "to the last bit, nulls included"
    assert export.bytes == export.path.stat().st_size


@pytest.mark.questdb
@pytest.mark.parametrize("page_rows", [1, 7, 39, 40, 41, 1_000])
def test_pages_neither_lose_nor_double_rows_of_one_time(reader: Callable[[], Reader], page_rows: int) -> None:
    source = reader()
    whole = [row for page in pages(source.query, wanted(), 100_000) for row in page]
    found = list(pages(source.query, wanted(), page_rows))
    assert [row for page in found for row in page] == whole
    assert len(whole) == 1_000
    assert page_rows == 1_000 or len(found) > 1


@pytest.mark.questdb
def test_a_pair_and_a_range_narrow_the_rows(reader: Callable[[], Reader]) -> None:
    span = START + 1_000_123, START + 3 * 1_000_123
    rows = [row for page in pages(reader().query, wanted(pair=PAIR, span=span)) for row in page]
    assert {row[1] for row in rows} == {"ETHUSDT", "BTCUSDT"}
    assert {row[0] for row in rows} == {span[0], span[0] + 1_000_123}, "the end is not included"
    hostile = Pair.__new__(Pair)  # not to be had by parsing: even so it stays a value
    object.__setattr__(hostile, "y", "'; DROP TABLE x; --")
    object.__setattr__(hostile, "x", "B")
    assert list(pages(reader().query, wanted(pair=hostile))) == []


@pytest.mark.questdb
def test_nothing_is_left_of_what_was_cancelled_or_found_nothing_or_failed(
    reader: Callable[[], Reader], tmp_path: Path
) -> None:
    cancelled, empty = Export(wanted(), tmp_path / "a"), Export(wanted(span=(1, 2)), tmp_path / "b")
    failed = Export(Wanted("nowhere", "live", TRADES, None, 0, 2 * START, "csv"), tmp_path / "c")
    cancelled.cancel()
    for export in (cancelled, empty, failed):
        export.run(reader, lambda: None)
    assert [export.state for export in (cancelled, empty, failed)] == [State.CANCELLED, State.EMPTY, State.FAILED]
    assert "nowhere_trades" in failed.error
    assert "nothing was saved" in failed.error
    full = Export(wanted(), tmp_path / "no" / "folder")
    full.run(reader, lambda: None)
    assert full.state is State.FAILED
    assert not list(tmp_path.iterdir())


@pytest.mark.questdb
def test_a_cancelled_export_stops_between_pages(
    reader: Callable[[], Reader], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.export.job._TELL_S", -1.0)
    monkeypatch.setattr("dashboard.export.pages.pages.__defaults__", (40,))
    export = Export(wanted(), tmp_path / "a")

    def told() -> None:
        if export.done >= 80:
            export.cancel()

    export.run(reader, told)
    assert export.state is State.CANCELLED
    assert 80 <= export.done < 200
    assert not export.path.exists()


def test_the_range_is_read_and_refused_by_name() -> None:
    assert span_of("2024-07-19T00:00:00Z", "1721347260") == (START, START + 60_000_000)
    assert span_of(" ", "")[0] == 0
    for since, until, said in (
        ("yesterday", "", 'from: time: expected ISO in UTC or an epoch, found "yesterday"'),
        ("", "2024-13-01", "to: time: expected ISO"),
        ("2024-07-19", "2024-07-18", 'to: expected a time after "2024-07-19", found "2024-07-18"'),
        ("1900-01-01", "", "from: expected a time from 1970 to 2100"),
    ):
        with pytest.raises(NotStoredError, match=said):
            span_of(since, until)


def test_the_file_name_says_what_is_in_it() -> None:
    name = Wanted("q3", "replay", TRADES, PAIR, START, START + 60_000_000, "parquet").file_name
    assert name == "q3_ETHUSDT-BTCUSDT_trades_20240719T000000Z_20240719T000100Z.parquet"
    assert Wanted("", "live", REJECTS, PAIR, 0, 1_000_000, "csv").file_name.startswith("live_all_rejects_"), (
        "no pair there"
    )

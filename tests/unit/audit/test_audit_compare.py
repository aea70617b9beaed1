"""The comparison of an audit on small tables: what is equal, what is not, and what is told of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.audit.cells import Recorder, Rows, Texts, told
from flows.audit.compare import Compared, Difference, FullRun
from flows.domain.scale import UNKNOWN
from flows.sinks.columns import Labels, TableRows
from flows.storage.schema import ColumnType, Table

SECOND = 1_000_000
TABLE = Table(
    "bars",
    (
        ("open_time", ColumnType.TIMESTAMP), ("symbol", ColumnType.SYMBOL), ("close", ColumnType.DOUBLE),
        ("count", ColumnType.LONG), ("complete", ColumnType.BOOLEAN), ("note", ColumnType.VARCHAR),
    ),
    ("open_time", "symbol"), "DAY", None,
)  # fmt: skip

Row = tuple[int, str, float, int, bool, str]
FULL: list[Row] = [
    (0, "A", 1.0, 3, True, ""),
    (0, "B", 5.0, 1, True, "gap"),
    (1, "A", 1.5, 2, True, ""),
    (2, "A", np.nan, int(UNKNOWN), True, ""),
    (1, "B", 5.5, 1, True, ""),
    (3, "A", 2.0, 1, False, ""),
]


class Tables:
    """Makes the tables of runs that share their texts."""

    def __init__(self, folder: Path) -> None:
        self.texts, self._folder, self._n = Texts(), folder, 0

    def of(self, rows: list[Row]) -> dict[str, Rows]:
        self._n += 1
        recorder = Recorder(self._folder / str(self._n), self.texts)
        for piece in (rows[:2], rows[2:]):
            names = tuple(sorted({row[1] for row in piece}))
            columns: dict[str, Any] = {
                "open_time": np.array([row[0] * SECOND for row in piece], np.int64),
                "symbol": Labels(np.array([names.index(row[1]) for row in piece], np.int32), names),
                "close": np.array([row[2] for row in piece], np.float64),
                "count": np.array([row[3] for row in piece], np.int64),
                "complete": np.array([row[4] for row in piece], np.bool_),
                "note": np.array([row[5] for row in piece], object),
            }
            recorder.add(TableRows(TABLE, columns), SECOND)
        return recorder.rows()


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


@pytest.fixture
def full(tables: Tables) -> FullRun:
    return FullRun(tables.of(FULL), tables.texts)


def _only(compared: list[Compared]) -> Compared:
    (one,) = compared
    return one


def _changed(at: int, **fields: Any) -> list[Row]:
    names = [name for name, _ in TABLE.columns]
    rows: list[Any] = list(FULL)
    rows[at] = tuple(fields.get(name, value) for name, value in zip(names, rows[at], strict=True))
    return rows


def test_equal_rows_are_counted(tables: Tables, full: FullRun) -> None:
    compared = _only(full.same(tables.of(FULL)))
    assert (compared.rows, compared.values, compared.differing) == (6, 36, 0)
    assert compared.shown[""].known.tolist() == [6, 6, 5, 5, 6, 6]


def test_entities_may_come_in_another_order(tables: Tables, full: FullRun) -> None:
    others = [row for row in FULL if row[1] == "B"] + [row for row in FULL if row[1] == "A"]
    assert _only(full.same(tables.of(others))).differing == 0


@pytest.mark.parametrize(
    ("at", "fields", "told_as"),
    [
        (2, {"close": np.nextafter(1.5, 2)}, ("value", 1, "symbol A", "close", "1.5", "1.5000000000000002")),
        (2, {"close": np.nan}, ("value", 1, "symbol A", "close", "1.5", "null")),
        (3, {"close": 0.0}, ("value", 2, "symbol A", "close", "null", "0.0")),
        (3, {"count": 0}, ("value", 2, "symbol A", "count", "null", "0")),
        (1, {"note": "late"}, ("value", 0, "symbol B", "note", "gap", "late")),
        (0, {"symbol": "C"}, ("missing", 0, "symbol A", "", "", "")),
    ],
)
def test_one_bit_is_seen(
    at: int, fields: dict[str, Any], told_as: tuple[Any, ...], tables: Tables, full: FullRun
) -> None:
    compared = _only(full.same(tables.of(_changed(at, **fields))))
    kind, second, key, field, there, here = told_as
    assert compared.first == Difference("bars", kind, second * SECOND, key, field, there, here)


def test_zero_has_a_sign(tables: Tables) -> None:
    zeros: list[Row] = [(0, "A", 0.0, 1, True, "")]
    full = FullRun(tables.of(zeros), tables.texts)
    assert _only(full.same(tables.of(zeros))).differing == 0
    first = _only(full.same(tables.of([(0, "A", -0.0, 1, True, "")]))).first
    assert first is not None
    assert (first.full, first.here) == ("0.0", "-0.0")


@pytest.mark.parametrize("at", range(len(FULL)))
def test_a_row_too_few_or_too_many_is_seen(at: int, tables: Tables, full: FullRun) -> None:
    fewer = _only(full.same(tables.of(FULL[:at] + FULL[at + 1 :]))).first
    assert fewer is not None
    assert (fewer.kind, fewer.time_us, fewer.key) == ("missing", FULL[at][0] * SECOND, f"symbol {FULL[at][1]}")
    twice = _only(full.same(tables.of(FULL[: at + 1] + FULL[at:]))).first
    assert twice is not None
    assert twice.kind in ("beside", "missing")


def test_a_table_that_the_full_run_has_not_is_seen(tables: Tables) -> None:
    compared = _only(FullRun({}, tables.texts).same(tables.of(FULL)))
    assert compared.first is not None
    assert (compared.first.kind, compared.differing) == ("beside", 6)


def test_a_prefix_may_form_other_rows_and_end_earlier(tables: Tables, full: FullRun) -> None:
    prefix: list[Row] = [*FULL[:3], (2, "A", 1.7, 1, False, ""), (1, "B", 5.1, 1, False, "")]
    compared = _only(full.beginning(tables.of(prefix), {"A": 2 * SECOND, "B": 2 * SECOND - 1}))
    assert (compared.rows, compared.differing) == (3, 0)


def test_a_forming_row_that_is_not_marked_is_seen(tables: Tables, full: FullRun) -> None:
    prefix: list[Row] = [*FULL[:3], (2, "A", 1.7, 1, True, "")]
    first = _only(full.beginning(tables.of(prefix), {"A": 2 * SECOND})).first
    assert first == Difference("bars", "value", 2 * SECOND, "symbol A", "close", "null", "1.7")


@pytest.mark.parametrize(("watermark", "owed"), [(2, 0), (3, 1)])
def test_what_the_watermark_decides_must_be_said(watermark: int, owed: int, tables: Tables, full: FullRun) -> None:
    compared = _only(full.beginning(tables.of(FULL[:3]), {"A": watermark * SECOND, "B": SECOND}))
    assert compared.differing == owed
    if owed:
        assert compared.first is not None
        assert (compared.first.kind, compared.first.time_us) == ("missing", 2 * SECOND)


def test_a_prefix_without_a_table_owes_its_rows(full: FullRun) -> None:
    assert _only(full.beginning({}, {})).differing == 0
    assert _only(full.beginning({}, {"A": 2 * SECOND})).differing == 2


@pytest.mark.parametrize(
    ("first", "second", "differing"),
    [
        (3, 3, 0),  # goes on where it was killed
        (4, 2, 0),  # some rows come again
        (6, 6, 0),  # nothing is left to say
        (0, 0, 0),  # killed before it said anything
        (3, 4, 1),  # a row got lost
    ],
)
def test_a_restart_says_stretches(first: int, second: int, differing: int, tables: Tables, full: FullRun) -> None:
    compared = _only(full.stretches([tables.of(FULL[:first]), tables.of(FULL[second:])]))
    assert compared.differing == differing
    if differing:
        assert compared.first is not None
        assert (compared.first.kind, compared.first.time_us) == ("missing", 2 * SECOND)


def test_a_row_that_comes_again_must_be_the_same(tables: Tables, full: FullRun) -> None:
    again = _changed(2, close=9.0)[2:]
    first = _only(full.stretches([tables.of(FULL[:4]), tables.of(again)])).first
    assert first == Difference("bars", "value", SECOND, "symbol A", "close", "1.5", "9.0")


def test_cells_are_told_with_all_digits() -> None:
    texts = Texts()
    bits = int(np.array([0.1 + 0.2]).view(np.int64)[0])
    assert told(ColumnType.DOUBLE, bits, texts) == "0.30000000000000004"
    assert told(ColumnType.TIMESTAMP, 1_721_347_200_000_500, texts) == "2024-07-19T00:00:00.0005Z"
    assert told(ColumnType.LONG, int(UNKNOWN), texts) == "null"
    assert told(ColumnType.SYMBOL, texts.number("BTCUSDT"), texts) == "BTCUSDT"
    assert told(ColumnType.BOOLEAN, 0, texts) == "false"

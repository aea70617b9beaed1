"""The audit takes every input that a replay takes: several files, Parquet, lines that are no trades, captures of our own with gaps."""

from pathlib import Path

import pytest
from gap_capture import capture_with_a_gap
from recordings import USDM_2024, Trade, recorded_trades, write_csv, write_parquet

from flows.audit.compare import first_difference
from flows.audit.report import passed, told
from flows.audit.trials import Audit, Kind, audit
from flows.settings import load

KINDS: tuple[Kind, ...] = ("prefix", "prefix", "prefix", "cut", "restart")


def _audited(*paths: Path) -> Audit:
    found = audit(paths, load(environment={}), 7, 1, kinds=KINDS)
    first = [told(difference) for trial in found.trials if (difference := first_difference(trial.compared))]
    assert passed(found), first
    return found


def _rows(found: Audit, table: str, kind: Kind) -> int:
    return sum(each.rows for t in found.trials if t.kind == kind for each in t.compared if each.table == table)


@pytest.fixture(scope="module")
def trades(shared_data: Path) -> list[Trade]:
    return recorded_trades(shared_data / USDM_2024)[:6_000]


def test_two_files_with_lines_that_are_no_trades(trades: list[Trade], tmp_path: Path) -> None:
    paths = [
        write_csv(tmp_path / f"{leg}.csv", [t for t in trades if t.symbol == leg]) for leg in ("BTCUSDT", "ETHUSDT")
    ]
    for path in paths:
        lines = path.read_text().splitlines(keepends=True)
        for at in range(40, len(lines), 200):
            lines.insert(at, "garbage\n")
        path.write_text("".join(lines))
    found = _audited(*paths)
    assert _rows(found, "rejects", "prefix") > 0
    assert _rows(found, "pair_stats_1s", "prefix") > 0


def test_overlapping_files_one_of_them_parquet(trades: list[Trade], tmp_path: Path) -> None:
    found = _audited(
        write_csv(tmp_path / "a.csv", trades[:3_500]), write_parquet(tmp_path / "b.parquet", trades[2_500:], "decimal")
    )
    assert _rows(found, "trades", "cut") == len(trades)


def test_a_capture_of_our_own_with_a_gap(tmp_path: Path) -> None:
    found = _audited(capture_with_a_gap(tmp_path / "captures", 150))
    assert _rows(found, "feed_events", "cut") > 0
    assert _rows(found, "pair_stats_1s", "prefix") > 0

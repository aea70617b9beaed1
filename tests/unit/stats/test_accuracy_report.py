"""The report of `make accuracy` in its short form: everything is compared and met, and an error that was planted is reported."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.domain.frames import PairStats
from flows.stats.estimator import FIT_COLUMNS
from flows.stats.methods import METHODS
from flows.stats.moments import block_moments
from flows.stats.pair_stats import statistics_of
from tests.accuracy import rolling
from tests.accuracy.__main__ import PARTS, main
from tests.accuracy.data import data_of
from tests.accuracy.row import Row, Tally

ROOT = Path(__file__).parents[3]
SMALL = ["--bars", "3000", "--window", "60", "--seconds", "0.1"]


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> dict[str, list[Row]]:
    """All parts of one window."""
    data = data_of(8_000, 0.1, shared_data)
    return {name: list(part(data, [300])) for name, part in PARTS.items()}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_compares_and_is_met_and_its_controls_fail(part: str, rows: dict[str, list[Row]]) -> None:
    found = rows[part]
    assert [row for row in found if not row.met] == []
    assert min(row.compared for row in found) > 0
    assert len([row for row in found if not row.control]) >= 2
    controls = [row for row in found if row.control]
    assert controls
    assert not any(row.within for row in controls)


def test_every_method_and_every_column_is_there(rows: dict[str, list[Row]]) -> None:
    lines = [row for part in ("ols", "hac", "tls", "robust", "kalman") for row in rows[part] if not row.control]
    assert {row.method for row in lines} >= set(METHODS)
    assert {row.column for row in lines} >= {*FIT_COLUMNS, "spread_bp"}
    assert {row.method for row in lines} >= {"ols, raw prices", "ols, z over 20", "tls, z over 20"}
    for part in ("moments", "correlation", "ols", "tls", "hac", "robust"):
        assert {row.data for row in rows[part] if not row.control} == {"recorded 1m", "synthetic"}, part
    every = next(row for row in rows["ols"] if row.column == "hedge_ratio" and row.data == "recorded 1m")
    assert every.compared == 8_000 - 300 + 1
    flat = [row for row in rows["moments"] if "flat: 0" in row.column and not row.control]
    assert len(flat) == 3
    assert all(row.tolerance == 0 and row.compared > 100 for row in flat)


def _planted(stats: PairStats, column: str, row: int, value: float) -> PairStats:
    values = getattr(stats, column).copy()
    values[row] = value
    return replace(stats, **{column: values})


@pytest.mark.parametrize(
    ("column", "factor"),
    [("hedge_ratio", 1 + 1e-10), ("zscore", 1 + 1e-7), ("spread_bp", 1 + 1e-7), ("spread_std", np.nan)],
)
def test_an_error_in_one_window_is_reported(
    column: str, factor: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    def wrong(*given: object) -> PairStats:
        stats = statistics_of(*given)  # type: ignore[arg-type]
        row = int(np.nanargmax(np.abs(stats.zscore)))
        return _planted(stats, column, row, float(getattr(stats, column)[row]) * factor)

    assert main([*SMALL, "ols"]) == 0
    assert "0 outside of their tolerance" in capsys.readouterr().out
    monkeypatch.setattr(rolling, "statistics_of", wrong)
    assert main([*SMALL, "ols"]) == 1
    out = capsys.readouterr().out
    assert f"NO: {column}, ols, recorded 1m, 60 bars" in out
    assert f"NO: {column}, ols, synthetic, 60 bars" in out
    assert "NO: r_squared" not in out


def test_a_control_that_does_not_fail_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    def right(x: np.ndarray, y: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
        index = np.arange(len(x)) + 1_700_000_123
        sxx, syy, sxy = block_moments(index, x, y, n, rolling.one_stretch(index))[4:7]
        return sxx, syy, sxy

    monkeypatch.setattr(rolling, "ROLLED", {"add and remove": right})
    assert main([*SMALL, "moments"]) == 1
    out = capsys.readouterr().out
    assert "0 outside of their tolerance" in out
    assert "NO: var x, add and remove, synthetic, 60 bars" in out


def test_nothing_compared_is_not_met_and_neither_is_what_only_one_knows() -> None:
    for got, met in (
        ([np.nan, np.nan], False),
        ([1.0, np.nan], False),
        ([np.nan, 2.0], True),
        ([np.nan, np.inf], False),
    ):
        tally = Tally("m", "d", 2, "o")
        tally.add(
            "c", np.array(got), np.array([np.nan, 2.0]) if met or np.inf in got else np.full(2, np.nan), "u", 1e-9
        )
        assert tally.rows()[0].met is met, got


def test_without_recorded_data_it_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"there is no recorded data at {tmp_path}/none"):
        data_of(100, 1.0, tmp_path / "none")


def test_the_command_prints_a_table_and_a_total(shared_data: Path) -> None:
    command = [sys.executable, "-m", "tests.accuracy", *SMALL, "moments", "interval"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "var x, flat: 0" in done.stdout
    assert "fails, as it must" in done.stdout
    assert "controls: 0 not seen to fail" in done.stdout
    assert "moments: moments, recorded 1m, 60 bars" in done.stderr

"""The audit on a recorded file and on planted mistakes: each must be found, with its time, its column and both values."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.operators import StatefulBatchLogic
from recordings import AGGREGATES_2021, COLLECTOR, USDM_2023, USDM_2024

from flows.audit.cells import utc
from flows.audit.compare import Difference, first_difference
from flows.audit.history import history
from flows.audit.report import passed, told
from flows.audit.runs import Runner
from flows.audit.trials import ROUND, Audit, audit
from flows.cli import main
from flows.domain.chunk import Chunk
from flows.domain.frames import F64, PairStats
from flows.domain.model import Model
from flows.settings import Settings, load
from flows.stats.estimator import FIT_COLUMNS, Legs
from flows.stats.methods import METHODS
from flows.stats.ols import Ols

SECOND, START = 1_000_000, 1_721_347_200_000_000
SEED = 5
WINDOW = 20


@pytest.fixture(scope="module")
def ticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes of two legs that trade each second, each price another than the one before."""
    path = tmp_path_factory.mktemp("audit") / "ticks.csv"
    rng = np.random.default_rng(3)
    with path.open("w") as file:
        file.write("symbol,trade_id,time,price,size\n")
        for second in range(240):
            for leg, price in (("BTCUSDT", 64_000), ("ETHUSDT", 3_400)):
                moved = price + second % 7 + rng.random()
                file.write(f"{leg},{second + 1},{START // 1_000 + second * 1_000 + 400},{moved:.4f},1\n")
    return path


def _settings(method: str = "ols") -> Settings:
    models = (Model("planted", method, window=WINDOW, z_window=WINDOW, correlation_window=WINDOW),)
    return replace(load(environment={}), models=models)


def _differences(found: Audit) -> dict[str, Difference]:
    """The first difference of each kind of trial that has one."""
    differences: dict[str, Difference] = {}
    for trial in found.trials:
        difference = first_difference(trial.compared)
        if difference is not None:
            differences.setdefault(trial.kind, difference)
    return differences


def _closed(path: Path, method: str, folder: Path) -> dict[int, F64]:
    """The estimator's columns of the closed one-second bars of an ordinary run, by their time."""
    rows = Runner(_settings(method)).run([path], folder).tables["pair_stats_1s"]
    assert rows.complete is not None
    closed = rows.cells[rows.cells[:, rows.complete] == 1]
    columns = [rows.column(name) for name in FIT_COLUMNS]
    return {int(row[0]): row[columns].view(np.float64) for row in closed}


class Peeking(Ols):
    """Its spread at a bar looks at the next bar where the same chunk has it."""

    def estimate(self, legs: Legs) -> F64:
        out = super().estimate(legs)
        at = np.arange(len(legs.index))[legs.rows.at]
        seen = at + 1 < legs.rows.end[0]
        out[FIT_COLUMNS.index("spread"), seen] += legs.y[at[seen] + 1] - legs.y[at[seen]]
        return out


class CutDependent(Ols):
    """Its z-score of the first bar of a chunk is off in the last digits."""

    def estimate(self, legs: Legs) -> F64:
        out = super().estimate(legs)
        out[FIT_COLUMNS.index("zscore"), :1] *= 1 + 1e-15
        return out


class Forgetful(Ols):
    """Its intercept knows how many bars the process has seen, which no snapshot keeps."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._bars = 0

    def estimate(self, legs: Legs) -> F64:
        out = super().estimate(legs)
        out[FIT_COLUMNS.index("intercept")] += 1e-9 * (self._bars + np.arange(out.shape[1]))
        self._bars += out.shape[1]
        return out


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Ols]], str]:
    def plant(method: type[Ols]) -> str:
        monkeypatch.setitem(METHODS, "planted", method)  # type: ignore[arg-type]
        return "planted"

    return plant


@pytest.fixture(scope="module")
def unplanted(ticks: Path) -> Audit:
    return audit([ticks], _settings(), SEED, 1)


def test_nothing_planted_passes(unplanted: Audit) -> None:
    assert passed(unplanted)
    assert tuple(trial.kind for trial in unplanted.trials) == ROUND
    assert _differences(unplanted) == {}
    for trial in unplanted.trials:
        by_table = {each.table: each for each in trial.compared}
        assert {"bars_1s", "bars_1m", "bars_5m", "pair_stats_1s", "pair_stats_1m", "trades"} <= set(by_table)
        compared = by_table["pair_stats_1s"]
        known = dict(zip(compared.columns, compared.shown["planted"].known, strict=True))
        assert known["n"] > 0
        assert trial.kind == "prefix" or known["zscore_one_step"] > 100


def test_a_look_ahead_is_found(ticks: Path, planted: Callable[[type[Ols]], str], tmp_path: Path) -> None:
    method = planted(Peeking)
    found = audit([ticks], _settings(method), SEED, 1, kinds=("prefix",))
    assert not passed(found)
    first = _differences(found)["prefix"]
    assert (first.table, first.kind, first.field) == ("pair_stats_1s", "value", "spread")
    assert first.key == "pair ETHUSDT/BTCUSDT, model planted"
    honest, peeking = _closed(ticks, "ols", tmp_path / "honest"), _closed(ticks, method, tmp_path / "peeking")
    at = FIT_COLUMNS.index("spread")
    assert float(first.here) == honest[first.time_us][at]  # the last bar of the prefix: it had no next one to look at
    assert float(first.full) == peeking[first.time_us][at] != honest[first.time_us][at]
    line = told(first)
    assert all(text in line for text in (utc(first.time_us), "spread", first.full, first.here))


def test_a_dependence_on_cuts_is_found(ticks: Path, planted: Callable[[type[Ols]], str], tmp_path: Path) -> None:
    found = audit([ticks], _settings(planted(CutDependent)), SEED, 1, kinds=("cut",))
    differences = _differences(found)
    assert "cut" in differences
    first = differences["cut"]
    assert (first.table, first.kind, first.field) == ("pair_stats_1s", "value", "zscore")
    honest = _closed(ticks, "ols", tmp_path / "honest")[first.time_us][FIT_COLUMNS.index("zscore")]
    assert float(first.full) == honest != float(first.here)
    assert float(first.here) == honest * (1 + 1e-15)


def test_a_dependence_on_restarts_is_found(ticks: Path, planted: Callable[[type[Ols]], str]) -> None:
    found = audit([ticks], _settings(planted(Forgetful)), SEED, 1, kinds=("prefix", "cut", "restart"))
    assert set(_differences(found)) == {"restart"}
    first = _differences(found)["restart"]
    assert (first.table, first.kind, first.field) == ("pair_stats_1s", "value", "intercept")
    lost = round((float(first.full) - float(first.here)) / 1e-9)
    assert lost > 0  # the bars that the process before had counted
    assert first.time_us // SECOND - START // SECOND >= lost


class _Delayed(StatefulBatchLogic[Chunk[PairStats], Chunk[PairStats], Any]):
    """Gives each row out when the next one has come, with the next one's correlation."""

    def __init__(self, held: PairStats | None) -> None:
        self._held = held

    def on_batch(self, values: list[Chunk[PairStats]]) -> tuple[list[Chunk[PairStats]], bool]:
        out = []
        for chunk in values:
            rows = chunk.rows
            if len(rows) and rows.complete[0]:
                if self._held is not None:
                    held = {name: getattr(self._held, name) for name in PairStats.__slots__}
                    both = {
                        name: np.concatenate([value, getattr(rows, name)])
                        for name, value in held.items()
                        if isinstance(value, np.ndarray)
                    }
                    rows = replace(rows, **both)
                self._held = rows.take(slice(-1, None))
                rows = replace(rows.take(slice(-1)), correlation=rows.correlation[1:])
            out.append(replace(chunk, rows=rows))
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> PairStats | None:
        return self._held


def test_a_look_ahead_that_waits_for_its_bar_is_found(ticks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its values are the same in any run; but what a prefix has decided comes late."""
    from flows import pairs

    inner = pairs.pair_stats

    def delayed(step_id: str, *args: Any) -> Any:
        return op.stateful_batch("delayed", inner(step_id, *args), _Delayed)

    monkeypatch.setattr(pairs, "pair_stats", delayed)
    found = audit([ticks], _settings(), SEED, 1, kinds=("prefix", "prefix", "cut", "restart"))
    assert set(_differences(found)) == {"prefix"}
    for trial in found.trials[:2]:
        compared = {each.table: each for each in trial.compared}["pair_stats_1s"]
        assert compared.first is not None
        assert compared.first.kind == "missing"
        assert compared.differing == 1  # the newest closed bar, and no other
        assert "missing here" in told(compared.first)


def test_the_seed_decides_all_that_is_drawn(ticks: Path, unplanted: Audit) -> None:
    def drawn(found: Audit) -> list[str]:
        return [trial.told for trial in found.trials]

    first = ("prefix", "prefix")
    assert drawn(audit([ticks], _settings(), SEED, 1, kinds=first)) == drawn(unplanted)[:2]
    assert drawn(audit([ticks], _settings(), SEED + 1, 1, kinds=first)) != drawn(unplanted)[:2]


def test_every_recorded_capture_is_audited(shared_data: Path) -> None:
    known = {AGGREGATES_2021, USDM_2023, USDM_2024}
    assert {f"captures/{path.name}" for path in (shared_data / "captures").iterdir()} == known


@pytest.mark.parametrize("recorded", [USDM_2024, USDM_2023, AGGREGATES_2021, COLLECTOR])
def test_recorded_files_pass(recorded: str, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(shared_data / recorded), "--runs", "1", "--seed", "11"]) == 0
    out = capsys.readouterr().out
    assert "seed 11" in out
    assert "bit-identical to the full run (4 prefixes, 2 cuts, 1 with 2 workers, 1 with restarts)" in out
    assert "NOT COMPARED, as this input makes no row of them: " in out
    if recorded in (USDM_2023, AGGREGATES_2021):  # a leg is not there
        assert "pair_stats_1s, pair_stats_1m, pair_stats_5m" in out
    else:
        assert "  pair_stats_5m (ols" in out  # no window fills with three bars, and the audit says so


def test_a_failed_audit_says_so(
    ticks: Path,
    planted: Callable[[type[Ols]], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "planted.toml"
    config.write_text(f'[models.planted]\nmethod = "{planted(Peeking)}"\nwindow = 20\nz_window = 20\n')
    assert main(["audit", str(ticks), "--runs", "1", "--seed", "5", "-c", str(config)]) == 1
    out = capsys.readouterr().out
    assert "FAILED: " in out
    assert "again with --seed 5" in out
    assert "DIFFERENT: prefix, up to line " in out
    assert ", spread: full run " in out
    assert "passed" not in out


def test_an_audit_of_nothing_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.csv"
    path.write_text("symbol,trade_id,time,price,size\nBTCUSDT,1,1721347200000,64000,0\n")
    assert main(["audit", str(path), "--runs", "1"]) == 1
    out = capsys.readouterr().out
    assert "NOT AUDITED: no row could be compared" in out
    assert "passed" not in out


def test_windows_forget_where_history_started(ticks: Path) -> None:
    found = history([ticks], _settings(), SEED, 2)
    columns = {(each.table, each.model, each.column): each for each in found.columns}
    for column, bars in (("hedge_ratio", WINDOW - 1), ("zscore_one_step", WINDOW), ("correlation", WINDOW)):
        each = columns["pair_stats_1s", "planted", column]
        assert (each.bars, each.warm, each.beyond) == (bars, WINDOW + 1, False)
        assert each.known > 100
    assert columns["bars_1s", "", "close"].bars == 0
    assert columns["pair_stats_1m", "planted", "warmup_left"].bars is None
    assert columns["pair_stats_1m", "planted", "hedge_ratio"].known == 0


class Counting(Ols):
    """Its intercept knows how many bars there have been since the beginning: it never forgets."""

    def __init__(self, model: Model, pairs: Any, state: Any = None) -> None:
        inner, self._bars = state or (None, 0)
        super().__init__(model, pairs, inner)

    def estimate(self, legs: Legs) -> F64:
        out = super().estimate(legs)
        out[FIT_COLUMNS.index("intercept")] += 1e-9 * (self._bars + np.arange(out.shape[1]))
        self._bars += out.shape[1]
        return out

    def state(self) -> Any:
        return super().state(), self._bars


def test_a_value_that_never_forgets_is_told(
    ticks: Path, planted: Callable[[type[Ols]], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "counting.toml"
    config.write_text(
        f'[models.counting]\nmethod = "{planted(Counting)}"\nwindow = 20\nz_window = 20\ncorrelation_window = 20\n'
    )
    assert passed(audit([ticks], load(config, environment={}), SEED, 1, kinds=("prefix", "restart")))
    assert main(["audit", str(ticks), "--warmup", "--runs", "1", "--seed", "5", "-c", str(config)]) == 1
    out = capsys.readouterr().out
    assert "FAILED: 1 columns depend on more bars than their model says" in out
    lines = [line for line in out.splitlines() if re.search(r"pair_stats_1s +│ counting ", line)]
    intercept = next(line for line in lines if "intercept" in line)
    assert "never within" in intercept
    assert "BEYOND" in intercept
    assert "at bar 21" in intercept
    assert "after 19 of" in next(line for line in lines if "hedge_ratio" in line)


@pytest.mark.parametrize("option", ["--runs=0", "--window=2", "--runs=two"])
def test_numbers_out_of_range_are_refused(option: str, ticks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["audit", str(ticks), option])
    assert raised.value.code == 2
    assert "expected a whole number from" in capsys.readouterr().err

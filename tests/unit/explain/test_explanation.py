"""Rows made again: by our library to the last bit, by others within rounding, for every method on series that hurt."""

import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pair_series import PAIR, hard_closes, logs, recorded_closes
from scipy.stats import linregress, pearsonr
from stored_in_memory import InMemory

from flows.domain.model import Model, PriceForm
from flows.explain.explanation import Explanation, explain
from flows.explain.question import Question
from flows.explain.stored import StoredRow
from flows.stats.methods import METHODS

ANY = 10_000


def _model(method: str, price: PriceForm, n: int, w: int, c: int) -> Model:
    return Model("m", method, price, window=n, z_window=w, correlation_window=c)


def _explained(stored: InMemory, row: int) -> Explanation:
    return explain(stored, stored.question(row), ANY)


def _rows(rows: int, seed: int = 0) -> list[int]:
    """The first ones one by one, the rows around the bad print, and some of all."""
    some = np.random.default_rng(seed).integers(0, rows, 12).tolist()
    return sorted({*range(0, 90, 9), *range(6 * (rows // 8) - 2, 6 * (rows // 8) + 70, 12), *some})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("price", "n", "w"), [("log", 20, 20), ("raw", 60, 20), ("log", 60, 60)])
def test_hard_series_are_made_again_by_both(method: str, price: PriceForm, n: int, w: int) -> None:
    y, x = hard_closes(3_000)
    stored = InMemory(y, x, _model(method, price, n, w, 20))
    found = [_explained(stored, row) for row in _rows(3_000)]
    assert [e.question for e in found if not e.reproduced] == []
    assert [(e.question, c) for e in found for c in e.columns if c.agrees is False] == []
    silent = [e.oracle for e in found if e.confirmed is None]
    assert len(silent) <= (4 if method == "huber" else 0), silent
    values = [c.oracle for e in found for c in e.columns if c.name == "zscore" and c.agrees]
    assert sum(value is not None for value in values) > 15, "most rows have a z"
    assert sum(value is None for value in values) > 3, "and flat legs and the warm-up have none"


@pytest.mark.parametrize("method", METHODS)
def test_every_parameter_of_a_model(shared_data: Path, method: str) -> None:
    y, x = (closes[:1_500] for closes in recorded_closes(shared_data))
    model = replace(
        _model(method, "log", 60, 30, 20), refit_every=7, forget_bars=25, delta_alpha=1e-3, restart_windows=3
    )
    usual, changed = InMemory(y, x, replace(_model(method, "log", 60, 30, 20))), InMemory(y, x, model)
    for row in (60, 200, 777, 1_499):
        found = _explained(changed, row)
        assert (found.reproduced, found.confirmed) == (True, True), row
    if method != "tls":
        wrong = [_explained(usual, row).row != _explained(changed, row).row for row in (777, 1_498, 1_499)]
        assert any(wrong), "the parameters change the row"


@pytest.mark.parametrize("method", METHODS)
def test_recorded_closes(shared_data: Path, method: str) -> None:
    y, x = (closes[:4_000] for closes in recorded_closes(shared_data))
    stored = InMemory(y, x, _model(method, "log", 300, 120, 100))
    for row in (0, 299, 300, 359, 2_700, 3_999):
        found = _explained(stored, row)
        assert (found.reproduced, found.confirmed) == (True, True), row


def test_the_oracle_is_scipy_s_line_and_correlation(shared_data: Path) -> None:
    """The exact fractions of the oracle against one more library."""
    y, x = (closes[:700] for closes in recorded_closes(shared_data))
    found = _explained(InMemory(y, x, Model("m", window=600, z_window=600, correlation_window=300)), 699)
    oracle = {c.name: c.oracle for c in found.columns}
    line = linregress(logs(x[100:]), logs(y[100:]))
    assert oracle["hedge_ratio"] == pytest.approx(line.slope, rel=1e-9)
    assert oracle["hedge_ratio_se"] == pytest.approx(line.stderr, rel=1e-8)
    assert oracle["r_squared"] == pytest.approx(line.rvalue**2, abs=1e-10)
    wanted = pearsonr(np.diff(logs(x[399:])), np.diff(logs(y[399:])))
    assert oracle["correlation"] == pytest.approx(wanted.statistic, rel=1e-9)
    assert found.correlation_interval == pytest.approx(tuple(wanted.confidence_interval(0.95)), rel=1e-9)


class _Altered(InMemory):
    """One column of the stored row is not what was computed."""

    def __init__(self, column: str, change: float | str | None, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._column, self._change = column, change

    def row(self, question: Question) -> StoredRow | None:
        row = super().row(question)
        assert row is not None
        value, change = row[self._column], self._change
        if change == "last bit":
            return {**row, self._column: math.nextafter(float(value), math.inf)}  # type: ignore[arg-type]
        return {**row, self._column: change if change is None else float(value) * float(change)}  # type: ignore[arg-type]


LINE = ("hedge_ratio", "hedge_ratio_se", "intercept")
SPREAD = ("spread", "spread_std", "zscore", "zscore_one_step", "correlation")


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_number_is_seen(method: str) -> None:
    """The negative control: the last bit by our own library, one in a thousand by the other, a null by both."""
    y, x = hard_closes(600)
    model = _model(method, "log", 60, 30, 20)
    for column in LINE + SPREAD:
        for change, seen_by_other in (("last bit", False), (1.001, True), (None, True)):
            found = _explained(_Altered(column, change, y[:70], x[:70], model), 69)
            assert [c.name for c in found.columns if not c.same] == [column]
            assert not found.reproduced
            assert found.confirmed is not seen_by_other, (column, change)


def test_a_bar_that_has_changed_is_seen() -> None:
    y, x = hard_closes(600)
    stored = InMemory(y, x, Model("m", window=60, z_window=60, correlation_window=20))
    assert _explained(stored, 400).reproduced
    closes = stored.bars.y_close.copy()
    closes[370] *= 1.0001
    stored.bars = replace(stored.bars, y_close=closes)
    found = _explained(stored, 400)
    wrong = {c.name for c in found.columns if not c.same}
    assert {"hedge_ratio", "intercept", "spread_std"} <= wrong
    assert "correlation" not in wrong, "it looks back 20 bars only"
    assert found.confirmed is False, "the other library works from the same bars"
    assert _explained(stored, 369).reproduced
    assert _explained(stored, 370 + 72).reproduced, "no window holds it any more"


def test_windows_are_the_bars_that_were_used() -> None:
    y, x = hard_closes(600)
    second = 1_000_000
    for method in ("ols", "huber", "kalman"):
        stored = InMemory(y, x, _model(method, "log", 20, 10, 5))
        found = _explained(stored, 500)
        fit, *_, z, correlation = found.windows
        index = stored.bars.open_time // second
        if method == "ols":
            ends = 500
        else:
            cycle = 4 if method == "huber" else 160
            due = (index[: 500 + 1] + zlib.crc32(str(PAIR).encode())) % cycle == 0
            ends = int(np.flatnonzero(due)[-1])
        assert (fit.first_open_time, fit.last_open_time) == (index[ends - 19] * second, index[ends] * second)
        assert (fit.there, fit.wanted) == (20, 20)
        assert (z.first_open_time, z.last_open_time, z.there) == (index[491] * second, index[500] * second, 10)
        assert (correlation.first_open_time, correlation.there) == (index[495] * second, 6)


def test_silent_bars_and_gaps_in_a_window_are_counted() -> None:
    y, x = hard_closes(100)
    stored = InMemory(y, x, Model("m", window=20, z_window=10, correlation_window=5))
    silent = stored.bars.y_trade_count.copy()
    silent[[75, 85, 97]] = 0
    stored.bars = replace(stored.bars, y_trade_count=silent)
    assert [(w.y_silent, w.x_silent) for w in _explained(stored, 99).windows] == [(2, 0), (1, 0), (1, 0)]


def test_a_hole_begins_every_window_anew() -> None:
    y, x = hard_closes(200)
    index = 1_700_000_000 + np.arange(200) + 7 * (np.arange(200) >= 150)
    for method in METHODS:
        stored = InMemory(y, x, _model(method, "log", 20, 20, 10), index)
        found = _explained(stored, 155)
        assert (found.reproduced, found.confirmed, found.run) == (True, True, 6), method
        assert found.row["hedge_ratio"] is None
        assert "warm-up" in found.nulls["hedge_ratio"]
        assert any("warm-up" in note for note in found.notes)
        later = _explained(stored, 199)
        assert (later.reproduced, later.confirmed) == (True, True), method


def test_nulls_have_their_reason() -> None:
    y, x = hard_closes(400)
    flat = x.copy()
    flat[200:260] = flat[200]
    model = _model("ols", "log", 20, 20, 10)
    found = _explained(InMemory(y, flat, model), 240)
    assert found.nulls["hedge_ratio"].startswith("x is flat") or found.nulls["hedge_ratio"].startswith(
        "y and x are flat"
    )
    assert found.confirmed
    assert found.nulls["correlation"] in ("x is flat in the window", "y and x are flat in the window")
    assert found.no_interval == "the correlation is not known"
    bad = x.copy()
    bad[235] = -1.0
    assert _explained(InMemory(y, bad, model), 240).nulls["hedge_ratio"] == "a price of x is not a positive number"
    same = _explained(InMemory(x, x, model), 100)
    assert (same.row["hedge_ratio"], same.row["zscore"], same.reproduced, same.confirmed) == (1.0, None, True, True)
    assert "perfect fit" in same.nulls["zscore"]
    assert "exactly 1" in str(same.no_interval)
    huber = _explained(InMemory(y, x, replace(model, method="huber")), 100)
    assert huber.nulls["r_squared"] == "huber has none"


def test_a_run_that_the_flow_began_later_than_the_bars_is_followed() -> None:
    """Bars of an earlier run are stored too, the flow started afresh: its windows begin where its own bars do."""
    y, x = hard_closes(400)
    model = _model("kalman", "log", 20, 20, 10)
    fresh, whole = (
        InMemory(y[200:], x[200:], model, np.arange(1_200, 1_400)),
        InMemory(y, x, model, np.arange(1_000, 1_400)),
    )
    fresh.bars = whole.bars
    early, late = _explained(fresh, 210), _explained(fresh, 235)
    assert (early.reproduced, early.confirmed) == (True, True)
    assert any("counted its first bar" in note for note in early.notes)
    assert (late.reproduced, late.confirmed) == (True, True)

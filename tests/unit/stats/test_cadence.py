"""Fits on a cadence: when they are made, how long they hold, what is measured from them, and that the carried one changes nothing."""

import pickle
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pair_series import PAIR, assert_same_bits, hard_closes, logs, pair_bars, planted, recorded_closes

from flows.domain.frames import F64, I64
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.stats import fits as schedule
from flows.stats import huber, kalman, slope_order, theil_sen, tls
from flows.stats.cadence import LineOnCadence
from flows.stats.estimator import FIT_COLUMNS, Legs
from flows.stats.huber import Huber
from flows.stats.pair_stats import PairState, PairStatistics, statistics_of, warm_up
from flows.stats.rows import one_stretch

FIRST_INDEX = 1_700_000_123


class _Endpoints(LineOnCadence):
    """A method that is easy to check: the line through the first and the last bar of the window, with a scale of 2."""

    def __init__(self, model: Model, pair: Pair, state: tuple[int, F64] | None = None) -> None:
        super().__init__(model, pair, state)
        self.made: list[int] = []
        self.calls = 0

    def _fit(self, x: F64, y: F64, ends: I64, out: F64) -> None:
        self.calls += 1
        self.made += ends.tolist()
        begins = ends - self._n + 1
        out[0], out[1], out[2], out[3] = x[begins], y[begins], 0.0, 0.0
        out[4] = (y[ends] - y[begins]) / (x[ends] - x[begins])
        out[5], out[6], out[7] = 1.0, 2.0, 3.0


def _series(rows: int = 400, seed: int = 0) -> tuple[I64, F64, F64]:
    rng = np.random.default_rng(seed)
    return np.arange(1_000, 1_000 + rows), rng.uniform(90, 110, rows), rng.uniform(40, 60, rows)


def _model(n: int, w: int | None = None, method: str = "huber") -> Model:
    return Model("m", method=method, window=n, z_window=w or n, correlation_window=12)


def test_a_line_is_made_at_the_bars_that_the_index_and_the_pair_decide_and_holds_until_the_next() -> None:
    n, every = 40, 8
    assert _model(n).bars_between_fits == every
    index, y, x = _series()
    estimator = _Endpoints(_model(n), (PAIR,))
    out = estimator.estimate(Legs(index, y, x, one_stretch(index)))
    due = [r for r in range(n - 1, 400) if (index[r] + zlib.crc32(b"ETHUSDT/BTCUSDT")) % every == 0]
    assert estimator.made == due
    assert np.isnan(out[:, : due[0]]).all()
    for row in range(due[0], 400):
        end = max(d for d in due if d <= row)
        begin = end - n + 1
        beta = (y[end] - y[begin]) / (x[end] - x[begin])
        assert out[0, row] == beta
        assert out[2, row] == pytest.approx(y[begin] - beta * x[begin], rel=1e-12)
        assert out[4, row] == pytest.approx(y[row] - out[2, row] - beta * x[row], abs=1e-9)
        spreads = y[row - n + 1 : row + 1] - out[2, row] - beta * x[row - n + 1 : row + 1]
        assert out[5, row] == pytest.approx(spreads.mean(), rel=1e-9, abs=1e-9)
        assert out[6, row] == pytest.approx(spreads.std(ddof=1), rel=1e-9)
        assert out[7, row] == pytest.approx((spreads[-1] - spreads.mean()) / spreads.std(ddof=1), abs=1e-9)
        if row > due[0]:
            away = y[row] - out[2, row - 1] - out[0, row - 1] * x[row]
            assert out[8, row] == pytest.approx(away / 2, rel=1e-9, abs=1e-9)
    assert np.isnan(out[3]).all()
    assert np.isnan(out[8, due[0]])


@pytest.mark.parametrize("piece", [1, 3, 50])
def test_every_fit_is_made_once_however_the_bars_come(piece: int) -> None:
    n = 40
    index, y, x = _series()
    whole = _Endpoints(_model(n, 20), (PAIR,))
    wanted = whole.estimate(Legs(index, y, x, one_stretch(index)))
    live = _Endpoints(_model(n, 20), (PAIR,))
    parts, made = [], []
    for start in range(0, 400, piece):
        end = min(start + piece, 400)
        oldest = max(0, int(live.reach(index[start : start + 1])[0]) - 1_000)
        live.made.clear()
        rows = one_stretch(index[oldest:end], start - oldest)
        parts.append(live.estimate(Legs(index[oldest:end], y[oldest:end], x[oldest:end], rows)))
        made += [row + oldest for row in live.made]
    assert np.array_equal(np.concatenate(parts, axis=1), wanted, equal_nan=True)
    assert made == whole.made


def test_the_first_bars_compile_the_fit_and_no_later_bar_calls_it_for_nothing() -> None:
    index, y, x = _series()
    estimator = _Endpoints(_model(40), (PAIR,))
    estimator.estimate(Legs(index[:2], y[:2], x[:2], one_stretch(index[:2])))
    assert (estimator.calls, estimator.made) == (1, [])
    for row in range(2, 400):
        seen = slice(row + 1)
        estimator.estimate(Legs(index[seen], y[seen], x[seen], one_stretch(index[seen], row)))
    assert estimator.calls == 1 + len(estimator.made)


def test_warming_up_leaves_one_signature_of_every_kernel() -> None:
    models = tuple(_model(20, w, method) for w in (20, 10) for method in ("tls", "huber", "theil_sen", "kalman"))
    models = (*models, _model(80, 40, "theil_sen"))  # long enough to be sampled
    models = tuple(replace(model, name=f"{model.method}{model.z_window}") for model in models)
    warm_up(models)
    kernels = (tls._tls, huber._huber, theil_sen._ties, theil_sen._with_scale, kalman._kalman, schedule._schedule)
    kernels += tuple(getattr(slope_order, name) for name in ("sample", "placed", "inversions", "crossings", "thinned"))
    y, x = hard_closes(200)
    statistics = PairStatistics((PAIR,), Interval.S1, models, 10_000)
    for start in range(0, 200, 40):
        statistics.update(pair_bars(y, x).take(slice(start, start + 40)))
        statistics = PairStatistics(
            (PAIR,), Interval.S1, models, 10_000, pickle.loads(pickle.dumps(statistics.state()))
        )
    assert [len(kernel.signatures) for kernel in kernels] == [1] * len(kernels)


def test_without_the_carried_fit_it_is_made_again_with_the_same_bits() -> None:
    y, x = hard_closes(600)
    bars, model = pair_bars(y, x), _model(50, 20)
    whole = statistics_of(bars, model, 10_000)
    statistics = PairStatistics((PAIR,), Interval.S1, (model,), 10_000)
    for row in range(600):
        frame = statistics.update(bars.take(slice(row, row + 1)))[0]
        assert_same_bits(frame, whole.take(slice(row, row + 1)))
        state = statistics.state()
        statistics = PairStatistics((PAIR,), Interval.S1, (model,), 10_000, PairState(state.history, {}))
    assert state.carried["m"][1].shape == (8, 1)


def test_a_gap_ends_what_a_line_holds_for() -> None:
    n = 40
    index, y, x = _series()
    index[200:] += 5
    out = _Endpoints(_model(n), (PAIR,)).estimate(Legs(index, y, x, one_stretch(index)))
    after = _Endpoints(_model(n), (PAIR,)).estimate(Legs(index[200:], y[200:], x[200:], one_stretch(index[200:])))
    assert np.isnan(out[:, 200:239]).all()
    assert np.array_equal(out[:, 200:], after, equal_nan=True)
    assert np.isfinite(after[0]).any()


def test_pairs_do_not_all_fit_at_the_same_bar() -> None:
    n, bars = 300, 3_000
    index, y, x = _series(bars)
    fits = np.zeros(bars, int)
    for number in range(100):
        estimator = _Endpoints(_model(n), (Pair(f"COIN{number}USDT", "BTCUSDT"),))
        estimator.estimate(Legs(index, y, x, one_stretch(index)))
        fits[estimator.made] += 1
    assert fits.sum() >= 100 * (bars - n) // _model(n).bars_between_fits
    assert fits.max() <= 8  # of 100 in one bar, 1.7 on average


def test_the_warm_up_is_long_enough_wherever_a_run_begins() -> None:
    n = 40
    model = _model(n)
    late = set()
    for begin in range(20):
        index, y, x = _series()
        out = _Endpoints(model, (PAIR,)).estimate(Legs(index + begin, y, x, one_stretch(index + begin)))
        known = np.isfinite(np.delete(out[:9], FIT_COLUMNS.index("r_squared"), axis=0)).all(axis=0)
        warmup = _Endpoints(model, (PAIR,)).warmup
        assert known[warmup - 1 :].all()
        late.add(int(np.argmax(known)) + 1)
    assert max(late) == warmup  # and not longer than it has to be
    assert min(late) == n + 1


def test_a_price_that_is_no_number_costs_the_windows_that_hold_it() -> None:
    n = 50
    y, x, _ = planted(400, 30)
    x[200] = np.nan
    stats = statistics_of(pair_bars(y, x), _model(n), 10_000)
    clean = statistics_of(pair_bars(y, np.nan_to_num(x, nan=x[199])), _model(n), 10_000)
    every = _model(n).bars_between_fits
    lost = np.isnan(stats.hedge_ratio[n + every :])
    assert n - every < lost.sum() <= n + every
    known = ~np.isnan(stats.zscore)
    assert np.array_equal(stats.zscore[known], clean.zscore[known])
    assert np.isnan(stats.zscore[200 : 200 + n]).all()
    assert np.isfinite(stats.zscore[200 + n + every :]).all()


def test_one_step_uses_the_scale_of_the_line_that_held_before(shared_data: Path) -> None:
    n = 60
    y, x = (logs(closes[:600]) for closes in recorded_closes(shared_data))
    index = np.arange(FIRST_INDEX, FIRST_INDEX + 600)
    out = Huber(_model(n), (PAIR,)).estimate(Legs(index, y, x, one_stretch(index)))
    due = np.flatnonzero((index + zlib.crc32(str(PAIR).encode())) % _model(n).bars_between_fits == 0)
    for row in range(n + _model(n).bars_between_fits, 600):
        end = int(due[due < row][-1])
        window = slice(end - n + 1, end + 1)
        residuals = y[window] - out[2, end] - out[0, end] * x[window]
        scale = np.median(np.abs(residuals)) / 0.6744897501960817
        away = y[row] - out[2, end] - out[0, end] * x[row]
        assert out[8, row] == pytest.approx(away / scale, abs=1e-8)

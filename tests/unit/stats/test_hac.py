"""The error of the hedge ratio that allows for autocorrelated residuals, against statsmodels."""

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from pair_series import PAIR, hard_closes, logs, pair_bars, recorded_closes

from flows.domain.frames import PairStats
from flows.domain.model import Model
from flows.domain.scale import UNKNOWN
from flows.stats.hac import lags
from flows.stats.pair_stats import statistics_of

FIRST_INDEX = 1_700_000_123


def _model(n: int, refit_every: int = 0) -> Model:
    return Model("m", window=n, z_window=n, correlation_window=20, refit_every=refit_every)


def _due(rows: int, model: Model) -> np.ndarray:
    index = np.arange(FIRST_INDEX, FIRST_INDEX + rows)
    due = np.flatnonzero((index + zlib.crc32(str(PAIR).encode())) % model.bars_between_fits == 0)
    return due[due >= model.window - 1]


def _check(stats: PairStats, y: np.ndarray, x: np.ndarray, model: Model, step: int = 1, most: int | None = None) -> int:
    """Every fit of the cadence, or each `step`th, against the library; how many that were."""
    n, checked = model.window, 0
    for end in _due(len(y), model)[::step]:
        window = slice(end - n + 1, end + 1)
        u, v = x[window] - x[window].mean(), y[window] - y[window].mean()
        scale_u, scale_v = u.std(), v.std()
        if scale_u == 0:
            assert np.isnan(stats.hedge_ratio_se_hac[end])
            continue
        if scale_v == 0:
            assert stats.hedge_ratio_se_hac[end] == 0
            continue
        fit = sm.OLS(v / scale_v, sm.add_constant(u / scale_u)).fit(
            cov_type="HAC", cov_kwds={"maxlags": lags(n) if most is None else most, "use_correction": False}
        )
        assert stats.hedge_ratio_se_hac[end] == pytest.approx(fit.bse[1] * scale_v / scale_u, rel=1e-8)
        checked += 1
    return checked


@pytest.mark.parametrize(("n", "rows", "step"), [(20, 3_000, 1), (300, 6_000, 1), (3_600, 12_000, 3)])
def test_fits_of_real_closes(shared_data: Path, n: int, rows: int, step: int) -> None:
    y, x = (closes[:rows] for closes in recorded_closes(shared_data))
    stats = statistics_of(pair_bars(y, x), _model(n), 10_000)
    assert _check(stats, logs(y), logs(x), _model(n), step) >= (rows - n) // _model(n).bars_between_fits // step - 1
    with pytest.raises(AssertionError):  # another number of lags is another error
        _check(stats, logs(y), logs(x), _model(n), step, most=lags(n) - 1)


def test_flat_stretches_and_a_bad_print() -> None:
    y, x = hard_closes(8_000)
    assert _check(statistics_of(pair_bars(y, x), _model(60), 10_000), logs(y), logs(x), _model(60)) > 300


def test_it_holds_until_the_next_fit_and_says_how_old_it_is() -> None:
    y, x = hard_closes(600)
    model = _model(50, refit_every=7)
    stats = statistics_of(pair_bars(y, x), model, 10_000)
    due = _due(600, model)
    assert np.all(np.diff(due) == 7)
    for row in range(600):
        made = due[due <= row]
        if not len(made):
            assert np.isnan(stats.hedge_ratio_se_hac[row])
            assert stats.fit_age[row] == UNKNOWN
        else:
            assert stats.fit_age[row] == row - made[-1]
            assert np.array_equal(stats.hedge_ratio_se_hac[row], stats.hedge_ratio_se_hac[made[-1]], equal_nan=True)


def test_it_is_larger_than_the_plain_error_where_residuals_persist_and_equal_where_they_do_not() -> None:
    rng = np.random.default_rng(4)
    x = np.cumsum(rng.normal(0, 1e-4, 20_000))
    slow = np.empty(20_000)
    level = 0.0
    for i, shock in enumerate(rng.normal(0, 1e-4, 20_000).tolist()):
        level = 0.97 * level + shock
        slow[i] = level
    ratios = []
    for noise in (slow, rng.normal(0, 1e-4, 20_000)):
        stats = statistics_of(pair_bars(np.exp(0.8 * x + noise), np.exp(x)), _model(600), 10_000)
        ratios.append(np.nanmedian(stats.hedge_ratio_se_hac / stats.hedge_ratio_se))
    assert ratios[0] > 3
    assert 0.8 < ratios[1] < 1.1


def test_only_ols_has_it() -> None:
    y, x = hard_closes(300)
    for method in ("tls", "huber", "theil_sen", "kalman"):
        stats = statistics_of(pair_bars(y, x), replace(_model(30), method=method), 10_000)
        assert np.isnan(stats.hedge_ratio_se_hac).all()

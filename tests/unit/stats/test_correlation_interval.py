"""The interval of a correlation: scipy's numbers, what has none, and how often it holds the truth."""

import doctest
import math

import numpy as np
import pytest
from scipy.stats import pearsonr

from flows.stats import correlation_interval as module
from flows.stats.correlation_interval import correlation_interval, no_interval_reason
from tests.calibration.correlation_coverage import calibrate_correlation


@pytest.mark.parametrize("n", [4, 5, 20, 300, 3_600])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_the_ends_are_scipy_s(n: int, confidence: float) -> None:
    rng = np.random.default_rng(n)
    for rho in (0.0, 0.6, -0.9999):
        x, noise = rng.normal(size=(2, n))
        y = rho * x + math.sqrt(1 - rho * rho) * noise
        wanted = pearsonr(x, y)
        interval = wanted.confidence_interval(confidence)
        found = correlation_interval(wanted.statistic, n, confidence)
        assert found == pytest.approx((interval.low, interval.high), rel=1e-12, abs=1e-14)
        assert found[0] < wanted.statistic < found[1]


def test_many_at_once_are_each_for_itself() -> None:
    r, n = np.array([0.1, np.nan, -0.7, 1.0, -1.0, 0.3]), np.array([300, 300, 20, 300, 300, 3])
    found = correlation_interval(r, n)
    assert found.shape == (2, 6)
    for i in range(6):
        assert np.array_equal(found[:, i], correlation_interval(r[i], n[i]), equal_nan=True)
    assert np.isnan(found).all(axis=0).tolist() == [False, True, False, True, True, True]
    assert (correlation_interval(-r, n) == -found[::-1])[:, [0, 2]].all()


def test_what_has_no_interval_says_why() -> None:
    assert no_interval_reason(0.3, 4) is None
    reasons = [no_interval_reason(*given) for given in ((math.nan, 300), (0.3, 3), (1.0, 300), (-1.0, 300))]
    assert all(reasons)
    assert len(set(reasons)) == 3
    assert "3 returns" in str(reasons[1])
    with pytest.raises(ValueError, match=r"between -1 and 1, was 1\.5"):
        correlation_interval(1.5, 300)
    with pytest.raises(ValueError, match="confidence"):
        correlation_interval(0.5, 300, 95)


def test_it_holds_the_truth_where_it_claims_to_and_not_elsewhere() -> None:
    rates = calibrate_correlation(runs=1_500, seed=5)
    claimed = [rate for rate in rates if "normal" in rate.what]
    assert len(claimed) == 12
    assert [rate for rate in claimed if not rate.met] == []
    # the negative control: held to the same limits, returns with heavy tails and high correlation are seen to break them
    control = next(rate for rate in rates if "0.9, 300 returns with t(4)" in rate.what)
    assert control.measured < 0.90


def test_the_example_in_the_text_is_true() -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 2)

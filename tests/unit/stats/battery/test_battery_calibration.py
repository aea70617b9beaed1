"""The calibration keeps to its limits with few runs, sees a method that breaks them, and the examples in the texts are true."""

import doctest
import importlib
import pkgutil

import numpy as np

import flows.stats.battery
from flows.stats.battery.mackinnon import p_value
from flows.stats.battery.pair_tests import battery
from tests.calibration.rate import Rate
from tests.calibration.simulated_pairs import unrelated
from tests.calibration.tests_of_pair import calibrate_tests


def test_every_rate_keeps_to_its_claim() -> None:
    rates = calibrate_tests(runs=200, seed=17)
    assert len(rates) > 30
    assert sum("CONTROL" in rate.what for rate in rates) >= 4
    assert [rate for rate in rates if not rate.met] == []
    assert calibrate_tests(runs=10, seed=3) == calibrate_tests(runs=10, seed=3) != calibrate_tests(runs=10, seed=4)


def test_the_wrong_distribution_would_be_seen() -> None:
    """Engle-Granger with the table of one series, as if the line had not been fitted: the same limits, and not met."""
    rng, runs = np.random.default_rng(21), 400
    statistics = [battery(*unrelated(rng, 300)).y_on_x.statistic for _ in range(runs)]
    right = Rate("two series", sum(p_value(s, 2) < 0.05 for s in statistics) / runs, runs, 0.04, 0.07)
    wrong = Rate("one series", sum(p_value(s, 1) < 0.05 for s in statistics) / runs, runs, 0.04, 0.07)
    assert right.met
    assert not wrong.met


def test_a_rate_is_held_to_both_limits() -> None:
    assert Rate("", 0.05, 2_000, 0.04, 0.07).met
    assert not Rate("", 0.10, 2_000, 0.04, 0.07).met
    assert not Rate("", 0.02, 2_000, 0.04, 0.07).met
    assert Rate("", 0.10, 20, 0.04, 0.07).met, "20 runs cannot tell"


def test_the_examples_in_the_texts_are_true() -> None:
    tried = 0
    for info in pkgutil.iter_modules(flows.stats.battery.__path__):
        result = doctest.testmod(importlib.import_module(f"flows.stats.battery.{info.name}"))
        assert result.failed == 0, info.name
        tried += result.attempted
    assert tried >= 7

"""The wiring refuses a model that nobody can compute, before any input is read."""

from dataclasses import replace
from pathlib import Path

import pytest
from bytewax.testing import TestingSink, TestingSource, run_main

from flows.differences import differences
from flows.errors import SettingsError
from flows.pairs import build
from flows.replay import source_of
from flows.settings import load
from flows.shape import shape
from flows.sinks.counting import CountingSink


def test_a_method_that_does_not_exist() -> None:
    settings = load(None, {})
    settings = replace(settings, models=(replace(settings.models[0], name="k", method="olz"),))
    with pytest.raises(SettingsError, match=r'^models.k.method must be one of ols.*, was "olz"$'):
        build(settings, TestingSource([]), TestingSink([]))  # type: ignore[arg-type]


def test_a_window_that_the_method_cannot_do() -> None:
    settings = load(None, {})
    model = replace(settings.models[0], name="k", method="theil_sen", window=3_601)
    with pytest.raises(
        SettingsError, match=r'^model "k": window must be at most 3600 bars for theil_sen, .* was 3601$'
    ):
        build(replace(settings, models=(model,)), TestingSource([]), TestingSink([]))  # type: ignore[arg-type]


def test_correlation_of_ticks_can_be_left_out(tmp_path: Path) -> None:
    """Its tables stay empty, and a state of the one cannot be gone on with by the other."""
    path = tmp_path / "ticks.csv"
    rows = "".join(
        f"{leg},{1_721_347_200_000 + 400 * k},{100 + k % 3},1\n" for k in range(60) for leg in ("BTCUSDT", "ETHUSDT")
    )
    path.write_text("symbol,time,price,size\n" + rows)
    with_it = load(None, {})
    without = replace(with_it, ticks=replace(with_it.ticks, enabled=False))
    found = []
    for settings in (with_it, without):
        sink = CountingSink()
        run_main(build(settings, source_of([path], settings), sink))
        found.append(dict(sink.rows))
    assert found[0].pop("pair_tick_stats_1s") == 22  # the last two seconds of the input are not over by its watermark
    assert found[0] == found[1]
    assert differences(shape(with_it), shape(without)).startswith("ticks was ")


def test_the_tests_of_pairs_can_be_left_out() -> None:
    def steps(enabled: bool) -> set[str]:
        settings = load(None, {"PAIRS_TESTS__ENABLED": str(enabled).lower()})
        flow = build(settings, TestingSource([]), TestingSink([]))  # type: ignore[arg-type]
        return {step.step_id for step in flow.substeps}

    assert steps(True) - steps(False) == {"pairs.pair_tests"}


def test_a_state_is_of_the_tests_that_made_it() -> None:
    """Other windows are another state; settings of tests that are not made do not count."""
    made, other = load(None, {}), load(None, {"PAIRS_TESTS__WINDOW_1M": "301"})
    assert {key for key, value in shape(made).items() if shape(other)[key] != value} == {"tests"}
    off = {"PAIRS_TESTS__ENABLED": "false"}
    assert shape(load(None, off)) == shape(load(None, off | {"PAIRS_TESTS__WINDOW_1M": "301"})) != shape(made)

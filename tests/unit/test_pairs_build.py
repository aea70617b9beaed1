"""The wiring refuses a model that nobody can compute, before any input is read."""

from dataclasses import replace

import pytest
from bytewax.testing import TestingSink, TestingSource

from flows.errors import SettingsError
from flows.pairs import build
from flows.settings import load


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

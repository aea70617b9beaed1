"""Shorter forms of the models: when they are made, and what they keep."""

import pytest

from flows.audit.models import shorter, with_window
from flows.domain.model import Model

S1, M1 = 1_000_000, 60_000_000


@pytest.mark.parametrize(
    ("window", "bars", "made"),
    [
        (600, {S1: 1_200}, []),  # half of the bars have values
        (601, {S1: 1_200}, ["m~400"]),
        (600, {S1: 480, M1: 9}, ["m~160", "m~3"]),
        (600, {M1: 8}, ["m~3"]),
        (600, {M1: 7}, []),  # nothing that deserves the name of a window
        (20, {S1: 480, M1: 9}, ["m~3"]),
    ],
)
def test_short_forms_fill_with_the_bars_at_hand(window: int, bars: dict[int, int], made: list[str]) -> None:
    assert [model.name for model in shorter([Model("m", window=window)], bars)] == made


def test_each_model_gets_its_own() -> None:
    made = shorter([Model("a", "tls", "raw"), Model("b", "kalman")], {S1: 300})
    assert [(model.name, model.method, model.price) for model in made] == [
        ("a~100", "tls", "raw"),
        ("b~100", "kalman", "log"),
    ]


def test_the_other_windows_are_cut_to_it() -> None:
    made = with_window(Model("m", window=600, z_window=50, correlation_window=300), 120)
    assert (made.name, made.window, made.z_window, made.correlation_window) == ("m~120", 120, 50, 120)

"""The moment of a page that looks back, by a clock of the test."""

import pytest

from dashboard.history import Span
from dashboard.playhead import SPEEDS, Playhead, stepped
from dashboard.views.past import TIME_BAR, present_only, says

S = 1_000_000


def test_it_stands_plays_pauses_and_changes_speed() -> None:
    now = [10.0]
    head = Playhead(lambda: now[0])
    head.seek(100 * S)
    now[0] = 20.0
    assert head.at_us == 100 * S, "it stands"
    head.play()
    now[0] = 21.5
    assert head.at_us == 101_500_000
    head.set_speed(60.0)
    assert head.at_us == 101_500_000, "from here on"
    now[0] = 22.0
    assert head.at_us == 131_500_000
    head.seek(50 * S)
    now[0] = 22.5
    assert head.at_us == 80 * S, "it plays on from there"
    head.pause()
    now[0] = 99.0
    assert head.at_us == 80 * S


@pytest.mark.parametrize(
    ("at_us", "bars", "wanted"),
    [(60 * S, 1, 120 * S), (60 * S, -1, 0), (61 * S, 1, 120 * S), (61 * S, -1, 60 * S), (59 * S, 1, 60 * S)],
)
def test_a_step_is_to_an_end_of_a_bar(at_us: int, bars: int, wanted: int) -> None:
    assert stepped(at_us, 60 * S, bars) == wanted


def test_what_is_said_of_a_moment() -> None:
    span = Span(1_000 * S, 2_000 * S)
    usual = {"read": True, "away": False, "at_end": False}
    assert says(1_500 * S, span, **usual) == ""
    assert says(999 * S, span, **usual) == "before the first row: data begin at 1970-01-01 00:16:40 UTC"
    assert says(2_001 * S, span, **usual) == "after the last row: data end at 1970-01-01 00:33:20 UTC"
    assert says(2_000 * S, span, **{**usual, "at_end": True}) == "end of the stored data"
    assert says(1_500 * S, None, **usual) == "nothing is stored of this pair"
    assert says(1_500 * S, None, **{**usual, "read": False}) == "reading …"
    assert says(1_500 * S, span, **{**usual, "away": True}) == "database away"


def test_every_control_has_a_label() -> None:
    for speed in SPEEDS:
        assert f'aria-label="Play {speed:g} times as fast as time"' in TIME_BAR
    for label in (
        "One bar back",
        "One bar on",
        "Play",
        "Moment, UTC",
        "Moment within what is stored",
        "Speed",
        "Time machine",
    ):
        assert f'aria-label="{label}"' in TIME_BAR
    assert "Explain, Health and Workspace show what was known then" in present_only(
        "pairs", ["explain", "health", "workspace"]
    )

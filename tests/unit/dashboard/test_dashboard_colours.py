"""Both themes: text can be read, and what means opposite things looks different to everyone."""

from dataclasses import asdict

import numpy as np
import pytest
from colour_science import SIGHTS, contrast, difference, lab

from dashboard.theme import DARK, LIGHT, PALETTES, Palette

READABLE = 4.5
"""WCAG AA, of small text."""
TEXT_ON_PANELS = (
    "strong", "text", "soft", "muted", "faint", "up", "down", "amber", "leg_y", "leg_x", "spread", "zscore", "correlation", "ticks",
    "alarm",
)  # fmt: skip
TEXT_ON_TINTS = (
    ("up", "up_tint"), ("amber", "amber_tint"), ("leg_x", "blue_tint"), ("alarm", "alarm_tint"), ("alarm", "alarm_ground"),
    ("strong", "alarm_ground"), ("amber", "amber_ground"), ("strong", "chosen"), ("muted", "raised"), ("amber", "raised"),
    ("text", "raised"),
)  # fmt: skip
OPPOSITES = (("up", "down"), ("leg_y", "leg_x"), ("correlation", "ticks"))
both = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=list(PALETTES))


@both
def test_text_has_the_contrast_of_aa(theme: Palette) -> None:
    colours = asdict(theme)
    pairs = [(name, on) for name in TEXT_ON_PANELS for on in ("panel", "ground")] + list(TEXT_ON_TINTS)
    poor = {
        f"{name} on {on}": round(contrast(colours[name], colours[on]), 2)
        for name, on in pairs
        if contrast(colours[name], colours[on]) < READABLE
    }
    assert not poor


@both
def test_opposites_differ_for_everyone(theme: Palette) -> None:
    colours = asdict(theme)
    alike = {
        f"{one} and {other}, {sight}": difference(lab(colours[one], sight), lab(colours[other], sight))
        for one, other in OPPOSITES
        for sight in SIGHTS
        if difference(lab(colours[one], sight), lab(colours[other], sight)) < 15
    }
    assert not alike
    assert contrast(theme.up, theme.down) > 1.3, "up and down differ in lightness alone"


def test_a_pair_that_fails_is_seen_to_fail() -> None:
    assert difference(lab("#4caf50", "deuteranopia"), lab("#c87137", "deuteranopia")) < 15, "green and brown"
    assert contrast("#5b6777", DARK.panel) < READABLE


@both
def test_every_role_has_a_colour_of_its_own(theme: Palette) -> None:
    colours = list(asdict(theme).values())
    assert len(set(colours)) == len(colours), "charts are repainted by colour"


def test_the_formula_gives_the_published_differences() -> None:
    """Pairs 1, 7, 17 and 25 of the table of Sharma, Wu and Dalal."""
    for one, other, wanted in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ):
        assert difference(np.array(one, float), np.array(other, float)) == pytest.approx(wanted, abs=1e-4)

"""Where z crosses the thresholds, beside a slow definition that keeps no state."""

import math

import numpy as np
import pytest

from dashboard.frame import COLUMNS, ROW_OF, Frame, Rows, loaded, merged
from dashboard.signals import Crossing, Kind, Signals, crossings
from dashboard.views.signals import signals_card

SECOND_US = 1_000_000


def by_definition(zscores: list[float], entry: float, exit_: float) -> list[tuple[int, Kind]]:
    """In position on side s at bar i: some bar up to i was beyond the entry of s, and none after it, up to i, back at its exit."""
    known = [(i, z) for i, z in enumerate(zscores) if not math.isnan(z)]

    def held(upto: int, s: int) -> bool:
        return any(
            s * known[j][1] >= entry and all(s * z > exit_ for _, z in known[j + 1 : upto + 1]) for j in range(upto + 1)
        )

    found = []
    for at, (i, _) in enumerate(known):
        if not at:
            continue
        if any(held(at - 1, s) and not held(at, s) for s in (1, -1)):
            found.append((i, Kind.EXIT))
        found += [(i, kind) for s, kind in ((1, Kind.SHORT), (-1, Kind.LONG)) if held(at, s) and not held(at - 1, s)]
    return found


@pytest.mark.parametrize("seed", range(25))
def test_every_crossing_is_found_and_no_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    z = np.zeros(160)
    for i in range(1, len(z)):
        z[i] = 0.85 * z[i - 1] + random.normal(0, 0.9)
    z[random.random(len(z)) < 0.1] = np.nan
    if seed % 3 == 0:
        z[random.integers(0, len(z), 6)] *= -3  # leaps from one side to the other
    entry, exit_ = ((2.0, 0.5), (1.0, 0.95), (0.5, 0.0), (3.0, 2.0))[seed % 4]
    found = crossings(range(len(z)), z.tolist(), entry, exit_)
    assert [(at.time_us, at.kind) for at in found] == by_definition(z.tolist(), entry, exit_)
    assert all(at.zscore == z[at.time_us] for at in found)


def test_there_is_something_to_find() -> None:
    z = [0.0, 2.5, 1.0, -2.5, math.nan, -0.2, -2.0]
    wanted = [(1, Kind.SHORT), (3, Kind.EXIT), (3, Kind.LONG), (5, Kind.EXIT), (6, Kind.LONG)]
    assert by_definition(z, 2.0, 0.5) == wanted
    assert [(at.time_us, at.kind) for at in crossings(range(7), z, 2.0, 0.5)] == wanted


def test_what_is_not_known_neither_enters_nor_leaves() -> None:
    assert [at.kind for at in crossings(range(5), [0.0, 2.2, math.nan, 1.0, math.nan], 2.0, 0.5)] == [Kind.SHORT]


def test_a_series_that_begins_beyond_an_entry_has_entered_before() -> None:
    assert [at.kind for at in crossings(range(4), [2.5, 2.6, 0.2, 2.1], 2.0, 0.5)] == [Kind.EXIT, Kind.SHORT]


def test_at_one_level_for_both_a_bar_that_leaves_does_not_enter_again() -> None:
    kinds = [at.kind for at in crossings(range(4), [0.0, 0.6, 0.5, 0.5], 0.5, 0.5)]
    assert kinds == [Kind.SHORT, Kind.EXIT, Kind.SHORT]


def frame(zscores: list[float], closed: int, *, first: int = 0, stale: tuple[int, ...] = ()) -> Rows:
    values = np.zeros((len(COLUMNS), len(zscores)))
    index = np.arange(first, first + len(zscores))
    values[ROW_OF["zscore"]] = zscores
    values[ROW_OF["stale"], list(stale)] = 2.0
    for name in ("y_closed", "x_closed", "stats_closed"):
        values[ROW_OF[name]] = index < closed
    return Rows(index * SECOND_US, values)


def test_forming_and_stale_rows_are_no_signals() -> None:
    signals = Signals()
    signals.follow("a", loaded(frame([0.0, 3.0, 3.0, 0.0, 3.0], 4, stale=(1,)), Frame(), 600), 2.0, 0.5)
    assert [(at.time_us, at.kind) for at in signals.found] == [(2 * SECOND_US, Kind.SHORT), (3 * SECOND_US, Kind.EXIT)]


def test_a_signal_is_fresh_once_and_only_of_a_bar_that_closed_meanwhile() -> None:
    signals, held = Signals(), loaded(frame([0.0, 2.5, 0.1, 1.5], 3), Frame(), 600)
    assert signals.follow("a", held, 2.0, 0.5)
    assert signals.fresh == (), "they were there when the page came"
    held = merged(held, frame([0.1, 2.2, 1.9], 4, first=2), 600) or held
    assert signals.follow("a", held, 2.0, 0.5)
    assert signals.fresh == (Crossing(3 * SECOND_US, Kind.SHORT, 2.2),)
    assert not signals.follow("a", held, 2.0, 0.5)
    assert signals.fresh == ()
    assert signals.follow("a", held, 2.0, 0.05), "other thresholds, other signals"
    assert signals.fresh == (), "but none of them has just come"
    assert signals.follow("a", held, 1.0, 0.5) is True
    assert signals.fresh == ()
    reloaded = loaded(frame([0.0, 2.5, 0.1, 2.2, 0.3], 5), held, 600)
    signals.follow("a", reloaded, 2.0, 0.5)
    assert [at.kind for at in signals.fresh] == [Kind.EXIT], "what closed while the database was away is told"
    signals.follow("b", loaded(frame([0.0, 2.5, 2.6, 0.1, 2.2, 0.1], 6), reloaded, 600), 2.0, 0.5)
    assert signals.found
    assert signals.fresh == (), "another pair's past is not news"


def test_the_card_lists_the_newest_first_and_says_why_it_is_empty() -> None:
    found = tuple(
        Crossing((1_700_000_000 + i) * SECOND_US, Kind.SHORT if i % 2 else Kind.EXIT, i / 10) for i in range(9)
    )
    text = signals_card(found, 2.0, 0.5)
    assert text.index("22:13:28") < text.index("22:13:27")
    assert text.count("<tr>") == 5
    assert "9 in the look-back" in text
    assert "none in the look-back" in signals_card((), 2.0, 0.5)

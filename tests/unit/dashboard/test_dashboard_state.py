"""The view-model: addresses, what a catalogue confirms, how the newest rows read."""

import math
from urllib.parse import parse_qsl

import numpy as np
import pytest

from dashboard.data import Catalogue
from dashboard.frame import COLUMNS, ROW_OF, Frame, Rows, loaded
from dashboard.state import VIEWS, Desk, Phase, Signal, reading, signal
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair

PAIRS = (Pair("ETHUSDT", "BTCUSDT"), Pair("SOLUSDT", "ETHUSDT"))
CATALOGUE = Catalogue("", "simulated", PAIRS, (Interval.S1, Interval.M1), (Model("ols"), Model("raw", price="raw")))
NAN = math.nan


def frame(count: int = 3, **last: float) -> Frame:
    """Closed rows with prices 100, 101, … and no statistics but those given for the last row."""
    values = np.full((len(COLUMNS), count), NAN)
    for leg in "yx":
        values[ROW_OF[f"{leg}_close"]] = 100 + np.arange(count)
        values[ROW_OF[f"{leg}_closed"]] = 1
    values[ROW_OF["stats_closed"]] = 1
    for name, value in {"stale": 0.0, "gap": 0.0, **last}.items():
        values[ROW_OF[name], -1] = value
    return loaded(Rows(np.arange(count) * 1_000_000, values), Frame(), 600)


def test_an_address_comes_back_as_it_was_read() -> None:
    desk = Desk()
    desk.read(
        {
            "pair": "SOLUSDT/ETHUSDT",
            "tf": "1m",
            "n": "1800",
            "entry": "1.5",
            "model": "raw",
            "view": "feed",
            "gaps": "1",
            "ticks": "24h",
            "at": "2024-03-01T12:00:00Z",
            "speed": "60",
        }
    )
    desk.adopt(CATALOGUE)
    assert desk.remarks == ()
    query = desk.query()
    assert "pair=SOLUSDT/ETHUSDT&tf=1m" in query
    again = Desk()
    again.read(dict(parse_qsl(query[1:])))
    again.adopt(CATALOGUE)
    assert (again.selection, again.lookback, again.entry) == (desk.selection, 1800, 1.5)
    assert (again.view, again.gaps_only, again.ticks) == ("health", True, "24h")
    assert (again.at_us, again.speed) == (1_709_294_400_000_000, 60.0)
    assert "at=2024-03-01T12:00:00Z&speed=60" in query
    again.at_us = None
    assert "speed" not in again.query(), "of a page that does not look back"
    assert "view" not in Desk().query(), "what is usual is not said"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"n": "many"}, 'n must be a number from 10 to 100,000, was "many"'),
        ({"n": "3"}, "n must be a number from 10 to 100,000"),
        ({"entry": "nan"}, "entry must be a number from 0.5 to 5"),
        ({"view": "secret"}, f'view must be one of {", ".join(VIEWS)}, was "secret"'),
        ({"ticks": "2h"}, 'ticks must be one of 1h, 6h, 24h, all, was "2h"'),
        ({"at": "teatime"}, 'at must be a time in UTC such as 2024-03-01T12:00:00Z, was "teatime"'),
        ({"at": "9999-01-01"}, "at must be a time in UTC"),
        ({"at": "-5"}, "at must be a time in UTC"),
        ({"speed": "7"}, 'speed must be one of 1, 10, 60, 600, was "7"'),
        ({"dataset": "Drop Table"}, 'dataset "Drop Table"'),
        ({"pair": "XRPUSDT/BTCUSDT"}, 'no pair "XRPUSDT/BTCUSDT" here: showing ETHUSDT/BTCUSDT'),
        ({"tf": "2h"}, 'no interval "2h" here: showing 1s'),
        ({"model": "magic"}, 'no model "magic" here: showing ols'),
    ],
)
def test_a_bad_value_is_said_and_the_others_are_kept(query: dict[str, str], said: str) -> None:
    desk = Desk()
    desk.read({"exit": "0.25", **query})
    desk.adopt(CATALOGUE)
    assert any(said in remark for remark in desk.remarks), desk.remarks
    assert desk.exit == 0.25
    assert desk.selection is not None


def test_nothing_is_selected_before_the_catalogue_is_known() -> None:
    desk = Desk()
    desk.read({"pair": "ETHUSDT/BTCUSDT"})
    assert desk.selection is None


@pytest.mark.parametrize(
    ("zscore", "word"),
    [
        (2.0, Signal.SHORT),
        (-2.1, Signal.LONG),
        (0.5, Signal.FLAT),
        (1.2, Signal.HOLD),
        (-0.6, Signal.HOLD),
        (NAN, Signal.NONE),
    ],
)
def test_the_signal_follows_the_thresholds(zscore: float, word: Signal) -> None:
    assert signal(zscore, entry=2.0, exit_=0.5) is word


@pytest.mark.parametrize(
    ("rows", "phase"),
    [
        (Frame(), Phase.EMPTY),
        (frame(), Phase.EMPTY),
        (frame(n=15, warmup_left=585), Phase.WARM_UP),
        (frame(n=600, warmup_left=0, zscore=1.0), Phase.READY),
        (frame(n=600, warmup_left=0, stale=2.0), Phase.STALE),
    ],
    ids=["no rows", "no statistics", "warm-up", "ready", "stale"],
)
def test_the_phase(rows: Frame, phase: Phase) -> None:
    assert reading(rows, PAIRS[0], Interval.S1, Model("ols")).phase is phase


def test_statistics_are_those_of_the_newest_row_that_has_any() -> None:
    """Bars are visible to SQL a moment before their statistics: the tiles must not blink in between."""
    rows = frame(4, n=600, warmup_left=0, zscore=1.25)
    later = np.concatenate((rows.values, np.full((len(COLUMNS), 1), NAN)), axis=1)
    later[ROW_OF["y_close"], -1] = 110.0
    now = reading(loaded(Rows(np.arange(5) * 1_000_000, later), rows, 600), PAIRS[0], Interval.S1, Model("ols"))
    assert now.zscore == 1.25
    assert now.y.price == 110.0
    assert now.y.change == pytest.approx(0.10)
    assert now.last_close_us == 4_000_000, "the bar whose legs have not both closed is not the last"


def test_a_raw_spread_is_not_called_basis_points() -> None:
    assert reading(frame(), PAIRS[0], Interval.S1, Model("raw", price="raw")).spread_scale == 1.0
    assert reading(frame(), PAIRS[0], Interval.S1, Model("ols")).spread_scale == 1e4


def test_bars_that_lack_trades_are_counted_and_the_newest_row_names_the_leg() -> None:
    rows = frame(4, n=600, warmup_left=0, gap=2.0)
    rows["y_gap"][:] = [0, 1, NAN, 1]
    now = reading(rows, PAIRS[0], Interval.S1, Model("ols"))
    assert (now.y.gaps, now.x.gaps, now.gap) == (2, 0, "x")


def test_thresholds_are_taken_together_or_not_at_all() -> None:
    desk = Desk()
    desk.set_thresholds(3.0, 1.0)
    assert (desk.entry, desk.exit) == (3.0, 1.0)
    for entry, exit_ in ((9, 0.5), ("2", 0.5), (2.0, None), (NAN, 0.5), (2.0, -0.1), (1.0, 1.5)):
        desk.set_thresholds(entry, exit_)
        assert (desk.entry, desk.exit) == (3.0, 1.0), (entry, exit_)


def test_an_address_with_exit_above_entry_or_an_unknown_theme_is_said() -> None:
    desk = Desk()
    desk.read({"entry": "1", "exit": "1.5", "theme": "pink"})
    assert (desk.entry, desk.exit, desk.theme) == (1.0, 0.5, "")
    assert desk.remarks == (
        'address: theme must be dark or light, was "pink"',
        "address: exit must not be above entry (1), was 1.5",
    )
    desk.read({"entry": "0.5", "exit": "0.5", "theme": "light"})
    assert "theme=light" in desk.query()

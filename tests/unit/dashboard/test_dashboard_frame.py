"""Rows merged by time, and the plan that brings a browser from one state to the next."""

import numpy as np
import pytest

from dashboard.frame import BROWSER_COLUMNS, COLUMNS, ROW_OF, Frame, Rows, columns, loaded, merged, plan

BAR_US = 1_000_000


def rows(first: int, last: int, *, closed: int | None = None, seed: int = 0) -> Rows:
    """Bars first .. last - 1, whose values follow from their index alone; from `closed` on they are forming."""
    index = np.arange(first, last)
    values = np.array([np.sin(index * (k + 1)) + seed for k in range(len(COLUMNS))])
    for name in ("y_closed", "x_closed", "stats_closed"):
        values[ROW_OF[name]] = 1.0 if closed is None else index < closed
    return Rows(index * BAR_US, values)


def applied(held: dict[str, list[float]], update: object, rollover: int) -> dict[str, list[float]]:
    """What a browser makes of an update, by Bokeh's rules: replace, or patch by index and then append and drop at the front."""
    if update.full is not None:  # type: ignore[attr-defined]
        return {name: list(values) for name, values in update.full.items()}  # type: ignore[attr-defined]
    for name, cells in update.patches.items():  # type: ignore[attr-defined]
        for at, value in cells:
            held[name][at] = value
    for name, values in update.stream.items():  # type: ignore[attr-defined]
        held[name] = (held[name] + values)[-rollover:]
    return held


def same(held: dict[str, list[float]], frame: Frame) -> bool:
    wanted = columns(frame)
    return all(np.array_equal(held[name], wanted[name], equal_nan=True) for name in wanted)


def test_a_forming_row_is_patched_and_a_new_one_streamed() -> None:
    before = loaded(rows(0, 10, closed=9), Frame(), 600)
    after = merged(before, rows(8, 11, seed=1), 600)
    assert after is not None
    update = plan(before, after)
    assert update.full is None
    assert {at for cells in update.patches.values() for at, _ in cells} == {8, 9}
    assert update.stream["time"] == [10_000.0]
    assert same(applied({k: list(v) for k, v in columns(before).items()}, update, 600), after)


def with_forming_x(news: Rows, first: int, last: int) -> Rows:
    """The leg x is forming from `first` to `last` − 1, as one that is held."""
    inside = (news.times >= first * BAR_US) & (news.times < last * BAR_US)
    news.values[ROW_OF["x_closed"], inside] = 0.0
    return news


def test_forming_rows_that_no_closed_one_replaced_are_let_go() -> None:
    held = loaded(with_forming_x(rows(0, 20), 10, 20), Frame(), 600)
    assert not np.isnan(held["x_close"]).any(), "what is forming is shown"
    after = merged(held, with_forming_x(rows(9, 25), 10, 23), 600)
    assert after is not None
    assert np.flatnonzero(np.isnan(after["x_close"])).tolist() == [*range(10, 23)]
    assert np.flatnonzero(np.isnan(after["x_closed"])).tolist() == [*range(10, 23)]
    assert not np.isnan(after["y_close"]).any()
    assert not np.isnan(after["zscore"]).any()
    assert same(applied({k: list(v) for k, v in columns(held).items()}, plan(held, after), 600), after)
    assert merged(after, with_forming_x(rows(9, 25), 10, 23), 600) is after, "the same rows again are no news"
    again = loaded(with_forming_x(rows(0, 25), 10, 23), after, 600)
    assert np.array_equal(again.values, after.values, equal_nan=True), "a full load has the same"


def test_forming_rows_longer_ago_than_news_are_asked_for_are_let_go_too() -> None:
    held = loaded(with_forming_x(rows(0, 400), 10, 400), Frame(), 600)
    since = held.since(BAR_US)
    assert since is not None
    assert since > 40 * BAR_US
    after = merged(held, with_forming_x(rows(since // BAR_US, 402), 10, 400), 600)
    assert after is not None
    assert np.flatnonzero(np.isnan(after["x_close"])).tolist() == [*range(10, 400)]


def test_only_cells_that_differ_are_sent() -> None:
    before = loaded(rows(0, 5), Frame(), 600)
    news = rows(4, 5)
    news.values[ROW_OF["zscore"], 0] = 2.5
    after = merged(before, news, 600)
    assert after is not None
    assert plan(before, after).patches == {"zscore": [(4, 2.5)]}


def test_nan_equals_nan() -> None:
    first = rows(0, 5)
    first.values[ROW_OF["zscore"]] = np.nan
    before = loaded(first, Frame(), 600)
    again = Rows(first.times[-2:], first.values[:, -2:].copy())
    assert merged(before, again, 600) is before


@pytest.mark.parametrize(
    "news",
    [rows(12, 14), rows(0, 0), rows(8, 9)],
    ids=["newer without the last known", "nothing at all", "the last known is gone"],
)
def test_a_hole_asks_for_a_full_load(news: Rows) -> None:
    assert merged(loaded(rows(0, 10), Frame(), 600), news, 600) is None


def test_a_row_that_should_have_been_held_is_a_hole() -> None:
    first = rows(0, 10)
    keep = np.delete(np.arange(10), 8)
    held = loaded(Rows(first.times[keep], first.values[:, keep]), Frame(), 600)
    assert merged(held, rows(7, 11), 600) is None


def test_a_full_load_replaces_everything() -> None:
    before = loaded(rows(0, 10), Frame(), 600)
    after = loaded(rows(40, 50), before, 600)
    assert plan(before, after).full is not None


@pytest.mark.parametrize("seed", range(20))
def test_any_way_of_polling_ends_in_the_same_rows(seed: int) -> None:
    """A browser that misses refreshes, with forming rows, late statistics and rollover, holds what the server holds."""
    random, limit = np.random.default_rng(seed), 40
    frame = loaded(rows(0, 30, closed=29), Frame(), limit)
    held, drawn, newest = {k: list(v) for k, v in columns(frame).items()}, frame, 29
    for step in range(60):
        since = frame.since(BAR_US)
        assert since is not None
        newest += int(random.integers(0, 4))
        news = rows(since // BAR_US, newest + 1, closed=newest, seed=0)
        if random.random() < 0.5:
            news.values[ROW_OF["zscore"], -1] = np.nan
            news.values[ROW_OF["stats_closed"], -1] = np.nan
        if random.random() < 0.5:
            news.values[ROW_OF["y_close"], -1] += step
        after = merged(frame, news, limit)
        assert after is not None
        frame = after
        if random.random() < 0.4:
            held, drawn = applied(held, plan(drawn, frame), limit), frame
            assert same(held, frame)
    assert same(applied(held, plan(drawn, frame), limit), frame)


def test_it_asks_again_from_the_part_that_is_behind() -> None:
    behind = rows(0, 50)
    behind.values[ROW_OF["stats_closed"], 44:] = np.nan
    assert loaded(behind, Frame(), 600).since(BAR_US) == 43 * BAR_US
    assert loaded(rows(0, 50), Frame(), 600).since(BAR_US) == 48 * BAR_US


def test_it_waits_for_ticks_only_where_there_are_any() -> None:
    late = rows(0, 50)
    late.values[ROW_OF["ticks_closed"]] = np.where(np.arange(50) < 45, 1.0, np.nan)
    assert loaded(late, Frame(), 600).since(BAR_US) == 44 * BAR_US
    late.values[ROW_OF["ticks_closed"]] = np.nan
    assert loaded(late, Frame(), 600).since(BAR_US) == 48 * BAR_US


def test_a_leg_away_for_long_is_not_asked_for_for_ever() -> None:
    behind = rows(0, 500)
    behind.values[ROW_OF["x_closed"], 5:] = np.nan
    assert loaded(behind, Frame(), 600).since(BAR_US) == (499 - 120) * BAR_US


def test_the_browser_gets_known_columns_in_milliseconds() -> None:
    sent = columns(loaded(rows(3, 5), Frame(), 600))
    assert set(sent) == {"time", *BROWSER_COLUMNS}
    assert sent["time"].tolist() == [3000.0, 4000.0]
    assert sent["zscore"].flags.writeable

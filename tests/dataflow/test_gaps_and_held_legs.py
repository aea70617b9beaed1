"""A leg that is held back, and one that lacks trades, through the whole dataflow and into QuestDB."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from bytewax.testing import TestingSink, TestingSource, run_main
from stored_frames import some_events, some_latency, some_status

from dashboard.data import Reader
from dashboard.frame import ROW_OF, Frame, loaded
from dashboard.selection import Selection
from flows.domain.chunk import Chunk
from flows.domain.frames import Bars, PairStats, Ticks
from flows.domain.instrument import Instrument
from flows.domain.interval import Interval
from flows.pairs import build, dataset_of
from flows.settings import Settings, load
from flows.sinks.questdb import QuestDBSink
from flows.storage.client import connect
from flows.storage.datasets import register
from flows.storage.server import ManagedServer

S = 1_000_000
START = 1_721_347_200_000_000
COINS = (Instrument("ETHUSDT", 2, 3), Instrument("BTCUSDT", 1, 3))
SECONDS = 150
WINDOW = 20
NO_TIME: range = range(0)


def _settings() -> Settings:
    made = load(environment={})
    return replace(
        made, models=(replace(made.models[0], window=WINDOW, z_window=WINDOW, correlation_window=WINDOW - 1),)
    )


def _feed(held: range = NO_TIME, lost: range = NO_TIME) -> list[tuple[str, Chunk[Any]]]:
    """A trade of each leg a second, in chunks of half a second whose watermarks are each leg's newest trade.

    Args:
        held: seconds whose trades of BTCUSDT come together at the end of them. lost: those whose trades never come.
    """
    rng = np.random.default_rng(3)
    prices = np.array([[3_000], [60_000]]) * np.exp(np.cumsum(rng.normal(0, 1e-4, (2, SECONDS)), axis=1))
    scaled = np.round(prices * np.array([[100], [10]])).astype(np.int64)
    rows = [(START + k * S + offset, leg, k) for k in range(SECONDS) for leg, offset in ((0, 300_000), (1, 600_000))]
    watermark = np.zeros(2, np.int64)
    items: list[tuple[str, Chunk[Any]]] = []
    waiting: list[tuple[int, int, int]] = []
    for step in range(2 * SECONDS):
        now = START + (step + 1) * S // 2
        waiting += [row for row in rows if now - S // 2 <= row[0] < now and not (row[1] and row[2] in lost)]
        due = [row for row in waiting if not (row[1] and row[2] in held and now < START + held[-1] * S + S)]
        waiting = [row for row in waiting if row not in due]
        time, leg, second = np.array(due, np.int64).reshape(-1, 3).T
        np.maximum.at(watermark, leg, time)
        one = np.ones(len(due), np.int64)
        gap = (leg == 1) & (second == (lost[-1] + 1 if lost else -1))
        ticks = Ticks(
            COINS, leg.astype(np.int32), time, second, scaled[leg, second], one, one.astype(np.int8), one == 0, gap=gap
        )
        items.append(("feed", Chunk(watermark.copy(), ticks)))
    return items


@dataclass(frozen=True, slots=True)
class _Run:
    frames: list[Any]

    def stats(self, complete: bool | None = None, interval: Interval = Interval.S1) -> list[dict[str, Any]]:
        """Rows of pair_stats in the order in which they came out; `second` after the start."""
        frames = [frame for frame in self.frames if isinstance(frame, PairStats) and frame.interval is interval]
        return _rows(frames, complete)

    def bars(self, leg: int, interval: Interval, complete: bool | None = True) -> list[dict[str, Any]]:
        frames = [frame for frame in self.frames if isinstance(frame, Bars) and frame.interval is interval]
        return _rows([frame.take(frame.symbol == leg) for frame in frames], complete)


def _rows(frames: Sequence[Any], complete: bool | None) -> list[dict[str, Any]]:
    out = []
    for frame in frames:
        names = [field.name for field in fields(frame) if isinstance(getattr(frame, field.name), np.ndarray)]
        for i in range(len(frame)):
            row = {name: getattr(frame, name)[i].item() for name in names}
            if complete is None or row["complete"] == complete:
                out.append({**row, "second": (row["open_time"] - START) // S})
    return out


def _run(items: list[tuple[str, Chunk[Any]]], forming_every_ms: int = 500) -> _Run:
    out: list[tuple[str, Any]] = []
    run_main(build(_settings(), TestingSource(items), TestingSink(out), forming_every_ms))
    return _Run([frame for _, frame in out])


@pytest.fixture(scope="module")
def undisturbed() -> _Run:
    return _run(_feed())


HELD = range(100, 125)


@pytest.fixture(scope="module")
def held() -> _Run:
    return _run(_feed(held=HELD))


def test_a_held_leg_is_shown_getting_stale(held: _Run) -> None:
    forming = [row for row in held.stats(complete=False) if row["second"] in HELD]
    stale = [row for row in forming if row["stale"]]
    assert {row["second"] for row in stale} == {*range(109, 124)}  # the last trade is of 99.6 s, the limit 10 s
    for row in stale:
        assert (row["stale"], row["x_trade_count"], row["y_trade_count"]) == (2, 0, 1)
        assert row["x_age_ms"] == (row["second"] - 99) * 1_000 + 400
        assert row["y_age_ms"] == 700
        assert all(np.isnan(row[name]) for name in ("hedge_ratio", "spread", "zscore", "correlation"))
    fresh = [row for row in forming if not row["stale"]]
    assert {row["second"] for row in fresh} == {*range(100, 109), 124}  # 124: it speaks again
    assert not any(np.isnan(row["zscore"]) for row in fresh)
    assert {row["n"] for row in forming} == {WINDOW}  # the windows do not start anew


def test_longer_bars_of_a_held_leg_get_stale_too(held: _Run) -> None:
    minute = [row for row in held.stats(False, Interval.M1) if row["second"] == 60 and row["stale"]]
    ages = [row["x_age_ms"] for row in minute]
    assert ages == sorted(ages)
    assert ages[0] > 10_000
    assert len(set(ages)) > 5


def test_when_the_trades_come_the_closed_rows_replace_the_forming_ones(held: _Run, undisturbed: _Run) -> None:
    for interval in Interval:
        assert repr(held.stats(True, interval)) == repr(undisturbed.stats(True, interval))
        for leg in range(2):
            assert held.bars(leg, interval) == undisturbed.bars(leg, interval)

        def last(run: _Run, interval: Interval = interval) -> dict[int, str]:
            return {row["second"]: repr(row) for row in run.stats(None, interval)}

        assert last(held) == last(undisturbed)


def test_without_the_forming_of_held_legs_there_would_be_no_stale_rows() -> None:
    """The negative control: nothing is formed where nothing is wanted, and the closed rows never show a stale leg."""
    run = _run(_feed(held=HELD), forming_every_ms=0)
    assert not any(row["stale"] for row in run.stats())


def _marked(rows: list[dict[str, Any]]) -> list[int]:
    return [row["second"] for row in rows if row["gap"]]


def test_a_long_gap_starts_the_windows_anew() -> None:
    run = _run(_feed(lost=HELD))
    rows = {row["second"]: row for row in run.stats(True)}
    assert not any(second in rows for second in HELD)
    assert _marked(run.stats(True)) == [99, 125]
    assert [rows[second]["gap"] for second in (99, 125)] == [2, 2]
    assert (rows[99]["n"], rows[125]["n"], rows[126]["n"]) == (WINDOW, 1, 2)
    assert not np.isnan(rows[99]["zscore"])
    known = [second for second, row in rows.items() if second > 99 and not np.isnan(row["zscore"])]
    assert known[0] == 125 + WINDOW - 1
    assert [_marked(run.bars(leg, Interval.S1)) for leg in range(2)] == [[], [99, 125]]
    assert _marked(run.bars(1, Interval.M1)) == [60]
    assert {row["second"] for row in run.bars(1, Interval.M1, complete=False) if row["gap"]} == {120}
    assert {row["gap"] for row in run.stats(False, Interval.M5)[-1:]} == {2}
    formed = {row["second"] for row in run.bars(1, Interval.S1, complete=False)}
    assert {*HELD[:-1]} <= formed, "while it was not known that it ends in a gap, its bars were forming"


def test_a_short_gap_is_marked_and_the_windows_go_on() -> None:
    run = _run(_feed(lost=range(100, 104)))
    rows = {row["second"]: row for row in run.stats(True)}
    assert _marked(run.stats(True)) == [*range(99, 105)]
    assert [rows[second]["x_trade_count"] for second in range(99, 105)] == [1, 0, 0, 0, 0, 1]
    assert {rows[second]["n"] for second in range(99, 130)} == {WINDOW}
    assert not any(np.isnan(rows[second]["zscore"]) for second in range(99, 130))


@pytest.mark.questdb
def test_the_marks_and_the_feed_come_out_in_the_database(questdb: ManagedServer) -> None:
    settings = _settings()
    register(questdb.address, dataset_of(settings, "gaps", "live"))
    beside = [("feed", Chunk(np.zeros(1, np.int64), frame)) for frame in (some_events(), some_status(), some_latency())]
    items = _feed(lost=HELD)
    run_main(
        build(settings, TestingSource([*items[:50], *beside, *items[50:]]), QuestDBSink(questdb.address, "gaps"), 500)
    )
    marked = (
        "SELECT datediff('s', '2024-07-19T00:00:00Z'::timestamp, open_time) FROM gaps_{} WHERE {} ORDER BY open_time"
    )
    wanted = {
        ("bars_1s", "symbol = 'BTCUSDT' AND gap AND complete"): [99, 125],
        ("bars_1s", "symbol = 'ETHUSDT' AND gap AND complete"): [],
        ("bars_1m", "symbol = 'BTCUSDT' AND gap AND complete"): [60],
        ("pair_stats_1s", "gap = 'x' AND complete"): [99, 125],
        ("pair_stats_1s", "gap IS NULL AND complete"): [second for second in range(149) if not 99 <= second <= 125],
        ("pair_tick_stats_1s", "pair = 'ETHUSDT/BTCUSDT'"): [second for second in range(149) if not 99 < second < 125],
        ("pair_tick_stats_1s", "gap = 'x'"): [125],
    }
    with connect(questdb.read_address) as connection:
        for table in (
            "bars_1s",
            "bars_1m",
            "pair_stats_1s",
            "pair_tick_stats_1s",
            "feed_events",
            "feed_status",
            "feed_latency",
        ):
            connection.execute(f"SELECT wait_wal_table('gaps_{table}')")
        found = {key: [row[0] for row in connection.execute(marked.format(*key)).fetchall()] for key in wanted}
        events = connection.execute(
            "SELECT kind, symbol, from_id, count FROM gaps_feed_events ORDER BY number"
        ).fetchall()
        states = connection.execute("SELECT symbol, state, last_id FROM gaps_feed_status ORDER BY symbol").fetchall()
        stages = connection.execute("SELECT stage, p99_ms FROM gaps_feed_latency ORDER BY stage").fetchall()
    assert found == wanted
    _assert_page_shows_no_bars_in_the_hole(questdb, settings)
    assert events == [("connected", None, None, None), ("gap", "BTCUSDT", 7, 3), ("lost", "ETHUSDT", 100, 1)]
    assert states == [("BTCUSDT", "live", 12), ("ETHUSDT", "waiting", None)]
    assert stages == [("bar_row", None), ("received_chunk", 3.5)]


def _assert_page_shows_no_bars_in_the_hole(questdb: ManagedServer, settings: Settings) -> None:
    """Forming bars of the held leg are stored and no closed one replaces them; the page knows that they are none."""
    reader = Reader(lambda: connect(questdb.read_address))
    rows = reader.rows(Selection("gaps", settings.market.pairs[0], Interval.S1, settings.models[0].name), None, 600)
    reader.close()
    frame = loaded(rows, Frame(), 600)
    seconds = (frame.times - START) // S
    hole = (seconds >= HELD[0]) & (seconds < HELD[-1])
    for part, value in (("x_closed", "x_close"), ("stats_closed", "n")):
        assert np.all(rows.values[ROW_OF[part], hole] == 0), "stored"
        assert np.all(np.isnan(frame[part][hole]) & np.isnan(frame[value][hole])), "not shown"
        assert np.all(frame[part][(seconds < HELD[0]) | ((seconds > HELD[-1]) & (seconds < SECONDS - 1))] == 1)
    assert np.all(frame["y_closed"][hole] == 1)

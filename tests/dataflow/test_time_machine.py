"""What a page shows of a moment beside plain SQL, on recorded trades: all that was known then, and nothing later."""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loops import run_async
from short_replay import short_replay

from dashboard.data import Catalogue, Reader
from dashboard.frame import BAR_FIELDS, BROWSER_COLUMNS, STATS_FIELDS, TICKS_FIELD, Frame, columns, plan
from dashboard.history import Moments
from dashboard.hub import Hub
from dashboard.parts.part import Seen
from dashboard.past import Past
from dashboard.quality import Quality
from dashboard.selection import Selection
from dashboard.state import Desk
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = pytest.mark.questdb
# ruff: noqa: S608

PAIR, LOOKBACK = Pair("ETHUSDT", "BTCUSDT"), 120
FIRST, LAST = 1_721_347_022_000_000, 1_721_347_502_000_000
"""Open of the first bar and end of the last one of the recording."""


@pytest.fixture(scope="module")
def dataset(questdb: ManagedServer, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return short_replay(questdb, shared_data, tmp_path_factory.mktemp("past"), "timemachine")


@pytest.fixture
def sql(questdb: ManagedServer) -> Callable[[str], list[tuple[Any, ...]]]:
    connection = connect(questdb.read_address)
    return lambda query: connection.execute(query).fetchall()  # type: ignore[arg-type]


@pytest.fixture
def reader(questdb: ManagedServer) -> Reader:
    return Reader(lambda: connect(questdb.read_address))


def moments(reader: Reader, selection: Selection, at_us: int, ahead: int = 30) -> Moments:
    return reader.moments(selection, at_us, LOOKBACK, ahead, reader.span(selection))


def known_rows(
    sql: Callable[[str], list[tuple[Any, ...]]], of: Selection, at_us: int
) -> dict[str, dict[int, list[Any]]]:
    """By leg and statistics: open time to values, of every bar that had ended."""
    ended = f"complete AND cast(open_time AS long) + {of.interval.us} <= {at_us}"
    bars, stats = f"{of.dataset}_bars_{of.interval}", f"{of.dataset}_pair_stats_{of.interval}"
    numeric = STATS_FIELDS[:-2]
    queries = {
        "y": f"SELECT cast(open_time AS long), {', '.join(BAR_FIELDS)} FROM {bars} WHERE symbol = '{of.pair.y}' AND {ended}",
        "x": f"SELECT cast(open_time AS long), {', '.join(BAR_FIELDS)} FROM {bars} WHERE symbol = '{of.pair.x}' AND {ended}",
        "stats": f"SELECT cast(open_time AS long), {', '.join(numeric)} FROM {stats} WHERE pair = '{of.pair}' AND model = '{of.model}'"
        f" AND {ended}",
        "ticks": f"SELECT cast(open_time AS long), correlation FROM {of.dataset}_pair_tick_stats_{of.interval}"
        f" WHERE pair = '{of.pair}' AND cast(open_time AS long) + {of.interval.us} <= {at_us}",
    }
    return {part: {row[0]: list(row[1:]) for row in sql(query)} for part, query in queries.items()}


def differences(frame: Frame, known: dict[str, dict[int, list[Any]]]) -> list[str]:
    """Where the frame is not the newest rows of what was known."""
    times = sorted(set().union(*(known[part] for part in ("y", "x", "stats"))))[-LOOKBACK:]
    if frame.times.tolist() != times:
        return [f"times end at {frame.times[-1:]} instead of {times[-1:]}, {len(frame)} instead of {len(times)}"]
    names = {
        "y": [f"y_{name}" for name in BAR_FIELDS],
        "x": [f"x_{name}" for name in BAR_FIELDS],
        "stats": list(STATS_FIELDS[:-2]),
        "ticks": [TICKS_FIELD],
    }
    found = []
    for part, rows in known.items():
        for k, time_us in enumerate(times):
            stored = rows.get(time_us, [None] * len(names[part]))
            for name, value in zip(names[part], stored, strict=True):
                wanted = math.nan if value is None else float(value)
                shown = float(frame[name][k])
                if shown != wanted and not (math.isnan(shown) and math.isnan(wanted)):
                    found.append(f"{part} {name} at {time_us}: {shown} instead of {wanted}")
    return found


_QUALITY = {"verdict": "pair_verdicts", "tests": "pair_tests", "ticks": "pair_tick_stats", "lead": "pair_lead_lag"}


def quality_differences(
    sql: Callable[[str], list[tuple[Any, ...]]], quality: Quality, of: Selection, at_us: int
) -> list[str]:
    found = []
    for kind, table in _QUALITY.items():
        record = getattr(quality, kind)
        time = "timestamp" if kind == "lead" else "open_time"
        later = 0 if kind == "lead" else of.interval.us
        name = f"{of.dataset}_{table}" + ("" if kind == "lead" else f"_{of.interval}")
        rows = sql(
            f"SELECT cast({time} AS long), * FROM {name} WHERE pair = '{of.pair}' AND cast({time} AS long) + {later} <= {at_us}"
            f" ORDER BY {time} DESC LIMIT 1"
        )
        if (record is None) != (not rows):
            found.append(f"{kind}: {record} instead of {rows}")
        elif record is not None:
            if getattr(record, time) != rows[0][0]:
                found.append(f"{kind}: of {getattr(record, time)} instead of {rows[0][0]}")
            if getattr(record, time) + later > at_us:
                found.append(f"{kind}: of later")
    return found


SELECTIONS = [("1s", "ols"), ("1s", "slow"), ("1m", "ols")]


@pytest.mark.parametrize(("interval", "model"), SELECTIONS)
def test_a_moment_shows_what_had_been_stored_and_nothing_later(
    dataset: str, sql: Callable[[str], list[tuple[Any, ...]]], reader: Reader, interval: str, model: str
) -> None:
    of = Selection(dataset, PAIR, Interval(interval), model)
    draw = np.random.default_rng(17)
    on_edges = [FIRST + k * of.interval.us for k in (0, 1, 2)] + [
        LAST - 1,
        LAST,
        LAST + 1,
        LAST + 90_000_000,
        FIRST - 7,
    ]
    rows = 0
    for at_us in [*draw.integers(FIRST, LAST, 10).tolist(), *on_edges]:
        held = moments(reader, of, at_us)
        for moment in (at_us, at_us + 7 * of.interval.us, at_us - 11 * of.interval.us + 3):
            if not held.covers(of, moment, LOOKBACK):
                assert moment > LAST - 1, "beyond what is stored only"
                continue
            frame = held.frame_at(moment, LOOKBACK)
            assert differences(frame, known_rows(sql, of, moment)) == []
            assert quality_differences(sql, held.quality_at(moment), of, moment) == []
            assert not len(frame) or frame.times[-1] + of.interval.us <= moment
            rows += len(frame)
    assert rows > (1_500 if interval == "1s" else 60)


def test_the_comparison_would_notice_a_later_row_and_a_missing_one(
    dataset: str, sql: Callable[[str], list[tuple[Any, ...]]], reader: Reader
) -> None:
    of, at_us = Selection(dataset, PAIR, Interval.S1, "ols"), FIRST + 200_500_000
    held = moments(reader, of, at_us)
    for moment in (at_us + 1_000_000, at_us - 1_000_000):
        assert differences(held.frame_at(moment, LOOKBACK), known_rows(sql, of, at_us))
    assert quality_differences(sql, held.quality_at(at_us + 20_000_000), of, at_us)
    wrong = held.frame_at(at_us, LOOKBACK)
    wrong.values[3, -1] += 0.01
    assert differences(wrong, known_rows(sql, of, at_us))


def test_the_span_tells_begin_end_and_gaps(dataset: str, reader: Reader, questdb: ManagedServer) -> None:
    of = Selection(dataset, PAIR, Interval.S1, "ols")
    span = reader.span(of)
    assert span is not None
    assert (span.first_us, span.last_us) == (FIRST + 1_000_000, LAST)
    assert set(span.cover) == {True}
    assert reader.span(Selection(dataset, Pair("A", "B"), Interval.S1, "ols")) is None
    with connect(questdb.address) as connection:
        middle = "'2024-07-18T23:59:00' AND '2024-07-19T00:02:00'"
        kept = f"SELECT * FROM {dataset}_bars_1s WHERE NOT open_time BETWEEN {middle}"
        connection.execute(f"CREATE TABLE holes_bars_1s AS ({kept}) TIMESTAMP(open_time) PARTITION BY DAY WAL")
        connection.execute("SELECT wait_wal_table('holes_bars_1s')")
    holes = reader.span(Selection("holes", PAIR, Interval.S1, "ols"))
    assert holes is not None
    share = holes.cover.count(False) / len(holes.cover)
    assert share == pytest.approx(180 / 480, abs=0.02)
    assert (holes.cover[0], holes.cover[-1]) == (True, True)


class Document:
    """Stands for a page's document: callbacks are called by the test."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []

    def add_periodic_callback(self, callback: Callable[[], None], _period_ms: int) -> Callable[[], None]:
        self.callbacks.append(callback)
        return callback

    def remove_periodic_callback(self, callback: Callable[[], None]) -> None:
        self.callbacks.remove(callback)


class Player:
    """A page that looks back, by a clock of the test, and the rows its browser would hold."""

    def __init__(self, questdb: ManagedServer, of: Selection, at_us: int) -> None:
        self.now_s, self.of = 50.0, of
        self.desk, self.document = Desk(lookback=LOOKBACK), Document()
        self.desk.at_us = at_us
        self.news = asyncio.Event()
        hub = Hub(lambda: Reader(lambda: connect(questdb.read_address)), 0.1)
        self.past = Past(hub, self.desk, self.document, self.news.set, lambda: self.now_s)
        self.catalogue = Catalogue(of.dataset, "replay", (of.pair,), (of.interval,), (Model(of.model, window=30),))
        self.drawn, self.held = Frame(generation=-1), columns(Frame())

    def ask(self, wish: str, value: object = None) -> None:
        self.past._asked("tags", None, [{"n": 1, "do": wish, "value": value}])

    async def seen(self) -> Seen:
        """What is shown when all has been read."""
        async with asyncio.timeout(20):
            while True:
                self.news.clear()
                seen = self.past.seen(self.catalogue, self.of)
                self.past.write(seen)
                self.draw(seen)
                if not self.past.said.tags[0]["says"].startswith("reading"):
                    return seen
                await self.news.wait()

    def draw(self, seen: Seen) -> None:
        """As the workspace does."""
        update = plan(self.drawn, seen.frame)
        if update.full is not None:
            self.held = update.full
        for name, cells in update.patches.items():
            for at, value in cells:
                self.held[name][at] = value
        for name, values in update.stream.items():
            self.held[name] = np.concatenate((self.held[name], values))[-LOOKBACK:]
        self.drawn = seen.frame


def unlike(held: dict[str, Any], frame: Frame) -> list[str]:
    """Columns that are not those of the frame, with the times of the rows."""
    wanted = columns(frame)
    return [
        f"{name}: {held['time'][-3:]} {held[name][-3:]} {wanted['time'][-3:]} {wanted[name][-3:]}"
        for name in ("time", *BROWSER_COLUMNS)
        if not np.array_equal(held[name], wanted[name], equal_nan=True)
    ]


def same(held: dict[str, Any], frame: Frame) -> bool:
    return not unlike(held, frame)


@pytest.mark.parametrize("speed", [10, 60, 600])
def test_played_to_is_the_same_as_jumped_to(
    dataset: str, questdb: ManagedServer, sql: Callable[[str], list[tuple[Any, ...]]], speed: int
) -> None:
    of = Selection(dataset, PAIR, Interval.S1, "ols")

    async def play() -> int:
        player = Player(questdb, of, FIRST + 60_000_000)
        await player.seen()
        player.ask("speed", speed)
        player.ask("play")
        assert len(player.document.callbacks) == 1
        compared = 0
        while player.document.callbacks:
            player.now_s += 0.25
            played = await player.seen()
            assert played.at_us is not None
            assert not len(played.frame) or int(played.frame.times[-1]) + 1_000_000 <= played.at_us
            assert unlike(player.held, played.frame) == [], "the browser holds what the server shows"
            if compared % 7 == 0:
                jumped = Player(questdb, of, played.at_us)
                there = await jumped.seen()
                assert same(player.held, there.frame)
                assert there.quality == played.quality
                assert repr(there.now) == repr(played.now), "as text: NaN is not NaN"
                jumped.past.end()
                assert differences(played.frame, known_rows(sql, of, played.at_us)) == []
            compared += 1
            assert compared < 2_000
        assert player.desk.at_us == LAST, "it stops at the end"
        assert player.past.said.tags[0]["says"] == "end of the stored data"
        assert player.past.said.tags[0]["playing"] is False
        player.past.end()
        return compared

    assert run_async(play()) >= 420 / speed * 4


def test_steps_seeks_and_what_is_said(dataset: str, questdb: ManagedServer) -> None:
    of = Selection(dataset, PAIR, Interval.S1, "ols")

    async def walk() -> None:
        player = Player(questdb, of, FIRST + 100_400_000)
        assert (await player.seen()).frame.times[-1] == FIRST + 99_000_000
        for wish, value, at_us in (
            ("step", 1, FIRST + 101_000_000), ("step", 1, FIRST + 102_000_000), ("step", -1, FIRST + 101_000_000),
            ("seek", (FIRST + 300_000_000) / 1000, FIRST + 300_000_000), ("seek", "2024-07-18 23:58:02", FIRST + 60_000_000),
            ("seek", (LAST - 1_000_000) / 1000, LAST - 1_000_000), ("step", 1, LAST), ("step", -1, LAST - 1_000_000),
        ):  # fmt: skip
            player.ask(wish, value)
            seen = await player.seen()
            assert (seen.at_us, player.desk.at_us) == (at_us, at_us), (wish, value)
            assert seen.frame.times[-1] + 1_000_000 == at_us
            assert same(player.held, seen.frame), (wish, value)
        for wrong in ("yesterday", "", None, "9" * 60, 1e30, -5):
            player.ask("seek", wrong)
            await player.seen()
            assert "expected a time in UTC" in player.past.said.tags[0]["says"]
            assert player.desk.at_us == LAST - 1_000_000
        player.ask("seek", (FIRST - 10_000_000) / 1000)
        early = await player.seen()
        assert len(early.frame) == 0
        assert player.past.said.tags[0]["says"] == "before the first row: data begin at 2024-07-18 23:57:03 UTC"
        player.ask("seek", (LAST + 3_600_000_000) / 1000)
        late = await player.seen()
        assert late.frame.times[-1] + 1_000_000 == LAST
        assert player.past.said.tags[0]["says"] == "after the last row: data end at 2024-07-19 00:05:02 UTC"
        player.ask("live")
        assert player.desk.at_us is None
        assert player.past.at_us is None
        player.past.write(Seen())
        assert player.past.said.tags == [{"at": None}]
        assert player.past.bar.visible is False
        for ignored in ("play", "pause", "step", "seek", "speed", "nonsense"):
            player.ask(ignored, 7)
        assert player.desk.at_us is None
        player.past.end()

    run_async(walk())

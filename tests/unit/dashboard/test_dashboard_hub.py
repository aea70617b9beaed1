"""Pollers: a source that fails, a subscriber that fails, holes, starts and ends. Plain asyncio, a hand-written source."""

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from dataclasses import replace

import numpy as np

from dashboard.data import Catalogue, MissingTableError
from dashboard.explaining import Asked, Explained, Say
from dashboard.feed import FLOW_SILENT_AFTER_S, Answer, FeedEvent, LegStatus, StageLatency
from dashboard.frame import CLOSED, COLUMNS, ROW_OF, Rows
from dashboard.health import Distribution, TableStanding
from dashboard.hub import Feed, Hub, QualityWatch
from dashboard.quality import Quality, Ticks
from dashboard.selection import Selection
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import NotStoredError, StorageError

SELECTION = Selection("", Pair("A", "B"), Interval.S1, "ols")
POLL_S = 0.005


class Bars:
    """A source in memory: bars 0 .. `count` - 1, or whatever goes wrong."""

    def __init__(self) -> None:
        self.count, self.first = 5, 0
        self.problem: Exception | None = None
        self.asked: list[int | None] = []
        self.quality_asked: list[str] = []
        self.closed = 0
        self.legs_answer = Answer(0, ())

    def legs(self, dataset: str) -> Answer:
        if self.problem is not None:
            raise self.problem
        return self.legs_answer

    def stages(self, dataset: str) -> tuple[StageLatency, ...]:
        return (StageLatency("bar_row", 0, 1.0, 2.0, 3.0, 4.0, 5),)

    def events(self, dataset: str, gaps_only: bool, limit: int, until_us: int | None = None) -> tuple[FeedEvent, ...]:
        event = FeedEvent(self.count, self.count, "gap" if gaps_only else "connected", "", dataset, None, None, limit)
        return (event,)

    def rows(self, selection: Selection, since_us: int | None, limit: int) -> Rows:
        self.asked.append(since_us)
        if self.problem is not None:
            raise self.problem
        index = np.arange(max(self.first, (since_us or 0) // 1_000_000), self.count)[-limit:]
        values = np.tile(index.astype(float), (len(COLUMNS), 1))
        for name in CLOSED:
            values[ROW_OF[name]] = 1.0
        return Rows(index * 1_000_000, values)

    def catalogue(self, dataset: str) -> Catalogue | None:
        if self.problem is not None:
            raise self.problem
        return (
            Catalogue(dataset, "simulated", (SELECTION.pair,), (Interval.S1,), (Model("ols"),)) if self.count else None
        )

    def quality(self, dataset: str, pair: Pair, interval: Interval, before: Quality | None) -> Quality:
        self.quality_asked.append("all" if before is None else "ticks")
        if self.problem is not None:
            raise self.problem
        return replace(Quality(asked=True), ticks=Ticks(self.count, 0.5, 1, 1, 1, 0, ""))

    def tables(self, dataset: str, intervals: tuple[Interval, ...]) -> tuple[int, tuple[TableStanding, ...]]:
        return 7, (TableStanding("bars_1s", self.count, 0, 0, 0, False, 0),)

    def trade_rates(self, dataset: str) -> dict[str, float]:
        return {"A": 1.5}

    def distributions(self, dataset: str) -> tuple[Distribution, ...]:
        return ()

    def explanation(self, asked: Asked, stale_after_ms: int, say: Say) -> Explained:
        raise NotStoredError(f"{asked.time} is not stored, limit {stale_after_ms}")

    def close(self) -> None:
        self.closed += 1


def run(test: Coroutine[object, object, None]) -> None:
    """On a loop in a thread of its own: browser tests may have left one running in this one."""
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, asyncio.wait_for(_completed(test), 20)).result()


async def _completed(test: Coroutine[object, object, None]) -> None:
    await test


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go on until the condition holds; `run` sets the deadline."""
    while not condition():
        await asyncio.sleep(POLL_S)


def feed_of(source: Bars) -> Feed:
    feed = Hub(lambda: source, POLL_S).feed(SELECTION)
    feed.need(600)
    return feed


def test_rows_arrive_and_only_news_is_told() -> None:
    async def test() -> None:
        source = Bars()
        feed, told = feed_of(source), []
        end = feed.subscribe(lambda: told.append(len(feed.frame)))
        await until(lambda: len(source.asked) > 5)
        assert told == [5], "polls that bring nothing new are not told"
        source.count = 7
        await until(lambda: len(feed.frame) == 7)
        assert told == [5, 7]
        assert source.asked[0] is None
        assert set(source.asked[1:]) <= {3_000_000, 5_000_000}, "later polls ask from the last bar but one"
        end()
        end()

    run(test())


def test_a_database_away_is_a_state_and_ends() -> None:
    async def test() -> None:
        source = Bars()
        feed, told = feed_of(source), []
        feed.subscribe(lambda: told.append(feed.status.down_since is not None))
        await until(lambda: told == [False])
        source.problem = StorageError("connection refused")
        await until(lambda: feed.status.errors >= 3)
        assert told == [False, True], "told once, not at every attempt"
        assert feed.status.reason == "connection refused"
        assert len(feed.frame) == 5, "what was known stays"
        source.problem, source.count = None, 6
        await until(lambda: told[-1] is False)
        assert feed.status.reconnects == 1
        assert len(feed.frame) == 6

    run(test())


def test_attempts_grow_rarer_but_stay_within_a_second() -> None:
    async def test() -> None:
        source = Bars()
        source.problem = StorageError("away")
        feed = feed_of(source)
        feed.subscribe(lambda: None)
        clock = asyncio.get_running_loop().time
        times: list[float] = []
        while len(times) < 9:
            seen = len(source.asked)
            await until(lambda seen=seen: len(source.asked) > seen)
            times.append(clock())
        pauses = np.diff(times)
        assert pauses[-1] > 4 * pauses[0]
        assert max(pauses) < 1.0

    run(test())


def test_a_missing_table_is_said_and_is_not_database_down() -> None:
    async def test() -> None:
        source = Bars()
        source.problem = MissingTableError("table does not exist [table=bars_1s]")
        feed, told = feed_of(source), []
        feed.subscribe(lambda: told.append(feed.status.reason))
        await until(lambda: feed.status.polls > 3)
        assert told == ["table does not exist [table=bars_1s]"]
        assert feed.status.down_since is None
        source.problem = None
        await until(lambda: len(feed.frame) == 5)
        assert feed.status.reason == ""

    run(test())


def test_a_failing_subscriber_is_dropped_and_the_others_go_on() -> None:
    async def test() -> None:
        source = Bars()
        feed, told = feed_of(source), []

        def broken() -> None:
            raise RuntimeError("this page has a defect")

        feed.subscribe(broken)
        feed.subscribe(lambda: told.append(len(feed.frame)))
        await until(lambda: told == [5])
        assert feed.subscribers == 1
        assert feed.status.down_since is None, "the database is not to blame"

    run(test())


def test_a_hole_is_loaded_anew() -> None:
    async def test() -> None:
        source = Bars()
        feed = feed_of(source)
        feed.subscribe(lambda: None)
        await until(lambda: len(feed.frame) == 5)
        generation = feed.frame.generation
        source.first, source.count = 100, 110
        await until(lambda: len(feed.frame) == 10)
        assert feed.frame.generation == generation + 1
        assert feed.frame.times[0] == 100_000_000

    run(test())


def test_a_longer_look_back_is_loaded_anew() -> None:
    async def test() -> None:
        source = Bars()
        source.count = 50
        feed = Hub(lambda: source, POLL_S).feed(SELECTION)
        feed.need(10)
        feed.subscribe(lambda: None)
        await until(lambda: len(feed.frame) == 10)
        feed.need(30)
        await until(lambda: len(feed.frame) == 30)
        feed.need(20)
        source.count = 51
        await until(lambda: feed.frame.times[-1] == 50_000_000)
        assert len(feed.frame) == 30, "a shorter one keeps what others look at"

    run(test())


def test_one_poller_per_selection_which_ends_with_its_last_page() -> None:
    async def test() -> None:
        source = Bars()
        hub = Hub(lambda: source, POLL_S)
        first = hub.feed(SELECTION)
        first.need(600)
        ends = [first.subscribe(lambda: None)]
        assert hub.feed(SELECTION) is first
        ends.append(hub.feed(SELECTION).subscribe(lambda: None))
        await until(lambda: len(first.frame) == 5)
        for end in ends:
            end()
        await until(lambda: source.closed == 1)
        asked = len(source.asked)
        await asyncio.sleep(4 * POLL_S)
        assert len(source.asked) == asked
        assert hub.feed(SELECTION) is not first

    run(test())


def test_a_defect_in_a_poller_is_shown_not_silent() -> None:
    async def test() -> None:
        source = Bars()
        source.problem = ZeroDivisionError("defect")
        feed, told = feed_of(source), []
        feed.subscribe(lambda: told.append(feed.status.reason))
        await until(lambda: bool(told))
        assert "defect" in told[0]
        assert feed.status.down_since is not None

    run(test())


def test_the_catalogue_is_told_when_it_comes_to_be() -> None:
    async def test() -> None:
        source = Bars()
        source.count = 0
        watch = Hub(lambda: source, POLL_S).watch("q3")
        told = []
        watch.subscribe(lambda: told.append(watch.catalogue))
        await until(lambda: told == [None])
        source.count = 1
        await until(lambda: told[-1] is not None)
        assert told[-1].origin == "simulated"

    run(test())


def test_the_legs_are_told_when_they_change_and_when_the_flow_falls_silent() -> None:
    async def test() -> None:
        source = Bars()
        leg = LegStatus("A", "live", 0, "", 1_000_000_000, 999_000_000, 1, 0, 0, 0, 0)
        source.legs_answer = Answer(leg.asked_us, (leg,))
        watch, told = Hub(lambda: source, POLL_S).legs("q3"), []
        watch.subscribe(lambda: told.append((watch.legs.newest_us, watch.legs.flow_silent)))
        await until(lambda: told == [(1_000_000_000, False)])
        polls = watch.status.polls
        source.legs_answer = Answer(leg.asked_us + 1_000_000, (leg,))
        await until(lambda: watch.status.polls >= polls + 2)
        assert len(told) == 1, "a second later and nothing new: not told"
        source.legs_answer = Answer(leg.asked_us + int(FLOW_SILENT_AFTER_S * 1e6) + 1, (leg,))
        await until(lambda: told[-1] == (1_000_000_000, True))
        spoken = replace(leg, asked_us=2_000_000_000, state="silent")
        source.legs_answer = Answer(spoken.asked_us, (spoken,))
        await until(lambda: told[-1] == (2_000_000_000, False))

    run(test())


def test_events_are_watched_apart_from_gaps() -> None:
    async def test() -> None:
        source = Bars()
        hub = Hub(lambda: source, POLL_S)
        every, gaps = hub.events("q3", False), hub.events("q3", True)
        assert every is not gaps
        told: list[str] = []
        every.subscribe(lambda: told.append(every.events[0].kind))
        gaps.subscribe(lambda: told.append(gaps.events[0].kind))
        await until(lambda: len(told) == 2)
        assert sorted(told) == ["connected", "gap"]
        assert hub.events("q3", True) is gaps
        assert gaps.events[0].count is not None
        assert gaps.events[0].count >= 200, "at least so many are asked for"

    run(test())


def test_the_quality_of_a_pair_is_asked_for_when_a_bar_has_closed_and_else_hardly_ever() -> None:
    async def test() -> None:
        source = Bars()
        now = [0.0]
        watch = QualityWatch(source, "q3", SELECTION.pair, Interval.M1, POLL_S, lambda: now[0])
        told: list[int] = []
        watch.subscribe(lambda: told.append(watch.quality.ticks.open_time if watch.quality.ticks else -1))
        await until(lambda: watch.status.polls > 8)
        assert source.quality_asked == ["all"]
        assert told == [5]
        source.count = 6
        watch.closed(60_000_000)
        await until(lambda: told == [5, 6])
        polls = watch.status.polls
        watch.closed(60_000_000)
        await until(lambda: watch.status.polls > polls + 8)
        assert source.quality_asked[1:] == ["ticks"] * QualityWatch.ASKS_AFTER_CLOSE, (
            "rows come a little after the bar's"
        )
        now[0] += QualityWatch.LOOKS_EVERY_S
        watch.closed(120_000_000)
        await until(lambda: source.quality_asked[-1] == "ticks" and len(source.quality_asked) == 7)
        assert source.quality_asked[4] == "all", "looks are read anew when some seconds have passed"
        now[0] += QualityWatch.AT_LEAST_EVERY_S
        await until(lambda: len(source.quality_asked) == 8)

    run(test())


def test_a_database_away_is_asked_again_for_the_quality_of_a_pair() -> None:
    async def test() -> None:
        source = Bars()
        source.problem = StorageError("connection refused")
        watch = QualityWatch(source, "q3", SELECTION.pair, Interval.S1, POLL_S)
        watch.subscribe(lambda: None)
        await until(lambda: watch.status.errors >= 2)
        assert watch.quality == Quality()
        source.problem = None
        await until(lambda: watch.quality.asked)

    run(test())


def test_pages_of_one_pair_share_what_is_known_of_it_and_explain_by_themselves() -> None:
    async def test() -> None:
        source = Bars()
        hub = Hub(lambda: source, POLL_S, stale_after_ms=600)
        watch = hub.quality("q3", SELECTION.pair, Interval.S1)
        watch.subscribe(lambda: None)
        assert hub.quality("q3", SELECTION.pair, Interval.S1) is watch
        assert hub.quality("q3", SELECTION.pair, Interval.M1) is not watch
        told: list[int] = []
        one, other = (hub.explainer(lambda: told.append(1)) for _ in range(2))
        one.ask(Asked(SELECTION, "2024-07-19"))
        await until(lambda: one.answer is not None and bool(one.answer.error))
        assert one.answer is not None
        assert (one.answer.error, one.answer.away) == ("2024-07-19 is not stored, limit 600", False)
        assert other.answer is None
        assert source.closed == 1, "a connection of its own, closed again"

    run(test())

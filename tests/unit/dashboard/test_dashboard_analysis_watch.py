"""The poller behind the Analysis view: one computation for all pages, none while nobody looks, only what is new is made anew."""

import asyncio
from collections.abc import Callable

import numpy as np
from loops import run_async
from test_dashboard_analysis import MODEL, PAIR, rows, some_looks

from dashboard.analysis.rows import Asked, LeadRows, LookRows, PairRows
from dashboard.analysis.ticks import Grid, TickGrids, TicksAsked
from dashboard.analysis.ticks_watch import TicksWatch
from dashboard.analysis.watch import AnalysisWatch
from dashboard.hub import Hub
from dashboard.selection import Selection
from flows.domain.interval import Interval
from flows.errors import StorageError

ASKED = Asked(Selection("", PAIR, Interval.S1, "small"), MODEL, 100)
WHOLE = rows(300)
POLL_S = 0.005


class Stored:
    """Rows in memory, as many as a test wants there to be."""

    def __init__(self) -> None:
        self.bars, self.looks = 200, 0
        self.asks = self.closed = 0
        self.limits: set[int] = set()
        self.problem: Exception | None = None

    def analysis_rows(self, of: Selection, held: PairRows, limit: int) -> PairRows:
        self.asks += 1
        self.limits.add(limit)
        if self.problem is not None:
            raise self.problem
        return held if len(held) == self.bars else PairRows(WHOLE.times[: self.bars], WHOLE.values[:, : self.bars])

    def analysis_looks(self, of: Selection, held: LookRows) -> LookRows:
        return held if len(held.times) == self.looks else some_looks(self.looks)

    def analysis_lead(self, of: Selection, held: LeadRows) -> LeadRows:
        return held

    def close(self) -> None:
        self.closed += 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def test_ten_pages_cost_one_computation_and_none_when_they_have_gone() -> None:
    async def pages() -> None:
        stored = Stored()
        watch = AnalysisWatch(stored, ASKED, POLL_S)
        told = [0] * 10

        def page(at: int) -> Callable[[], None]:
            def tell() -> None:
                told[at] += 1

            return tell

        endings = [watch.subscribe(page(at)) for at in range(10)]
        await until(lambda: stored.asks > 3)
        assert (watch.computed, told) == (1, [1] * 10)
        first = watch.analysis
        assert first is not None
        assert first.bars is not None
        assert first.bars.bars == 100
        assert first.bars.last_us == WHOLE.times[199]
        assert len(stored.limits) == 1

        stored.bars = 201
        await until(lambda: watch.computed == 2)
        second = watch.analysis
        assert second is not None
        assert second.bars is not None
        assert second.bars.last_us == WHOLE.times[200]
        assert second.looks is first.looks, "looks did not change and are not counted again"
        assert second.lead is first.lead

        stored.looks = 40
        await until(lambda: watch.computed == 3)
        third = watch.analysis
        assert third is not None
        assert third.bars is second.bars
        assert third.looks is not None
        assert len(third.looks.history.times) == 40

        for end in endings:
            end()
        await until(lambda: stored.closed == 1)
        await until(lambda: watch._task is None)

    run_async(pages())


def test_who_comes_back_goes_on_from_what_was_known() -> None:
    async def back() -> None:
        stored = Stored()
        earlier = AnalysisWatch(stored, ASKED, POLL_S)
        end = earlier.subscribe(lambda: None)
        await until(lambda: earlier.computed == 1)
        end()
        await until(lambda: earlier._task is None)

        later = AnalysisWatch(stored, ASKED, POLL_S, before=earlier)
        assert later.analysis is earlier.analysis is not None, "known before anything is asked"
        end = later.subscribe(lambda: None)
        await until(lambda: later.status.polls > 2)
        assert (later.computed, later.analysis) == (0, earlier.analysis), "nothing was new"
        stored.bars = 201
        await until(lambda: later.computed == 1)
        assert later.analysis is not None
        assert earlier.analysis is not None
        assert later.analysis.bars is not None
        assert later.analysis.bars.last_us == WHOLE.times[200]
        assert later.analysis.looks is earlier.analysis.looks
        end()
        await until(lambda: later._task is None)

        other = Asked(ASKED.selection, MODEL, 50)
        assert AnalysisWatch(stored, other, POLL_S, before=later).analysis is None, "that was of another look-back"

    run_async(back())


def test_another_model_look_back_or_selection_is_another_analysis() -> None:
    async def two() -> None:
        hub = Hub(Stored, POLL_S)  # type: ignore[arg-type]
        one = hub.analysis(ASKED)
        end = one.subscribe(lambda: None)
        assert hub.analysis(ASKED) is one
        assert hub.analysis(Asked(ASKED.selection, MODEL, 200)) is not one
        end()

    run_async(two())


def test_a_database_away_keeps_what_is_known_and_goes_on() -> None:
    async def away() -> None:
        stored = Stored()
        watch = AnalysisWatch(stored, ASKED, POLL_S)
        end = watch.subscribe(lambda: None)
        await until(lambda: watch.computed == 1)
        stored.problem = StorageError("connection refused")
        await until(lambda: watch.status.down_since is not None)
        assert watch.analysis is not None
        stored.problem, stored.bars = None, 210
        await until(lambda: watch.computed == 2)
        assert watch.status.down_since is None
        end()
        await until(lambda: stored.closed == 1)

    run_async(away())


def test_an_empty_dataset_is_an_answer() -> None:
    async def empty() -> None:
        stored = Stored()
        stored.bars = 0
        stored.problem = None
        watch = AnalysisWatch(stored, ASKED, POLL_S)
        end = watch.subscribe(lambda: None)
        await until(lambda: stored.asks > 3)
        assert watch.computed == 1
        assert watch.analysis is not None
        assert watch.analysis.bars is None
        assert watch.analysis.lead is not None
        assert watch.analysis.lead.why == "no look at the ticks yet"
        assert np.array_equal(watch.analysis.looks.history.times, [])  # type: ignore[union-attr]
        end()
        await until(lambda: stored.closed == 1)

    run_async(empty())


class Counted:
    """Grids of whatever is asked, ending at `end_us`."""

    def __init__(self) -> None:
        self.end_us, self.asks, self.closed = 3_600_000_000, 0, 0

    def ticks(self, asked: TicksAsked) -> TickGrids:
        self.asks += 1
        start, end = (0, self.end_us) if asked.end_us is None else (asked.start_us or 0, asked.end_us)
        return TickGrids(start, end, Grid(asked.pair.y, self.asks), Grid(asked.pair.x))

    def close(self) -> None:
        self.closed += 1


def test_trades_are_counted_again_when_a_column_has_passed_and_never_between_fixed_ends() -> None:
    async def counted() -> None:
        for ends, wanted in (((None, None), 2), ((0, 1_000_000), 1)):
            source, now = Counted(), [0.0]
            watch = TicksWatch(source, TicksAsked("", PAIR, "1h", *ends), POLL_S, lambda now=now: now[0])
            told = []
            end = watch.subscribe(lambda told=told, watch=watch: told.append(watch.grids))
            await until(lambda told=told: len(told) == 1)
            polls = watch.status.polls
            await until(lambda watch=watch, polls=polls: watch.status.polls > polls + 3)
            assert source.asks == 1, "an hour's column is 8.6 s"
            now[0] = 8.6
            source.end_us += 8_600_000
            polls = watch.status.polls
            await until(lambda watch=watch, polls=polls: watch.status.polls > polls + 3)
            assert (source.asks, len(told)) == (wanted, wanted)
            end()
            await until(lambda source=source: source.closed == 1)

    run_async(counted())

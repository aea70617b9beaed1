"""The Pairs view without a browser: words of rows, what is told to the browser and when, pollers, the address."""

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import orjson
import pytest
from loops import run_async

from dashboard.board import FIELDS, ROW_OF, Board, PairRows, empty, merged
from dashboard.board_data import Looks
from dashboard.board_watch import BoardFeed, CorrelationWatch, LooksWatch
from dashboard.correlations import Closes, Correlations, with_closes
from dashboard.quality import Look, Quality, Ticks, Verdict
from dashboard.state import Desk
from dashboard.views.pairs import Told, heading, heat, look_row, points, rows
from flows.domain.interval import Interval
from flows.domain.model import Model

TOLD = Told(Model("ols"), 2.0, 0.5)
READY = {
    "zscore": -2.347, "zscore_one_step": 1.005, "spread": 1.23456e-3, "correlation": 0.87654, "hedge_ratio": 0.123456,
    "r_squared": 0.76543, "innovation_sd": np.nan, "fit_age": 7.0, "n": 600.0, "warmup_left": 0.0, "y_age_ms": 340.0, "x_age_ms": 1_260.0,
    "stale": 0.0, "gap": 0.0,
}  # fmt: skip
BAR = 1_700_000_000


def board(**values: float) -> Board:
    """One pair with a row; a second one without."""
    cells = [({"spread_bp": 3.0} | READY | values)[name] for name in FIELDS]
    row = PairRows(np.array([BAR]), np.array([0]), np.array([[*cells, 1.0]]).T)
    return merged(empty(("ETHUSDT/BTCUSDT", "SOLUSDT/BTCUSDT"), 1_000_000), row)


def test_a_row_is_rounded_as_it_is_shown() -> None:
    (row,) = rows(board(), TOLD, [0])
    assert row == [0, BAR, "", "long", -2.35, 1.0, 12.3, 0.877, 0.1235, 0.765, None, 1.3, "x"]
    orjson.dumps(row)  # plain numbers


@pytest.mark.parametrize(
    ("values", "state", "word"),
    [
        ({"zscore": 2.0}, "", "short"),
        ({"zscore": 0.5}, "", "flat"),
        ({"zscore": 1.9}, "", "hold"),
        ({"stale": 2.0, "zscore": np.nan}, "stale", "stale: BTCUSDT"),
        ({"stale": 3.0, "zscore": np.nan}, "stale", "stale: both legs"),
        ({"n": 15.0, "warmup_left": 585.0, "zscore": np.nan}, "warm-up", "warm-up 15/600"),
        ({"gap": 1.0, "zscore": 1.0}, "gap", "gap: ETHUSDT · hold"),
        ({"zscore": np.nan}, "none", "cannot be computed"),
    ],
)
def test_a_row_says_how_it_has_to_be_read(values: dict[str, float], state: str, word: str) -> None:
    (row,) = rows(board(**values), TOLD, [0])
    assert (row[2], row[3]) == (state, word)
    if np.isnan(values.get("zscore", 0.0)):
        assert row[4] is None, "unknown, never 0"


def test_rows_without_data_say_so() -> None:
    known = board()
    assert rows(known, TOLD, [1])[0][2:5] == ["none", "no row in 600 bars", None]
    assert rows(empty(known.pairs, 1_000_000), TOLD, [0])[0][2:5] == ["none", "no row yet", None]
    behind = replace(known, newest=BAR + 700)
    assert rows(behind, TOLD, [0])[0][2:4] == ["behind", "700 bars behind"]


def test_the_fit_column_is_what_the_method_has() -> None:
    kalman = replace(TOLD, model=Model("k", method="kalman", price="raw"))
    (row,) = rows(board(innovation_sd=3.14159, r_squared=np.nan), kalman, [0])
    assert (row[9], row[6]) == (3.14, 0.0), "and a raw spread is a price difference"
    assert row[2:4] == ["doubt", "innovation sd 3.14"]
    assert heading(board(), kalman)["fit"][:2] == ["Innov. sd", 2]
    huber = replace(TOLD, model=Model("h", method="huber"))
    assert (rows(board(), huber, [0])[0][9], heading(board(), huber)["fit"][0]) == (7.0, "Fit age")


def test_closed_bars_are_told_flat() -> None:
    assert points([(0, 5, 1.23456), (1, 6, None)]) == [0, 5, 1.235, 1, 6, None]


LOOK = Look(0, 600, *[np.nan] * (len(fields(Look)) - 2))


def test_what_is_known_beside_the_statistics() -> None:
    nothing = look_row(1, "A/B", Quality(asked=True), 1_000_000, None)
    assert (nothing[1], nothing[3], nothing[5]) == (None, None, "")
    assert "no look yet" in nothing
    assert "no row of the ticks yet" in nothing
    verdict = Verdict(BAR * 1_000_000, "reverting", "A/B: reverting: 19 of 20", 0.9, 20, 0.01, 3)
    tests = replace(
        LOOK,
        half_life=12.34,
        half_life_low=7.0,
        half_life_high=30.0,
        half_life_says="reverts",
        window_says="",
        reason="",
        missing="",
    )
    ticks = Ticks(BAR * 1_000_000, 0.6543, 10, 10, 30, 0, "")
    row = look_row(0, "A/B", Quality(verdict, tests, ticks), 1_000_000, (BAR + 5) * 1_000_000)
    assert (row[1], row[3], row[5], row[7]) == (0.654, 12.3, "reverting", "up")
    assert "7.0 to 30.0" in row[4]
    old = look_row(0, "A/B", Quality(verdict, tests, ticks), 1_000_000, (BAR + 6) * 1_000_000)
    assert (old[1], old[2]) == (None, "older than the bars")
    slow = replace(tests, half_life=np.nan, half_life_says="like a random walk")
    assert look_row(0, "A/B", Quality(verdict, slow, ticks), 1_000_000, None)[3:5] == (None, "like a random walk")
    warm = replace(ticks, correlation=np.nan, reason="warming_up", n=4, warmup_left=26)
    assert look_row(0, "A/B", Quality(None, None, warm), 1_000_000, None)[2] == "warm-up 4/30"


def test_the_heat_map_is_told_by_its_upper_half() -> None:
    values = np.array([[1, 0.12345, np.nan], [0.12345, 1, -0.5], [np.nan, -0.5, 1]])
    counts = np.full((3, 3), 300)
    told = heat(Correlations(("A", "B", "C"), values, counts, 7_000_000))
    assert (told["values"], told["counts"], told["until"]) == ([1234, None, -5000], 300, 7_000)
    counts[0, 1] = counts[1, 0] = 299
    assert heat(Correlations(("A", "B", "C"), values, counts, None))["counts"] == [299, 300, 300]


class Source:
    """A stand-in for the database: a board of bars 0 .. `bars` - 1 of two pairs."""

    def __init__(self) -> None:
        self.bars, self.held, self.closed = 3, [], 0
        self.asked: list[bool] = []

    def board(self, dataset: str, interval: Interval, model: str, held: Board) -> Board:
        self.held.append(held.newest)
        n = len(held.pairs)
        bar = np.repeat(np.arange(BAR, BAR + self.bars), n)
        values = np.zeros((len(FIELDS) + 1, len(bar)))
        values[ROW_OF["zscore"]], values[-1] = bar - BAR, 1.0
        return merged(held, PairRows(bar, np.tile(np.arange(n), self.bars), values))

    def looks(self, dataset: str, interval: Interval, before: Looks | None) -> Looks:
        self.asked.append(before is None)
        return Looks({"A/B": Quality(ticks=Ticks(self.bars, 0.5, 1, 1, 1, 0, ""), asked=True)})

    def closes(self, dataset: str, interval: Interval, held: Closes) -> Closes:
        n = len(held.symbols)
        prices = np.random.default_rng(0).uniform(1, 2, (n, self.bars))
        bar = np.tile(np.arange(BAR, BAR + self.bars), n)
        return with_closes(held, np.repeat(np.arange(n), self.bars), bar, prices.ravel())

    def close(self) -> None:
        self.closed += 1


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_one_board_is_kept_up_to_date_for_all_its_pages() -> None:
    async def test() -> None:
        source, told = Source(), []
        feed = BoardFeed(source, "", Interval.S1, "ols", 0.0)
        feed._poll_s = 0.005
        feed.need(("A/B", "C/B"))
        ends = [feed.subscribe(lambda: told.append(feed.board.newest)) for _ in range(2)]
        await until(lambda: len(source.held) > 3)
        assert told == [BAR + 2] * 2, "each page once; what is not new is not told"
        source.bars = 4
        await until(lambda: len(told) == 4)
        assert feed.board["zscore"].tolist() == [3.0, 3.0]
        feed.need(("A/B", "C/B", "D/B"))
        await until(lambda: len(told) == 6)
        assert feed.board.pairs == ("A/B", "C/B", "D/B")
        for end in ends:
            end()
        await until(lambda: source.closed == 1)

    run_async(asyncio.wait_for(test(), 20))


def test_looks_are_read_rarer_than_ticks_and_correlations_only_made_when_bars_closed() -> None:
    async def test() -> None:
        source = Source()
        looks = LooksWatch(source, "", Interval.S1, 0.005)
        moves = CorrelationWatch(source, "", Interval.S1, 0.005)
        moves.need(("A", "B"))
        made: list[Correlations | None] = []
        ends = [looks.subscribe(lambda: None), moves.subscribe(lambda: made.append(moves.correlations))]
        await until(lambda: len(source.asked) > 10 and moves.status.polls > 5)
        assert source.asked[:10] == [True, False, False, False, True, False, False, False, False, True]
        assert len(made) == 1
        source.bars = 50
        await until(lambda: len(made) == 2)
        assert made[1] is not None
        assert made[1].counts[0, 1] == 49
        for end in ends:
            end()
        await until(lambda: source.closed == 2)

    run_async(asyncio.wait_for(test(), 20))


def test_sort_filter_and_map_are_part_of_the_address() -> None:
    desk = Desk()
    desk.read({"view": "pairs", "sort": "-half-life", "filter": "btc rev", "map": "z"})
    assert not desk.remarks
    again = Desk()
    query = desk.query()
    assert "sort=-half-life" in query
    assert "filter=btc%20rev" in query
    again.read({"view": "pairs", "sort": "-half-life", "filter": "btc rev", "map": "z"})
    assert again.query() == query
    wrong = Desk()
    wrong.read({"sort": "price", "map": "x", "filter": "f" * 99})
    assert (wrong.board_sort, wrong.board_map, len(wrong.board_filter)) == ("", "rho", 40)
    assert len(wrong.remarks) == 2
    assert 'was "price"' in wrong.remarks[0]
